"""The list of pictures: those that `predict` would take, in its order, as a file."""

import os

import pytest

from tellapart.api.files_in import files_in
from tellapart.data.sources.walk import walk_files
from tellapart.errors import DataError
from tellapart.volume.listing import read_listing, write_listing

NAMES = (
    "a10.jpg",
    "a9.jpg",
    "B/2.png",
    "B/10.png",
    "b-/1.jpg",
    "b.jpg",
    "B2/x.jpg",
    "1/2/3.jpg",
    "10.jpg",
    "2.jpg",
)


def touch(folder, names):
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).touch()
    return folder


def listed(place, paths, at_once=3):
    listing = write_listing(place, paths, place.parent / "nothing")
    chunks = list(read_listing(place, at_once))
    assert all(len(chunk) == at_once for chunk in chunks[:-1])
    names = [name for chunk in chunks for name in chunk]
    assert len(names) == listing.pictures
    return names, listing


def test_it_has_the_pictures_of_predict_in_the_same_order(tmp_path):
    folder = touch(
        tmp_path / "folder", [*NAMES, ".hidden/1.jpg", "Thumbs.db", "b/notes.txt", "odd\nname.jpg"]
    )
    names, listing = listed(tmp_path / "list", [folder])
    pictures, others = files_in([folder])
    assert names == [str(path) for path in pictures]
    assert list(listing.others) == [str(path) for path in others]


def test_relative_paths_are_written_as_predict_writes_them(tmp_path, monkeypatch):
    touch(tmp_path / "here", NAMES)
    monkeypatch.chdir(tmp_path / "here")
    for given in (".", "B", "./B", "../here/B"):
        path = type(tmp_path)(given)
        assert [name for name, is_picture in walk_files(path) if is_picture] == list(
            map(str, files_in([path])[0])
        )


@pytest.mark.skipif(os.name != "posix", reason="names are text elsewhere")
def test_names_that_are_no_text_come_back_as_they_are(tmp_path):
    folder = touch(tmp_path / "folder", [os.fsdecode(b"caf\xe9.jpg"), "tab\t.jpg", "\u2028.jpg"])
    assert sorted(listed(tmp_path / "list", [folder])[0]) == sorted(map(str, files_in([folder])[0]))


def test_links_are_followed_but_not_in_circles(tmp_path):
    folder = touch(tmp_path / "folder", ["a/1.jpg"])
    (folder / "a" / "up").symlink_to(folder)
    (folder / "again").symlink_to(folder / "a")
    assert listed(tmp_path / "list", [folder])[0] == list(map(str, files_in([folder])[0]))


def test_files_are_taken_as_they_are_and_folders_without_pictures_refused(tmp_path):
    folder = touch(tmp_path / "folder", ["1.jpg"])
    names, _ = listed(tmp_path / "list", [tmp_path / "none.jpg", folder])
    assert names == [str(tmp_path / "none.jpg"), str(folder / "1.jpg")]
    with pytest.raises(DataError, match="no pictures in it"):
        write_listing(tmp_path / "other", [touch(tmp_path / "empty", ["x.txt"])], tmp_path / "nothing")
    assert not (tmp_path / "other").exists()


def test_our_own_folder_is_passed_over(tmp_path):
    folder = touch(tmp_path / "folder", ["1.jpg", "out.csv.partial/part"])
    assert write_listing(tmp_path / "list", [folder], folder / "out.csv.partial").other_count == 0
