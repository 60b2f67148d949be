"""A model's web page beside `predict`: how far the answers differ, how soon the first one is there, how large it is.

    TELLAPART_DATA=FOLDER python benchmarks/web_export.py [--photos 50] [--openings 5]

`transfer` is trained on the cats and dogs, `fast` for a moment on CIFAR-10's pictures (so that its reading of JPEGs at
a reduced size is measured: 32 pixels from photos of 500). Both are exported to a page, which Chromium opens from the
disk without a network. The photos are test photos, evenly drawn; every tenth is enlarged to 12 megapixels before, as
cameras take them. `decoded by the browser` is what another page would do: the browser's decoder, then the same
resizing; its differences, in levels of 255 and in the probabilities, say what the page's own decoder is for.

First answer: from the beginning of the navigation, with a photo given as soon as the field is there, to the painted
bars; a new browser context each time.

Writes a dated page and every figure to benchmarks/results/.
"""

import argparse
import base64
import datetime
import os
import shutil
import statistics
import tempfile
import time
from pathlib import Path

import numpy as np
from exports import LEARNED, NAMES
from machine import hardware, origin_lines, table, versions, write_results
from PIL import Image
from playwright.sync_api import sync_playwright

import tellapart
from tellapart.data.fitted import fitted

RESULTS = Path(__file__).parent / "results"
LIMIT = 1e-4
SECONDS = 3.0
PREDICTED = "#result:not(.busy) #bars:not([hidden]) li"
CAMERA = (4000, 3000)

ASK = """async ([encoded, byBrowser]) => {
    const bytes = Uint8Array.from(atob(encoded), (letter) => letter.charCodeAt(0));
    const { read, prepared, predict } = await import("answers");
    const { pictureOf } = await import("pictures");
    const { record } = JSON.parse(document.getElementById("data").textContent);
    const file = new File([bytes], "photo.jpg", { type: "image/jpeg" });
    let ready;
    if (byBrowser) {
        const bitmap = await createImageBitmap(file);
        const canvas = Object.assign(document.createElement("canvas"), { width: bitmap.width, height: bitmap.height });
        canvas.getContext("2d").drawImage(bitmap, 0, 0);
        ready = prepared(pictureOf(canvas), record.preparing);
    } else ready = await read(file, record.preparing);
    const began = performance.now();
    const answer = await predict(ready, record);
    const pixels = btoa(Array.from(ready.pixels, (byte) => String.fromCharCode(byte)).join(""));
    return { pixels, probabilities: [...answer.all], milliseconds: performance.now() - began };
}"""


def photos_in(folder, count, place):
    """Return test photos, every tenth as large as a camera's."""
    found = sorted((folder / "test").glob("*/*.jpg"))
    chosen = [found[i * len(found) // count] for i in range(count)]
    for number in range(0, count, 10):
        large = place / f"large-{chosen[number].name}"
        Image.open(chosen[number]).convert("RGB").resize(CAMERA).save(large, quality=85)
        chosen[number] = large
    return chosen


def trained(name, place):
    """Return a run folder, and pictures for the proof, where the run has none."""
    data = Path(os.environ["TELLAPART_DATA"])
    how = {"recipe": name, "out": place / name, "verbose": False}
    if name == "transfer":
        return tellapart.train(data / "cats-and-dogs", fine_tune="off", **how).folder, None
    (images, labels), (tested, truth) = tellapart.load_data("cifar10")
    pictures = ((images[:LEARNED], labels[:LEARNED]), (tested[:500], truth[:500]))
    run = tellapart.train(pictures, epochs=1, class_names=NAMES, predictions=0, **how)
    return run.folder, {"x": tested[:500], "y": truth[:500], "class_names": NAMES}


def compared(page, model, photos, by_browser):
    """Return the largest difference of a probability, and of the pixels in levels, and times."""
    classifier = tellapart.load(model)
    differences, levels, milliseconds = [], [], []
    for photo in photos:
        theirs = page.evaluate(ASK, [base64.b64encode(photo.read_bytes()).decode(), by_browser])
        ours = tellapart.predict(model, photo)[0]
        by_name = dict(zip(ours.names, ours.probabilities, strict=True))
        expected = np.array([by_name[name] for name in classifier.class_names])
        pixels = fitted(photo, classifier.card.preprocessing).pixels.astype(int).ravel()
        differences.append(float(np.abs(np.array(theirs["probabilities"]) - expected).max()))
        got = np.frombuffer(base64.b64decode(theirs["pixels"]), np.uint8).astype(int)
        levels.append(np.abs(got - pixels))
        milliseconds.append(theirs["milliseconds"])
    every = np.concatenate(levels)
    return {
        "largest": max(differences),
        "most levels": int(every.max()),
        "mean levels": float(every.mean()),
        "differing bytes": int((every > 0).sum()),
        "milliseconds": statistics.median(milliseconds),
    }


def first_answers(browser, path, photo, openings):
    """Return seconds from the navigation to the bars."""
    seconds = []
    for _ in range(openings):
        context = browser.new_context(offline=True)
        page = context.new_page()
        began = time.monotonic()
        page.goto(path.as_uri(), wait_until="commit")
        page.wait_for_selector("html[data-ready]")
        page.set_input_files("#file", photo)
        page.wait_for_selector(PREDICTED)
        seconds.append(time.monotonic() - began)
        context.close()
    return seconds


def measured(name, browser, photos, options, place):
    """Return a network's row and every figure."""
    folder, proof = trained(name, place)
    path = tellapart.export(folder, "web", place / f"{name}.html", data=proof, count=200).path
    context = browser.new_context(offline=True)
    page = context.new_page()
    page.goto(path.as_uri())
    page.wait_for_selector("html[data-ready]")
    own, browsers = (compared(page, folder, photos, by_browser) for by_browser in (False, True))
    context.close()
    seconds = first_answers(browser, path, photos[1], options.openings)
    megabytes = path.stat().st_size / 1e6
    row = {
        "network": name,
        "photos": len(photos),
        "largest difference": f"{own['largest']:.1e}",
        "differing bytes": own["differing bytes"],
        "decoded by the browser: largest difference": f"{browsers['largest']:.1e}",
        "its levels, mean (most)": f"{browsers['mean levels']:.3f} ({browsers['most levels']})",
        "first answer, s (median, slowest)": f"{statistics.median(seconds):.2f}, {max(seconds):.2f}",
        "network, ms a photo": f"{own['milliseconds']:.0f}",
        "MB": f"{megabytes:.1f}",
    }
    passed = own["largest"] <= LIMIT and max(seconds) <= SECONDS
    return row, {
        "network": name,
        "own": own,
        "browser": browsers,
        "seconds": seconds,
        "MB": megabytes,
        "passed": passed,
    }


def main():
    """Measure both networks."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--photos", type=int, default=50)
    parser.add_argument("--openings", type=int, default=5)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        place = Path(folder)
        photos = photos_in(Path(os.environ["TELLAPART_DATA"]) / "cats-and-dogs", options.photos, place)
        browser = playwright.chromium.launch(
            executable_path=shutil.which("chromium"), args=["--no-sandbox", "--disable-gpu"]
        )
        results = [measured(name, browser, photos, options, place) for name in ("transfer", "fast")]
        version = browser.version
        browser.close()
    write(results, version)


def write(results, browser):
    """Write the page and the figures."""
    now = datetime.datetime.now(datetime.UTC)
    rows = [row for row, _ in results]
    record = {
        "date": now.isoformat(timespec="minutes"),
        "command": "python benchmarks/web_export.py",
        "hardware": hardware(),
        "versions": {**versions(), "Chromium": browser},
        "results": [figures for _, figures in results],
    }
    page = [
        f"# A model's web page, {record['date']}",
        "",
        f"Limits: {LIMIT:g} in a probability, {SECONDS:g} s to the first answer. Every tenth photo has 12 megapixels.",
        "",
        table(rows, tuple(rows[0])),
        "",
        *origin_lines(record),
    ]
    write_results(RESULTS, "web_export", now, "\n".join(page), record)
    if not all(figures["passed"] for _, figures in results):
        raise SystemExit("A limit was missed.")


if __name__ == "__main__":
    main()
