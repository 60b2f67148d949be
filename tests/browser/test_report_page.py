"""The report in a browser: no errors, usable by mouse and keyboard, no serious finding of axe-core."""

import pytest
from axe_playwright_python.sync_playwright import Axe

import tellapart

WIDTHS, SCHEMES = (1280, 390), ("light", "dark")


@pytest.fixture(scope="session")
def facts(trained):
    return tellapart.report(trained.folder).facts


def findings(page):
    """The serious and critical findings of axe-core."""
    violations = Axe().run(page).response["violations"]
    return [
        (violation["id"], violation["nodes"][0]["html"][:120])
        for violation in violations
        if violation["impact"] in ("serious", "critical")
    ]


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("scheme", SCHEMES)
def test_it_opens_from_a_disk_without_a_network_and_without_errors(opened, trained, facts, width, scheme):
    page = opened(trained.report, width, scheme)
    page.wait_for_selector("#chart-accuracy svg")
    assert page.troubles == []
    assert page.evaluate("document.documentElement.scrollWidth") == width
    assert findings(page) == []


def test_it_is_smaller_than_three_megabytes(trained, facts):
    assert trained.report.stat().st_size < 3e6


def test_it_reads_without_scripts(opened, trained, facts):
    page = opened(trained.report, scripts=False)
    text = page.inner_text("body")
    assert f"Test accuracy: {100 * facts['scores']['accuracy']:.1f}%" in text
    assert "Calibration: can its confidence be trusted?" in text
    assert page.locator("#classes ~ .scroll tbody tr").count() == 10
    assert "JavaScript is off" in text
    assert not page.locator("#threshold").is_visible()
    assert not page.locator("button.look").first.is_visible()
    assert page.locator(".matrix button").first.is_visible()


def test_every_threshold_shows_the_facts(opened, trained, facts):
    page = opened(trained.report)
    slider, output = page.locator("#threshold"), page.locator("#threshold-says")
    slider.focus()
    page.keyboard.press("Home")
    for row in facts["calibration"]["thresholds"]:
        if row["accuracy"] is None:
            assert "None of the predictions" in output.inner_text()
        else:
            assert f"{100 * row['answered']:.1f}%" in output.inner_text()
            assert f"{100 * row['accuracy']:.2f}%" in output.inner_text()
        page.keyboard.press("ArrowRight")


def test_a_cell_of_the_matrix_shows_its_pictures_by_mouse_and_by_keyboard(opened, trained, facts):
    page = opened(trained.report)
    first = page.locator(".matrix button").first
    first.hover()
    count = facts["scores"]["confusion"][0][0]
    assert f": {count} of {facts['scores']['pictures']} pictures" in page.inner_text("#shown-title")
    assert page.locator("#shown .picture").count() == min(8, count)
    first.focus()
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowDown")
    assert page.evaluate("document.activeElement.dataset.cell") == "11"
    assert "True class 1, predicted 1" in page.inner_text("#shown-title")
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.getAttribute('aria-pressed')") == "true"
    page.locator(".matrix button").nth(22).hover()
    assert "True class 1, predicted 1" in page.inner_text("#shown-title")  # still selected


def test_the_most_frequent_confusion_is_shown_first_and_not_selected(opened, trained, facts):
    page = opened(trained.report)
    confusion = facts["scores"]["confusion"]
    wrong = {(i, j): n for i, row in enumerate(confusion) for j, n in enumerate(row) if i != j}
    (target, predicted), most = max(wrong.items(), key=lambda cell: cell[1])
    assert most > 0
    assert f"True class {target}, predicted {predicted}: {most} of" in page.inner_text("#shown-title")
    assert page.locator("#shown .picture").count() == min(8, most)
    assert page.locator("[data-cell][aria-pressed=true]").count() == 0


def test_clicking_a_confusion_shows_all_of_its_pictures(opened, trained, facts):
    page = opened(trained.report)
    shown = page.locator("#shown .picture")
    for button in page.locator("button.look").all():
        button.click()
        count = int(page.inner_text("#shown-title").split(": ")[1].split()[0])
        assert shown.count() == count > 0
        button.click()  # deselects
        assert shown.count() == min(8, count)


def test_the_learning_rate_is_drawn(opened, trained, facts):
    page = opened(trained.report)
    label = page.locator("#chart-rate svg").get_attribute("aria-label")
    first, last = label.removeprefix("Learning rate by epoch, from ").removesuffix(".").split(" to ")
    rates = [row["learning_rate"] for row in facts["curves"]]
    assert (float(first), float(last)) == (
        pytest.approx(rates[0], rel=0.01),
        pytest.approx(rates[-1], rel=0.01),
    )


def test_on_a_narrow_screen_the_matrix_fades_where_it_goes_on(opened, trained, facts):
    page = opened(trained.report, 390)
    region = page.locator(".scroll", has=page.locator(".matrix"))
    page.wait_for_selector(".scroll.more-after .matrix")
    assert "gradient" in region.evaluate("(region) => getComputedStyle(region).maskImage")


def test_the_keyboard_reaches_every_control(opened, trained, facts):
    page = opened(trained.report)
    reached = set()
    for _ in range(80):
        page.keyboard.press("Tab")
        reached.add(page.evaluate("document.activeElement.id || document.activeElement.tagName"))
    assert {"theme", "threshold", "SUMMARY", "A", "BUTTON"} <= reached


def test_the_readers_choice_of_colors_holds(opened, trained, facts):
    page = opened(trained.report, scheme="light")
    paper = "getComputedStyle(document.body).backgroundColor"
    before = page.evaluate(paper)
    page.locator("#theme").click()
    assert page.evaluate(paper) != before
    assert page.locator("#theme").inner_text() == "Light"
    assert findings(page) == []


def test_pictures_of_the_mistakes_are_there(opened, trained, facts):
    page = opened(trained.report)
    assert page.locator(".mistakes > li").count() == len(facts["mistakes"]) > 0
    boxes = [page.locator(".mistakes .picture").nth(index).bounding_box() for index in range(4)]
    sizes = [box["height"] for box in boxes]
    assert min(sizes) > 20
    assert page.locator(".mistakes .neighbors .picture").count() == 3 * len(facts["mistakes"])


def test_a_run_with_missing_files_gets_a_page_of_the_rest(opened, trained, tmp_path):
    import shutil

    shutil.copytree(trained.folder, tmp_path / "old")
    for name in ("predictions.safetensors", "log.jsonl"):
        (tmp_path / "old" / name).unlink()
    report = tellapart.report(tmp_path / "old")
    page = opened(report.path)
    assert page.troubles == []
    assert "Some parts are missing" in page.inner_text("main")
    assert findings(page) == []
