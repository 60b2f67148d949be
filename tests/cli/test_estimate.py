"""The estimate of the time left: from the last minute, said again when it turns out wrong."""

from tellapart.cli.terminal.estimate import TimeEstimate, in_words


def told(seconds_of_step, total=1000):
    """The lines after each step, with the moment and the true time left: step -> seconds."""
    estimate, now, lines = TimeEstimate(), 0.0, []
    ends = [0.0]
    for step in range(1, total + 1):
        ends.append(ends[-1] + seconds_of_step(step))
    for step in range(1, total + 1):
        now = ends[step]
        line = estimate.after_step(step, total, now)
        if line is not None:
            lines.append((line.removeprefix("Estimated time left: "), ends[-1] - now))
    return lines


def test_steady_steps_are_estimated_once():
    ((words, left),) = told(lambda step: 1.0)
    assert words == in_words(left)


def test_slow_first_steps_are_corrected():
    """Thirty times slower for the first hundred steps, as where memory is first used."""
    lines = told(lambda step: 3.0 if step <= 100 else 0.1)
    assert len(lines) >= 2
    assert "minutes" in lines[0][0]
    seconds, left = int(lines[-1][0].split()[0]), lines[-1][1]
    assert 0.7 < seconds / left < 1.4


def test_it_is_not_said_at_every_turn():
    assert len(told(lambda step: 1.0 + (step % 5))) <= 4


def test_nothing_is_said_at_the_end():
    assert told(lambda step: 0.01, total=5) == []
