"""The explanation within a notebook's frame: links of its contents stay in it and scroll."""

import pytest

from tellapart.explanations.page import page as pages


@pytest.fixture
def notebook(opened, explained, tmp_path, monkeypatch):
    """An outer page that shows what a notebook would, and the explanation's frame."""
    shown = [section for section in pages.SECTIONS if section.name in ("answer", "picture", "layers")]
    monkeypatch.setattr(pages, "SECTIONS", shown)
    path = tmp_path / "notebook.html"
    frame = explained.explanation.frame()
    path.write_text(f"<!doctype html><title>notebook</title><h1>Notebook</h1>{frame}", encoding="utf-8")
    page = opened(path)
    (frame,) = page.frames[1:]
    frame.wait_for_selector("html[data-ready]")
    return page, frame


def in_view(frame, selector):
    return frame.evaluate(
        """(selector) => {
          const box = document.querySelector(selector).getBoundingClientRect();
          return box.top >= -1 && box.bottom <= innerHeight + 1;
        }""",
        selector,
    )


@pytest.mark.parametrize(
    ("link", "target"), [("nav.contents a[href='#layers']", "layers"), (".skip", "content")]
)
def test_a_link_scrolls_within_the_frame(notebook, link, target):
    page, frame = notebook
    frame.locator(link).focus()
    page.keyboard.press("Enter")
    frame.wait_for_function("(id) => document.activeElement.id === id", arg=target)
    assert frame.url == "about:srcdoc"
    assert frame.locator("h1").inner_text().startswith("Why")
    assert target == "content" or in_view(frame, f"#{target}")
    assert page.locator("h1").inner_text() == "Notebook"
    assert page.troubles == []


def test_outside_a_frame_a_link_is_an_ordinary_one(opened, explained):
    page = opened(explained.path)
    page.wait_for_selector("html[data-ready]")
    page.locator("nav.contents a[href='#layers']").click()
    assert page.url.endswith("#layers")
    assert in_view(page, "#layers")
