"""`check` at the command line says how it read the data, as `train` does."""

import shutil

from command_line import make_pictures, tellapart


def test_what_was_left_out_is_said_on_the_terminal_in_json_and_on_the_page(tmp_path):
    root = make_pictures(tmp_path / "set", {"train/dark": 12, "train/light": 12})
    shutil.copytree(root / "train" / "dark", root / "val")
    (root / "readme.txt").write_text("read me")
    result = tellapart("check", root, "--out", tmp_path / "check.html")
    page = (tmp_path / "check.html").read_text(encoding="utf-8")
    for words in ("val/ left out: its 12 pictures are in no class folders.", "readme.txt"):
        assert words in result.err
        assert words in page
    described = tellapart("check", root, "--out", tmp_path / "check.html", "--json").json
    assert described["notices"] == ["val/ left out: its 12 pictures are in no class folders"]
