"""`tellapart modernize`: the diff on stdout, what is left on stderr, and files only on request."""

import pytest
from command_line import tellapart

OLD = "from keras.models import Sequential\nmodel = Sequential()\nmodel.fit(x, y, nb_epoch=3)\n"
NEW = "import tellapart\n" + OLD.replace(
    "model.fit(x, y, nb_epoch=3)", "tellapart.fit(model, x, y, epochs=3)"
)


@pytest.fixture
def script(tmp_path):
    place = tmp_path / "old.py"
    place.write_text(OLD)
    return place


def test_it_prints_a_diff_and_writes_nothing(script):
    result = tellapart("modernize", script)
    assert result.code == 0
    assert result.out.startswith(f"--- {script}\n+++ {script}\n@@")
    assert "-model.fit(x, y, nb_epoch=3)\n+tellapart.fit(model, x, y, epochs=3)\n" in result.out
    assert [path.name for path in script.parent.glob("*.py*")] == ["old.py"]
    assert script.read_text() == OLD


def test_it_writes_in_place_with_the_old_one_kept(script):
    result = tellapart("modernize", script, "--write", "--json")
    assert script.read_text() == NEW
    assert (script.parent / "old.py.old").read_text() == OLD
    assert result.json["written"] == str(script)
    again = tellapart("modernize", script, "--write")
    assert again.code == 0
    assert "needs no change" in again.err
    assert again.out == ""


def test_it_writes_to_a_new_file_and_never_over_one(script, tmp_path):
    new = tmp_path / "new.py"
    assert tellapart("modernize", script, "--to", new).code == 0
    assert new.read_text() == NEW
    refused = tellapart("modernize", script, "--to", new)
    assert refused.code == 2
    assert "not overwritten" in refused.err
    assert tellapart("modernize", script, "--to", new, "--write").code == 2


def test_what_is_left_ends_the_report_and_is_the_exit_code(script):
    script.write_text(OLD + "from keras import backend as K\ng = K.gradients(a, b)\n")
    result = tellapart("modernize", script)
    assert result.code == 5
    assert "line 5: K.gradients" in result.err
    assert result.err.rstrip().endswith("torch.autograd.grad.")
    left = tellapart("modernize", script, "--json").json["left"]
    assert [(each["line"], each["code"]) for each in left] == [(5, "K.gradients")]


def test_a_missing_script_and_a_folder_are_refused(tmp_path):
    assert tellapart("modernize", tmp_path / "none.py").code == 3
    assert "folder" in tellapart("modernize", tmp_path).err
