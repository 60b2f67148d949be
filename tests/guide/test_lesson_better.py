"""The sentences of the guide's page on better models."""

import re
import statistics

import numpy as np
import pytest
import torch
from claims import read
from results import RESULTS, page_of, percent, runs_of, table_of, trainings_of_fast, trainings_to_63

from tellapart.guide.contents import named
from tellapart.guide.lessons import better as making
from tellapart.guide.lessons._photo import cat
from tellapart.inference.tta import with_tta
from tellapart.keras_backend import import_keras
from tellapart.metrics.scores import wilson_interval
from tellapart.models.first_cnn import first_cnn
from tellapart.models.whitened_cnn import whitening_filters
from tellapart.recipes.build import build_network, build_optimizer
from tellapart.recipes.measured import MEASURED
from tellapart.recipes.recipes import RECIPES
from tellapart.training.optim.muon import orthogonal

keras = import_keras()

LESSON = named("better")
FACTS = LESSON.facts
FIRST, QUICK, TO_63, FAST = FACTS["measured"]


def claim(name):
    return next(one.text for one in read(LESSON).claims if one.name == name)


@pytest.mark.proves("measured")
def test_every_accuracy_stands_in_the_results():
    quoted = {name: f"**{MEASURED[name].accuracy:.4f}**" for name in ("first-cnn", "quick")}
    assert all(text in page_of(name) for name, text in quoted.items())
    for one, recipe in [(FIRST, "first-cnn"), (QUICK, "quick"), (FAST, "fast")]:
        assert one["accuracy"] == pytest.approx(MEASURED[recipe].accuracy, abs=5e-5)
        assert one["pictures"] == MEASURED[recipe].pictures == 10_000
    tests = [one["test accuracy"] for one in trainings_to_63()]
    assert TO_63["accuracy"] == pytest.approx(statistics.mean(tests))
    assert {one["source"] for one in FACTS["measured"]} <= {path.name for path in RESULTS.iterdir()}


@pytest.mark.proves("first-figure", "quick-figure")
@pytest.mark.parametrize(("one", "name"), [(FIRST, "first-figure"), (QUICK, "quick-figure")])
def test_the_two_single_trainings_are_told_with_their_interval(one, name):
    low, high = wilson_interval(round(one["accuracy"] * one["pictures"]), one["pictures"])
    epochs = len(table_of(one["name"]))
    for figure in (percent(one["accuracy"]), percent(low), percent(high), f"{epochs} "):
        assert figure in claim(name)
    assert one["interval"] == pytest.approx([low, high], abs=1e-4)
    if name == "first-figure":
        assert f"of its {RECIPES['first-cnn']().epochs} epochs" in claim(name)


@pytest.mark.proves("fast-figure")
def test_the_five_trainings_are_told_with_their_spread():
    found = [one["with views"] for one in trainings_of_fast()]
    mean = statistics.mean(found)
    for share in (mean, min(found), max(found), *wilson_interval(round(10_000 * mean), 10_000)):
        assert percent(share) in claim("fast-figure")
    assert f"{len(found)} training runs" in claim("fast-figure")


@pytest.mark.proves("to-63-figure")
def test_the_short_trainings_are_told_with_their_time():
    runs = trainings_to_63()
    tests = [one["test accuracy"] for one in runs]
    for share in (statistics.mean(tests), min(tests), max(tests)):
        assert percent(share) in claim("to-63-figure")
    seconds = statistics.median(one["whole command s"] for one in runs)
    assert f"{len(runs)} training runs" in claim("to-63-figure")
    assert f"{round(seconds)} seconds" in claim("to-63-figure")
    from tellapart.recipes.adapt import for_target

    whole = RECIPES["fast"]()
    short = for_target(whole, 0.63, 49_000)
    assert short.epochs * (short.pictures_per_epoch or 49_000) < whole.epochs * 49_000
    assert sum(short.widths) < sum(whole.widths)


@pytest.mark.proves("dots", "curves", "five-minutes")
def test_dots_and_lines_are_the_trainings_of_the_results():
    for one, runs, key, share in [
        (FAST, trainings_of_fast(), "seconds", "with views"),
        (TO_63, trainings_to_63(), "whole command s", "test accuracy"),
    ]:
        expected = sorted((run[key] / 60, run[share]) for run in runs)
        np.testing.assert_allclose(one["runs"], expected, atol=1e-3)
    for one in (FIRST, QUICK):
        rows = np.array(table_of(one["name"]))
        np.testing.assert_allclose(
            one["curve"], np.stack([np.cumsum(rows[:, -1]) / 60, rows[:, 4]], 1), atol=1e-3
        )
    assert (FIRST["curve_of"], QUICK["curve_of"]) == ("test", "validation")
    assert RECIPES["quick"]().validation_share * 50_000 == 5_000
    in_time = [accuracy for minutes, accuracy in FIRST["curve"] if minutes <= 5]
    assert in_time[-1] == FIRST["curve"][2][1]
    assert percent(in_time[-1]) in claim("five-minutes")
    assert min(minutes for minutes, _ in FAST["runs"]) > 5
    assert max(minutes for minutes, _ in TO_63["runs"]) < 5
    assert TO_63["lowest"] > max(in_time)


@pytest.mark.proves("machine", "no-speed")
def test_the_machine_is_named_as_the_results_name_it():
    processors = {runs_of(kind)["hardware"]["processor"] for kind in ("cold_start", "cifar10_to_94")}
    assert processors == {"Intel(R) Xeon(R) Processor"}
    for recipe in ("first-cnn", "quick"):
        assert "Intel(R) Xeon(R) Processor, " in page_of(recipe)
    assert "2 cores of an Intel Xeon" in claim("machine").replace("(R)", "")
    assert all(one["date"] in claim("machine") for one in (FIRST, QUICK))
    assert FIRST["date"] <= TO_63["date"] == FAST["date"] <= QUICK["date"]
    assert "a machine with other work on it, 1 thread for the first 12 epochs" in page_of("first-cnn")
    assert "no speed claim" in page_of("first-cnn")
    assert "1 of 2 cores" in page_of("quick")


@pytest.mark.proves("same-network")
def test_quick_has_the_tutorials_network():
    assert RECIPES["quick"]().network == RECIPES["first-cnn"]().network == "first-cnn"
    assert FACTS["networks"]["quick"]["layers"] == FACTS["networks"]["first-cnn"]["layers"]


@pytest.mark.proves("adam")
def test_an_odd_gradient_turns_rmsprops_step_and_not_adams():
    assert (RECIPES["first-cnn"]().optimizer.name, RECIPES["quick"]().optimizer.name) == ("RMSprop", "Adam")
    moved = {}
    for kind in (keras.optimizers.RMSprop, keras.optimizers.Adam):
        weight = keras.Variable(np.zeros(1, np.float32))
        optimizer = kind(0.01)
        optimizer.build([weight])
        for gradient in [1.0] * 20 + [-1.0]:
            before = float(weight.numpy()[0])
            optimizer.apply([keras.ops.convert_to_tensor([gradient])])
        moved[kind.__name__] = float(weight.numpy()[0]) - before
    assert moved["RMSprop"] > 0
    assert moved["Adam"] < 0


@pytest.mark.proves("one-cycle", "hardly-falls")
def test_quicks_rate_climbs_a_tenth_and_falls_to_nothing():
    run = RECIPES["quick"]()
    steps = run.epochs * -(-45_000 // run.batch_size)
    rate = build_optimizer(run.optimizer, steps)._learning_rate
    values = np.array([float(rate(step)) for step in range(0, steps + 1, 50)])
    top = values.argmax()
    assert top / (len(values) - 1) == pytest.approx(0.1, abs=0.01)
    assert (np.diff(values[: top + 1]) > 0).all()
    assert (np.diff(values[top:]) < 0).all()
    assert values[-1] < 0.001 * values[top]
    steps_of_tutorial = 200 * -(-50_000 // 32)
    left = 1 / (1 + 1e-6 * steps_of_tutorial)
    assert f"{100 * left:.0f}% of its initial value" in claim("hardly-falls")
    assert FACTS["rates"]["first-cnn"][-1] == pytest.approx(left, abs=1e-4)


@pytest.mark.proves("held-out")
def test_quick_chooses_by_held_out_pictures():
    run = RECIPES["quick"]()
    assert (run.validation, run.keep) == ("held out", "best")
    assert "Test accuracy of the epoch that is best on validation pictures" in page_of("quick")
    assert "test accuracy" not in page_of("quick").split("| epoch |")[1]


@pytest.mark.proves("whitening")
def test_the_first_layers_answers_multiply_to_zero_on_average():
    kernels = whitening_filters(cat(64)[None])
    layer = keras.layers.Conv2D(24, 2, use_bias=False)
    layer.build((None, 64, 64, 3))
    layer.set_weights([kernels])
    answers = keras.ops.convert_to_numpy(layer(cat(64)[None].astype(np.float32) / 64 - 2)).reshape(-1, 24)
    products = answers.T @ answers / len(answers)
    sizes = np.sqrt(np.diag(products))
    likeness = products / np.outer(sizes, sizes)
    opposite = np.eye(24, k=12) + np.eye(24, k=-12)
    np.testing.assert_allclose(likeness, np.eye(24) - opposite, atol=0.01)
    from tellapart.models.whitened_cnn import whitened_cnn

    assert not whitened_cnn((32, 32, 3), 10, (8, 8, 8)).get_layer("whitening").kernel.trainable


@pytest.mark.proves("muon")
def test_muons_step_is_about_as_long_in_weak_directions_as_in_strong_ones():
    assert RECIPES["fast"]().optimizer.name == "Muon"
    random = torch.Generator().manual_seed(0)
    left, _, right = torch.linalg.svd(torch.randn(32, 32, generator=random))
    uneven = left @ torch.diag(torch.linspace(1, 0.15, 32)) @ right
    values = torch.linalg.svdvals(orthogonal(uneven))
    assert torch.linalg.svdvals(uneven).max() / torch.linalg.svdvals(uneven).min() > 6
    assert values.max() / values.min() < 3


@pytest.mark.proves("normalization", "no-dropout")
def test_batch_normalization_and_no_dropout():
    kinds = [kind for kind, *_ in FACTS["networks"]["fast"]["layers"]]
    assert "BatchNormalization" in kinds
    assert "Dropout" not in kinds
    assert any(isinstance(layer, keras.layers.Dropout) for layer in first_cnn((32, 32, 3), 10).layers)
    random, run = np.random.default_rng(0), RECIPES["fast"]()
    model = build_network(run, (32, 32, 3), 10)
    layer = next(one for one in model.layers if isinstance(one, keras.layers.BatchNormalization))
    channels = layer.input.shape[-1]
    added, means, variances = (
        random.normal(size=channels),
        random.normal(size=channels),
        random.uniform(1, 2, channels),
    )
    layer.set_weights([added, means, variances])
    pictures = random.normal(7, 3, (64, 5, 5, channels)).astype(np.float32)
    answering = keras.ops.convert_to_numpy(layer(pictures, training=False))
    np.testing.assert_allclose(
        answering, (pictures - means) / np.sqrt(variances + layer.epsilon) + added, atol=1e-4
    )
    learning = keras.ops.convert_to_numpy(layer(pictures, training=True))
    np.testing.assert_allclose(learning.mean((0, 1, 2)), added, atol=1e-3)
    np.testing.assert_allclose(learning.std((0, 1, 2)), 1, atol=1e-3)
    _, means_kept, variances_kept = (keras.ops.convert_to_numpy(one) for one in layer.weights)
    for kept, old, batch in (
        (means_kept, means, pictures.mean((0, 1, 2))),
        (variances_kept, variances, pictures.var((0, 1, 2))),
    ):
        np.testing.assert_allclose(kept, layer.momentum * old + (1 - layer.momentum) * batch, rtol=1e-3)
    usual = keras.layers.BatchNormalization()
    assert (usual.scale, layer.scale) == (True, False)


@pytest.mark.proves("views")
def test_views_are_mirrored_and_where_in_doubt_moved():
    assert RECIPES["fast"]().tta_views == 6
    asked = []

    def sure(images, progress):
        asked.append(images)
        return np.tile(np.float32([0.99, 0.01]), (len(images), 1))

    def unsure(images, progress):
        asked.append(images)
        return np.tile(np.float32([0.6, 0.4]), (len(images), 1))

    picture = cat(8)[None]
    with_tta(sure, picture, 6)
    assert len(asked) == 2
    np.testing.assert_array_equal(asked[1], picture[:, :, ::-1])
    asked.clear()
    with_tta(unsure, picture, 6)
    assert len(asked) == 6
    np.testing.assert_array_equal(asked[2][:, 1:, 1:], picture[:, :-1, :-1])
    runs = trainings_of_fast()
    for name in ("without", "with views"):
        assert percent(statistics.mean(one[name] for one in runs)) in claim("views")


@pytest.mark.proves("together")
def test_the_recipes_differ_in_many_settings_and_are_measured_whole():
    assert len(making.changes("quick", "fast")) > 10
    assert {one["who"] for one in runs_of("cifar10_to_94")["runs"]} == {"tellapart fast", "reference"}
    assert "--train-option" not in runs_of("cifar10_to_94")["command"]


@pytest.mark.proves("wrong-ones")
def test_mistakes_are_counted():
    wrong = 10_000 * (1 - statistics.mean(one["with views"] for one in trainings_of_fast()))
    assert f"About {wrong:.0f};" in claim("wrong-ones")
    assert f"{10_000 * (1 - MEASURED['first-cnn'].accuracy):,.0f}" in claim("wrong-ones")


@pytest.mark.proves("not-measured")
def test_the_two_large_recipes_have_no_results():
    pages = [path.read_text(encoding="utf-8").splitlines()[0] for path in RESULTS.glob("*.md")]
    for name in ("accurate", "best"):
        assert name in RECIPES
        assert name not in MEASURED
        assert not any(page.startswith(f"# {name} ") for page in pages)
        assert name not in {one["name"] for one in FACTS["measured"]}


@pytest.mark.proves("dear")
def test_what_the_large_recipes_take():
    """FLOPs of their convolutions, counted by hand from their layers' shapes."""
    fast = _products("fast")
    for name in ("accurate", "best"):
        times = _products(name) / fast
        assert re.search(rf"\b{round(times)} times", claim("dear")), (name, times)


def _products(name):
    """Multiplications and additions of a whole training: 49,000 pictures an epoch, three passes."""
    from tellapart.recipes.build import build_network

    run, total = RECIPES[name](), 0
    for layer in build_network(run, (32, 32, 3), 10).layers:
        if layer.__class__.__name__ in ("Conv2D", "Dense"):
            places = np.prod(layer.output.shape[1:-1], dtype=int)
            total += 2 * int(places) * int(np.prod(layer.kernel.shape))
    return 3 * total * 49_000 * run.epochs


@pytest.mark.proves("flop")
def test_flops_are_multiplications_and_additions():
    places, kernels, numbers = 32 * 32, 32, 3 * 3 * 3
    assert f"{2 * places * kernels * numbers:,} of them" in claim("flop")


def test_quick_facts_are_part_of_the_facts():
    assert set(FACTS) == {"measured", "changes", "rates", "networks", "large_networks"}
