"""What a format needs: packages that are missing, or there and broken; and converters that are kept quiet."""

import logging
import sys
import threading
import types
from dataclasses import replace

import pytest

from tellapart.errors import MissingExtraError, ModelError
from tellapart.exporters.quiet import quietly
from tellapart.exporters.registry import FORMATS


def test_packages_that_are_missing_or_broken_are_told_apart(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "broken_converter.py").write_text("from typing import NothingOfThatName\n")
    with pytest.raises(MissingExtraError, match="missing_converter"):
        replace(FORMATS["onnx"], packages=("missing_converter",)).require()
    with pytest.raises(
        ModelError, match=r"broken_converter, which is installed and cannot be imported \(ImportError"
    ):
        replace(FORMATS["onnx"], packages=("broken_converter",)).require()
    assert isinstance(sys.modules.get("broken_converter"), types.NoneType)


def test_two_quiet_threads_leave_logging_as_it_was():
    inside, leave = threading.Event(), threading.Event()

    def first():
        with quietly():
            inside.set()
            leave.wait(10)

    def second():
        with quietly():
            pass

    threads = [threading.Thread(target=first), threading.Thread(target=second)]
    threads[0].start()
    inside.wait(10)
    threads[1].start()
    leave.set()
    for thread in threads:
        thread.join(10)
    assert logging.root.manager.disable == 0
