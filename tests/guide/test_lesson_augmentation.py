"""The sentences of the guide's page on augmentation."""

import base64
import json
import re
import urllib.parse
from functools import cache

import numpy as np
import pytest
import torch
from keras.src.legacy.preprocessing.image import ImageDataGenerator
from scipy import ndimage

import tellapart
from tellapart.data.augmentation.settings import Augmentation
from tellapart.data.augmentation.shift_flip import FILL_MODES, draw
from tellapart.data.open import open_dataset
from tellapart.data.sampler import BatchSampler
from tellapart.data.sources.catalog import find_known
from tellapart.guide.contents import named
from tellapart.guide.lessons import augmentation as making
from tellapart.guide.lessons._photo import cat
from tellapart.guide.render import page_of
from tellapart.recipes.recipes import RECIPES
from tellapart.training.loader import DataLoader

FACTS = named("augmentation").facts
TRAINED_ELSEWHERE = 0.03
"""By how much the accuracy of a training may differ that another processor repeats."""

learned = cache(making.learned)


def mean(way, distance):
    return np.mean([seed[FACTS["distances"].index(distance)] for seed in FACTS["moved"][way]])


@pytest.mark.proves("label", "epochs")
def test_another_epoch_shows_other_pixels_and_the_same_labels():
    store = making.digits()[0]
    feed = DataLoader(
        store, 10, BatchSampler(n=len(store), batch_size=len(store), seed=0), Augmentation.tutorial()
    )
    epochs = []
    for epoch in (0, 1):
        order = np.argsort(feed.batches.rows(epoch, 0))
        images, truth = feed.batch(epoch, 0)
        epochs.append(images.numpy()[order])
        np.testing.assert_array_equal(truth.numpy().argmax(1)[order], store.labels)
    assert all(not np.array_equal(*both) for both in zip(*epochs, strict=True))
    assert all(not np.array_equal(*both) for both in zip(epochs[0], store.images, strict=True))


@pytest.mark.proves("tutorial", "question-shift")
def test_the_tutorial_shifts_by_a_tenth_and_mirrors_every_second_picture():
    plan = Augmentation.tutorial()
    assert plan == Augmentation(width_shift_range=0.1, height_shift_range=0.1, horizontal_flip=True)
    moves = draw(plan, 4000, 32, 32, torch.Generator().manual_seed(0))
    for shifts in (moves.dy, moves.dx):
        assert 3.1 < float(shifts.max()) <= 3.2
        assert -3.2 <= float(shifts.min()) < -3.1
    assert float(moves.mirrored.double().mean()) == pytest.approx(0.5, abs=0.03)
    assert not moves.flipped.any()
    random = np.random.default_rng(0)
    by_keras = ImageDataGenerator(width_shift_range=0.1, height_shift_range=0.1, horizontal_flip=True)
    drawn = [by_keras.get_random_transform((32, 32, 3), seed=int(random.integers(2**31))) for _ in range(400)]
    for name in ("tx", "ty"):
        assert 3 < max(abs(one[name]) for one in drawn) <= 3.2
    assert np.mean([one["flip_horizontal"] for one in drawn]) == pytest.approx(0.5, abs=0.1)


@pytest.mark.proves("private")
def test_nothing_on_the_page_can_send_a_picture():
    page = page_of(named("augmentation"))
    imports = json.loads(re.search(r'<script type="importmap">(.*?)</script>', page, re.DOTALL)[1])["imports"]
    modules = {name: module_text(url) for name, url in imports.items()}
    assert {"augmentation", "moving"} <= set(modules)
    for text in modules.values():
        assert not re.search(
            r"fetch\(|XMLHttpRequest|sendBeacon|WebSocket|EventSource|d3\.(json|text|blob)", text
        )
    assert re.search(r"<form[^>]*\baction=", page) is None


def module_text(url):
    head, body = url.split(",", 1)
    return base64.b64decode(body).decode() if head.endswith("base64") else urllib.parse.unquote(body)


@pytest.mark.proves("half", "fill")
def test_shifts_blend_pixels_and_fill_from_the_edge_as_scipy_does():
    picture = cat(making.SIDE)
    half = making.moved(picture[None], 0, 0.5)[0]
    np.testing.assert_allclose(half[:, :-1], (picture[:, :-1] + picture[:, 1:].astype(float)) / 2, atol=1e-3)
    for dy, dx in [(4.8, -9.6), (-3.3, 20.25)]:
        shifted = making.moved(picture[None], dy, dx)[0]
        wanted = ndimage.shift(picture.astype(float), (-dy, -dx, 0), order=1, mode="nearest")
        np.testing.assert_allclose(shifted, wanted, atol=1e-2)
    assert Augmentation.tutorial().fill_mode == ImageDataGenerator().fill_mode == "nearest"
    assert tuple(FACTS["fill_modes"]) == FILL_MODES


@pytest.mark.proves("experiment")
@pytest.mark.parametrize("way", ["as they are", "shifted"])
def test_the_first_training_comes_out_again(way):
    test, net = making.digits()[1], learned(way, 0)
    assert (len(making.digits()[0]), len(test)) == (1438, 359)
    assert len(FACTS["moved"][way]) == len(making.SEEDS) == 5
    found = [making.right_when_moved(net, test, distance) for distance in (0, 1, 2)]
    kept = [FACTS["moved"][way][0][FACTS["distances"].index(distance)] for distance in (0, 1, 2)]
    np.testing.assert_allclose(found, kept, atol=TRAINED_ELSEWHERE)
    assert net.model.count_params() < 10_000
    plan = making.plan_of("shifted")
    assert (plan.width_shift_range, plan.height_shift_range) == (0.1, 0.1)
    assert not plan.horizontal_flip


@pytest.mark.proves("unmoved")
def test_digits_as_they_are_gain_nothing():
    shares = FACTS["moved"]
    better = [
        shifted[0] > plain[0] for plain, shifted in zip(shares["as they are"], shares["shifted"], strict=True)
    ]
    assert any(better)
    assert not all(better)
    assert mean("shifted", 0) == pytest.approx(mean("as they are", 0), abs=0.005)


@pytest.mark.proves("moved")
def test_moved_digits_gain_much_with_every_seed():
    test = making.digits()[1]
    rights = {way: making.right_when_moved(learned(way, 0), test, 1) for way in ("as they are", "shifted")}
    assert rights["shifted"] > rights["as they are"] + 0.1
    at = FACTS["distances"].index(1)
    plain, shifted = ([seed[at] for seed in FACTS["moved"][way]] for way in ("as they are", "shifted"))
    assert min(shifted) > max(plain) + 0.1
    for way in rights:
        assert f"{100 * mean(way, 1):.1f}%" in page_of(named("augmentation"))


@pytest.mark.proves("mirrored-digits")
def test_a_mirrored_three_is_not_called_a_three():
    test, net = making.digits()[1], learned("as they are", 0)
    called = making.answers(net, test.images[:, :, ::-1].astype(np.float32))
    assert (called[test.labels == 3] == 3).mean() < 0.1
    assert (called[test.labels == 0] == 0).mean() > 0.8
    assert FACTS["mirrored_classes"][3] < 0.05
    assert FACTS["mirrored_classes"][0] > 0.9


@pytest.mark.proves("learned-mirrored")
def test_learning_mirrored_digits_costs_accuracy_with_every_seed():
    shares = FACTS["moved"]
    for plain, mirrored in zip(shares["as they are"], shares["mirrored"], strict=True):
        assert mirrored[0] < plain[0]
    assert making.plan_of("mirrored") == Augmentation(horizontal_flip=True)
    found = making.right_when_moved(learned("mirrored", 0), making.digits()[1], 0)
    assert found == pytest.approx(shares["mirrored"][0][0], abs=TRAINED_ELSEWHERE)


@pytest.mark.proves("sets", "question-mirror")
def test_things_are_mirrored_and_digits_are_not():
    assert open_dataset("digits").mirrors is False
    assert find_known("mnist").mirrors is False
    assert find_known("cifar10").mirrors is True
    assert "frog" in find_known("cifar10").class_names
    for recipe in RECIPES.values():
        for mirrors in (True, False):
            config = recipe(mirrors=mirrors)
            mirrored = config.head.mirror if config.head else config.augmentation.horizontal_flip
            assert mirrored is mirrors


@pytest.mark.proves("training-only")
def test_only_training_pictures_are_moved(monkeypatch, tmp_path):
    random = np.random.default_rng(0)
    images, labels = random.integers(0, 256, (60, 16, 16, 3), dtype=np.uint8), np.arange(60) % 2
    counts, own = [], tellapart.training.loader.apply_all

    def counting(pictures, *others):
        counts.append(len(pictures))
        return own(pictures, *others)

    monkeypatch.setattr("tellapart.training.loader.apply_all", counting)
    arrays = {"x_train": images[:40], "y_train": labels[:40], "x_test": images[40:], "y_test": labels[40:]}
    np.savez(tmp_path / "set.npz", **arrays)
    trained = tellapart.train(tmp_path / "set.npz", epochs=2, out=tmp_path / "run", recipe="first-cnn")
    assert sum(counts) == 2 * 40
    answers = trained.classifier.model.predict(images[40:].astype(np.float32), verbose=0)
    assert trained.scores.accuracy == np.mean(answers.argmax(1) == labels[40:])


@pytest.mark.proves("fit")
def test_fitting_the_tutorials_generator_changes_nothing():
    options = {"width_shift_range": 0.1, "height_shift_range": 0.1, "horizontal_flip": True}
    generator = ImageDataGenerator(**options)
    for switch in ("featurewise_center", "featurewise_std_normalization", "zca_whitening"):
        assert not getattr(generator, switch)
    images = np.random.default_rng(0).uniform(0, 255, (20, 8, 8, 3))
    before = {**vars(generator)}
    generator.fit(images)
    assert vars(generator) == before
    assert (generator.mean, generator.std) == (None, None)
    centered = ImageDataGenerator(featurewise_center=True, featurewise_std_normalization=True)
    centered.fit(images)
    np.testing.assert_allclose(centered.mean.ravel(), images.mean((0, 1, 2)), rtol=1e-5)
    np.testing.assert_allclose(centered.std.ravel(), images.std((0, 1, 2)), rtol=1e-5)
