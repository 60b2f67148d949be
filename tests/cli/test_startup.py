"""Start-up: Python collects garbage again after the imports, whatever they did."""

import gc

import pytest

from tellapart.cli.terminal.startup import importing


@pytest.fixture(autouse=True)
def thawed():
    yield
    gc.unfreeze()


def test_nothing_is_collected_within_and_what_was_there_is_left_out_after():
    with importing():
        assert not gc.isenabled()
    assert gc.isenabled()
    assert gc.get_freeze_count() > 0


def test_an_import_that_fails_leaves_collecting_on():
    with pytest.raises(ImportError), importing():
        raise ImportError
    assert gc.isenabled()
