"""Timings of small batches: FLOPs against torch's counter, times against pieces slowed by a known time."""

import time

import pytest
from torch.utils.flop_counter import FlopCounterMode

from tellapart.errors import ConfigError
from tellapart.profiling import bench, pieces
from tellapart.recipes.recipes import FROM_SCRATCH, RECIPES
from tellapart.training import loader
from tellapart.training.optim.native import NativeOptimizer

PIECES = {
    "float32 products": "GFLOP/s",
    "memory copy": "GB/s",
    "forward": "GFLOP/s",
    "training step": "GFLOP/s",
    "time of a step": "ms",
    "augmentation": "ms",
    "optimizer update": "ms",
    "decoding JPEG": "pictures/s",
    "decoding PNG": "pictures/s",
    "prediction": "pictures/s",
}


@pytest.fixture(autouse=True)
def small(monkeypatch):
    """Pieces that take milliseconds."""
    for name, value in {"PRODUCT_SIDES": (256,), "COPIED_BYTES": 1 << 20, "PREDICTED_AT_ONCE": 8}.items():
        monkeypatch.setattr(pieces, name, value)


def config(recipe="first-cnn", batch_size=8, precision="float32"):
    return RECIPES[recipe]().changed(batch_size=batch_size, precision=precision)


@pytest.mark.parametrize("recipe", FROM_SCRATCH)
def test_what_is_timed_is_what_was_counted(recipe):
    """A batch's forward pass and step, run as they are timed, under torch's own counter."""
    training = pieces.Pieces(config(recipe))
    images, targets = training.loader.batch(0, 0)
    with FlopCounterMode(display=False) as forward:
        pieces.forward_pass(training.step, images, targets)
    with FlopCounterMode(display=False) as step:
        training.step(images, targets)
    assert forward.get_total_flops() == 8 * training.flops.forward
    assert step.get_total_flops() == 8 * training.flops.step


def test_every_piece_is_timed_and_its_share_taken():
    timings = bench.measure(config(), seconds=0)
    assert timings.rounds == bench.FEWEST_ROUNDS
    units = {row.piece: row.unit for row in timings.rows}
    assert units | {"bfloat16 products": "GFLOP/s"} == PIECES | {"bfloat16 products": "GFLOP/s"}
    for row in timings.rows:
        assert 0 < row.figure.lowest <= row.figure.median <= row.figure.highest
        assert (row.share is None) == (row.share_of == "")
        if row.share is not None:
            assert 0 < row.share.lowest <= row.share.median <= row.share.highest, row
    step, duration = timings.row("training step").figure, timings.row("time of a step").figure
    assert step.highest * duration.lowest == pytest.approx(8 * timings.flops.step / 1e6)
    assert timings.row("optimizer update").figure.median < duration.median


def test_more_time_gives_more_rounds_and_each_row_is_arithmetic(monkeypatch):
    known = pieces.Round(
        products={"float32": 50.0},
        copy=0.002,
        augmentation=0.003,
        forward=0.04,
        step=0.1,
        update=0.005,
        jpeg=0.01,
        png=0.04,
        prediction=0.5,
    )
    monkeypatch.setattr(pieces.Pieces, "measure", lambda _: (time.sleep(0.01), known)[1])
    timings = bench.measure(config(), seconds=0.2)
    assert timings.rounds > bench.FEWEST_ROUNDS
    rates = {row.piece: row.figure.median for row in timings.rows}
    assert rates == pytest.approx(
        {
            "float32 products": 50,
            "memory copy": 2 * 2**20 / 0.002 / 1e9,
            "forward": 8 * timings.flops.forward / 0.04 / 1e9,
            "training step": 8 * timings.flops.step / 0.1 / 1e9,
            "time of a step": 100,
            "augmentation": 3,
            "optimizer update": 5,
            "decoding JPEG": 1600,
            "decoding PNG": 400,
            "prediction": 16,
        }
    )
    shares = {row.piece: row.share.median for row in timings.rows if row.share}
    of_peak = {piece: rates[piece] / 50 for piece in ("forward", "training step")}
    assert shares == pytest.approx(of_peak | {"augmentation": 0.03, "optimizer update": 0.05})


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_a_precision_is_compared_with_its_own_peak(precision):
    """Within the bounds of the figures: other work on the machine can push a share above 1."""
    timings = bench.measure(config(precision=precision), seconds=0)
    peak, step = timings.row(f"{precision} products").figure, timings.row("training step")
    assert step.figure.highest / peak.lowest >= step.share.highest >= step.share.lowest
    assert step.share.lowest >= step.figure.lowest / peak.highest
    assert timings.rows[0].piece == "float32 products"


class Clock:
    """A clock that advances a millisecond per reading, so that times do not depend on the machine."""

    def __init__(self):
        self.now = 0.0

    def perf_counter(self):
        self.now += 0.001
        return self.now

    def sleep(self, seconds):
        self.now += seconds


@pytest.fixture
def clock(monkeypatch):
    clock = Clock()
    monkeypatch.setattr(pieces, "time", clock)
    return clock


def test_a_slow_update_is_seen_within_its_step(monkeypatch, clock):
    apply = NativeOptimizer.apply
    monkeypatch.setattr(NativeOptimizer, "apply", lambda *given: (clock.sleep(0.05), apply(*given)))
    timings = bench.measure(config(), seconds=0)
    assert timings.row("optimizer update").figure.median == pytest.approx(51)
    assert timings.row("time of a step").figure.median == pytest.approx(53)


def test_slow_augmentation_is_seen_outside_the_step(monkeypatch, clock):
    move = loader.apply_all
    monkeypatch.setattr(loader, "apply_all", lambda *given: (clock.sleep(0.1), move(*given))[1])
    timings = bench.measure(config(), seconds=0)
    assert timings.row("augmentation").figure.median == pytest.approx(101)
    assert timings.row("time of a step").figure.median == pytest.approx(3)


@pytest.mark.parametrize("seconds", [-1, float("nan"), float("inf")])
def test_seconds_that_are_no_time_are_refused(seconds):
    with pytest.raises(ConfigError, match="seconds"):
        bench.measure(config(), seconds)
