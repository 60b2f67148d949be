"""The watch over real trainings: what it says, where that is kept, and that it says it once."""

from dataclasses import replace

import numpy as np
from PIL import Image

import tellapart
from tellapart.api.listener import Listener
from tellapart.events import EpochDone, Finding
from tellapart.recipes.adapt import at_lower_rates
from tellapart.recipes.recipes import quick, transfer

CONFIG = quick().changed(
    epochs=4, batch_size=8, precision="float32", validation_share=0.2, predictions=0, size=(16, 16)
)


def striped(count, seed=0):
    """Noise with a color for each of three classes."""
    labels = np.arange(count) % 3
    noise = np.random.default_rng(seed).integers(0, 100, (count, 16, 16, 3))
    return (noise + 60 * np.eye(3)[labels][:, None, None]).astype(np.uint8), labels


class Ears(Listener):
    """Listener that keeps the findings."""

    def __init__(self):
        self.heard = []

    def event(self, event):
        if isinstance(event, Finding | EpochDone):
            self.heard.append(event)

    @property
    def findings(self):
        return [event for event in self.heard if isinstance(event, Finding)]


def trained(data, out, config=CONFIG, **others):
    ears = Ears()
    options = others if "resume" in others else {"recipe": config, "out": out, **others}
    return tellapart.train(data[0], labels=data[1], listener=ears, **options), ears


def test_of_a_healthy_training_nothing_is_said(tmp_path):
    result, ears = trained(striped(300), tmp_path / "run")
    assert ears.findings == []
    assert result.findings == ()
    assert tellapart.report(tmp_path / "run").facts["findings"] == []


def test_a_rate_too_high_is_named_after_the_first_epoch_in_every_place(tmp_path, capsys):
    out = tmp_path / "run"
    images, labels = striped(300)
    result = tellapart.train(images, labels=labels, recipe=at_lower_rates(CONFIG, 1000), out=out)
    finding = result.findings[0]
    assert (finding.kind, finding.epoch) == ("learning rate too high", 0)
    assert finding.in_words in capsys.readouterr().out
    assert "Learning rate too high (epoch 1): the training loss (" in finding.in_words
    report = tellapart.report(out)
    assert report.facts["findings"][0]["in_words"] == finding.in_words
    assert "Training problems" in report.path.read_text()
    assert finding.advice in report.path.read_text()


def test_copies_are_told_before_the_first_epoch_and_not_again_when_the_run_is_resumed(tmp_path):
    images, labels = striped(100)
    twice = np.concatenate([images, images]), np.concatenate([labels, labels])
    _, ears = trained(twice, tmp_path / "run", should_stop=lambda: True)
    (leak,) = ears.heard
    assert (leak.kind, leak.epoch) == ("data leak", None)
    assert " validation pictures and " in leak.seen
    assert leak.seen.startswith("exact copies (after resizing) of training pictures: ")
    result, ears = trained(twice, None, resume=tmp_path / "run")
    assert ears.findings == []
    assert [finding.kind for finding in result.findings] == ["data leak"]


def test_the_copies_are_counted(tmp_path):
    """Of 150 images 20 are copies; those of them that were drawn into another split than their original count."""
    images, labels = striped(150)
    images[130:] = images[:20]
    labels[130:] = labels[:20]
    result, ears = trained((images, labels), tmp_path / "run", should_stop=lambda: True)
    assert not result.finished
    lines = (tmp_path / "run" / "split.csv").read_text().splitlines()[1:]
    split = {int(line.split(",")[0].split("/")[1]): line.split(",")[-1] for line in lines}
    assert len(split) == 150
    copy_of = {row: row + 130 for row in range(20)} | {row + 130: row for row in range(20)}
    counts = {
        (where, base): sum(split[row] == where and split[other] == base for row, other in copy_of.items())
        for where, base in (("validation", "train"), ("test", "train"), ("test", "validation"))
    }
    assert min(counts.values()) > 1
    words = {pair: f"{count} of 30 {pair[0]} pictures" for pair, count in counts.items()}
    seen, _, example = ears.findings[0].seen.partition(", such as ")
    assert seen == (
        f"exact copies (after resizing) of training pictures: {words['validation', 'train']} and "
        f"{words['test', 'train']}, and of validation pictures: {words['test', 'validation']}"
    )
    one, other = (int(name.removeprefix("train/")) for name in example.split(" = "))
    assert copy_of[one] == other


def test_a_transfer_whose_labels_mean_nothing_is_told(tmp_path):
    images, labels = striped(120)
    shuffled = np.random.default_rng(5).permutation(labels)
    config = replace(transfer().changed(size=(32, 32), predictions=0), fine_tune="off")
    result, _ = trained((images, shuffled), tmp_path / "run", config)
    assert [finding.kind for finding in result.findings] == ["no better than chance"]
    healthy, _ = trained((images, labels), tmp_path / "healthy", config)
    assert healthy.findings == ()


def test_a_picture_that_is_tested_and_validated_on_is_told(tmp_path):
    """With a validation split of the data's own, so that nothing is drawn."""
    images, labels = striped(90)
    images[81:84] = images[60:63]
    for split, rows in {"train": range(60), "validation": range(60, 75), "test": range(75, 90)}.items():
        for row in rows:
            place = tmp_path / "data" / split / f"class{labels[row]}" / f"{row}.png"
            place.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(images[row]).save(place)
    ears = Ears()
    out = tmp_path / "run"
    tellapart.train(tmp_path / "data", recipe=CONFIG, out=out, listener=ears, should_stop=lambda: True)
    seen, _, example = ears.findings[0].seen.partition(", such as ")
    assert seen == "exact copies (after resizing) of validation pictures: 3 of 15 test pictures"
    assert example == "test/class0/81.png = validation/class0/60.png"
