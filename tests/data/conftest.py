import os
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tellapart.data.sources.catalog import KNOWN_SETS
from tellapart.data.sources.known import find_place


@pytest.fixture
def real_data():
    """`real_data(name)` is where a real set lies under TELLAPART_DATA; the test is skipped without it."""

    def place(name: str) -> Path:
        root = os.environ.get("TELLAPART_DATA")
        if not root:
            pytest.skip("TELLAPART_DATA is not set: no real data sets to read")
        if name in KNOWN_SETS:
            found = find_place(KNOWN_SETS[name], Path(root))
            folder = found[0] if found else None
        else:
            folder = Path(root) / name if (Path(root) / name).is_dir() else None
        if folder is None:
            pytest.skip(f"{name} is not in TELLAPART_DATA")
        return folder

    return place


@pytest.fixture
def nowhere(tmp_path, monkeypatch):
    """Neither TELLAPART_DATA nor a cache with anything in it; returns the empty cache's parent."""
    monkeypatch.delenv("TELLAPART_DATA", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture
def picture_folder(tmp_path):
    """`picture_folder({"train/cat": 3, "train/dog": 2})` makes small PNGs, every one different."""

    def make(
        counts: dict[str, int], size: tuple[int, int] = (6, 4), root: Path = tmp_path / "pictures"
    ) -> Path:
        rng = np.random.default_rng(0)
        for folder, count in counts.items():
            (root / folder).mkdir(parents=True, exist_ok=True)
            for number in range(count):
                pixels = rng.integers(0, 256, (size[1], size[0], 3), np.uint8)
                Image.fromarray(pixels).save(root / folder / f"{number}.png")
        return root

    return make
