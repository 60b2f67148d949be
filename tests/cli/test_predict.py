"""`predict` answers for every picture it can read, and names the others."""

import csv
import io
import itertools
import re
import shutil
from pathlib import Path

import pytest
from command_line import tellapart

import tellapart as package
from tellapart.cli.terminal.predictions import note_model

CAT = Path(package.__file__).parent / "guide" / "photos" / "cat.jpg"
CATS = ("tabby", "tiger cat", "Persian cat", "Siamese cat", "Egyptian cat")


def test_probabilities_of_all_classes_sum_to_one(run, folder):
    answers = tellapart("predict", run, folder, "--json").json["predictions"]
    assert len(answers) == 40
    for answer in answers:
        assert sum(answer["probabilities"].values()) == pytest.approx(1, abs=1e-6)
        assert answer["predicted"] == max(answer["probabilities"], key=answer["probabilities"].get)


def test_a_folder_is_answered_in_the_order_a_person_expects(run, folder):
    answers = tellapart("predict", run, folder / "dark", "--json").json["predictions"]
    assert [answer["picture"] for answer in answers] == [str(folder / "dark" / f"{n}.png") for n in range(20)]


def test_csv_carries_every_class(run, folder):
    rows = list(csv.DictReader(io.StringIO(tellapart("predict", run, folder, "--csv", "-").out)))
    assert len(rows) == 40
    assert float(rows[0]["dark"]) + float(rows[0]["light"]) == pytest.approx(1, abs=1e-6)


def test_csv_goes_to_a_new_file_only(run, folder, tmp_path):
    result = tellapart("predict", run, folder / "dark" / "0.png", "--csv", tmp_path / "answers.csv")
    assert (result.code, result.out) == (0, "")
    assert result.err == f"1 prediction written to {tmp_path / 'answers.csv'}\n"
    assert (
        (tmp_path / "answers.csv")
        .read_text()
        .startswith("picture,predicted,familiar,novelty,novelty_limit,dark,light\n")
    )
    again = tellapart("predict", run, folder / "dark" / "0.png", "--csv", tmp_path / "answers.csv")
    assert again.code == 2


def test_a_model_that_comes_along_is_called_by_its_name(folder):
    picture = folder / "dark" / "0.png"
    assert tellapart("predict", "digits", picture, "--json").json["model"] == "digits"
    assert tellapart("predict", picture, "--json").json["model"] == "imagenet"


def test_without_a_model_named_it_is_said_who_answers_and_what_it_knows(run, folder):
    picture = folder / "dark" / "0.png"
    assert tellapart("predict", picture).err == (
        "Using the built-in ImageNet model. It recognizes only 1,000 kinds of animals, plants and objects "
        "(tellapart summary imagenet lists them).\n"
    )
    assert tellapart("predict", "cifar10", picture).err == (
        "Using the built-in CIFAR-10 model. It recognizes only: airplane, automobile, bird, cat, deer, dog, frog, "
        "horse, ship, truck.\n"
    )
    for arguments in ((picture, "--json"), (picture, "--csv", "-"), (run, picture, "--json")):
        assert tellapart("predict", *arguments).err == ""


def test_a_model_that_is_named_says_what_it_knows(run, folder):
    picture = folder / "dark" / "0.png"
    assert tellapart("predict", run, picture).err == f"Using {run}. It recognizes only: dark, light.\n"


@pytest.mark.parametrize(
    ("count", "begins", "ends"),
    [
        (1, "kind0.", "kind0."),
        (2, "kind0, kind1.", "kind1."),
        (13, "kind0, kind1,", "kind11, kind12."),
        (100, "kind0, kind1,", "kind11, 88 more."),
    ],
)
def test_of_very_many_classes_the_first_are_named(capsys, count, begins, ends):
    note_model(Path("run"), [f"kind{number}" for number in range(count)])
    said = " ".join(capsys.readouterr().err.split())
    assert said.startswith(f"Using run. It recognizes only: {begins}")
    assert said.endswith(ends)


def test_a_folder_of_run_folders_is_no_pictures(run, folder):
    shutil.copytree(run, "runs/first")
    result = tellapart("predict", "runs", folder / "dark" / "0.png")
    assert result.code == 2
    assert "runs is a folder of run folders. Did you mean runs/first?" in result.err


def test_a_folder_of_pictures_that_holds_a_run_as_well_is_pictures(run, folder, tmp_path):
    shutil.copytree(run, tmp_path / "album" / "a run")
    assert "Did you mean '" in tellapart("predict", tmp_path / "album", folder / "dark" / "0.png").err
    shutil.copy(folder / "dark" / "0.png", tmp_path / "album")
    assert tellapart("predict", tmp_path / "album").code == 0


def test_a_name_with_a_slip_brings_the_right_one(run, folder):
    shutil.copytree(run, "runs/photos")
    said = tellapart("predict", "runs/photo", folder / "dark" / "0.png").err
    assert "Did you mean runs/photos?" in said
    shutil.copy(folder / "dark" / "0.png", "holiday.png")
    assert "Did you mean holiday.png?" in tellapart("predict", "holliday.png").err


@pytest.mark.parametrize(
    ("command", "address"),
    [
        *itertools.product(
            ["predict", "explain", "train"],
            ["https://example.com/cat.jpg", "https://example.com/c.jpg?size=3"],
        ),
        *itertools.product(["predict", "explain"], ["HTTP://example.com/a"]),  # to train, it may hold shards
    ],
)
def test_an_address_in_the_web_is_told_from_a_file(command, address):
    assert (
        f"{address}: web addresses are not supported. Download the picture first"
        in tellapart(command, address).err
    )


def test_a_link_that_leads_nowhere_is_called_that():
    Path("holiday.jpg").symlink_to("nowhere.jpg")
    said = tellapart("predict", "holiday.jpg").err
    assert "holiday.jpg: a broken link to nowhere.jpg." in said
    assert "Did you mean" not in said


def test_a_path_with_the_name_of_a_built_in_model_comes_first_with_a_warning(folder):
    picture = folder / "dark" / "0.png"
    assert tellapart("predict", "digits", picture).err.startswith(
        "Using the built-in digits model. It recognizes only: 0, 1, 2,"
    )
    Path("digits").mkdir()
    shutil.copy(picture, "digits/z.png")
    result = tellapart("predict", "digits", picture)
    said, who = result.err.splitlines()
    assert said == "digits: using the folder of that name, not the built-in model."
    assert who.startswith("Using the built-in ImageNet model.")
    assert "digits/z.png" in result.out
    for command in ("evaluate", "summary"):
        assert "digits: using the folder of that name" in tellapart(command, "digits").err


def test_the_likeliest_group_leads_with_its_likeliest_class_in_brackets():
    result = tellapart("predict", CAT)
    first, *table = result.out.splitlines()
    assert re.fullmatch(rf"{re.escape(str(CAT))}: cat \d+% \(\w[\w ]* \d+%\)", first)
    assert "probability" in table[1]


def test_the_group_is_in_json_csv_and_the_table_of_many(tmp_path):
    shutil.copy(CAT, tmp_path / "again.jpg")
    (answer,) = tellapart("predict", CAT, "--json").json["predictions"]
    assert (answer["group"], answer["group_class"]) == ("cat", answer["predicted"])
    cats = [answer["probabilities"][name] for name in CATS]
    assert sum(cats) <= answer["group_probability"] < 1
    (row,) = csv.DictReader(io.StringIO(tellapart("predict", CAT, "--csv", "-").out))
    assert (row["group"], float(row["group_probability"])) == ("cat", answer["group_probability"])
    assert row["group_class"] == answer["group_class"]
    kind = f"{answer['group_class']} {answer['probabilities'][answer['group_class']]:.1%}"
    assert f"cat ({kind})" in tellapart("predict", CAT, tmp_path / "again.jpg").out


def test_a_model_without_groups_answers_with_a_class(run, folder):
    picture = folder / "dark" / "0.png"
    result = tellapart("predict", run, picture)
    assert re.fullmatch(rf"{re.escape(str(picture))}: (dark|light) \d+%", result.out.splitlines()[0])
    assert "group" not in tellapart("predict", run, picture, "--json").json["predictions"][0]


def test_top_limits_what_is_carried(run, folder):
    answers = tellapart("predict", run, folder / "dark" / "0.png", "--top", "1", "--json").json["predictions"]
    assert len(answers[0]["probabilities"]) == 1


def test_an_unreadable_picture_is_named_and_the_others_are_answered(run, folder, tmp_path):
    (tmp_path / "bad.png").write_bytes(b"not a picture")
    result = tellapart(
        "predict", run, tmp_path / "bad.png", tmp_path / "missing.png", folder / "dark" / "1.png"
    )
    assert result.code == 3
    assert "bad.png: text, not a picture" in result.err
    assert "missing.png: no such file" in result.err
    assert str(folder / "dark" / "1.png") in result.out


def test_an_unreadable_picture_inside_a_folder_is_a_note(run, folder, tmp_path):
    (tmp_path / "mixed").mkdir()
    (tmp_path / "mixed" / "bad.png").write_bytes(b"not a picture")
    (tmp_path / "mixed" / "good.png").write_bytes((folder / "dark" / "1.png").read_bytes())
    result = tellapart("predict", run, tmp_path / "mixed", "--json")
    assert result.code == 0
    assert [answer["picture"] for answer in result.json["predictions"]] == [
        str(tmp_path / "mixed" / "good.png")
    ]
    assert result.json["unreadable"][0]["picture"] == str(tmp_path / "mixed" / "bad.png")
    assert "bad.png" in result.err


def test_files_of_a_folder_that_are_no_pictures_by_their_ending_are_named_in_a_line(run, folder, tmp_path):
    (tmp_path / "album" / "deeper").mkdir(parents=True)
    shutil.copy(folder / "dark" / "1.png", tmp_path / "album")
    for name in ("notes.txt", "deeper/x.psd", ".DS_Store", "Thumbs.db"):
        (tmp_path / "album" / name).write_bytes(b"x")
    result = tellapart("predict", run, tmp_path / "album")
    names = f"{tmp_path}/album/deeper/x.psd, {tmp_path}/album/notes.txt"
    assert result.code == 0
    assert result.err.splitlines()[0] == f"Skipped 2 non-picture files: {names}"


def test_a_heic_photo_is_answered_like_any_other(run, tmp_path):
    photo = Path(__file__).parents[1] / "data" / "pictures" / "quadrants.heic"
    shutil.copy(photo, tmp_path / "IMG_1.HEIC")
    named = tellapart("predict", run, tmp_path / "IMG_1.HEIC", "--json")
    alone = tellapart("predict", tmp_path / "IMG_1.HEIC", "--json")
    assert (named.code, alone.code, alone.json["model"]) == (0, 0, "imagenet")
    within = tellapart("predict", run, tmp_path, "--json")
    assert within.json["predictions"] == named.json["predictions"]


def test_a_folder_without_pictures_is_bad_data(run, tmp_path):
    (tmp_path / "empty").mkdir()
    assert tellapart("predict", run, tmp_path / "empty").code == 3


def test_a_control_character_in_a_name_does_not_reach_the_terminal(run, folder, tmp_path):
    (tmp_path / "red\x1b[31m.png").write_bytes((folder / "dark" / "1.png").read_bytes())
    result = tellapart("predict", run, tmp_path / "red\x1b[31m.png")
    assert result.code == 0
    assert "\x1b" not in result.out
    assert "red\\x1b[31m.png" in result.out


def test_another_precision_names_the_same_classes(run, folder):
    answers = [
        tellapart("predict", run, folder, "--json", "--precision", precision).json["predictions"]
        for precision in ("float32", "bfloat16")
    ]
    exact, low = ([answer["predicted"] for answer in one] for one in answers)
    assert exact == low


@pytest.mark.parametrize("command", ["predict", "explain"])
@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("notes.txt", b"milk, eggs", "notes.txt: text, not a picture"),
        ("notes", b"milk, eggs", "notes: text, not a picture"),
        ("album.zip", b"PK\x03\x04", "album.zip: an archive, not a picture"),
        ("none.jpg", None, "none.jpg: no such file in the current folder, "),
    ],
)
def test_what_is_no_model_is_spoken_of_as_a_picture(command, name, content, said):
    if content is not None:
        Path(name).write_bytes(content)
    result = tellapart(command, name)
    assert result.code == 3
    assert said in result.err
    assert "no such model" not in result.err
    assert "a model, which" not in result.err


@pytest.mark.parametrize("command", ["predict", "explain"])
def test_what_may_be_a_model_or_a_picture_and_is_not_there_is_told_of_both(command, folder):
    alone, first = tellapart(command, "holiday"), tellapart(command, "runs/none", folder / "dark" / "0.png")
    assert (alone.code, first.code) == (2, 1)
    for said in (alone.err, first.err):
        assert "no such file or folder" in said
        assert "a run folder, a .keras or an .h5 file, imagenet, cifar10 or digits" in said
        assert f"tellapart {command} PICTURE.jpg" in said
        assert len(said.splitlines()) == 1


@pytest.mark.parametrize("name", ["mine.bin", "mine"])
def test_a_model_by_another_name_is_still_known_as_one(run, folder, name):
    """A `.keras` file that lost its ending gets the advice to rename it where it cannot be read."""
    shutil.copy(run / "model.keras", name)
    result = tellapart("predict", name, folder / "dark" / "0.png")
    assert "not a readable picture" not in result.err
    assert tellapart("predict", name).err.startswith("Error: Which pictures?")
