"""Every layer of Keras in many configurations, lowered, against Keras itself.

`docs/layers.md` shows readers which run lowered; a lowering that is lost, or gained, changes that table.
"""

import sys
from pathlib import Path

import pytest
from layer_cases import NotHereError, cases, keras
from layer_comparison import compare

sys.path.insert(0, str(Path(__file__).parents[2] / "scripts"))
from layer_table import PAGE, WITHOUT_CASES, counts, page

from tellapart.lowering.registry import RULES

CASES = cases()

RANDOM_WHERE_LOWERED = {
    "Dropout", "AlphaDropout", "GaussianNoise", "GaussianDropout", "SpatialDropout1D", "SpatialDropout2D",
}  # fmt: skip
"""They draw other numbers than Keras: `test_dropout.py` holds their distribution."""

ONLY_IN_FLOAT32 = {
    "AveragePooling3D": "torch has no such operation in bfloat16",
    "CutMix": "torch has no such operation in bfloat16",
    "RandomCrop": "returns float32 where Keras says that it returns bfloat16",
    "STFTSpectrogram": "torch has no such operation in bfloat16",
}


@pytest.mark.parametrize("policy", ["float32", "mixed_bfloat16"])
@pytest.mark.parametrize("layer", CASES)
def test_a_layer_gives_what_keras_gives(layer, policy):
    """In bfloat16 one configuration says enough of a layer that runs as itself."""
    if layer in ONLY_IN_FLOAT32 and policy != "float32":
        pytest.skip(ONLY_IN_FLOAT32[layer])
    differences, compared = {}, 0
    for case in CASES[layer]:
        try:
            drops = layer in RANDOM_WHERE_LOWERED or case.init.get("dropout", 0) > 0
            found = compare(
                case, policy, with_training=not drops, only_lowered=compared > 0 and policy != "float32"
            )
        except NotHereError:
            continue
        compared += 1
        differences |= {str(case): found.differences} if found.differences else {}
    assert not differences
    assert compared or layer in WITHOUT_CASES


def test_the_page_shows_which_layers_run_lowered():
    assert PAGE.read_text() == page(), "run `python scripts/layer_table.py` and look at what changed"


def test_every_class_of_keras_layers_is_compared_or_listed_with_a_reason():
    classes = {name: kind for name, kind in vars(keras.layers).items() if isinstance(kind, type)}
    listed = {classes[name] for name in [*CASES, *WITHOUT_CASES]}
    assert [name for name, kind in classes.items() if kind not in listed] == []


def test_every_rule_is_used_by_a_configuration():
    lowered = {getattr(keras.layers, name).__name__ for name, (fast, _) in counts().items() if fast}
    of_applications = {"LayerScale", "CustomScaleLayer", "StochasticDepth"}  # `test_whole_nets.py`
    assert set(RULES) - lowered == of_applications
