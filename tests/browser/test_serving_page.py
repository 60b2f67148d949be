"""The page of `tellapart serve`, in a browser, on a real server."""

import sys
from pathlib import Path

import pytest

import tellapart
from tellapart.guide.lessons._photo import CAT

sys.path.insert(0, str(Path(__file__).parents[1] / "server"))
from serving_process import encoded, served


@pytest.fixture(scope="module")
def address(tmp_path_factory):
    with served(tmp_path_factory.mktemp("page"), "imagenet", "digits") as server:
        yield f"http://127.0.0.1:{server.port}/"


@pytest.fixture
def page(browser, address):
    page = browser.new_page(viewport={"width": 390, "height": 800})
    page.failures = []
    page.on("pageerror", lambda error: page.failures.append(str(error)))
    page.goto(address)
    yield page
    assert not page.failures
    page.close()


def test_a_chosen_photo_becomes_bars_as_predict_has_them(page):
    page.set_input_files("#file", CAT)
    page.wait_for_selector("#bars li")
    (prediction,) = tellapart.predict(CAT, top=5)
    assert page.inner_text("#answer") == "cat 87%"
    assert [item.inner_text().split("\n")[0] for item in page.query_selector_all("#bars li")] == list(
        prediction.names
    )
    assert page.is_hidden("#unfamiliar")
    assert page.evaluate("document.documentElement.scrollWidth") <= 390


def test_a_pasted_and_a_dropped_photo_do_the_same(page):
    for event, data in (("paste", "clipboardData"), ("drop", "dataTransfer")):
        page.reload()
        page.evaluate(
            """async ([bytes, event, data]) => {
                const transfer = new DataTransfer();
                transfer.items.add(new File([new Uint8Array(bytes)], "cat.jpg", { type: "image/jpeg" }));
                const fired = new Event(event, { bubbles: true, cancelable: true });
                fired[data] = transfer;
                document.dispatchEvent(fired);
            }""",
            [list(CAT.read_bytes()), event, data],
        )
        page.wait_for_selector("#bars li")
        assert page.inner_text("#answer") == "cat 87%"


def test_a_photo_of_none_of_the_classes_and_a_file_that_is_none_are_said(page):
    page.select_option("#model", "digits")
    page.set_input_files("#file", CAT)
    page.wait_for_selector("#bars li")
    familiar = tellapart.predict("digits", CAT)[0].familiar
    assert (page.inner_text("#answer") == "Probably none of these") == (familiar is False)
    page.set_input_files("#file", {"name": "note.png", "mimeType": "image/png", "buffer": b"no picture"})
    page.get_by_text("note.png: ").wait_for()
    assert page.is_hidden("#bars")


def test_an_explanation_is_one_click_away(page):
    page.select_option("#model", "digits")
    page.set_input_files("#file", {"name": "seven.png", "mimeType": "image/png", "buffer": encoded(_seven())})
    page.wait_for_selector("#bars li")
    with page.context.expect_page() as opened:
        page.click("#explain")
    tab = opened.value
    tab.wait_for_url("blob:**")
    tab.wait_for_selector("h1")
    assert "seven.png" in tab.content()
    tab.close()


def _seven():
    import numpy as np

    pixels = np.zeros((28, 28), np.uint8)
    pixels[5:8, 7:21] = 255
    for row in range(8, 24):
        column = 20 - (row - 8) // 2
        pixels[row, column - 2 : column + 1] = 255
    return pixels


def test_the_page_is_accessible(page):
    from axe_playwright_python.sync_playwright import Axe

    page.set_input_files("#file", CAT)
    page.wait_for_selector("#bars li")
    for theme in ("light", "dark"):
        page.evaluate("theme => { document.documentElement.dataset.theme = theme; }", theme)
        assert not Axe().run(page).response["violations"]


def test_a_token_is_asked_for_and_sent(browser, tmp_path):
    with served(tmp_path, "digits", "cifar10", "--token", "a-token-of-enough-characters") as server:
        page = browser.new_page()
        page.goto(f"http://127.0.0.1:{server.port}/")
        assert b"cifar10" not in server.get("/").body
        assert page.locator("#model").is_hidden()
        page.set_input_files("#file", CAT)
        page.wait_for_function(
            "document.getElementById('status').textContent.startsWith('A token is needed')"
        )
        page.fill("#token", "a-token-of-enough-characters")
        page.press("#token", "Enter")
        page.wait_for_selector("#bars li")
        assert page.locator("#model option").all_inner_texts() == ["digits", "cifar10"]
        page.select_option("#model", "cifar10")
        page.get_by_text("cat", exact=True).first.wait_for()
        page.close()


def test_a_photo_is_kept_under_what_its_reader_says(browser, tmp_path):
    with served(tmp_path, "digits", "--corrections", tmp_path / "kept") as server:
        page = browser.new_page()
        page.goto(f"http://127.0.0.1:{server.port}/")
        page.set_input_files("#file", CAT)
        page.get_by_text("Wrong? Correct it").click()
        page.fill("#label", "7")
        page.press("#label", "Enter")
        page.get_by_text("Kept as 7.").wait_for()
        page.close()
    (kept,) = (tmp_path / "kept" / "7").iterdir()
    assert kept.read_bytes() == CAT.read_bytes()
