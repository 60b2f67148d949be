"""Archives: what is left alone, and what is refused before it is unpacked."""

import zipfile

import pytest

from tellapart.errors import ModelError
from tellapart.untrusted.archive import (
    ALWAYS_ALLOWED,
    LARGEST_TEXT,
    MOST_ENTRIES,
    archive_of,
    most_bytes,
    read_entry,
)


def write(path, contents, compression=zipfile.ZIP_DEFLATED):
    with zipfile.ZipFile(path, "w", compression) as archive:
        for name, content in contents.items():
            archive.writestr(name, content)
    return path


def test_entries_come_back_as_they_were_written(tmp_path):
    path = write(tmp_path / "a.zip", {"text": b"words", "numbers": bytes(1000)})
    with archive_of(path) as archive:
        assert read_entry(archive, "text", path, is_text=True) == b"words"
        assert read_entry(archive, "numbers", path, is_text=False) == bytes(1000)
        assert read_entry(archive, "none", path, is_text=True) is None


def test_a_long_list_of_entries_is_refused_before_it_is_read(tmp_path):
    names = {f"{number:0200}": b"" for number in range(MOST_ENTRIES + 1)}
    with (
        pytest.raises(ModelError, match="list of entries has more than"),
        archive_of(write(tmp_path / "a.zip", names)),
    ):
        pass
    short = {str(number): b"" for number in range(MOST_ENTRIES + 1)}
    with (
        pytest.raises(ModelError, match=r"more than 10,000 entries"),
        archive_of(write(tmp_path / "b.zip", short)),
    ):
        pass


def test_a_text_of_the_largest_size_is_read_and_a_longer_one_refused(tmp_path):
    path = write(tmp_path / "a.zip", {"most": bytes(LARGEST_TEXT), "more": bytes(LARGEST_TEXT + 1)})
    with archive_of(path) as archive:
        assert len(read_entry(archive, "most", path, is_text=True)) == LARGEST_TEXT
        assert len(read_entry(archive, "more", path, is_text=False)) == LARGEST_TEXT + 1
        with pytest.raises(ModelError, match="would unpack to 8,000,001 bytes"):
            read_entry(archive, "more", path, is_text=True)


def test_unusual_packing_is_refused(tmp_path):
    path = write(tmp_path / "a.zip", {"text": b"words"}, zipfile.ZIP_LZMA)
    with archive_of(path) as archive, pytest.raises(ModelError, match="packed in an unusual way"):
        read_entry(archive, "text", path, is_text=True)


def test_an_entry_that_is_longer_than_it_says_is_damaged(tmp_path):
    path = write(tmp_path / "a.zip", {"text": b"word" * 1000})
    content = path.read_bytes()
    path.write_bytes(content.replace((4000).to_bytes(4, "little"), (400).to_bytes(4, "little")))
    with archive_of(path) as archive, pytest.raises(ModelError, match="damaged"):
        read_entry(archive, "text", path, is_text=True)


def test_holes_in_a_file_do_not_count(tmp_path):
    path = tmp_path / "hole"
    with path.open("wb") as file:
        file.truncate(10**12)
    assert most_bytes(path) == ALWAYS_ALLOWED
