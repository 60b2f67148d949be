import dataclasses
import gzip
import hashlib
import threading
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer

import numpy as np
import pytest

from tellapart.data.open import open_dataset
from tellapart.data.sources.catalog import KNOWN_SETS
from tellapart.data.sources.known import download_known, find_on_this_machine, find_place
from tellapart.errors import DataError, DownloadError


class _QuietHandler(SimpleHTTPRequestHandler):
    def log_message(self, *_):
        pass


def idx(array):
    return bytes([0, 0, 8, array.ndim]) + np.array(array.shape, ">u4").tobytes() + array.tobytes()


@pytest.fixture
def hosted_mnist(tmp_path, monkeypatch):
    """MNIST in the catalog is a tiny set on a local host; yields the folder that is served."""
    served = tmp_path / "served"
    served.mkdir()
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(_QuietHandler, directory=str(served)))
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    files = []
    for file in KNOWN_SETS["mnist"].files:
        name = file.place.split("/")[1]
        count = 30 if name.startswith("train") else 20
        labels = (np.arange(count) % 10).astype(np.uint8)
        array = labels if "labels" in name else np.broadcast_to(labels[:, None, None], (count, 28, 28)).copy()
        content = gzip.compress(idx(array))
        (served / name).write_bytes(content)
        files.append(
            dataclasses.replace(
                file,
                urls=(
                    f"http://127.0.0.1:{server.server_port}/gone/{name}",
                    f"http://127.0.0.1:{server.server_port}/{name}",
                ),
                sha256=hashlib.sha256(content).hexdigest(),
                size=len(content),
            )
        )
    small = dataclasses.replace(KNOWN_SETS["mnist"], files=tuple(files), train_size=30, test_size=20)
    monkeypatch.setitem(KNOWN_SETS, "mnist", small)
    yield served
    server.shutdown()
    thread.join()
    server.server_close()


def test_a_set_is_downloaded_only_when_asked(hosted_mnist, nowhere):
    with pytest.raises(DataError, match="mnist is not on this machine"):
        open_dataset("mnist")
    assert not nowhere.exists()
    seen = []
    dataset = open_dataset("mnist", download=True, progress=lambda *done: seen.append(done))
    assert dataset.where == str(nowhere / "tellapart" / "mnist")
    assert len(dataset.splits["train"]) == 30
    total = KNOWN_SETS["mnist"].download_bytes
    assert seen == sorted(seen)
    assert seen[-1] == (total, total)


def test_a_downloaded_set_needs_no_network(hosted_mnist, nowhere):
    download_known(KNOWN_SETS["mnist"])
    for path in hosted_mnist.iterdir():
        path.unlink()
    download_known(KNOWN_SETS["mnist"])
    assert len(open_dataset("mnist", download=True).splits["test"]) == 20


def test_a_set_that_arrived_in_part_is_completed(hosted_mnist, nowhere):
    hidden = hosted_mnist / "t10k-labels-idx1-ubyte.gz"
    content = hidden.read_bytes()
    hidden.unlink()
    with pytest.raises(DownloadError, match=r"t10k-labels-idx1-ubyte\.gz: the download failed"):
        open_dataset("mnist", download=True)
    with pytest.raises(DataError, match="mnist is not on this machine"):
        open_dataset("mnist")
    hidden.write_bytes(content)
    assert len(open_dataset("mnist", download=True).splits["test"]) == 20


def test_the_folder_of_an_official_layout_itself_may_be_named(tmp_path, monkeypatch):
    record = np.zeros((10, 3073), np.uint8)
    record[:, 0] = np.arange(10)
    for name in [*(f"data_batch_{number}.bin" for number in range(1, 6)), "test_batch.bin"]:
        (tmp_path / name).write_bytes(record.tobytes())
    assert find_place(KNOWN_SETS["cifar10"], tmp_path)[0] == tmp_path
    assert find_place(KNOWN_SETS["cifar100"], tmp_path) is None
    monkeypatch.setenv("TELLAPART_DATA", str(tmp_path))
    assert find_on_this_machine(KNOWN_SETS["cifar10"])[1].title == "CIFAR-10 binary"


def test_mnist_s_files_alone_do_not_say_which_set_they_are(hosted_mnist):
    for name in ("mnist", "fashion-mnist"):
        assert find_place(KNOWN_SETS[name], hosted_mnist) is None
