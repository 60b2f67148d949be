"""The modules that prepare pixels in a browser, against the Python functions that they copy: byte for byte."""

import io

import numpy as np
import pytest
from exported_page import prepared
from PIL import Image

from tellapart.data.decode import decode
from tellapart.data.preprocess import POLICIES, Preprocessing
from tellapart.exporters.web_page import MODULES, PROGRAM
from tellapart.pages.assemble import assemble

CASES = 12
"""Random sizes for each policy and reading."""


@pytest.fixture(scope="module")
def page(browser, tmp_path_factory):
    """A page with the modules and nothing else."""
    path = tmp_path_factory.mktemp("modules") / "page.html"
    modules = tuple(name for name in MODULES if name != PROGRAM)
    html = assemble("lesson_of_modules.html", {}, {}, styles=(), modules=modules, entry="preparing", libraries=()) if False else None
    if html is None:
        from tellapart.pages.assemble import _as_url, _text
        from pathlib import Path
        import json

        imports = {Path(name).stem: _as_url(_text(name)) for name in modules}
        html = f'<!doctype html><title>modules</title><script type="importmap">{json.dumps({"imports": imports})}</script>'
    path.write_text(html, encoding="utf-8")
    page = browser.new_page()
    page.goto(path.as_uri())
    yield page
    page.close()
