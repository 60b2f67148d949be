"""The process that explains: what fails in it is told, and it stays."""

import pytest
from serving_process import noisy_pictures

from tellapart.errors import PictureError
from tellapart.server.explaining import ExplainingProcess, NotExplainedError


def test_a_failure_is_told_and_the_process_stays(tmp_path):
    process, content = ExplainingProcess(), noisy_pictures(1)[0]
    try:
        with pytest.raises(NotExplainedError, match=r"gone\.keras"):
            process.explain(str(tmp_path / "gone.keras"), {}, content, "a.png")
        pid = process._running().pid
        with pytest.raises(PictureError):
            process.explain("digits", {}, b"no picture", "a.png")
        assert "a.png" in process.explain("digits", {}, content, "a.png")
        assert process._running().pid == pid
    finally:
        process.end()
