"""A real browser, Debian's Chromium, with the network off; and a report of a real training."""

import shutil
import threading
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest

import tellapart
from tellapart.classifier.card import card_of_plain_model
from tellapart.classifier.classifier import Classifier
from tellapart.explanations.channels.channels import ModelFilters
from tellapart.explanations.explainer import Explainer
from tellapart.explanations.explanation import Explanation
from tellapart.explanations.page.page import FORM, SECTIONS, page_of
from tellapart.explanations.recorder import Recorder
from tellapart.explanations.subject import Subject
from tellapart.guide import server as serving
from tellapart.guide.contents import named
from tellapart.guide.render import index_page, write_libraries
from tellapart.guide.render import page_of as page_of_lesson
from tellapart.runs.saved_run import load_run

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")


@pytest.fixture(scope="session")
def browser():
    if CHROMIUM is None:
        pytest.skip("needs Chromium")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        options = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=options)
        yield browser
        browser.close()


@pytest.fixture
def opened(browser):
    """Opens a file and watches: a page whose `.troubles` are console errors, exceptions and network requests."""
    contexts = []

    def open_page(path, width=1280, scheme="light", scripts=True):
        context = browser.new_context(
            viewport={"width": width, "height": 900},
            color_scheme=scheme,
            offline=True,
            java_script_enabled=scripts,
            reduced_motion="reduce",
        )
        contexts.append(context)
        page = context.new_page()
        page.troubles = []
        page.on("console", lambda said: page.troubles.append(said.text))
        page.on("pageerror", lambda error: page.troubles.append(str(error)))
        page.on("request", lambda asked: asked.url.startswith("http") and page.troubles.append(asked.url))
        page.goto(path.as_uri())
        page.wait_for_load_state("load")
        return page

    yield open_page
    for context in contexts:
        context.close()


@pytest.fixture
def opened_model(opened, tmp_path):
    """Opens the page of a picture in any model, with its layers and without what takes long."""
    shown = [section for section in SECTIONS if section.name in ("answer", "picture", "layers")]

    def open_model(model, image):
        classifier = Classifier.of_model(model, card_of_plain_model(model, Path("net.keras")))
        subject = Subject(classifier, Recorder(model, classifier.net.head), "made", image, image)
        path = tmp_path / "page.html"
        path.write_text(
            page_of(Explanation(subject, FORM, ModelFilters(subject.recorder, image.shape)), shown),
            encoding="utf-8",
        )
        page = opened(path)
        page.wait_for_selector("html[data-ready]")
        return page

    return open_model


@pytest.fixture(scope="session")
def explained_run(trained, tmp_path_factory):
    """The page of a picture in the network of `trained`, with its run at hand; and the explanation."""
    store = load_run(trained.folder).stores["test"]
    explanation = Explainer(trained.classifier, trained.folder).explain(store.images[3])
    return explanation.save(tmp_path_factory.mktemp("explained") / "page.html"), explanation


@pytest.fixture(scope="session")
def trained(tmp_path_factory):
    """A short training on the real digits."""
    return tellapart.train("digits", recipe="quick", epochs=6, out=tmp_path_factory.mktemp("browser") / "run")


class Explained(NamedTuple):
    """A picture's page."""

    path: Path
    explanation: Explanation


@pytest.fixture(scope="session")
def explained(tmp_path_factory):
    """What the `cifar10` model sees in a photo that scikit-learn carries."""
    from PIL import Image
    from sklearn.datasets import load_sample_image

    photo = Image.fromarray(load_sample_image("flower.jpg")).resize((48, 40))
    explanation = Explainer(tellapart.load("cifar10")).explain(np.asarray(photo))
    path = tmp_path_factory.mktemp("explained") / "page.html"
    return Explained(explanation.save(path), explanation)


@pytest.fixture(scope="session")
def written(tmp_path_factory):
    """Writes pages of the guide, each once, beside the libraries that they read."""
    folder = tmp_path_factory.mktemp("guide")
    write_libraries(folder)

    def write(name):
        path = folder / f"{name}.html"
        if not path.exists():
            path.write_text(
                index_page() if name == "index" else page_of_lesson(named(name)), encoding="utf-8"
            )
        return path

    return write


@pytest.fixture
def lesson(opened, written):
    """Opens one of the guide's pages from the disk, and waits until its parts stand."""

    def open_lesson(name, width=1280, scheme="light"):
        page = opened(written(name), width, scheme)
        page.wait_for_selector("html[data-ready]")
        return page

    return open_lesson


@pytest.fixture(scope="session")
def guide_address():
    """Where the guide is served, as `tellapart learn` does it; with a slash at the end."""
    listener, server = serving.listening(0), serving.server()
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{listener.getsockname()[1]}/"
    server.should_exit = True
    thread.join(20)
    listener.close()
