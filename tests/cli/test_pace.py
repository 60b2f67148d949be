"""The pace: of the last minute, and of this call alone."""

from tellapart.cli.terminal.pace import Pace


def test_what_was_done_before_counts_for_no_pace():
    pace = Pace()
    assert pace.after(5000, 10_000, 0.0) == ""
    assert pace.after(5100, 10_000, 10.0) == "10 pictures/s, 8 minutes left"
    assert pace.after(5101, 10_000, 20.0) == "5.0 pictures/s, 16 minutes left"


def test_only_the_last_minute_counts():
    pace = Pace()
    for second in range(0, 600, 10):
        pace.after(second, 100_000, float(second))
    for second in range(600, 700, 10):
        said = pace.after(600 + 100 * (second - 590), 100_000, float(second))
    assert said.startswith("100 pictures/s")


def test_at_the_end_nothing_is_left():
    pace = Pace()
    pace.after(0, 100, 0.0)
    assert pace.after(100, 100, 0.01) == "10,000 pictures/s"
