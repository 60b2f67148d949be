"""Folders of small pictures, tar files of samples, and a web server that knows ranges."""

import contextlib
import http.server
import io
import re
import tarfile
import threading
from pathlib import Path

import numpy as np
from PIL import Image

SIDE = 16


def encoded(seed, brightness=128, form="PNG"):
    """One picture's bytes: noise of a brightness."""
    pixels = np.random.default_rng(seed).integers(0, 80, (SIDE, SIDE, 3)) + brightness - 40
    file = io.BytesIO()
    Image.fromarray(pixels.clip(0, 255).astype(np.uint8)).save(file, form)
    return file.getvalue()


def folder_of_pictures(root: Path, counts: dict[str, int]) -> Path:
    """A folder for each class, each of its own brightness."""
    for number, (name, count) in enumerate(counts.items()):
        (root / name).mkdir(parents=True, exist_ok=True)
        for picture in range(count):
            content = encoded(1000 * number + picture, 60 + 120 * number)
            (root / name / f"{picture:04d}.png").write_bytes(content)
    return root


def tar_of(path: Path, members: dict[str, bytes], form=tarfile.PAX_FORMAT) -> Path:
    """A tar file of these members."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with tarfile.open(path, "w", format=form) as tar:
        for name, content in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            tar.addfile(info, io.BytesIO(content))
    return path


def samples_of(
    first: int, count: int, label=lambda number: str(number % 2), ending="cls"
) -> dict[str, bytes]:
    """Members of samples: pictures of two brightnesses, each with a label."""
    members = {}
    for number in range(first, first + count):
        members[f"picture{number:05d}.png"] = encoded(number, 60 + 120 * (number % 2))
        members[f"picture{number:05d}.{ending}"] = label(number).encode()
    return members


class _Handler(http.server.BaseHTTPRequestHandler):
    """Answers GET and HEAD of files, with ranges where the server knows them."""

    protocol_version = "HTTP/1.1"

    def do_HEAD(self):
        self.do_GET()

    def do_GET(self):
        server = self.server
        server.asked.append((self.command, self.path, self.headers.get("Range")))
        if server.failures:
            server.failures -= 1
            self._answer(503, b"")
            return
        path = server.root / self.path.lstrip("/")
        if not path.is_file():
            self._answer(404, b"")
            return
        content = path.read_bytes()
        match = re.fullmatch(r"bytes=(\d+)-(\d+)", self.headers.get("Range", ""))
        if match is None or not server.knows_ranges:
            self._answer(200, content)
            return
        start, stop = int(match[1]), min(int(match[2]) + 1, len(content))
        if start >= len(content):
            self._answer(416, b"")
            return
        self._answer(206, content[start:stop], {"Content-Range": f"bytes {start}-{stop - 1}/{len(content)}"})

    def _answer(self, code, content, headers=None):
        self.send_response(code)
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(content)

    def log_message(self, *_):
        pass


@contextlib.contextmanager
def served(root: Path, knows_ranges=True):
    """The server of a folder; `address` is its beginning, `failures` how many requests it refuses next."""
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
    server.root, server.knows_ranges, server.failures, server.asked = root, knows_ranges, 0, []
    server.address = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
