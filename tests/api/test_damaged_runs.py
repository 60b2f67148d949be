"""A run folder with flipped bits and files cut short: found and said in one paragraph, or without effect."""

import json
import os
import shutil

import numpy as np
import pytest

import tellapart
from tellapart.api.listener import Listener
from tellapart.errors import TellapartError
from tellapart.runs import checkpointer
from tellapart.runs.event_log import event_line, read_log

SETTINGS = {"recipe": "quick", "epochs": 3, "size": (16, 16), "batch_size": 8, "validation_share": 0.2}


class Ears(Listener):
    """Listener that records warnings."""

    def __init__(self):
        self.warnings = []

    def warned(self, words):
        self.warnings.append(words)


@pytest.fixture(scope="module")
def whole(color_photos, tmp_path_factory):
    """A run folder with all its files, two checkpoints among them."""
    out = tmp_path_factory.mktemp("runs") / "whole"
    with pytest.MonkeyPatch.context() as often:
        often.setattr(checkpointer, "SECONDS_BETWEEN_CHECKPOINTS", -1.0)
        tellapart.train(str(color_photos), out=out, verbose=False, **SETTINGS)
    return out


@pytest.fixture
def run(whole, tmp_path):
    return shutil.copytree(whole, tmp_path / "run")


def verbs(run, photo):
    """Each use of a run folder, with its result as text."""
    yield "report", lambda: str({**tellapart.report(run).facts, "network": None})
    yield "evaluate", lambda: str(tellapart.evaluate(run).to_dict())
    yield "explain", lambda: explained(tellapart.explain(run, photo))
    yield "resume", lambda: str(tellapart.train(resume=run, listener=Ears()).scores)


def explained(explanation):
    return f"{explanation.answer} {explanation.training_examples} {explanation.gaps}".replace("\n", " ")


def outcome(use):
    """Return what a use returns or says; anything but an error of ours is a failure of the test."""
    try:
        return use()
    except TellapartError as reason:
        return f"refused: {reason}"


FILES = ["run.toml", "split.csv", "log.jsonl", "predictions.safetensors", "metrics.csv", "last.safetensors"]
FILES += ["checkpoints/epoch-0001.safetensors"]


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("damage", ["a bit", "cut short", "noise", "missing"])
def test_a_damaged_file_is_told_of_in_a_paragraph(name, damage, run, color_photos):
    place = run / name
    content = place.read_bytes()
    flipped = bytearray(content)
    flipped[len(content) // 2] ^= 4
    contents = {
        "a bit": flipped,
        "cut short": content[: len(content) // 2],
        "noise": b"\xff\x00[" * 99,
    }
    if damage == "missing":
        place.unlink()
    else:
        place.write_bytes(contents[damage])
    photo = str(next(color_photos.rglob("*.png")))
    said = {verb: outcome(use) for verb, use in verbs(run, photo)}
    for verb, words in said.items():
        refused = words.startswith("refused: ")
        assert not refused or (words.count("\n") == 0 and str(run) in words), f"{verb}: {words}"
    refused = {verb for verb, words in said.items() if words.startswith("refused: ")}
    if name == "run.toml" and damage == "missing":
        assert {"report", "resume"} <= refused
    else:
        expected = {"run.toml": set(said), "split.csv": {"evaluate", "resume"}}
        assert refused == expected.get(name, set()), said


def flipped_bits(content, count, seed):
    random = np.random.default_rng(seed)
    for bit in random.choice(8 * len(content), min(count, 8 * len(content)), replace=False):
        damaged = bytearray(content)
        damaged[bit // 8] ^= 1 << bit % 8
        yield int(bit), bytes(damaged)


@pytest.mark.parametrize("name", ["run.toml", "split.csv"])
def test_every_flipped_bit_of_the_settings_and_the_split_is_found_or_harmless(name, run):
    from tellapart.runs.folder import RunFolder

    folder, place = RunFolder(run), run / name
    content = place.read_bytes()

    def read():
        config, data = folder.read_settings()
        return config, data, folder.read_split(data)

    expected, said = read(), set()
    for bit, damaged in flipped_bits(content, 300, seed=1):
        place.write_bytes(damaged)
        try:
            assert read() == expected, f"bit {bit}"
        except TellapartError as reason:
            said.add(str(place) in str(reason))
    assert said == {True}


def test_every_flipped_bit_of_the_predictions_is_found_or_harmless(run):
    from tellapart.runs.predictions import load_predictions

    place = run / "predictions.safetensors"
    content, expected = place.read_bytes(), load_predictions(place)
    found = 0
    for bit, damaged in flipped_bits(content, 300, seed=2):
        place.write_bytes(damaged)
        try:
            read = load_predictions(place)
        except TellapartError:
            found += 1
            continue
        for split, ours in read.items():
            np.testing.assert_array_equal(
                ours.probabilities, expected[split].probabilities, err_msg=f"bit {bit}"
            )
            np.testing.assert_array_equal(ours.labels, expected[split].labels)
    assert found > 250


def says(line, entry):
    """Whether a line says what an entry says; a checksum whose name was hit is one more value, which nobody reads."""
    return all(line.get(name) == value for name, value in entry.items())


def test_a_flipped_bit_of_the_log_costs_at_most_two_lines_and_changes_none(run):
    place = run / "log.jsonl"
    content = place.read_bytes()
    expected, damaged_before = read_log(place)
    assert damaged_before == 0
    for bit, damaged in flipped_bits(content, 300, seed=3):
        place.write_bytes(damaged)
        lines, count = read_log(place)
        assert all(any(says(line, entry) for entry in expected) for line in lines), f"bit {bit}"
        assert len(lines) >= len(expected) - 2
        assert len(lines) == len(expected) or count or damaged[-1:] != b"\n"


def test_a_damaged_line_of_the_log_is_left_out_of_the_report_and_said(run):
    place = run / "log.jsonl"
    lines = place.read_text().splitlines(keepends=True)
    second = next(index for index, line in enumerate(lines) if '"epoch": 1' in line)
    lines[second] = lines[second].replace('"epoch": 1', '"epoch": 7')
    place.write_text("".join(lines))
    facts = tellapart.report(run).facts
    assert [row["epoch"] for row in facts["curves"]] == [0, 2]
    assert "log.jsonl: 1 damaged line left out." in facts["missing"]


def test_without_an_epoch_of_the_log_no_influence_is_computed_from_the_learning_rates_of_others(
    run, color_photos
):
    place, photo = run / "log.jsonl", str(next(color_photos.rglob("*.png")))
    healthy = tellapart.explain(run, photo)
    assert healthy.training_examples.epochs == (1, 2, 3)
    place.write_text(place.read_text().replace('"epoch": 1', '"epoch": 7', 1))
    damaged = tellapart.explain(run, photo)
    assert damaged.training_examples.epochs == ()
    said = [gap for gap in damaged.gaps if gap not in healthy.gaps]
    assert [gap.partition(": ")[2] for gap in said] == [
        "learning rates may be missing. log.jsonl: 1 damaged line left out."
    ]


@pytest.mark.parametrize(
    ("lost", "is_scored", "said"),
    [
        ("Scored", True, "the scores"),
        ("EpochDone", False, "1 epoch"),
        ("Cost", False, "the time that it took"),
    ],
)
def test_lines_that_the_end_of_the_log_lacks_are_said(lost, is_scored, said, run):
    """Cut short between two lines, no checksum tells; the files beside it do."""
    place = run / "log.jsonl"
    lines = place.read_text().splitlines(keepends=True)
    last = max(index for index, line in enumerate(lines) if f'"event": "{lost}"' in line)
    place.write_text("".join(lines[:last]))
    if not is_scored:
        (run / "predictions.safetensors").unlink()
    (gap,) = [gap for gap in tellapart.report(run).facts["missing"] if gap.startswith("log.jsonl")]
    assert gap.startswith(f"log.jsonl: incomplete, it lacks {said} (")


def test_a_log_of_an_earlier_version_without_checksums_is_read_and_its_gaps_are_no_traceback(run):
    """A figure that was not finite was logged as null."""
    place = run / "log.jsonl"
    entries, _ = read_log(place)
    nothing = {"epoch": 2, "epochs": 3, "loss": None, "val_loss": None}
    written = [*map(dict, entries), {"event": "EpochDone", **nothing}, {"event": "EpochDone"}]
    place.write_text("".join(f"{json.dumps(entry)}\n" for entry in written))
    assert [row["epoch"] for row in tellapart.report(run).facts["curves"]] == [0, 1, 2]


def test_a_line_with_its_checksum_is_read_as_it_was_written(tmp_path):
    values = {"é": 'a", "crc32": "', "nan": float("nan"), "list": [1.5, None]}
    (tmp_path / "log.jsonl").write_text(event_line("Tried", values) + '{"cut sho')
    (entry,), damaged = read_log(tmp_path / "log.jsonl")
    assert {key: entry[key] for key in values} == {**values, "nan": None}
    assert damaged == 0


def test_a_resumed_training_says_that_the_last_checkpoint_is_damaged_and_ends_the_same(whole, run):
    place = run / "last.safetensors"
    content = bytearray(place.read_bytes())
    content[-100] ^= 1
    place.write_bytes(content)
    ears = Ears()
    resumed = tellapart.train(resume=run, listener=ears)
    (said,) = ears.warnings
    assert said.startswith(f"{place} is not a readable checkpoint (its content differs from what was written")
    expected = tellapart.load(whole).model.get_weights()
    for ours, theirs in zip(resumed.classifier.model.get_weights(), expected, strict=True):
        np.testing.assert_array_equal(ours, theirs)


@pytest.mark.parametrize(
    ("table", "odd"),
    [
        ("data", {"left_out": {"train": 3}}),
        ("data", {"left_out": {}}),
        ("data", {"fingerprints": {"x": "y"}}),
        ("data", {"pictures": {"train": 10**30, "validation": 1, "test": 1}}),
        ("data", {"argument": 7}),
        ("data", {"precision": []}),
        ("run", {"epochs": 10**30}),
        ("run", {"seed": 2**63}),
        ("run", {"size": [16, 10**30]}),
    ],
    ids=str,
)
def test_settings_that_no_training_has_are_refused_although_their_digest_fits(table, odd, run, color_photos):
    from tellapart.runs.sealed_settings import write_sealed
    from tellapart.runs.settings_file import read_settings_file

    settings = read_settings_file(run / "run.toml")
    settings[table] |= odd
    write_sealed(run / "run.toml", settings)
    photo = str(next(color_photos.rglob("*.png")))
    for verb, use in verbs(run, photo):
        assert outcome(use).startswith(f"refused: {run / 'run.toml'} is damaged ("), verb


def make_endless(place):
    place.symlink_to("/dev/zero")


@pytest.mark.parametrize("make", [os.mkfifo, make_endless], ids=["pipe", "device"])
@pytest.mark.parametrize("name", [*FILES, ".lock-holder.json", "model.keras", "report.html"])
def test_pipes_and_devices_in_a_run_folder_are_not_waited_for(name, make, run, color_photos):
    """Otherwise this test would have no end."""
    (run / name).unlink(missing_ok=True)
    make(run / name)
    photo = str(next(color_photos.rglob("*.png")))
    for verb, use in verbs(run, photo):
        words = outcome(use)
        refused = words.startswith("refused: ")
        assert not refused or "Traceback" not in words, verb
