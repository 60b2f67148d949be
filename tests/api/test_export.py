"""`export`: where files go, on which pictures they are proven, and what is refused."""

import dataclasses
import json
import os
import shutil
import subprocess
import sys
from importlib.util import find_spec

import numpy as np
import pytest

import tellapart
from tellapart.classifier.classifier import Classifier
from tellapart.errors import ConfigError, DataError, MissingExtraError, ModelError, SaveError
from tellapart.exporters.registry import FORMATS


@pytest.fixture
def run(trained, tmp_path):
    return shutil.copytree(trained.folder, tmp_path / "run")


def files_of(folder):
    return {path.name for path in folder.iterdir()}


def test_a_run_is_exported_beside_its_model_and_proven_on_its_test_pictures(run):
    before = files_of(run)
    exported = tellapart.export(run)
    assert exported.path == run / "model.onnx"
    assert files_of(run) - before == {"model.onnx", "model.onnx.json"}
    assert exported.proof.source.endswith("test split")
    assert exported.proof.pictures == 15
    assert exported.proof.score == exported.proof.exported_score == tellapart.evaluate(run).scores.accuracy
    assert len(repr(exported)) <= 200
    assert len(exported._repr_html_()) < 100_000
    tellapart.export(run)  # an earlier export is replaced


def test_the_summary_of_a_model_has_a_line_for_each_export(run, trained):
    assert "exports" not in tellapart.summary(run).facts
    tellapart.export(run)
    tellapart.export(run, "torch", count=7)
    lines = tellapart.summary(run).facts["exports"]
    assert list(lines) == ["model.onnx", "model.pt2"]
    assert lines["model.pt2"].startswith("float32: the same answer on 100.00% of 7 pictures")
    (run / "model.pt2").unlink()
    record = json.loads((run / "model.onnx.json").read_text())
    (run / "other.onnx.json").write_text(json.dumps({**record, "card": {}}))  # of another model
    (run / "other.onnx").write_text("")
    (run / "broken.onnx.json").write_text("[" * 100_000)
    assert list(tellapart.summary(run).facts["exports"]) == ["model.onnx"]


def test_pictures_of_the_proof_are_taken_evenly(run):
    assert tellapart.export(run, "torch", count=7).proof.pictures == 7


def test_labeled_data_of_other_classes_prove_without_scores(run, color_photos, tmp_path):
    for name in ("cat", "dog"):
        shutil.copytree(color_photos / "test" / "red", tmp_path / "other" / name)
    proof = tellapart.export(run, "torch", data=tmp_path / "other").proof
    assert proof.pictures == 10
    assert proof.score is None
    with pytest.raises(ConfigError, match="the accuracy of int8 cannot be compared"):
        tellapart.export(run, data=tmp_path / "other", precision="int8")


def test_fewer_classes_than_the_models_are_scored_by_name(run, color_photos, tmp_path):
    for name in ("green", "red"):
        shutil.copytree(color_photos / "test" / name, tmp_path / "some" / name)
    exported = tellapart.export(run, "torch", data=tmp_path / "some")
    assert exported.proof.pictures == 10
    assert exported.proof.score == pytest.approx(tellapart.evaluate(run, tmp_path / "some").scores.accuracy)


def test_int8_learns_from_training_pictures(run):
    exported = tellapart.export(run, precision="int8", out=run / "small.onnx")
    assert exported.proof.precision == "int8"
    assert exported.path.stat().st_size < tellapart.export(run).path.stat().st_size


def test_a_file_is_exported_beside_itself_with_pictures_that_were_given(trained, color_photos, tmp_path):
    file = shutil.copy(trained.folder / "model.keras", tmp_path / "mine.keras")
    exported = tellapart.export(file, "h5", pictures=color_photos / "test" / "red")
    assert exported.path == tmp_path / "mine.h5"
    assert exported.proof.pictures == 5
    assert exported.proof.score is None


def test_a_keras_export_does_not_replace_the_model(run):
    model = (run / "model.keras").read_bytes()
    assert tellapart.export(run, "keras").path == run / "model-export.keras"
    assert (run / "model.keras").read_bytes() == model


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"to": "onx"}, r"to is one of onnx, .*got 'onx'.* onnx"),
        ({"to": 3}, "to is the name of a format; got"),
        ({"precision": "int4"}, "precision is one of float32, float16, int8; got 'int4'"),
        ({"to": "torch", "precision": "int8"}, r"PyTorch \(torch.export\) is in float32; got int8"),
        ({"count": 0}, "count is a number of pictures, 1 or more; got"),
        ({"count": True}, "count is a number of pictures"),
        ({"views": 3}, "views is 1, 2 or 6"),
        ({"to": "keras", "views": 2}, "averages no views"),
        ({"out": "net.pt"}, r"an export to ONNX ends in \.onnx"),
        ({"out": 7}, "out is a path; got"),
        ({"data": "x", "pictures": "y"}, "not both"),
    ],
)
def test_settings_are_refused(run, settings, message):
    before = files_of(run)
    with pytest.raises(ConfigError, match=message):
        tellapart.export(run, **settings)
    assert files_of(run) == before


def test_another_file_is_not_overwritten(run):
    (run / "model.onnx").write_text("somebody's own")
    with pytest.raises(ConfigError, match="is no export of tellapart's"):
        tellapart.export(run)
    assert (run / "model.onnx").read_text() == "somebody's own"


def test_a_model_without_pictures_of_its_own_asks_for_some(trained, tmp_path):
    file = shutil.copy(trained.folder / "model.keras", tmp_path / "mine.keras")
    with pytest.raises(ConfigError, match="this model has none of its own"):
        tellapart.export(file)
    with pytest.raises(ConfigError, match="A model in memory has no folder"):
        tellapart.export(trained.classifier, pictures=np.zeros((1, 8, 8, 3), np.uint8))


def test_pictures_that_cannot_be_read_prove_nothing(run, tmp_path):
    (tmp_path / "broken.jpg").write_bytes(b"no picture")
    with pytest.raises(DataError, match="None of the pictures for the proof can be read"):
        tellapart.export(run, pictures=[tmp_path / "broken.jpg"])


def test_an_export_that_answers_otherwise_is_not_kept(run, monkeypatch):
    onnx = FORMATS["onnx"]

    def slightly_off(path, job):
        opened = onnx.open(path, job)

        def answers(images):
            found = dict(opened(images))
            found["probabilities"] = found["probabilities"] + np.float32(1e-4)
            return found

        return answers

    monkeypatch.setitem(FORMATS, "onnx", dataclasses.replace(onnx, open=slightly_off))
    before = files_of(run)
    with pytest.raises(ModelError, match=r"a probability differs by 0\.0001 \(allowed: 1e-05\)"):
        tellapart.export(run)
    assert files_of(run) == before


def test_an_earlier_export_stays_where_the_new_one_fails(run, monkeypatch):
    first = tellapart.export(run).path.read_bytes()

    def broken(job, path):
        path.write_bytes(b"half")
        raise RuntimeError("no such operation\n at line 3")

    monkeypatch.setitem(FORMATS, "onnx", dataclasses.replace(FORMATS["onnx"], write=broken))
    with pytest.raises(
        ModelError, match=r"cannot be exported to ONNX \(RuntimeError: no such operation at line 3\)"
    ):
        tellapart.export(run)
    assert (run / "model.onnx").read_bytes() == first
    json.loads((run / "model.onnx.json").read_text())


def test_a_full_disk_leaves_nothing(run, monkeypatch):
    def full(job, path):
        path.write_bytes(b"half")
        raise OSError(28, "No space left on device")

    monkeypatch.setitem(FORMATS, "onnx", dataclasses.replace(FORMATS["onnx"], write=full))
    before = files_of(run)
    with pytest.raises(SaveError, match="No space left on device"):
        tellapart.export(run)
    assert files_of(run) == before


@pytest.mark.skipif(os.name != "posix", reason="limits on files are POSIX's")
@pytest.mark.parametrize(("name", "suffix"), [(name, form.suffix) for name, form in FORMATS.items()])
def test_a_disk_that_fills_up_does_not_end_the_process(run, tmp_path, name, suffix):
    """torch's own writer throws in a destructor, which ends Python, where it cannot finish a file.

    LLVM, which writes LiteRT's files, ends the process in so many words.
    """
    if not all(find_spec(package) for package in FORMATS[name].packages):
        pytest.skip(f"{name}: not installed")
    script = (
        "import gc, resource, signal, sys, numpy, tellapart\n"
        "from tellapart.errors import SaveError\n"
        "model = tellapart.load(sys.argv[1])\n"
        "assert model.model\n"  # read before nothing more can be written
        "images = numpy.zeros((2, *model.card.preprocessing.shape), 'uint8')\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))\n"
        "try:\n"
        "    tellapart.export(model, *sys.argv[2:], pictures=images)\n"
        "except SaveError as error:\n"
        "    print(error)\n"
        "gc.collect()\n"
    )
    (tmp_path / "out").mkdir()
    done = subprocess.run(
        [sys.executable, "-c", script, run, name, tmp_path / "out" / f"net{suffix}"],
        capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert f"net{suffix} could not be written (File too large). Nothing was left." in done.stdout
    assert "/.net" not in done.stdout
    assert files_of(tmp_path / "out") == set()


@pytest.mark.parametrize("name", ["net\udcff.pt2", "net\0.pt2", "\udcff/net.pt2"])
def test_paths_that_are_no_text_are_refused(run, tmp_path, name):
    """torch can end the whole process when it is given such a path."""
    with pytest.raises(ConfigError, match="are no UTF-8 text"):
        tellapart.export(run, "torch", tmp_path / name)


def test_a_name_that_is_too_long_is_refused_before_anything_is_computed(run, tmp_path):
    for name in ("x" * 300, "x" * 246):  # 246: that of the record is too long
        with pytest.raises(SaveError, match="File name too long"):
            tellapart.export(run, out=tmp_path / f"{name}.onnx")
    assert not [file for file in tmp_path.iterdir() if file != run]


@pytest.mark.parametrize(("to", "name"), [("openvino", "NET.XML"), ("h5", "NET.H5"), ("keras", "NET.Keras")])
def test_endings_may_be_in_capitals(run, tmp_path, to, name):
    done = tellapart.export(run, to, tmp_path / name, count=3)
    assert done.path.name == name
    assert done.record == tmp_path / f"{name}.json"
    assert {name, f"{name}.json"} <= files_of(tmp_path)


KILLED = """
import dataclasses, os, signal, sys
import tellapart
from tellapart.exporters.registry import FORMATS

form = FORMATS["openvino"]

def killed(job, path):
    form.write(job, path)
    (path.parent / "inner").mkdir()
    (path.parent / "inner" / "net.onnx").write_bytes(b"half")
    os.kill(os.getpid(), signal.SIGKILL)

FORMATS["openvino"] = dataclasses.replace(form, write=killed)
tellapart.export(sys.argv[1], "openvino", sys.argv[2], count=3)
"""


@pytest.mark.skipif(os.name != "posix", reason="signals are POSIX's")
def test_what_a_killed_export_leaves_is_removed_by_the_next(run, tmp_path):
    place = tmp_path / "out" / "net.xml"
    first = tellapart.export(run, "openvino", place, count=3)
    before = {file.name: file.read_bytes() for file in place.parent.iterdir()}
    assert subprocess.run([sys.executable, "-c", KILLED, run, place]).returncode == -9
    assert {name: (place.parent / name).read_bytes() for name in before} == before
    assert len(files_of(place.parent)) == len(before) + 1
    tellapart.export(run, "openvino", first.path, count=3)
    assert files_of(place.parent) == set(before)


def test_class_names_of_half_characters_are_in_the_record(trained, tmp_path):
    """As a folder's name has them whose bytes are no UTF-8."""
    names = ("gr\udcfcn", *trained.classifier.class_names[1:])
    card = dataclasses.replace(trained.classifier.card, class_names=names)
    own = Classifier.of_model(trained.classifier.model, card)
    images = np.zeros((2, *card.preprocessing.shape), np.uint8)
    done = tellapart.export(own, "torch", tmp_path / "net.pt2", pictures=images)
    assert json.loads(done.record.read_text(encoding="utf-8"))["class_names"] == list(names)


def test_a_missing_package_is_named_with_its_extra(run, monkeypatch):
    absent = dataclasses.replace(FORMATS["onnx"], packages=("package_that_is_not_there",))
    monkeypatch.setitem(FORMATS, "onnx", absent)
    with pytest.raises(MissingExtraError, match=r"pip install 'tellapart\[onnx\]'"):
        tellapart.export(run)


def test_several_labels_are_exported_with_their_thresholds(labeled, tmp_path):
    exported = tellapart.export(labeled.folder, out=tmp_path / "labels.onnx")
    record = json.loads(exported.record.read_text())
    assert record["thresholds"] == dict(
        zip(labeled.classifier.class_names, labeled.classifier.card.thresholds, strict=True)
    )
    assert exported.proof.score_name == "mean average precision"
    assert exported.proof.score == exported.proof.exported_score


@pytest.mark.parametrize("name", ["net.bin", "net.xml.json"])
def test_files_beside_that_are_somebody_elses_are_not_overwritten(trained, tmp_path, name):
    (tmp_path / name).write_text('{"theirs": 1}')
    with pytest.raises(ConfigError, match="is no export of tellapart's"):
        tellapart.export(trained, "openvino", tmp_path / "net.xml", count=3)
    assert files_of(tmp_path) == {name}
