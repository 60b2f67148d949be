"""Pages of `tellapart export --to web`, opened from the disk in a browser that has no network."""

import base64
import json
from pathlib import Path

import numpy as np

PREDICTED = "#result:not(.busy) #bars:not([hidden]) li"
"""Bars that belong to the picture that is shown."""

READY = "html[data-ready]"

_PROBABILITIES = """async ([encoded, name]) => {
    const { read, predict } = await import("answers");
    const bytes = Uint8Array.from(atob(encoded), (letter) => letter.charCodeAt(0));
    const { record } = JSON.parse(document.getElementById("data").textContent);
    const ready = await read(new File([bytes], name), record.preparing);
    const answer = await predict(ready, record);
    return { pixels: [...ready.pixels], probabilities: [...answer.all], novelty: answer.novelty,
      familiar: answer.familiar, predicted: answer.predicted, note: ready.picture.note };
}"""


def asked(page, path: Path, name: str = ""):
    """What the page's own modules make of a file: pixels, probabilities, novelty, note."""
    return page.evaluate(_PROBABILITIES, [base64.b64encode(path.read_bytes()).decode(), name or path.name])


def prepared(page, image: np.ndarray, preprocessing):
    """The network's pixels of an array (h, w, C), by the page's own modules."""
    made = page.evaluate(
        """async ([encoded, height, width, channels, preparing]) => {
            const { prepare } = await import("preparing");
            const pixels = Uint8Array.from(atob(encoded), (letter) => letter.charCodeAt(0));
            const bytes = prepare({ pixels, height, width, channels }, preparing);
            let text = "";
            for (const byte of bytes) text += String.fromCharCode(byte);
            return btoa(text);
        }""",
        [base64.b64encode(image.tobytes()).decode(), *image.shape, preprocessing.to_dict()],
    )
    return np.frombuffer(base64.b64decode(made), np.uint8).reshape(preprocessing.shape)


def data_of(path: Path):
    """The record inside a page."""
    text = path.read_text(encoding="utf-8")
    start = text.index('id="data">') + len('id="data">')
    return json.loads(text[start : text.index("</script>", start)])
