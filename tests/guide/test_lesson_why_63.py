"""The sentences of the guide's page on why the tutorial stopped at 63%."""

import dataclasses
import importlib.util
import re
import sys
from pathlib import Path

import numpy as np
import pytest
from claims import read
from results import percent, runs_of, table_of

from tellapart.guide.contents import named
from tellapart.guide.lessons.why_63 import HISTORY, TUTORIAL
from tellapart.keras_backend import import_keras
from tellapart.models.first_cnn import first_cnn as network
from tellapart.recipes.build import build_optimizer
from tellapart.recipes.config import TrainConfig
from tellapart.recipes.measured import MEASURED
from tellapart.recipes.recipes import RECIPES, first_cnn

keras = import_keras()

ROOT = Path(__file__).parents[2]
LESSON = named("why-63")
ALL = runs_of("why_63")["runs"]
RUNS = {one["case"]: one for one in sorted(ALL, key=lambda one: (len(one["curve"]), -one["seed"]))}
"""Of each case the longest, and of these that of the first seed."""

MEANT, TWICE, EARLY, MIDDLE = (RUNS[case] for case in ("as-meant", "divided-twice", "early-2017", "mid-2017"))
AGAIN = next(one for one in ALL if one["case"] == "as-meant" and one is not MEANT)


def config_of(run):
    """The config of a recorded run, whose file calls `tta_views` by its old name."""
    settings = dict(run["run"])
    settings["tta_views"] = settings.pop("views")
    return TrainConfig.from_dict(settings)


def claim(name):
    return next(one.text for one in read(LESSON).claims if one.name == name)


def accuracies(run):
    return [row["val_accuracy"] for row in run["curve"]]


def passes(run):
    """The first epoch after which at least 63% of the held-out pictures were named rightly."""
    return 1 + next(at for at, share in enumerate(accuracies(run)) if share >= 0.63)


def figures(test):
    return [percent(test["accuracy"]), *map(percent, test["interval"])]


@pytest.fixture(scope="module")
def cases():
    """What `benchmarks/why_63.py` can run."""
    sys.path.insert(0, str(ROOT / "benchmarks"))
    spec = importlib.util.spec_from_file_location("why_63", ROOT / "benchmarks" / "why_63.py")
    module = importlib.util.module_from_spec(spec)
    sys.modules["why_63"] = module
    spec.loader.exec_module(module)
    sys.path.remove(str(ROOT / "benchmarks"))
    return module.CASES


@pytest.mark.proves("ended")
def test_the_figure_is_the_one_that_the_readme_names():
    assert f"ends at {percent(TUTORIAL, 0)}" in (ROOT / "README.md").read_text(encoding="utf-8")
    assert percent(TUTORIAL, 0) in claim("ended")


@pytest.mark.proves("ran", "judged")
def test_what_ran_is_first_cnn_judged_by_held_out_pictures():
    expected = first_cnn().changed(validation="held out", keep="best", validation_share=0.1)
    for run in (MEANT, TWICE, AGAIN):
        assert config_of(run) == expected.changed(seed=run["seed"])
        assert len(run["curve"]) == expected.epochs == 200
        assert run["pictures"] == {"train": 45_000, "validation": 5_000, "test": 10_000}
    assert expected.batch_size == 32
    assert (expected.augmentation.width_shift_range, expected.augmentation.horizontal_flip) == (0.1, True)
    assert set(MEANT["test"]) == {"best", "last"}
    best = max(MEANT["curve"], key=lambda row: (row["val_accuracy"], -row["val_loss"]))
    assert MEANT["best epoch"] == best["epoch"], "chosen by held-out pictures"


def losses(run):
    return [row["loss"] for row in run["curve"]]


@pytest.mark.proves("meant-best", "meant-63", "not-network")
def test_as_meant_it_passes_63_percent_early_and_falls_back():
    found, test = accuracies(MEANT), MEANT["test"]
    for figure in (*figures(test["best"]), *figures(test["last"])):
        assert figure in claim("meant-best")
    assert max(found) == found[MEANT["best epoch"] - 1]
    assert f"number {MEANT['best epoch']} " in claim("meant-best")
    assert f"epoch {passes(MEANT)}." in claim("meant-63")
    assert test["best"]["interval"][0] > TUTORIAL
    assert test["last"]["interval"][1] < test["best"]["interval"][0]


@pytest.mark.proves("again")
def test_with_other_random_numbers_it_does_the_same():
    best, last = (AGAIN["test"][which]["accuracy"] for which in ("best", "last"))
    assert AGAIN["seed"] != MEANT["seed"]
    assert len(AGAIN["curve"]) == len(MEANT["curve"])
    assert f"{percent(best)} after the best epoch, number {AGAIN['best epoch']}," in claim("again")
    assert f"{percent(last)} after the last" in claim("again")
    assert AGAIN["test"]["last"]["interval"][1] < AGAIN["test"]["best"]["interval"][0]
    assert losses(AGAIN)[-1] > min(losses(AGAIN)) + 0.1


@pytest.mark.proves("meant-loss", "question-over")
def test_as_meant_even_its_loss_in_training_rises():
    found = losses(MEANT)
    at = found.index(min(found))
    assert f"From epoch {at + 1} on" in claim("meant-loss")
    assert f"from {found[at]:.2f} to {found[-1]:.2f}" in claim("meant-loss")
    assert found[-1] > found[at] + 0.1
    later = np.array(found[at:])
    assert (np.diff(later[:: len(later) // 8]) > 0).all(), "it rises throughout"


@pytest.mark.proves("rate-stays", "grown")
def test_the_rate_stays_and_the_dense_layers_weights_grow():
    steps = 200 * -(-45_000 // 32)
    assert percent(1 / (1 + 1e-6 * steps), 0) in claim("rate-stays")
    keras.utils.set_random_seed(0)
    kernels = [one for one in network((32, 32, 3), 10).get_weights() if one.ndim > 1]
    assert kernels[4].shape == (2304, 512)
    sizes = [abs(kernels[4]).mean(), *(one[4] for one in MEANT["weights by epoch"].values())]
    sizes.append(MEANT["test"]["last"]["weight"][4])
    told = claim("grown")
    assert f"was {sizes[0]:.3f} before the first step" in told
    for size, epoch in zip(sizes[1:-1], MEANT["weights by epoch"], strict=True):
        assert f"{size:.2f} after epoch {epoch}" in told
    assert f"{sizes[-1]:.2f} after the last" in told
    assert (np.diff(sizes) > 0).all()


@pytest.mark.proves("cooled")
def test_a_tenth_of_the_rate_makes_it_better_at_once():
    rows, told = MEANT["cooled"], claim("cooled")
    rate = MEANT["curve"][-1]["learning_rate"]
    assert rows[0]["epoch"] == 201
    assert rows[0]["rate"] == pytest.approx(rate / 10, rel=0.01)
    assert f"was {rows[0]['loss']:.2f} instead of {losses(MEANT)[-1]:.2f}" in told
    assert percent(rows[0]["val_accuracy"]) in told
    assert f"instead of {percent(accuracies(MEANT)[-1])}" in told
    assert f"after {len(rows)} epochs, {percent(rows[-1]['val_accuracy'])}" in told
    assert rows[0]["loss"] < losses(MEANT)[-1] - 0.05
    assert rows[0]["val_accuracy"] > accuracies(MEANT)[-1]


@pytest.mark.proves("continued", "not-back")
def test_with_the_whole_rate_and_all_else_alike_it_stays_as_bad():
    rows, told = MEANT["continued"], claim("continued")
    rate = MEANT["curve"][-1]["learning_rate"]
    assert [row["rate"] for row in rows] == pytest.approx([rate] * 3, rel=0.01)
    assert f"{rows[0]['loss']:.2f} after one epoch, {rows[-1]['loss']:.2f} after {len(rows)}" in told
    assert all(row["loss"] == pytest.approx(losses(MEANT)[-1], abs=0.03) for row in rows)
    assert percent(max(accuracies(MEANT))) in claim("not-back")
    assert max(row["val_accuracy"] for row in MEANT["cooled"]) < max(accuracies(MEANT)) - 0.05


@pytest.mark.proves("quick")
def test_the_same_network_with_a_falling_rate_ends_at_its_best():
    rows = table_of("quick")
    assert RECIPES["quick"]().network == RECIPES["first-cnn"]().network
    assert percent(MEASURED["quick"].accuracy) in claim("quick")
    assert f"after {len(rows)} epochs" in claim("quick")
    assert min(row[1] for row in rows) > rows[-1][1] - 0.01
    assert max(row[4] for row in rows) < rows[-1][4] + 0.005


@pytest.mark.proves("cell", "twice-63")
def test_divided_twice_it_is_late():
    assert f"{255 / 255 / 255:.4f}" in claim("cell")
    for figure in figures(TWICE["test"]["last"]):
        assert figure in claim("twice-63")
    assert f"epoch {passes(TWICE)}," in claim("twice-63")
    assert passes(TWICE) > 4 * passes(MEANT)


@pytest.mark.proves("scale")
def test_kernels_255_times_as_large_make_up_for_pixels_divided_by_255():
    pixels = np.random.default_rng(0).random((2, 8, 8, 3), np.float32)
    layer, larger = keras.layers.Conv2D(4, 3), keras.layers.Conv2D(4, 3)
    for one in (layer, larger):
        one.build(pixels.shape)
    kernel, bias = layer.get_weights()
    larger.set_weights([255 * kernel, bias])
    found = [
        keras.ops.convert_to_numpy(one) for one in (layer(pixels), larger(pixels / 255), layer(pixels / 255))
    ]
    np.testing.assert_allclose(found[1], found[0], rtol=1e-4, atol=1e-5)
    assert not np.allclose(found[2], found[0], atol=0.01)


@pytest.mark.proves("step-length")
@pytest.mark.parametrize("slope", [100.0, 1.0, 1 / 255])
def test_a_step_of_rmsprop_is_about_as_long_as_the_learning_rate(slope):
    weight = keras.Variable(np.zeros(1, np.float32))
    optimizer = build_optimizer(first_cnn().optimizer, 1)
    optimizer.build([weight])
    for _ in range(100):
        before = float(weight.numpy()[0])
        optimizer.apply([keras.ops.convert_to_tensor([slope])])
    assert before - float(weight.numpy()[0]) == pytest.approx(1e-4, rel=0.01)


@pytest.mark.proves("steps-needed")
def test_the_steps_are_counted():
    steps = (255 * 0.05 - 0.05) / 1e-4
    an_epoch = -(-MEANT["pictures"]["train"] // 32)
    assert steps == pytest.approx(127_000)
    assert f"At {an_epoch:,} steps per epoch, that is {steps / an_epoch:.0f} epochs" in claim("steps-needed")


@pytest.mark.proves(
    "history",
    "rate-1", "decay-1", "beside-1", "said-1",
    "rate-2", "decay-2", "beside-2", "said-2",
    "rate-3", "decay-3", "beside-3", "said-3",
)  # fmt: skip
def test_the_settings_of_each_time_are_quoted_with_their_source(cases):
    for row, version in enumerate(HISTORY, 1):
        for name, value in (("rate", version.rate), ("decay", version.decay), ("beside", version.beside)):
            told = claim(f"{name}-{row}")
            assert (0 if told == "none" else float(told)) == value
        assert claim(f"said-{row}") == f"{version.said} (source)"
        assert version.commit.startswith("https://github.com/keras-team/keras/commit/")
        assert version.source in (ROOT / "docs" / "why-63.md").read_text(encoding="utf-8")
    as_run = {
        name: dataclasses.replace(first_cnn().optimizer, **cases[name].optimizer)
        for name in ("early-2017", "mid-2017", "as-meant")
    }
    for version, settings in zip(HISTORY, as_run.values(), strict=True):
        assert (version.rate, version.decay) == (settings.learning_rate, settings.decay)
        assert version.beside**2 == pytest.approx(settings.epsilon)


@pytest.mark.proves("reported", "luck")
def test_the_settings_of_mid_2017_give_what_was_reported_of_them():
    found, told = accuracies(MIDDLE), claim("reported")
    reported = {80: 0.785, 200: 0.590}
    assert HISTORY[1].said == "78.5% after 80 epochs, 59.0% after 200"
    for epoch, share in reported.items():
        assert percent(found[epoch - 1]) in told
        assert percent(share) in told
        assert found[epoch - 1] == pytest.approx(share, abs=0.02)
    assert MIDDLE["run"]["optimizer"]["epsilon"] == pytest.approx(HISTORY[1].beside ** 2)
    jumps = np.abs(np.diff(found[150:]))
    assert jumps.mean() > 0.02
    assert np.mean(found[:-60:-1]) < np.mean(found[60:120]) - 0.02, "it falls"


@pytest.mark.proves("early-peak", "early-loss")
def test_with_the_settings_of_early_2017_it_rises_and_falls_much_sooner():
    found = accuracies(EARLY)
    assert EARLY["run"]["optimizer"]["learning_rate"] == 10 * MEANT["run"]["optimizer"]["learning_rate"]
    assert f"{percent(max(found))} in epoch {found.index(max(found)) + 1}," in claim("early-peak")
    assert f"{percent(found[24])} in epoch 25, {percent(found[-1])} in epoch {len(found)}." in claim(
        "early-peak"
    )
    assert len(found) == 200
    assert max(found[24:]) < max(found) - 0.2
    lowest = {
        case: 1 + losses(RUNS[case]).index(min(losses(RUNS[case]))) for case in ("early-2017", "as-meant")
    }
    assert f"in epoch {lowest['early-2017']}." in claim("early-loss")
    assert lowest["early-2017"] * 5 < lowest["as-meant"]


@pytest.mark.proves("silent")
def test_channels_of_its_last_convolution_fall_silent():
    relu = keras.activations.relu
    relus = [one for one in network((32, 32, 3), 10).layers if getattr(one, "activation", None) is relu]
    assert relus[3].output.shape[1:] == (13, 13, 64)
    share = EARLY["test"]["last"]["silent"][3]
    assert f"{percent(share, 0)} of the last convolution's 64 channels" in claim("silent")
    assert share > MEANT["test"]["last"]["silent"][3] + 0.1


@pytest.mark.proves("dead")
def test_relu_passes_no_slope_where_it_gives_zero():
    import torch

    sums = torch.tensor([-3.0, -0.1, 2.0], requires_grad=True)
    keras.activations.relu(sums).sum().backward()
    assert sums.grad.tolist() == [0, 0, 1]


@pytest.mark.proves("the-figure", "one-number")
def test_the_last_epoch_as_meant_is_at_the_tutorials_figure():
    last = MEANT["test"]["last"]
    for figure in figures(last):
        assert figure in claim("the-figure")
    assert last["interval"][0] <= TUTORIAL <= last["interval"][1]
    low, high = AGAIN["test"]["last"]["interval"]
    assert f"{percent(low)} to {percent(high)}, does not" in claim("the-figure")
    assert not low <= TUTORIAL <= high
    assert first_cnn().keep == "last"


@pytest.mark.proves("last-ten")
def test_on_average_the_last_ten_epochs_are_near_it_each_time():
    means = [np.mean(accuracies(run)[-10:]) for run in (MEANT, AGAIN, MIDDLE)]
    assert re.findall(r"[\d.]+%", claim("last-ten")) == [percent(mean) for mean in means]
    assert all(abs(mean - TUTORIAL) < 0.04 for mean in means)


@pytest.mark.proves("last-fifty", "other-ways")
def test_several_ways_lead_to_63_percent():
    found, told = accuracies(MEANT), claim("last-fifty")
    assert percent(min(found[-50:])) in told
    assert percent(max(found[-50:])) in told
    assert np.mean(found[-50:-25]) > np.mean(found[-25:]), "it leads down"
    for run in (MEANT, TWICE):
        assert f"after epoch {passes(run)}" in claim("other-ways")


DOCUMENT = (ROOT / "docs" / "why-63.md").read_text(encoding="utf-8")


def row_of(run):
    """As the first table of docs/why-63.md has it, from its second column on."""
    found, test = accuracies(run), run["test"]
    scores = [
        "{} ({} to {})".format(percent(test[which]["accuracy"]), *map(percent, test[which]["interval"]))
        for which in ("best", "last")
    ]
    best = f"{percent(max(found))}, epoch {run['best epoch']}"
    return [str(run["seed"]), str(passes(run)), best, *scores, percent(np.mean(found[-10:]))]


def test_the_table_of_the_document_is_that_of_the_results():
    table = DOCUMENT.split("| training of 200 epochs")[1].split("\n\n")[0]
    rows = [[cell.strip() for cell in line.split("|")[2:-1]] for line in table.splitlines()[2:]]
    assert sorted(rows) == sorted(map(row_of, ALL))


def test_what_the_last_weights_were_trained_on_to_is_that_of_the_results():
    for run in ALL:
        for name in ("cooled", "continued"):
            if rows := run[name]:
                losses_told = ", ".join(f"{row['loss']:.2f}" for row in (run["curve"][-1], *rows))
                shares_told = ", ".join(percent(row["val_accuracy"]) for row in (run["curve"][-1], *rows))
                assert f"| {losses_told} | {shares_told} |" in DOCUMENT


def test_the_results_that_the_document_names_are_the_newest():
    assert max((ROOT / "benchmarks" / "results").glob("why_63-*.md")).name in DOCUMENT
