"""What docs/serving.md says to type works as it stands there."""

import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest
from serving_process import served

from tellapart.guide.lessons._photo import CAT
from tellapart.server.limits import LIMITS

PAGE = (Path(__file__).parents[2] / "docs" / "serving.md").read_text()
COMMANDS = re.findall(r"^(?:printf .*\|\n *)?curl .*", PAGE, re.MULTILINE)


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """A folder with the pictures that the page names, and the port of a server."""
    folder = tmp_path_factory.mktemp("docs")
    for name in ("cat.jpg", "dog.jpg"):
        shutil.copyfile(CAT, folder / name)
    with served(folder, "digits") as server:
        yield folder, server.port


@pytest.mark.skipif(shutil.which("curl") is None, reason="needs curl")
@pytest.mark.parametrize("command", COMMANDS)
def test_every_curl_command_is_answered(place, command):
    folder, port = place
    typed = command.replace("127.0.0.1:8080", f"127.0.0.1:{port}").replace("curl ", "curl -sS --fail ", 1)
    done = subprocess.run(["bash", "-c", typed], cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    if "why.html" in command:
        assert "<!doctype html>" in (folder / "why.html").read_text()[:100]
    else:
        assert all(row["predicted"] for row in json.loads(done.stdout)["predictions"])


def test_there_are_commands():
    assert len(COMMANDS) >= 4


def test_the_table_of_limits_has_the_defaults():
    rows = re.findall(r"^\| ([^|]+) \| ([^|]+) \|", PAGE, re.MULTILINE)
    table = {what.strip(): default.strip() for what, default in rows}
    assert table["a request's body"] == f"{LIMITS.body_bytes / 1e6:g} MB"
    assert table["pictures in a request"] == str(LIMITS.pictures)
    assert table["pixels of a picture, by its header"] == f"{LIMITS.pixels / 1e6:g} million"
    assert table["pictures accepted and not answered"] == str(LIMITS.queue)
    assert (
        table["time for sending a request"]
        == f"{LIMITS.body_seconds:g} s; its head {LIMITS.head_seconds:g} s"
    )
    assert table["explanations at once"].startswith(str(LIMITS.explanations))
    assert table["all bodies held together"] == f"{LIMITS.bytes_together / 1e6:g} MB"
    assert table["connections"] == f"{LIMITS.connections:,}"
