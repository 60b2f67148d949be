"""The guide's page on a cat in a browser: its answers are those of the pictures shown, and a photo is asked about."""

import json
import threading

import numpy as np
import pytest

from tellapart.guide import server as serving
from tellapart.guide.answers import answers
from tellapart.guide.contents import named
from tellapart.guide.lessons import dog_or_cat as making
from tellapart.guide.lessons._photo import CAT, cat
from tellapart.guide.render import page_of, write_libraries

PIXELS = """(canvas) => [...canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height).data]"""


IS_SEEN = """(one) => { const box = one.getBoundingClientRect(); return box.top >= 0 && box.bottom <= innerHeight; }"""


@pytest.fixture
def page(lesson):
    return lesson("dog-or-cat")


def pixels(page, canvas):
    flat = np.array(page.locator(canvas).evaluate(PIXELS)).reshape(-1, 4)
    return flat[:, :3].reshape(round(len(flat) ** 0.5), -1, 3)


def shares_by_name(page, table):
    return list(zip(page.locator(f"{table} th").all_inner_texts(), shares(page, table), strict=True))


def shares(page, table):
    return page.locator(f"{table} td").evaluate_all(
        "all => all.map((one) => Number(one.style.getPropertyValue('--share')))"
    )


@pytest.mark.parametrize("is_shuffled", [False, True])
@pytest.mark.parametrize("side", [96, 24, 4])
def test_what_is_shown_is_what_the_model_was_asked_about(page, side, is_shuffled):
    page.locator("#side").fill(str(len(making.SIDES) - 1 - making.SIDES.index(side)))
    page.locator("#shuffled").set_checked(is_shuffled)
    picture = making.shuffled(cat(side)) if is_shuffled else cat(side)
    np.testing.assert_array_equal(pixels(page, "#photo"), picture)
    (answer,) = answers([picture])
    assert dict(shares_by_name(page, "#photo-bars")) == pytest.approx(dict(answer["things"]), abs=1e-3)
    kind, probability = answer["kind"] or ("", 0)
    assert f"{kind} {100 * probability:.1f}%" in page.inner_text("#photo-says") or answer["kind"] is None
    assert f"{side * side * 3:,} numbers" in page.inner_text("#photo-says")
    assert page.inner_text("#side-says") == f"{side} × {side} pixels"


def test_the_photo_itself_is_shown_first_and_is_the_largest(page):
    assert page.locator("#side").input_value() == page.locator("#side").get_attribute("max")
    np.testing.assert_allclose(pixels(page, "#photo"), cat(192).astype(int), atol=12)  # two decoders of JPEG
    assert "the model predicts cat" in page.inner_text("#photo-says")


@pytest.mark.parametrize("is_mirrored", [False, True])
@pytest.mark.parametrize("shift", [-4, 0, 2])
def test_the_cat_is_moved_and_its_distance_taken(page, shift, is_mirrored):
    page.locator("#shift").fill(str(shift))
    page.locator("#mirrored").set_checked(is_mirrored)
    picture = making.moved(shift)[:, ::-1] if is_mirrored else making.moved(shift)
    np.testing.assert_array_equal(pixels(page, "#moved"), picture)
    np.testing.assert_array_equal(pixels(page, "#plain"), making.plain())
    away = making.distance(making.moved(0), picture)
    assert page.inner_text("#moved-distance") == f"{away:.1f}"
    assert page.inner_text("#plain-distance") == f"{making.distances()['plain']:.1f}"
    nearer = "this cat" if away < making.distances()["plain"] else "the plain square"
    says = page.inner_text("#rule-says")
    assert f"{nearer} is more like the cat" in says
    (name, probability) = answers([picture])[0]["things"][0]
    assert f"{name} with a probability of {100 * probability:.1f}%" in says


@pytest.mark.proves("ask")
def test_a_page_from_the_disk_asks_nobody(page):
    page.locator("#own-photo").set_input_files(CAT)
    page.wait_for_selector("#own-seen:not([hidden])")
    expected = cat(224).astype(int)
    assert np.abs(pixels(page, "#own-small") - expected).mean() < 6  # another way of making it smaller
    assert "tellapart predict PHOTO" in page.inner_text("article")
    assert page.troubles == []
    assert page.locator("#own-bars").is_hidden()


def test_the_way_to_a_photo_of_ones_own_is_on_top(page):
    page.locator("article a[href='#own']").first.click()
    assert page.locator("#own-photo").evaluate(IS_SEEN)


def test_a_file_that_the_browser_cannot_read_is_named(page, tmp_path):
    (tmp_path / "note.txt").write_text("no picture")
    page.locator("#own-photo").set_input_files(tmp_path / "note.txt")
    page.wait_for_function("document.getElementById('own-says').textContent !== ''")
    assert page.inner_text("#own-says").endswith("cannot read note.txt as a picture. Try a JPEG or a PNG.")
    page.locator("#own-photo").set_input_files(CAT)
    page.wait_for_selector("#own-seen:not([hidden])")
    assert page.inner_text("#own-says") == ""


@pytest.mark.proves("private")
def test_a_photo_goes_to_tellapart_on_this_machine_and_nowhere_else(browser):
    """A real server: all that the page asks for, it asks of its own machine, and nothing more behind a refusal."""
    listener, server = serving.listening(0), serving.server()
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
    thread.start()
    address = f"http://127.0.0.1:{listener.getsockname()[1]}/"
    context = browser.new_context()
    try:
        page, asked = context.new_page(), []
        context.on("request", lambda one: asked.append(one))
        page.goto(f"{address}dog-or-cat.html")
        page.wait_for_selector("html[data-ready]")
        page.locator("#own-photo").set_input_files(CAT)
        page.wait_for_selector("#own-bars:not([hidden])", timeout=60_000)
        addresses = [one.url for one in asked if not one.url.startswith(("data:", "blob:"))]
        assert all(one.startswith(address) for one in addresses)
        (photo,) = (one for one in asked if one.method != "GET")
        assert photo.url == f"{address}answer?name={CAT.name}"
    finally:
        context.close()
        server.should_exit = True
        thread.join(20)
        listener.close()


@pytest.fixture
def served(browser, tmp_path):
    """Opens the page as `tellapart learn` serves it; `.asked` are the requests for an answer, `.reply` its replies."""
    write_libraries(tmp_path)
    (tmp_path / "dog-or-cat.html").write_text(page_of(named("dog-or-cat"), live=True), encoding="utf-8")
    context = browser.new_context()
    page = context.new_page()
    page.asked, page.replies = [], []

    def answer(route):
        if "/answer?name=" in route.request.url:
            page.asked.append(route.request)
            status, body = page.replies.pop(0)
            return route.abort() if status is None else route.fulfill(status=status, body=body)
        return route.fulfill(path=tmp_path / route.request.url.removeprefix("http://learn.test/"))

    page.route("**/*", answer)
    page.goto("http://learn.test/dog-or-cat.html")
    page.wait_for_selector("html[data-ready]")
    yield page
    context.close()


def shown_after(page, status, body, file=CAT):
    page.replies.append((status, body))
    page.locator("#own-photo").set_input_files(file)
    page.wait_for_function("!/^(Predicting.*)?$/.test(document.getElementById('own-says').textContent)")
    return page.inner_text("#own-says")


def test_a_photo_is_sent_as_it_is_and_its_answer_drawn(served):
    things = [["dog", 0.7], ["cat", 0.2], ["tub", 0.1]]
    said = {"things": things, "kind": ["beagle", 0.4], "unfamiliar": False}
    assert (
        shown_after(served, 200, json.dumps(said))
        == "The model predicts dog with a probability of 70.0% (beagle 40.0%)."
    )
    request = served.asked[0]
    assert (request.method, request.headers["content-type"]) == ("POST", "application/octet-stream")
    assert request.url == f"http://learn.test/answer?name={CAT.name}"
    assert request.post_data_buffer == CAT.read_bytes()
    assert shares_by_name(served, "#own-bars") == [tuple(thing) for thing in things]
    assert "cannot run" not in served.inner_text("article")


def test_an_unfamiliar_photo_gets_a_warning(served):
    said = {"things": [["tub", 0.6], ["dog", 0.4]], "kind": None, "unfamiliar": True}
    assert "tub with a probability of 60.0%. But" in shown_after(served, 200, json.dumps(said))
    assert "unlike its training pictures" in shown_after(served, 200, json.dumps(said))


@pytest.mark.parametrize(
    ("status", "body", "says"),
    [
        (415, json.dumps({"error": "note.txt is not a picture."}), "note.txt is not a picture."),
        (500, "oops", "tellapart failed with status 500."),
        (None, None, "tellapart does not respond. Is it still running?"),
    ],
)
def test_a_failure_is_shown(served, tmp_path, status, body, says):
    (tmp_path / "note.txt").write_text("no picture")
    assert shown_after(served, status, body, tmp_path / "note.txt") == says
    assert served.locator("#own-bars").is_hidden()
    assert served.locator("#own-seen").is_hidden()
