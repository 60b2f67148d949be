"""What channels respond to: chosen by the picture, shown with training pictures or without."""

import numpy as np
import pytest

from tellapart.explanations.channels import channels as module
from tellapart.explanations.channels.channels import _affordable, _standing_out, spread
from tellapart.explanations.channels.patches import Peaks
from tellapart.explanations.explanation import Explanation
from tellapart.explanations.page import filters as section
from tellapart.explanations.page.page import FORM


@pytest.fixture(autouse=True)
def short_ascents(monkeypatch):
    monkeypatch.setattr(module, "MAXIMIZATION_FLOPS", 1.0)  # the fewest steps and channels


def test_layers_are_spread_from_the_first_to_the_last(explained):
    recording = explained().recording
    activations = [run.name for run in recording.layers if run.kind == "Activation" and run.output.ndim == 4]
    names = spread(recording)
    assert len(names) == min(5, len(activations))
    assert (names[0], names[-1]) == (activations[0], activations[-1])


def test_a_channel_stands_out_by_the_samples_own_spread():
    def peaks(highest):
        highest = np.array(highest, np.float32)
        return Peaks(highest, np.zeros((*highest.shape, 2), np.int64), highest)

    here = peaks([[10.0, 1.0, 3.0]])
    assert _standing_out(here, None) == [0, 2, 1]
    assert _standing_out(here, peaks([[9.0, 0.0, 3.0], [11.0, 0.1, 3.1]])) == [1, 0, 2]
    half_active = peaks([[0.0, 1.0, 3.0]])
    assert _standing_out(half_active, peaks([[0.0, 2.0, 4.0], [0.1, 3.0, 9.0]])) == [2, 1, 0]


def test_costly_networks_are_shown_fewer_channels_with_fewer_steps(monkeypatch):
    monkeypatch.setattr(module, "MAXIMIZATION_FLOPS", 2e12)
    assert _affordable(236_000_000, 5) == (6, 94)
    channels, steps = _affordable(600_000_000, 5)
    assert 2 <= channels < 6
    assert 24 <= steps <= 96
    assert _affordable(2_800_000_000, 5) == (2, 24)
    assert _affordable(20_000_000_000, 5) == (1, 24)


def test_with_a_run_patches_are_of_its_training_pictures(explained, run):
    explanation = explained()
    part = section.part(explanation)
    assert part.values["sample"] == min(1000, len(run.stores["train"]))
    channel = explanation.filters.of(explanation.subject)[0].channels[0]
    assert len(channel.patches) == 4
    activations = [patch.activation for patch in channel.patches]
    assert activations == sorted(activations, reverse=True)
    assert 0 <= channel.share_below <= 1
    assert explanation.gaps == []


def test_without_a_run_kernels_and_created_pictures_are_shown_with_a_note(explained):
    explanation = explained(of=None)
    part = section.part(explanation)
    assert part.values["sample"] == 0
    assert part.values["kernels"]["count"] > 0
    assert part.values["created"] is not None
    channel = explanation.filters.of(explanation.subject)[0].channels[0]
    assert (channel.patches, channel.share_below, channel.best_sample_mean) == ((), None, None)
    section.part(explanation)
    (gap,) = explanation.gaps
    assert "training pictures are not available" in gap


def test_explanations_of_two_pictures_share_what_was_computed(explained, monkeypatch):
    first = explained(0)
    section.part(first)
    computed = []
    real = module.peaks
    monkeypatch.setattr(module, "peaks", lambda *args: computed.append(len(args[1])) or real(*args))
    second = Explanation(explained(1).subject, FORM, first.filters)
    section.part(second)
    assert computed == [1]  # of the new picture alone


def test_a_patch_is_cut_inside_the_picture():
    image = np.arange(100, dtype=np.uint8).reshape(10, 10, 1)
    assert section._cut(image, (8, 8, 10, 10), 4)[0, 0, 0] == 66
    assert section._cut(image, (0, 0, 1, 1), 4)[0, 0, 0] == 0
    assert section._cut(image, (0, 0, 10, 10), 10).shape == (64, 64, 1)


def test_a_network_without_feature_maps_has_no_such_section(run, explained):
    import keras

    from tellapart.classifier.card import ModelCard
    from tellapart.classifier.classifier import Classifier

    card = run.classifier.card
    model = keras.Sequential(
        [keras.Input(card.preprocessing.shape), keras.layers.Flatten(), keras.layers.Dense(10, "softmax")]
    )
    classifier = Classifier.of_model(model, ModelCard(card.class_names, card.preprocessing))
    explanation = explained(of=None, classifier=classifier)
    assert section.part(explanation) is None
    assert "no convolution" in explanation.gaps[0]
