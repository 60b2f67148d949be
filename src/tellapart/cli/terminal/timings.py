"""What `bench` prints: the table of timings, and conclusions from it."""

from tellapart.cli.terminal.console import results, say
from tellapart.cli.terminal.fitting_table import add_row, new_table
from tellapart.profiling.bench import Row, Timings
from tellapart.text import counted, percent

AUGMENTATION_SHARE = 0.05
"""Share of a step that augmentation should stay below."""

STEADY = 1.3
"""Longest step divided by shortest, up to which a machine counts as idle."""


def report_timings(timings: Timings) -> None:
    """Print every piece, then the share of the peak, the costliest other piece, and how steady it was."""
    height, width, channels = timings.picture_shape
    say(
        f"Recipe {timings.recipe}: {timings.batch_size:,} pictures per step, {height} x {width} x {channels}, "
        f"{timings.precision}\n"
        f"{timings.hardware['processor']}, {counted(timings.threads, 'thread')}"
    )
    numbers = ("median", "lowest", "highest")
    long, spare = ("piece", "unit", "share"), ("lowest", "highest", "share")
    table = new_table("piece", *numbers, "unit", "share", right=numbers, long=long, spare=spare)
    for row in timings.rows:
        figures = row.figure.median, row.figure.lowest, row.figure.highest
        add_row(table, row.piece, *map(_number, figures), row.unit, _share(row))
    results().print(table)
    for sentence in conclusions(timings):
        say(sentence)


def conclusions(timings: Timings) -> list[str]:
    """Return conclusions from the table, in sentences."""
    step, duration = timings.row("training step").share, timings.row("time of a step").figure
    beside = {row.piece: row.share.median for row in timings.rows if row.share and row.share_of == "step"}
    assert step is not None
    dearest = max(beside, key=lambda piece: beside[piece])
    sentences = [
        f"A training step runs at {percent(step.median)} of the speed of a {timings.precision} matrix product "
        f"({percent(step.lowest)} to {percent(step.highest)} over {timings.rounds} rounds).",
        f"Apart from the network itself, the {dearest} takes the most time: "
        f"{percent(beside[dearest])} of a step.",
    ]
    if beside["augmentation"] >= AUGMENTATION_SHARE:
        sentences.append(
            f"Augmentation takes {percent(beside['augmentation'])} of a step; "
            f"it should stay below {percent(AUGMENTATION_SHARE)}."
        )
    if duration.highest > STEADY * duration.lowest:
        sentences.append(
            f"The longest step took {duration.highest / duration.lowest:.1f} times as long as the shortest: "
            "other programs are running on this machine."
        )
    return sentences


def _share(row: Row) -> str:
    return "" if row.share is None else f"{percent(row.share.median)} of {row.share_of}"


def _number(value: float) -> str:
    """Three digits, or all before the point."""
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"
