"""A map that is faithful by construction is called faithful, and its opposite is not."""

import numpy as np
import pytest
import torch
from scipy.stats import spearmanr

import tellapart
from tellapart.explanations.attribution.attribute import attribute
from tellapart.explanations.attribution.contrast import Contrast
from tellapart.explanations.attribution.faithfulness import (
    CurveMeter,
    area,
    blurred,
    faithfulness,
    order_of,
    rank_correlation,
)
from tellapart.explanations.attribution.methods import METHODS
from tellapart.explanations.attribution.perturbation import rise
from tellapart.explanations.attribution.random_baseline import RandomBaseline
from tellapart.explanations.attribution.task import AttributionTask
from tellapart.explanations.recorder import Recorder

CORNER = (slice(0, 8), slice(0, 8))


def predict(images):
    """A network that looks at one corner alone: the brighter, the more confident."""
    return images[:, *CORNER].mean((1, 2, 3), keepdim=True)[:, 0, 0] / 255  # (B, 1)


def measured(image, heat):
    return measured_with(predict, image, heat)


def measured_with(network, image, heat):
    meter = CurveMeter(network, image)
    own = meter.curves(order_of(heat))
    return faithfulness(only_class, own, RandomBaseline(meter).curves_for(heat))


def only_class(probabilities):
    return probabilities[:, 0]


def picture():
    image = torch.rand(32, 32, 3, generator=torch.Generator().manual_seed(0)) * 100
    image[CORNER] += 150
    return image


def corner_map(sign=1.0):
    heat = torch.zeros(32, 32)
    heat[CORNER] = sign
    return heat


def test_the_faithful_map_is_better_than_random_and_its_opposite_is_not():
    assert measured(picture(), corner_map()).better_than_random
    assert not measured(picture(), corner_map(-1.0)).better_than_random


def test_a_random_map_is_seldom_better_than_all_random_orders():
    """One in nine, were both areas one measure; one in two or three is better than their mean."""
    random = torch.Generator().manual_seed(1)
    image = picture()
    results = [measured(image, torch.rand(32, 32, generator=random)) for _ in range(60)]
    assert sum(result.better_than_random for result in results) <= 10


def test_curves_begin_and_end_where_they_must():
    image = picture()
    result = measured(image, corner_map())
    assert result.deletion[0] == pytest.approx(float(predict(image[None])))
    assert result.deletion[-1] == 0
    assert result.insertion[0] == pytest.approx(float(predict(blurred(image)[None])), rel=1e-5)
    assert result.insertion[-1] == result.deletion[0]


def test_what_no_order_changes_is_predicted_once():
    """A curve of 16 steps has 15 points between its ends, and the two curves share the whole image."""
    counts = []

    def counted(images):
        counts.append(len(images))
        return predict(images)

    meter = CurveMeter(counted, picture())
    for sign in (1.0, -1.0):
        meter.curves(order_of(corner_map(sign)))
    assert sorted(counts) == [3, 30, 30]


def test_fewer_steps_measure_the_same_area_more_coarsely():
    fine, coarse = (
        CurveMeter(predict, picture(), steps).curves(order_of(corner_map())).deletion[:, 0].tolist()
        for steps in (16, 8)
    )
    assert coarse == pytest.approx(fine[::2])
    assert area(coarse) == pytest.approx(area(fine), abs=0.05)


def test_rise_finds_the_corner():
    heat = rise(predict, picture(), masks=500)[0]
    far = heat[16:, 16:]
    assert heat[CORNER].mean() > far.mean() + 5 * far.std()


def test_area_is_numpys():
    curve = tuple(np.random.default_rng(0).random(33))
    assert area(curve) == pytest.approx(np.trapezoid(curve, dx=1 / 32))


def test_rank_correlation_is_scipys_also_with_ties():
    random = np.random.default_rng(0)
    first, second = random.integers(0, 5, (8, 8)), random.integers(0, 5, (8, 8))
    expected = abs(spearmanr(first.ravel(), second.ravel()).statistic)
    correlation = rank_correlation(torch.from_numpy(first).float(), torch.from_numpy(second).float())
    assert correlation == pytest.approx(expected)
    assert rank_correlation(torch.zeros(4, 4), torch.rand(4, 4)) == 0


def test_a_blurred_picture_keeps_its_mean_and_loses_its_detail():
    image = picture()
    soft = blurred(image)
    assert soft.mean() == pytest.approx(float(image.mean()), rel=0.05)
    assert soft[8:, 8:].std() < 0.3 * image[8:, 8:].std()


@pytest.fixture(scope="module")
def heat_maps(tmp_path_factory):
    """Heat maps of a trained network for ten real digits: method -> maps."""
    place = tmp_path_factory.mktemp("digits") / "run"
    classifier = tellapart.train("digits", recipe="quick", epochs=12, out=place).classifier
    dataset = tellapart.open_dataset("digits")
    recorder = Recorder(classifier.model, "probabilities")
    randomized, by_method = recorder.randomized(0), {}
    for row in range(10):
        pixels = classifier.card.preprocessing.apply(dataset.splits["train"].images.read(row))
        image = torch.from_numpy(pixels.astype(np.float32))
        contrast = Contrast(int(recorder.run(image[None]).logits.argmax()))
        for heat_map in attribute(AttributionTask(recorder, image, (contrast,)), [randomized])[contrast]:
            by_method.setdefault(heat_map.method, []).append(heat_map)
    return by_method


def mean(maps, name):
    return float(np.mean([getattr(heat_map.faithfulness, name) for heat_map in maps]))


def test_every_method_draws_maps_of_the_pictures_size_with_their_measures(heat_maps):
    assert set(heat_maps) == set(METHODS)
    for heat_map in (each for maps in heat_maps.values() for each in maps):
        assert heat_map.values.shape == (16, 16)
        assert np.isfinite(heat_map.values).all()
        assert heat_map.faithfulness.randomized_similarity is not None


@pytest.mark.parametrize("method", ["integrated_gradients", "occlusion", "rise"])
def test_pixels_that_a_map_marks_are_those_that_the_prediction_rests_on(heat_maps, method):
    assert mean(heat_maps[method], "deletion_area") < mean(heat_maps[method], "random_deletion_area")
    assert mean(heat_maps[method], "insertion_area") > mean(heat_maps[method], "random_insertion_area")


@pytest.mark.parametrize("method", ["integrated_gradients", "occlusion", "rise"])
def test_maps_depend_on_what_the_network_learned(heat_maps, method):
    assert mean(heat_maps[method], "randomized_similarity") < 0.5


def test_an_uninformative_area_is_left_out_and_without_any_nothing_is_claimed():
    def by_mean(images):
        return (images.mean((1, 2, 3)) > 1).float()[:, None]  # a blurred picture is as good as a whole one

    image = picture()
    result = measured_with(by_mean, image, corner_map())
    assert not result.insertion_is_informative
    assert result.deletion_is_informative

    def constant(images):
        return torch.ones(len(images), 1)

    result = measured_with(constant, image, corner_map())
    assert result.better_than_random is None
    assert not result.is_faithful
