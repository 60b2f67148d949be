import hashlib
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import numpy as np
import pytest

from tellapart.data.sources import download as download_module
from tellapart.data.sources.download import download
from tellapart.errors import DownloadError

CONTENT = np.random.default_rng(0).bytes(1_000_000)
SHA256 = hashlib.sha256(CONTENT).hexdigest()


class _Handler(BaseHTTPRequestHandler):
    """/whole ignores Range; /ranged honors it; /breaks/N closes after N bytes each time; /wrong lies."""

    def do_GET(self):
        self.server.requests.append((self.path, self.headers.get("Range")))
        kind = self.path.split("/")[1]
        start = int((self.headers.get("Range") or "bytes=0-")[6:].rstrip("-"))
        if kind == "missing":
            return self.send_error(404)
        body = bytes(len(CONTENT)) if kind == "wrong" else CONTENT
        if kind in ("longer", "endless"):
            body = CONTENT + b"more"
        if kind in ("ranged", "breaks", "wrong") and start:
            if start >= len(body) or "refuses" in self.path:
                return self.send_error(416)
            self.send_response(206)
            self.send_header("Content-Range", f"bytes {start}-{len(body) - 1}/{len(body)}")
            body = body[start:]
        else:
            self.send_response(200)
        if kind != "endless":
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body[: int(self.path.split("/")[2])] if kind == "breaks" else body)
        return None

    def log_message(self, *_):
        pass


@pytest.fixture
def server():
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
    server.requests = []
    server.address = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


def fetch(server, *kinds, destination, **options):
    urls = [f"{server.address}/{kind}" for kind in kinds]
    return download(
        urls, sha256=SHA256, size=len(CONTENT), destination=destination, timeout_seconds=5, **options
    )


def test_a_file_arrives_whole_and_leaves_no_part(server, tmp_path):
    seen = []
    path = fetch(
        server, "whole", destination=tmp_path / "new" / "file", progress=lambda *done: seen.append(done)
    )
    assert path.read_bytes() == CONTENT
    assert [entry.name for entry in path.parent.iterdir()] == ["file"]
    assert seen[-1] == (len(CONTENT), len(CONTENT))
    assert seen == sorted(seen)


def test_a_file_that_is_there_is_not_fetched_again(server, tmp_path):
    (tmp_path / "file").write_bytes(CONTENT)
    fetch(server, "whole", destination=tmp_path / "file")
    assert server.requests == []


def test_a_damaged_file_is_replaced(server, tmp_path):
    (tmp_path / "file").write_bytes(CONTENT[:-1] + b"x")
    assert fetch(server, "whole", destination=tmp_path / "file").read_bytes() == CONTENT


def test_a_part_is_continued_where_the_server_can(server, tmp_path):
    (tmp_path / "file.part").write_bytes(CONTENT[:600_000])
    seen = []
    path = fetch(server, "ranged", destination=tmp_path / "file", progress=lambda *done: seen.append(done[0]))
    assert path.read_bytes() == CONTENT
    assert server.requests == [("/ranged", "bytes=600000-")]
    assert min(seen) > 600_000


def test_a_part_is_begun_again_where_the_server_ignores_range(server, tmp_path):
    (tmp_path / "file.part").write_bytes(CONTENT[:600_000])
    assert fetch(server, "whole", destination=tmp_path / "file").read_bytes() == CONTENT


@pytest.mark.parametrize("kind", ["ranged/refuses", "whole"])
@pytest.mark.parametrize("length", [10, 1_000_000, 1_000_001])
def test_whatever_part_is_there_the_file_arrives(server, tmp_path, kind, length):
    (tmp_path / "file.part").write_bytes(bytes(length))
    assert fetch(server, kind, destination=tmp_path / "file").read_bytes() == CONTENT


def test_a_complete_part_needs_no_request(server, tmp_path):
    (tmp_path / "file.part").write_bytes(CONTENT)
    fetch(server, "whole", destination=tmp_path / "file")
    assert server.requests == []


def test_a_connection_that_breaks_is_continued(server, tmp_path):
    path = fetch(server, "breaks/400000", destination=tmp_path / "file")
    assert path.read_bytes() == CONTENT
    assert [start for _, start in server.requests] == [None, "bytes=400000-", "bytes=800000-"]


def test_the_next_address_continues_what_the_first_one_began(server, tmp_path):
    path = fetch(server, "breaks/1000", "ranged", destination=tmp_path / "file")
    assert path.read_bytes() == CONTENT
    assert server.requests[-1] == ("/ranged", "bytes=3000-")


def test_a_missing_file_sends_us_to_the_next_address(server, tmp_path):
    assert fetch(server, "missing", "whole", destination=tmp_path / "file").read_bytes() == CONTENT


def test_wrong_bytes_are_deleted_and_every_reason_is_told(server, tmp_path):
    with pytest.raises(DownloadError) as raised:
        fetch(server, "missing", "wrong", "longer", destination=tmp_path / "file")
    message = str(raised.value)
    assert "/missing\n    HTTP 404" in message
    assert f"wrong checksum: sha256 {hashlib.sha256(bytes(len(CONTENT))).hexdigest()}" in message
    assert "the file there has 1,000,004 bytes, not 1,000,000" in message
    assert f"put it at {tmp_path / 'file'}" in message
    assert "TELLAPART_DATA" in message
    assert not (tmp_path / "file").exists()
    assert sum(path.stat().st_size for path in tmp_path.iterdir()) == 0


def test_a_file_without_end_is_stopped(server, tmp_path):
    with pytest.raises(DownloadError, match="larger than the 1,000,000 bytes"):
        fetch(server, "endless", destination=tmp_path / "file")


def test_a_host_that_does_not_answer_is_named(tmp_path):
    with pytest.raises(DownloadError, match=r"127\.0\.0\.1:9/file\n    the connection failed: .*refused"):
        download(
            ["http://127.0.0.1:9/file"], sha256=SHA256, size=5, destination=tmp_path / "f", timeout_seconds=2
        )


def test_only_http_addresses_are_opened(tmp_path):
    (tmp_path / "secret").write_bytes(CONTENT)
    with pytest.raises(DownloadError, match="not an http or https address"):
        download(
            [f"file://{tmp_path}/secret"], sha256=SHA256, size=len(CONTENT), destination=tmp_path / "file"
        )


def test_a_full_disk_is_said_before_anything_is_written(server, tmp_path):
    with pytest.raises(DownloadError, match="bytes are needed and"):
        download([f"{server.address}/whole"], sha256=SHA256, size=1 << 60, destination=tmp_path / "file")
    assert server.requests == []


def test_a_disk_that_fills_up_leaves_nothing(server, tmp_path, monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(download_module, "_copy", full)
    with pytest.raises(DownloadError, match=r"the disk is full; file\.part was removed"):
        fetch(server, "whole", "ranged", destination=tmp_path / "file")
    assert list(tmp_path.iterdir()) == []
    assert len(server.requests) == 1
