"""Pages of `tellapart export --to web`, opened from the disk in a browser that has no network."""

import base64
import json
from pathlib import Path

import numpy as np

PREDICTED = "#result:not(.busy) #bars:not([hidden]) li"
"""Bars that belong to the picture that is shown."""

READY = "html[data-ready]"

_SENT = """const bytes = Uint8Array.from(atob(encoded), (letter) => letter.charCodeAt(0));
    const packed = (pixels) => btoa(Array.from(pixels, (byte) => String.fromCharCode(byte)).join(""));
"""
"""Bytes come and go as base64: lists of numbers take seconds."""


def _encoded(content: bytes) -> str:
    return base64.b64encode(content).decode()


def _array(text: str) -> np.ndarray:
    return np.frombuffer(base64.b64decode(text), np.uint8)


def asked(page, path: Path):
    """What the page's own modules make of a file: pixels, probabilities, novelty, note."""
    answer = page.evaluate(
        f"""async ([encoded, name]) => {{ {_SENT}
            const {{ read, predict }} = await import("answers");
            const {{ record }} = JSON.parse(document.getElementById("data").textContent);
            const ready = await read(new File([bytes], name), record.preparing);
            const answer = await predict(ready, record);
            return {{ pixels: packed(ready.pixels), probabilities: [...answer.all], novelty: answer.novelty,
              familiar: answer.familiar, predicted: answer.predicted, note: ready.picture.note }}; }}""",
        [_encoded(path.read_bytes()), path.name],
    )
    return {**answer, "pixels": _array(answer["pixels"])}


def read(page, path: Path, preprocessing):
    """What the page's own modules make of a file for any preprocessing: (height, width, channels)."""
    pixels = page.evaluate(
        f"""async ([encoded, preparing]) => {{ {_SENT}
            const {{ read }} = await import("answers");
            return packed((await read(new File([bytes], "x.jpg"), preparing)).pixels); }}""",
        [_encoded(path.read_bytes()), preprocessing.to_dict()],
    )
    return _array(pixels).reshape(preprocessing.shape)


def prepared(page, image: np.ndarray, preprocessing):
    """The network's pixels of an array (h, w, C), by the page's own modules."""
    pixels = page.evaluate(
        f"""async ([encoded, height, width, channels, preparing]) => {{ {_SENT}
            const {{ prepare }} = await import("preparing");
            return packed(prepare({{ pixels: bytes, height, width, channels }}, preparing)); }}""",
        [_encoded(image.tobytes()), *image.shape, preprocessing.to_dict()],
    )
    return _array(pixels).reshape(preprocessing.shape)


def data_of(path: Path):
    """The record inside a page."""
    text = path.read_text(encoding="utf-8")
    start = text.index('id="data">') + len('id="data">')
    return json.loads(text[start : text.index("</script>", start)])
