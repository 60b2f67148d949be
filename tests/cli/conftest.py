import pytest
from command_line import SMALL, make_pictures, tellapart


@pytest.fixture(autouse=True)
def elsewhere(tmp_path, monkeypatch):
    """Every test runs in an empty folder, with no data sets in reach but the embedded digits."""
    place = tmp_path / "elsewhere"
    place.mkdir()
    monkeypatch.chdir(place)
    monkeypatch.delenv("TELLAPART_DATA", raising=False)
    monkeypatch.delenv("COLUMNS", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


@pytest.fixture
def pictures(tmp_path):
    """Two classes of 20 pictures."""
    return make_pictures(tmp_path / "pictures", {"dark": 20, "light": 20})


@pytest.fixture(scope="session")
def pictures_and_run(tmp_path_factory):
    """A folder of pictures, and the run folder of a training on it."""
    place = tmp_path_factory.mktemp("trained")
    folder, run = make_pictures(place / "pictures", {"dark": 20, "light": 20}), place / "run"
    result = tellapart("train", folder, *SMALL, "--out", run, "--json", "--quiet")
    assert result.code == 0, result.err
    return folder, run, result.json


@pytest.fixture
def folder(pictures_and_run):
    """The folder of pictures that `run` was trained on."""
    return pictures_and_run[0]


@pytest.fixture
def run(pictures_and_run):
    """A finished run folder."""
    return pictures_and_run[1]
