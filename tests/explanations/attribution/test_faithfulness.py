"""A map that is true by construction is called true, and one that is not, is not."""

import numpy as np
import pytest
import torch
from scipy.stats import spearmanr

import tellapart
from tellapart.explanations.attribution.attribute import noisy_recorder, reasons
from tellapart.explanations.attribution.contrast import Contrast
from tellapart.explanations.attribution.faithfulness import (
    area,
    blurred,
    curves,
    faithfulness,
    order_of,
    rank_correlation,
)
from tellapart.explanations.attribution.methods import METHODS, AttributionTask
from tellapart.explanations.attribution.perturbation import rise
from tellapart.explanations.attribution.random_baseline import Chance
from tellapart.explanations.recorder import Recorder

CORNER = (slice(0, 8), slice(0, 8))


def asked(images):
    """A network that looks at one corner alone: the brighter, the surer."""
    return images[:, *CORNER].mean((1, 2, 3), keepdim=True)[:, 0, 0] / 255  # (B, 1)


def measured(image, heat):
    found = curves(asked, image, order_of(heat))
    return faithfulness(lambda answers: answers[:, 0], found, Chance(asked, image).like(heat))


def picture():
    image = torch.rand(32, 32, 3, generator=torch.Generator().manual_seed(0)) * 100
    image[CORNER] += 150
    return image


def corner_map(sign=1.0):
    heat = torch.zeros(32, 32)
    heat[CORNER] = sign
    return heat


def test_the_true_map_is_better_than_random_and_its_opposite_is_not():
    assert measured(picture(), corner_map()).better_than_random
    assert not measured(picture(), corner_map(-1.0)).better_than_random


def test_a_random_map_is_seldom_better_than_all_random_orders():
    """One in nine, were both areas one measure; one in two or three is better than their mean."""
    random = torch.Generator().manual_seed(1)
    image = picture()
    found = [measured(image, torch.rand(32, 32, generator=random)) for _ in range(60)]
    assert sum(one.better_than_random for one in found) <= 10


def test_curves_begin_and_end_where_they_must():
    image = picture()
    found = measured(image, corner_map())
    assert found.deletion[0] == pytest.approx(float(asked(image[None])))
    assert found.deletion[-1] == 0
    assert found.insertion[0] == pytest.approx(float(asked(blurred(image)[None])), rel=1e-5)
    assert found.insertion[-1] == found.deletion[0]


def test_rise_finds_the_corner():
    heat = rise(asked, picture(), masks=500)[0]
    far = heat[16:, 16:]
    assert heat[CORNER].mean() > far.mean() + 5 * far.std()


def test_area_is_numpys():
    curve = tuple(np.random.default_rng(0).random(33))
    assert area(curve) == pytest.approx(np.trapezoid(curve, dx=1 / 32))


def test_rank_correlation_is_scipys_also_with_ties():
    random = np.random.default_rng(0)
    first, second = random.integers(0, 5, (8, 8)), random.integers(0, 5, (8, 8))
    expected = abs(spearmanr(first.ravel(), second.ravel()).statistic)
    found = rank_correlation(torch.from_numpy(first).float(), torch.from_numpy(second).float())
    assert found == pytest.approx(expected)
    assert rank_correlation(torch.zeros(4, 4), torch.rand(4, 4)) == 0


def test_a_blurred_picture_keeps_its_mean_and_loses_its_detail():
    image = picture()
    soft = blurred(image)
    assert soft.mean() == pytest.approx(float(image.mean()), rel=0.05)
    assert soft[8:, 8:].std() < 0.3 * image[8:, 8:].std()


@pytest.fixture(scope="module")
def found(tmp_path_factory):
    """Heat maps of a trained network for ten real digits: method -> maps."""
    place = tmp_path_factory.mktemp("digits") / "run"
    classifier = tellapart.train("digits", epochs=12, out=place).classifier
    source = tellapart.open_dataset("digits")
    recorder = Recorder(classifier.model, "probabilities")
    noise, maps = noisy_recorder(recorder), {}
    for row in range(10):
        pixels = classifier.card.preprocessing.apply(source.splits["train"].images.read(row))
        image = torch.from_numpy(pixels.astype(np.float32))
        question = Contrast(int(recorder.run(image[None]).logits.argmax()))
        for one in reasons(AttributionTask(recorder, image, (question,)), [noise])[question]:
            maps.setdefault(one.method, []).append(one)
    return maps


def mean(maps, name):
    return float(np.mean([getattr(one.faithfulness, name) for one in maps]))


def test_every_method_draws_maps_of_the_pictures_size_with_their_measures(found):
    assert set(found) == set(METHODS)
    for one in (one for maps in found.values() for one in maps):
        assert one.values.shape == (16, 16)
        assert np.isfinite(one.values).all()
        assert one.faithfulness.sanity is not None


@pytest.mark.parametrize("method", ["integrated_gradients", "occlusion", "rise"])
def test_pixels_that_a_map_marks_are_those_that_the_answer_hangs_on(found, method):
    assert mean(found[method], "deletion_area") < mean(found[method], "random_deletion_area")
    assert mean(found[method], "insertion_area") > mean(found[method], "random_insertion_area")


@pytest.mark.parametrize("method", ["integrated_gradients", "occlusion", "rise"])
def test_maps_depend_on_what_the_network_learned(found, method):
    assert mean(found[method], "sanity") < 0.5


def test_an_area_that_cannot_tell_is_left_out_and_where_neither_can_nothing_is_claimed():
    def by_mean(images):
        return (images.mean((1, 2, 3)) > 1).float()[:, None]  # a blurred picture is as good as a whole one

    image = picture()
    found = curves(by_mean, image, order_of(corner_map()))
    told = faithfulness(lambda answers: answers[:, 0], found, Chance(by_mean, image).like(corner_map()))
    assert not told.insertion_tells
    assert told.deletion_tells

    def constant(images):
        return torch.ones(len(images), 1)

    found = curves(constant, image, order_of(corner_map()))
    told = faithfulness(lambda answers: answers[:, 0], found, Chance(constant, image).like(corner_map()))
    assert told.better_than_random is None
    assert not told.is_true
