"""The guide's page "Training, live": from a recording on the disk, and with tellapart behind it."""

import time

import numpy as np
import pytest

from tellapart.guide.contents import named
from tellapart.guide.small_training import RATE, RATES, training

FACTS = named("training").facts
SHOWN = """() => ({
  standing: document.getElementById("standing").textContent,
  kernel: document.querySelector("#kernels canvas").toDataURL(),
  says: [...document.querySelectorAll("#says span:nth-child(3n)")].map((one) => one.textContent),
})"""


@pytest.fixture
def live(browser, guide_address):
    context = browser.new_context(
        reduced_motion="reduce", bypass_csp=True
    )  # Playwright waits by `eval`; test_guide_served holds the policy
    page = context.new_page()
    page.troubles = []
    page.on("console", lambda said: page.troubles.append(said.text))
    page.on("pageerror", lambda error: page.troubles.append(str(error)))
    page.goto(f"{guide_address}training.html")
    page.wait_for_selector("html[data-ready]", timeout=60_000)
    yield page
    context.close()


def step_of(page):
    return int(page.inner_text("#standing").split()[1].rstrip(","))


def rested(page):
    """The step at which a paused training stands, once what was being learned has come."""
    there = step_of(page)
    for _ in range(10):
        page.wait_for_timeout(600)
        if step_of(page) == there:
            return there
        there = step_of(page)
    raise AssertionError(f"It goes on: step {there}.")


@pytest.mark.parametrize("rate", RATES)
def test_a_recording_is_shown_frame_by_frame(lesson, rate):
    page = lesson("training")
    page.select_option("#rate", str(rate))
    page.wait_for_function("document.getElementById('standing').textContent.startsWith('Step 0,')")
    for frame in FACTS["recordings"][str(rate)][1:6]:
        page.click("#step")
        page.wait_for_function(
            f"document.getElementById('standing').textContent.startsWith('Step {frame['step']},')"
        )
        shown = page.evaluate(SHOWN)
        assert f"test accuracy {100 * frame['accuracy']:.1f}%" in shown["standing"]
        assert f"batch loss {frame['loss']:.3f}" in shown["standing"]
        assert shown["says"] == [f"{100 * share:.1f}%" for share in frame["answer"]]


def test_a_recording_runs_to_its_end_and_says_so(lesson):
    page = lesson("training")
    page.click("#run")
    page.wait_for_function("document.getElementById('run').textContent === 'Pause'")
    page.click("#run")
    page.wait_for_function("document.getElementById('run').textContent === 'Run'")
    there = step_of(page)
    assert there > 0
    page.wait_for_timeout(500)
    assert step_of(page) == there
    page.click("#again")
    page.wait_for_function("document.getElementById('standing').textContent.startsWith('Step 0,')")


def test_another_rate_restarts_and_says_so(lesson):
    page = lesson("training")
    page.click("#step")
    page.wait_for_function("document.getElementById('standing').textContent.startsWith('Step 1,')")
    assert page.inner_text("#standing-aloud") == page.inner_text("#standing")
    page.select_option("#rate", str(RATES[-1]))
    page.wait_for_function("document.getElementById('standing').textContent.startsWith('Step 0,')")
    assert page.inner_text("#standing").endswith(f"Restarted with learning rate {RATES[-1]}: press Run.")
    page.click("#step")
    page.wait_for_function("document.getElementById('standing').textContent.startsWith('Step 1,')")
    assert "Restarted" not in page.inner_text("#standing")


def test_a_screen_reader_is_told_once_an_epoch_while_it_runs(lesson):
    page = lesson("training")
    page.evaluate("""() => {
      window.told = [];
      const aloud = document.getElementById("standing-aloud");
      new MutationObserver(() => window.told.push(aloud.textContent)).observe(aloud, { childList: true });
    }""")
    page.click("#run")
    page.wait_for_function(
        "document.getElementById('standing').textContent.includes('epoch 2.')", timeout=60_000
    )
    told = page.evaluate("window.told")
    assert 2 <= len(told) <= 4
    assert page.locator("#standing[role]").count() == 0


def test_charts_have_their_axes_and_dots_before_the_first_step(lesson):
    page = lesson("training")
    assert page.locator("#chart-loss svg text").all_text_contents().count("2.0") == 1
    assert page.locator("#chart-accuracy svg circle").count() == 1


def test_tellapart_trains_behind_the_page_twice_a_second_or_oftener(live):
    live.click("#run")
    live.wait_for_function("Number(document.getElementById('standing').textContent.split(/[ ,]/)[1]) > 2")
    began, seen, kernels = time.monotonic(), set(), set()
    while time.monotonic() - began < 4:
        shown = live.evaluate(SHOWN)
        seen.add(shown["standing"])
        kernels.add(shown["kernel"])
        live.wait_for_timeout(40)
    assert len(seen) >= 2 * 4
    assert len(kernels) >= 4
    live.click("#run")
    live.wait_for_function("document.getElementById('run').textContent === 'Run'")
    there = rested(live)
    live.click("#step")
    live.wait_for_function(f"document.getElementById('standing').textContent.startsWith('Step {there + 1},')")
    assert live.troubles == []


def test_what_is_shown_live_is_the_training_itself(live):
    expected = [frame.to_dict() for frame, _ in zip(training(RATE), range(4), strict=False)]
    for frame in expected[1:]:
        live.click("#step")
        live.wait_for_function(
            f"document.getElementById('standing').textContent.startsWith('Step {frame['step']},')"
        )
        shown = live.evaluate(SHOWN)
        assert f"batch loss {frame['loss']:.3f}" in shown["standing"]
        assert np.allclose(
            [float(one.rstrip("%")) for one in shown["says"]],
            [100 * one for one in frame["answer"]],
            atol=0.11,
        )


def test_a_server_that_is_gone_is_said_and_one_that_is_back_is_used(live):
    live.route("**/training/**", lambda route: route.abort())
    live.wait_for_function("document.getElementById('standing').textContent.includes('tellapart learn')")
    live.click("#again")
    live.click("#run")
    live.unroute("**/training/**")
    live.click("#again")
    live.wait_for_function("document.getElementById('standing').textContent.startsWith('Step 0,')")
    live.click("#step")
    live.wait_for_function("document.getElementById('standing').textContent.startsWith('Step 1,')")


def test_begun_again_and_again_it_still_steps(live):
    for _ in range(8):
        live.click("#again")
        live.click("#run", no_wait_after=True)
    live.click("#again")
    live.wait_for_function("document.getElementById('standing').textContent.startsWith('Step 0,')")
    live.click("#step")
    live.wait_for_function("document.getElementById('standing').textContent.startsWith('Step 1,')")
