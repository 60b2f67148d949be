"""Reasons: why a network answers so, as heat maps over the picture, each with the measure of its truth."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from tellapart.errors import ConfigError
from tellapart.explanations.attribution.contrast import Contrast
from tellapart.explanations.attribution.faithfulness import (
    Faithfulness,
    curves,
    faithfulness,
    order_of,
    rank_correlation,
)
from tellapart.explanations.attribution.methods import METHODS, AttributionTask
from tellapart.explanations.attribution.random_baseline import Chance
from tellapart.explanations.recorder import Recorder


@dataclass(frozen=True, slots=True, eq=False)
class HeatMap:
    """One method's answer to one question."""

    method: str
    """One of METHODS."""

    values: NDArray[np.float32]
    """(H, W), of the picture's size; the larger, the more a pixel speaks for what was asked about."""

    layer: str | None
    """Whose feature maps it is made of; None where it is made of pixels."""

    faithfulness: Faithfulness


def reasons(
    case: AttributionTask, noises: Sequence[Recorder] = (), methods: Sequence[str] = ()
) -> dict[Contrast, tuple[HeatMap, ...]]:
    """Draw heat maps and measure them.

    Args:
        case: what is asked.
        noises: the same network with noise for weights, several times; none: no such check. Maps made of a layer's
            few places, which cost little, are held against all of them, the others against the first.
        methods: of METHODS; none: all that the network allows.

    Returns:
        Of each question a map by each method, in the methods' order.

    Raises:
        ConfigError: no such method, or one that needs feature maps where the network shows none.
    """
    unknown = [name for name in methods if name not in METHODS]
    if unknown:
        raise ConfigError(f"There is no method {unknown[0]!r}. There are: {', '.join(METHODS)}.")
    found: dict[Contrast, list[HeatMap]] = {question: [] for question in case.questions}
    chance = Chance(case.probabilities, case.image)
    for name in methods or METHODS:
        drawn = METHODS[name](case)
        if drawn is None:
            if methods:
                raise ConfigError(f"{name} needs a layer with feature maps, and this network shows none.")
            continue
        against = noises if drawn.layer is not None else noises[:1]
        unlearned = [made for one in against if (made := METHODS[name](replace(case, recorder=one)))]
        for question, heat in drawn.maps.items():
            alike = [rank_correlation(heat, made.maps[question]) for made in unlearned]
            sanity = sum(alike) / len(alike) if alike else None
            order = curves(case.probabilities, case.image, order_of(heat))
            measured = faithfulness(question.of_probabilities, order, chance.like(heat), sanity)
            found[question].append(HeatMap(name, heat.numpy(), drawn.layer, measured))
    return {question: tuple(maps) for question, maps in found.items()}


def noisy_recorder(recorder: Recorder, seed: int = 0) -> Recorder:
    """The same network, every weight's numbers in random order: as large as before, and nothing learned.

    Source: Adebayo et al. 2018, arXiv:1810.03292, with a permutation in place of a new initialization, so that
    the sizes stay.

    Raises:
        ValueError: only the model's own code knows how to make another one.
    """
    import keras

    random = np.random.default_rng(seed)
    weights = recorder.net.model.get_weights()
    try:
        model = keras.models.clone_model(recorder.net.model)
        model.set_weights([random.permutation(w.ravel()).reshape(w.shape) for w in weights])
    except (TypeError, NotImplementedError) as failed:
        raise ValueError(str(failed)) from failed
    return Recorder(model, recorder.head)
