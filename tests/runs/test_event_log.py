"""What the log holds of the watch, and how little of a damaged line is trusted."""

from dataclasses import asdict

import pytest

from tellapart.events import Finding
from tellapart.runs.event_log import event_line, findings_in, read_log

FINDING = Finding(
    "accuracy collapse", 11, 8, "the validation accuracy has fallen from 78.0% to 61.0%", "Lower the rate"
)


def test_findings_come_back_as_they_were_told(tmp_path):
    log = tmp_path / "log.jsonl"
    log.write_text(event_line("EpochDone", {"epoch": 11}) + event_line("Finding", asdict(FINDING)))
    assert findings_in(read_log(log)[0]) == (FINDING,)
    assert FINDING.in_words == (
        "Accuracy collapse (since epoch 9, noticed in epoch 12): "
        "the validation accuracy has fallen from 78.0% to 61.0%. Lower the rate."
    )


@pytest.mark.parametrize(
    "wrong", [{"kind": "plague"}, {"kind": 7}, {"epoch": "11"}, {"seen": None}, {"since": [1]}]
)
def test_a_line_with_a_wrong_value_is_left_out(wrong):
    assert findings_in([{"event": "Finding", **asdict(FINDING), **wrong}]) == ()
    lacking = {name: value for name, value in asdict(FINDING).items() if name not in wrong}
    assert findings_in([{"event": "Finding", **lacking}]) == ()
