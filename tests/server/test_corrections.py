"""Corrections: kept as `train` reads them, off by default, and never outside their folder."""

import pytest
from serving_process import encoded, noisy_pictures, served
from starlette.exceptions import HTTPException

import tellapart
from tellapart.errors import ConfigError
from tellapart.server.corrections import Corrections


def test_corrected_photos_are_a_folder_of_classes(tmp_path):
    folder, pictures = tmp_path / "kept", noisy_pictures(4)
    with served(tmp_path, "cifar10", "--corrections", folder) as server:
        for number, picture in enumerate(pictures):
            label = ("cat", "dog")[number % 2]
            assert server.post(f"/correct?label={label}", picture).json["kept"].startswith(f"{label}/")
        assert (
            server.post("/models/cifar10/correct?label=dog", pictures[0]).status == 200
        )  # said again, otherwise
        for label in ("", "unicorn", "..", "../cat", "cat/../../x"):
            assert server.post(f"/correct?label={label}", pictures[0]).status == 422
        assert server.post("/correct?label=cat", b"no picture").status == 422
    assert sorted(path.name for path in folder.iterdir()) == ["cat", "dog"]
    assert [len(list((folder / label).iterdir())) for label in ("cat", "dog")] == [1, 3]
    assert {path.read_bytes() for path in folder.glob("*/*.png")} == set(pictures)
    assert sorted(tellapart.open_dataset(folder).class_names) == ["cat", "dog"]


def test_where_the_disk_refuses_the_client_learns_no_path(tmp_path):
    folder = tmp_path / "private" / "kept"
    with served(tmp_path, "digits", "--corrections", folder) as server:
        (folder / "1").write_text("a file where the class folder should be")
        refused = server.post("/correct?label=1", noisy_pictures(1)[0])
    assert (refused.status, refused.json["error"]) == (
        503, "The correction could not be kept: see the server's log.",
    )  # fmt: skip
    assert "private" not in refused.body.decode()


def test_they_are_off_by_default(tmp_path):
    with served(tmp_path, "digits") as server:
        refused = server.post("/correct?label=1", noisy_pictures(1)[0])
        assert refused.status == 404
        assert "--corrections" in refused.json["error"]
        assert b"Say what it is" not in server.get("/").body


def test_a_full_folder_and_a_class_that_can_be_no_folder_are_refused(tmp_path):
    pictures = noisy_pictures(2)
    corrections = Corrections(tmp_path, len(pictures[0]))
    corrections.keep(pictures[0], "cat", ("cat",))
    corrections.keep(pictures[0], "cat", ("cat",))  # the same one takes no more
    for kept in (corrections, Corrections(tmp_path, len(pictures[0]))):
        with pytest.raises(HTTPException) as refused:
            kept.keep(pictures[1], "cat", ("cat",))
        assert refused.value.status_code == 413
    next(tmp_path.glob("cat/*")).unlink()  # somebody empties it
    assert corrections.keep(pictures[1], "cat", ("cat",)).exists()
    for label, classes, words in (
        ("../cat", ("../cat",), "cannot be the name of a folder"),
        ("fox", ("cat",), "none of the model's classes"),
    ):
        with pytest.raises(HTTPException, match=words) as refused:
            corrections.keep(pictures[0], label, classes)
        assert refused.value.status_code == 422
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigError, match="is a file"):
        Corrections(tmp_path / "file")


def test_the_suffix_is_that_of_the_content(tmp_path):
    import numpy as np

    pixels = np.zeros((8, 8, 3), np.uint8)
    for kind, suffix in (("JPEG", ".jpg"), ("PNG", ".png"), ("WEBP", ".webp")):
        assert Corrections(tmp_path).keep(encoded(pixels, kind), "cat", ("cat",)).suffix == suffix
