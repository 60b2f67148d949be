"""`tellapart export --to web`: the page answers as `predict` does, from the disk, without a network."""

import dataclasses
import io
import shutil

import numpy as np
import pytest
from exported_page import PREDICTED, READY, asked, data_of
from PIL import Image, ImageCms
from sklearn.datasets import load_sample_image

import tellapart
from tellapart.classifier.card import ModelCard
from tellapart.classifier.classifier import Classifier
from tellapart.data.fitted import fitted
from tellapart.data.preprocess import Preprocessing
from tellapart.exporters.web_page import network_in
from tellapart.guide.lessons._photo import CAT
from tellapart.keras_backend import import_keras

CLOSE = 1e-4


@pytest.fixture(scope="module")
def photos(tmp_path_factory):
    """Photos of many kinds: sizes, samplings, orders, turns, gray, large, and a PNG."""
    folder = tmp_path_factory.mktemp("photos")
    flower, china = (Image.fromarray(load_sample_image(name)) for name in ("flower.jpg", "china.jpg"))
    cat = Image.open(CAT).convert("RGB")
    shutil.copy(CAT, folder / "cat.jpg")
    flower.save(folder / "flower.jpg", quality=70, subsampling=2)
    china.save(folder / "china.jpg", quality=95, subsampling=0)
    china.crop((10, 20, 411, 303)).save(folder / "odd.jpg", quality=85, subsampling=1)
    flower.save(folder / "progressive.jpg", progressive=True, quality=60)
    flower.convert("L").save(folder / "gray.jpg")
    china.save(folder / "restarts.jpg", restart_marker_blocks=7)
    flower.resize((2000, 1500)).save(folder / "large.jpg", quality=80)
    china.resize((3601, 2403)).save(folder / "larger.jpg", quality=80, progressive=True)
    for flag in (3, 6, 5):
        exif = Image.Exif()
        exif[0x0112] = flag
        cat.save(folder / f"turned{flag}.jpg", exif=exif)
    cat.resize((90, 70)).save(folder / "small.png")
    return sorted(folder.iterdir())


@pytest.fixture(scope="module")
def exported(tmp_path_factory, photos):
    """Model's name -> its page, each exported once."""
    folder, pages = tmp_path_factory.mktemp("pages"), {}

    def export(name, **how):
        key = (name, *how.values())
        if key not in pages:
            path = folder / f"{'-'.join(map(str, key))}.html"
            given = {"data": "digits"} if name == "digits" else {"pictures": photos[0].parent}
            pages[key] = tellapart.export(name, "web", path, count=20, **given, **how).path
        return pages[key]

    return export


@pytest.fixture
def shown(opened, exported):
    def show(name, width=1280, scheme="light", **how):
        page = opened(exported(name, **how), width, scheme)
        page.wait_for_selector(READY)
        return page

    return show


@pytest.mark.parametrize("name", ["imagenet", "cifar10", "digits"])
def test_the_page_answers_as_predict_does(shown, photos, name):
    page, classifier = shown(name), tellapart.load(name)
    for path in photos:
        theirs, ours = asked(page, path), tellapart.predict(name, path)[0]
        of_class = dict(zip(ours.names, ours.probabilities, strict=True))
        expected = [of_class[class_name] for class_name in classifier.class_names]
        np.testing.assert_allclose(theirs["probabilities"], expected, atol=CLOSE, err_msg=path.name)
        assert theirs["familiar"] == ours.familiar
        pixels = fitted(path, classifier.card.preprocessing).pixels
        assert np.array_equal(theirs["pixels"].reshape(pixels.shape), pixels), path.name
        assert theirs["note"] == ""
    assert not page.troubles


def test_a_photo_gets_the_words_and_bars_of_the_servers_page(shown):
    page = shown("imagenet", 390)
    assert page.inner_text("#status") == "The photo never leaves this device."
    page.set_input_files("#file", CAT)
    page.wait_for_selector(PREDICTED)
    (prediction,) = tellapart.predict(CAT, top=5)
    assert page.inner_text("#answer") == "cat 87%"
    names = [item.inner_text().split("\n")[0] for item in page.query_selector_all("#bars li")]
    assert names == list(prediction.names)
    assert (
        page.title()
        == "imagenet: 1,000 classes (tench, goldfish, great white shark, tiger shark, hammerhead, ...)"
    )
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    assert not page.troubles


@pytest.mark.parametrize(("event", "data"), [("paste", "clipboardData"), ("drop", "dataTransfer")])
def test_a_photo_is_pasted_and_dropped(shown, event, data):
    page = shown("imagenet")
    page.evaluate(
        """([bytes, event, data]) => {
            const transfer = new DataTransfer();
            transfer.items.add(new File([new Uint8Array(bytes)], "cat.jpg", { type: "image/jpeg" }));
            const fired = new Event(event, { bubbles: true, cancelable: true });
            fired[data] = transfer;
            document.dispatchEvent(fired);
        }""",
        [list(CAT.read_bytes()), event, data],
    )
    page.wait_for_selector(PREDICTED)
    assert page.inner_text("#answer") == "cat 87%"
    assert not page.troubles


def test_a_drawn_digit_is_told_and_the_likeliest_bar_is_first(shown):
    page = shown("digits")
    page.click("#draw")
    box = page.query_selector("#field").bounding_box()
    corners = [(0.3, 0.2), (0.7, 0.2), (0.6, 0.45), (0.5, 0.85)]
    places = [(box["x"] + x * box["width"], box["y"] + y * box["height"]) for x, y in corners]
    page.mouse.move(*places[0])
    page.mouse.down()
    for place in places[1:]:
        page.mouse.move(*place, steps=8)
    page.mouse.up()
    page.wait_for_selector(PREDICTED)
    assert page.inner_text("#bars li:first-child .row span:first-child") == "7"
    page.click("#clear")
    assert page.is_hidden("#bars")
    assert not page.troubles


def test_what_is_no_picture_is_said_and_a_rare_one_is_noted(shown, tmp_path):
    page = shown("digits")
    page.set_input_files("#file", {"name": "note.png", "mimeType": "image/png", "buffer": b"no picture"})
    page.get_by_text("note.png is no picture").wait_for()
    Image.open(CAT).convert("CMYK").save(tmp_path / "print.jpg")
    assert asked(page, tmp_path / "print.jpg")["note"].startswith("Read by the browser's own decoder")


def test_a_phones_color_profile_is_converted_within_a_level(shown, tmp_path):
    page, preprocessing = shown("imagenet"), tellapart.load("imagenet").card.preprocessing
    plain = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    Image.open(CAT).save(tmp_path / "srgb.jpg", icc_profile=plain)
    wide = bytearray(plain)
    red, green = wide.index(b"rXYZ", 128), wide.index(b"gXYZ", 128)
    starts = [int.from_bytes(wide[at + 4 : at + 8], "big") + 8 for at in (red, green)]
    wide[starts[0] : starts[0] + 12], wide[starts[1] : starts[1] + 12] = (
        wide[starts[1] : starts[1] + 12],
        wide[starts[0] : starts[0] + 12],
    )  # red and green exchanged: nothing a decoder could get right by chance
    Image.open(CAT).save(tmp_path / "other.jpg", icc_profile=bytes(wide))
    for name, note in (("srgb", False), ("other", True)):
        theirs = asked(page, tmp_path / f"{name}.jpg")
        ours = fitted(tmp_path / f"{name}.jpg", preprocessing).pixels.astype(int)
        assert bool(theirs["note"]) == note
        assert np.abs(theirs["pixels"].reshape(ours.shape) - ours).max() <= note


def test_the_heat_map_marks_what_decides_and_goes_again(shown):
    page = shown("cifar10")
    page.set_input_files("#file", CAT)
    page.wait_for_selector("#explain:not([hidden])")
    page.click("#explain")
    page.wait_for_selector("#map-words:not([hidden])", timeout=60_000)
    share = page.evaluate(
        """() => { const map = document.getElementById("map"), photo = document.getElementById("photo");
            const [a, b] = [map.getBoundingClientRect(), photo.getBoundingClientRect()];
            return [a.height / b.height, a.width / b.height, Math.abs(a.left + a.right - b.left - b.right)]; }"""
    )
    assert share == pytest.approx([1, 1, 0], abs=0.02)  # the middle square of a photo that is wider than high
    page.click("#explain")
    assert page.query_selector("#map") is None
    assert not page.troubles


@pytest.mark.parametrize("name", ["imagenet", "digits"])
def test_the_page_is_accessible_in_both_themes(shown, name):
    from axe_playwright_python.sync_playwright import Axe

    page = shown(name, 390)
    page.set_input_files("#file", CAT)
    page.wait_for_selector(PREDICTED)
    page.click("summary")
    for theme in ("light", "dark"):
        page.evaluate("theme => { document.documentElement.dataset.theme = theme; }", theme)
        assert not Axe().run(page).response["violations"]


def test_all_works_by_keyboard(shown):
    page = shown("digits")
    reached = []
    for _ in range(8):
        page.keyboard.press("Tab")
        reached.append(page.evaluate("document.activeElement.id || document.activeElement.tagName"))
    assert {"theme", "file", "draw", "SUMMARY"} <= set(reached)
    page.focus("#draw")
    page.keyboard.press("Enter")
    assert page.is_visible("#field")
    page.focus("#leave")
    page.keyboard.press("Enter")
    assert page.is_visible("#drop")
    assert page.evaluate("document.activeElement.id") == "file"


def test_the_camera_is_predicted_and_a_photo_taken(exported):
    from concurrent.futures import ThreadPoolExecutor

    from playwright.sync_api import sync_playwright

    options = [
        "--no-sandbox",
        "--disable-gpu",
        "--use-fake-device-for-media-stream",
        "--use-fake-ui-for-media-stream",
    ]

    def watch():  # in a thread of its own: Playwright allows one browser loop a thread
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=options)
            page = browser.new_context(offline=True).new_page()
            page.goto(exported("imagenet").as_uri())
            page.wait_for_selector(READY)
            page.set_input_files("#file", CAT)
            page.wait_for_selector("#explain:not([hidden])")
            told = page.inner_text("#result")
            page.click("#camera")
            page.wait_for_selector(PREDICTED)
            live = page.is_hidden("#explain") and page.get_attribute("#result", "aria-live") == "off"
            page.click("#close")
            page.wait_for_selector("#explain:not([hidden])")
            assert page.inner_text("#result") == told  # of the photo that was there before
            page.click("#camera")
            page.wait_for_selector("#take:enabled")
            page.wait_for_selector(PREDICTED)
            page.click("#take")
            page.wait_for_selector("#explain:not([hidden])")
            closed = page.evaluate("document.getElementById('video').srcObject === null")
            size = page.evaluate("document.getElementById('photo').naturalWidth")
            browser.close()
            return live, closed, size

    assert ThreadPoolExecutor(1).submit(watch).result() == (True, True, 640)


def test_a_camera_that_is_allowed_too_late_is_switched_off(shown):
    page = shown("digits")
    page.evaluate("""() => {
      navigator.mediaDevices.getUserMedia = () => new Promise((resolve) => (window.allow = () => {
        window.given = document.createElement("canvas").captureStream();
        resolve(given);
      }));
    }""")
    page.click("#camera")
    assert page.is_disabled("#take")
    page.click("#close")
    page.evaluate("allow()")
    page.wait_for_function("given.getTracks().every((track) => track.readyState === 'ended')")
    assert page.evaluate("document.getElementById('video').srcObject === null")


def test_from_a_drawing_back_to_a_photo_its_own_answer_is_shown(shown):
    page = shown("digits")
    page.set_input_files("#file", CAT)
    page.wait_for_selector(PREDICTED)
    told = page.inner_text("#result")
    page.click("#draw")
    box = page.locator("#field").bounding_box()
    page.mouse.move(box["x"] + 100, box["y"] + 30)
    page.mouse.down()
    page.mouse.move(box["x"] + 110, box["y"] + 200, steps=5)
    page.mouse.up()
    page.wait_for_selector(PREDICTED)
    page.click("#leave")
    page.wait_for_selector(PREDICTED)
    assert page.inner_text("#result") == told


def test_the_page_cannot_send_anything(shown):
    blocked = shown("digits").evaluate("""async () => {
      const violation = new Promise((done) =>
        addEventListener("securitypolicyviolation", (event) => done(event.effectiveDirective)));
      await fetch("https://example.org/").catch(() => null);
      return violation;
    }""")
    assert blocked == "connect-src"


def test_jpegs_that_no_camera_writes_are_refused_in_words(shown, tmp_path):
    content = CAT.read_bytes()
    scan = content.index(b"\xff\xda")
    (tmp_path / "none.jpg").write_bytes(content[: scan + 4] + b"\0" + content[scan + 5 :])
    flower = io.BytesIO()
    Image.fromarray(load_sample_image("flower.jpg")).save(flower, "JPEG", progressive=True)
    more = b"\xff\xda\0\x08\1\1\0\0\0\x10" + bytes(80 * 54 // 8)  # a bit for each block of the brightness
    (tmp_path / "scans.jpg").write_bytes(flower.getvalue()[:-2] + 1100 * more + b"\xff\xd9")
    page = shown("digits")
    for name, words in (
        ("none.jpg", "no picture that this browser can read"),
        ("scans.jpg", "more scans than any photo"),
    ):
        page.set_input_files("#file", tmp_path / name)
        page.wait_for_function(
            "(words) => document.getElementById('status').textContent.includes(words)", arg=words
        )


def test_the_network_inside_is_what_was_proven_and_the_record_says_so(exported):
    import onnx

    path = exported("cifar10")
    assert onnx.load_from_string(network_in(path)).producer_name == "tellapart"
    record = data_of(path)["record"]
    assert "was checked in ONNX Runtime on this machine" in record["notes"][0]
    assert record["precision"] == "float32"


@pytest.mark.parametrize("precision", ["float16", "int8"])
def test_lower_precisions_run_in_the_browser_as_here(shown, exported, photos, precision, tmp_path):
    import onnxruntime

    page = shown("digits", precision=precision)
    path = tmp_path / "model.onnx"
    path.write_bytes(network_in(exported("digits", precision=precision)))
    session = onnxruntime.InferenceSession(str(path))
    for photo in photos[:3]:
        theirs = asked(page, photo)
        pixels = theirs["pixels"].reshape(1, 28, 28, 1)
        expected = session.run(["probabilities"], {"pictures": pixels})[0][0]
        np.testing.assert_allclose(theirs["probabilities"], expected, atol=0.02)


def test_a_strangers_class_name_stays_text(opened, tmp_path):
    classifier = tellapart.load("digits")
    names = (
        "<img src=x onerror=alert(1)>",
        "</script><script>alert(2)</script>",
        *classifier.class_names[2:],
    )
    classifier.card = dataclasses.replace(classifier.card, class_names=names)
    rng = np.random.default_rng(0)
    given = rng.integers(0, 256, (4, 28, 28, 1), dtype=np.uint8)
    path = tellapart.export(classifier, "web", tmp_path / "strange.html", pictures=given).path
    page = opened(path)
    page.wait_for_selector(READY)
    file = io.BytesIO()
    Image.fromarray(given[0, ..., 0]).save(file, "PNG")
    page.set_input_files("#file", {"name": "x.png", "mimeType": "image/png", "buffer": file.getvalue()})
    page.wait_for_selector(PREDICTED)
    assert page.query_selector("main img[src=x]") is None
    assert not page.troubles


def test_a_model_of_several_labels_names_all_that_a_picture_has(opened, tmp_path):
    """The network gives each color's mean level, so that what must be said is known."""
    keras = import_keras()
    pictures = keras.Input((8, 8, 3))
    mean = keras.layers.GlobalAveragePooling2D()(keras.layers.Rescaling(1 / 255)(pictures))
    layer = keras.layers.Dense(3, activation="sigmoid")
    model = keras.Model(pictures, layer(mean))
    layer.set_weights([10 * np.eye(3, dtype="float32"), np.full(3, -5, "float32")])
    card = ModelCard(
        ("red", "green", "blue"),
        Preprocessing(height=8, width=8),
        multi_label=True,
        thresholds=(0.5, 0.5, 0.5),
    )
    classifier = Classifier.of_model(model, card)
    given = np.random.default_rng(0).integers(0, 256, (4, 8, 8, 3), dtype=np.uint8)
    path = tellapart.export(classifier, "web", tmp_path / "colors.html", pictures=given).path
    page = opened(path)
    page.wait_for_selector(READY)
    for color, said in (((255, 0, 255), "red, blue"), ((0, 0, 0), "None of the labels")):
        file = tmp_path / f"{said}.png"
        Image.new("RGB", (20, 20), color).save(file)
        page.set_input_files("#file", file)
        page.wait_for_selector(PREDICTED)
        assert page.inner_text("#answer") == said
    assert page.is_hidden("#explain")
    assert not page.troubles
