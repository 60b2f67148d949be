"""A page: the ONNX model, ONNX Runtime in WebAssembly and the record in one HTML file, which opens from the disk.

The page prepares photos in its own code, byte for byte as `data.fitted` does (`pages/assets/web`), and asks no server.
The proof runs the model that is taken out of the finished page, in ONNX Runtime on this machine.
"""

import base64
import gzip
import re
import tempfile
from pathlib import Path

import numpy as np

from tellapart.exporters import onnx_file
from tellapart.exporters.format import ExportJob, Format, Runner
from tellapart.pages.assemble import assemble, asset_bytes
from tellapart.text import few_names

RUNTIME = "ONNX Runtime Web 1.30.0"
PROGRAM = "vendor/ort.wasm.bundle.min.mjs"
WASM = "vendor/ort-wasm-simd-threaded.wasm.gz"

MODULES = (
    "theme.js",
    "serve/photo.js",
    "serve/prediction.js",
    *(
        f"web/{name}.js"
        for name in (
            "jpeg_markers",
            "jpeg_scans",
            "jpeg_quick",
            "jpeg_samples",
            "profiles",
            "pictures",
            "resampling",
            "preparing",
            "network",
            "answers",
            "occlusion",
            "drawing",
            "camera",
            "web",
        )
    ),
    PROGRAM,
)

DRAWN_AT_MOST = 64
"""Pixels a side of gray pictures that are taken for drawings, such as digits."""

PROOF = (
    "The model inside the page was checked in ONNX Runtime on this machine, not in a browser, where ONNX Runtime Web "
    "runs it."
)
READING = (
    "The page decodes ordinary JPEGs exactly as tellapart does. For other files, probabilities may differ slightly; "
    "the page then says so."
)

_NETWORK = re.compile(rb'<script type="text/plain" id="network">([A-Za-z0-9+/=]+)</script>')


def write(job: ExportJob, path: Path) -> None:
    """Write the page."""
    with tempfile.TemporaryDirectory(dir=path.parent) as folder:
        model = Path(folder) / "model.onnx"
        onnx_file.write(job, model)
        network = model.read_bytes()
    path.write_text(page(job, network), encoding="utf-8")


def page(job: ExportJob, network: bytes) -> str:
    """Return the page's HTML.

    Args:
        job: what is exported.
        network: the ONNX file.
    """
    names = job.classifier.class_names
    ink = ink_of(job)
    record = {**job.record, "precision": job.precision, "runtime": RUNTIME, "notes": [PROOF, READING]}
    return assemble(
        "web.html",
        {
            "name": job.name,
            "classes": few_names(names, "classes"),
            "ink": ink,
            "facts": _facts(job),
            "runtime": base64.b64encode(asset_bytes(WASM)).decode(),
            "network": base64.b64encode(gzip.compress(network, 6, mtime=0)).decode(),
        },
        {"record": record, "ink": ink},
        styles=("serve/serve.css", "web/web.css"),
        modules=MODULES,
        entry="web",
        libraries=(),
    )


def ink_of(job: ExportJob) -> str | None:
    """Return whether the model's pictures are drawn "light" on dark or "dark" on light; None: they are no drawings.

    Small gray pictures count as drawings. Their edges are mostly paper.
    """
    height, width, channels = job.classifier.card.preprocessing.shape
    if channels != 1 or max(height, width) > DRAWN_AT_MOST:
        return None
    edges = np.concatenate([job.pictures[:, 0].ravel(), job.pictures[:, -1].ravel()])
    return "light" if np.median(edges) < 128 else "dark"


def _facts(job: ExportJob) -> list[tuple[str, str]]:
    card = job.classifier.card
    return [
        ("Classes", few_names(card.class_names, "classes", 12)),
        ("Pictures", card.preprocessing.in_words),
        ("Test-time augmentation", "none" if job.tta_views == 1 else f"{job.tta_views} views"),
        ("Precision", job.precision),
        ("Made with", f"tellapart {job.record['tellapart']}, {RUNTIME}"),
    ]


def network_in(path: Path) -> bytes:
    """Return the ONNX file inside a page.

    Raises:
        ValueError: there is none.
    """
    found = _NETWORK.search(path.read_bytes())
    if found is None:
        raise ValueError(f"{path} is no page with a network inside")
    return gzip.decompress(base64.b64decode(found[1]))


def open_file(path: Path, job: ExportJob) -> Runner:
    """Return a function that runs the network inside the page in ONNX Runtime."""
    with tempfile.TemporaryDirectory(dir=path.parent) as folder:
        model = Path(folder) / "model.onnx"
        model.write_bytes(network_in(path))
        return onnx_file.open_file(model, job)


WEB = Format(
    name="web",
    title="a web page",
    suffix=".html",
    write=write,
    open=open_file,
    runtime="onnxruntime",
    packages=("onnx", "onnxscript", "onnxruntime"),
    extra="onnx",
    precisions=("float32", "float16", "int8"),
    notes=(PROOF, READING),
)
