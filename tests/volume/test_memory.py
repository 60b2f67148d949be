"""Memory does not grow with the number of pictures: watched at each part that a real process writes."""

import json
import os
import subprocess
import sys
from statistics import median

import pytest
from PIL import Image

WATCHED = """
import ctypes, gc, json, sys
import psutil, pyarrow
from tellapart.volume import job, unfinished
from tellapart.cli.main import main

job.PICTURES_AT_ONCE, write, resident = 250, unfinished.Unfinished.write_part, []

def watched(*arguments):
    gc.collect()  # what is kept is measured, not what the allocators hold in reserve
    pyarrow.default_memory_pool().release_unused()
    ctypes.CDLL(None).malloc_trim(0)
    resident.append(psutil.Process().memory_info().rss / 1e6)
    return write(*arguments)

unfinished.Unfinished.write_part = watched
code = main(sys.argv[1:])
print(json.dumps(resident))
sys.exit(code)
"""


@pytest.fixture(scope="session")
def copies(tmp_path_factory):
    """15,000 names of one small picture, by the thousand in folders."""
    folder = tmp_path_factory.mktemp("copies")
    picture = tmp_path_factory.mktemp("picture") / "one.png"
    Image.effect_noise((24, 24), 80).convert("RGB").save(picture)
    for number in range(15_000):
        place = folder / f"{number // 1000}" / f"{number}.png"
        place.parent.mkdir(exist_ok=True)
        os.link(picture, place)
    return folder


@pytest.mark.parametrize("ending", [".csv", ".parquet"])
def test_memory_is_flat(ending, copies, tmp_path):
    words = [
        sys.executable,
        "-c",
        WATCHED,
        "predict",
        "digits",
        str(copies),
        "--out",
        str(tmp_path / f"rows{ending}"),
    ]
    done = subprocess.run(words, capture_output=True, text=True, check=True, timeout=200)
    resident = json.loads(done.stdout)
    assert len(resident) == 60
    grown = median(resident[-10:]) - median(resident[10:20])
    assert grown < 5, resident  # predictions of 10,000 pictures that are kept are 8 MB
