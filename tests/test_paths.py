"""What is said of paths at which nothing lies."""

import pytest

from tellapart.paths import no_such_picture, similar_paths


@pytest.mark.parametrize(
    ("asked", "there"),
    [("cat.jpg", "cat.JPG"), ("CAT.JPEG", "Cat.jpeg"), ("cta.jpg", "cat.jpg"), ("photos", "Photos")],
)
def test_a_name_in_another_case_or_with_a_slip_is_suggested(tmp_path, asked, there):
    (tmp_path / there).touch()
    (tmp_path / "zebra.png").touch()
    assert similar_paths(tmp_path / asked) == [str(tmp_path / there)]
    assert f"Did you mean {tmp_path / there}?" in no_such_picture(tmp_path / asked)


def test_names_that_differ_in_case_alone_are_all_suggested(tmp_path):
    for name in ("Cat.jpg", "cat.JPG"):
        (tmp_path / name).touch()
    assert set(similar_paths(tmp_path / "cat.jpg")) == {str(tmp_path / "Cat.jpg"), str(tmp_path / "cat.JPG")}


def test_nothing_alike_is_not_suggested(tmp_path):
    (tmp_path / "zebra.png").touch()
    assert similar_paths(tmp_path / "cat.jpg") == []
