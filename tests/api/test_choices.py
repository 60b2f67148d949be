"""What somebody chooses of a training is what is trained with, is repeated, and is gone on with."""

import numpy as np
import pytest

import tellapart
from tellapart.api.listener import Listener
from tellapart.errors import ConfigError
from tellapart.runs.event_log import read_log
from tellapart.runs.folder import RunFolder

SMALL = {"recipe": "quick", "size": 16, "precision": "float32", "predictions": 0, "verbose": False}


def pictures(counts=(60, 12), seed=0, overlap=60):
    """Noise of a class's own brightness; some of it is as bright as another class's."""
    labels = np.repeat(np.arange(len(counts)), counts)
    noise = np.random.default_rng(seed).integers(0, 140, (len(labels), 16, 16, 3))
    return (noise + overlap * labels[:, None, None, None]).clip(0, 255).astype(np.uint8), labels


def train(out, data=None, **settings):
    images, labels = pictures() if data is None else data
    return tellapart.train(images, labels=labels, out=out, **{**SMALL, "epochs": 2, **settings})


def settings_of(folder):
    return RunFolder(folder).all_settings()


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """A run of two epochs; copies of it are gone on with."""
    return train(tmp_path_factory.mktemp("finished") / "run")


class Notices(Listener):
    def __init__(self):
        self.heard = []

    def notice(self, words):
        self.heard.append(words)


def test_class_weights_are_saved_as_numbers_and_change_the_training(finished, tmp_path):
    weighted = train(tmp_path / "weighted", class_weight="balanced")
    saved = settings_of(weighted.folder)["run"]["class_weight"]
    train_images = settings_of(weighted.folder)["data"]["pictures"]["train"]
    assert saved["origin"] == "balanced"
    assert list(saved["weights"]) == ["0", "1"]
    assert saved["weights"]["1"] > 4 * saved["weights"]["0"]
    rows = RunFolder(weighted.folder).read_split({})
    counts = [sum(row == (name, "train") for row in rows.values()) for name in ("0", "1")]
    assert list(saved["weights"].values()) == pytest.approx([train_images / (2 * count) for count in counts])
    losses = [[done.loss for done in result.history] for result in (finished, weighted)]
    assert losses[0] != losses[1]


def test_balanced_sampling_changes_the_training(finished, tmp_path):
    balanced = train(tmp_path / "balanced", sampling="balanced")
    assert [done.loss for done in balanced.history] != [done.loss for done in finished.history]
    assert settings_of(balanced.folder)["run"]["sampling"] == "balanced"


def test_weights_of_a_class_that_is_not_there_leave_no_folder(tmp_path):
    with pytest.raises(ConfigError, match="the class cat, which the data does not have"):
        train(tmp_path / "run", class_weight={"cat": 3.0})
    assert not (tmp_path / "run").exists()


def test_patience_ends_a_training_and_keeps_its_best_epoch(tmp_path):
    result = train(tmp_path / "run", epochs=30, patience=2, lr=1e-9)  # nothing is learned
    assert len(result.history) == 3
    assert settings_of(result.folder)["run"]["keep"] == "best"
    resumed = tellapart.train(resume=result.folder, verbose=False, **data_again())
    assert len(resumed.history) == 3  # it is over
    with pytest.raises(ConfigError, match="ended by itself after 3 epochs"):
        tellapart.train(resume=result.folder, epochs=40, verbose=False, **data_again())


def data_again():
    images, labels = pictures()
    return {"data": images, "labels": labels}


def test_the_same_run_again_has_the_same_epochs(finished, tmp_path):
    again = tellapart.train(config=finished.folder, out=tmp_path / "again", verbose=False, **data_again())
    assert [(done.loss, done.val_loss) for done in again.history] == [
        (done.loss, done.val_loss) for done in finished.history
    ]
    assert settings_of(again.folder)["run"] == settings_of(finished.folder)["run"]


def test_a_run_again_with_one_setting_changed(finished, tmp_path):
    again = tellapart.train(
        config=finished.folder / "run.toml", epochs=1, out=tmp_path / "again", verbose=False, **data_again()
    )
    before, after = (settings_of(folder)["run"] for folder in (finished.folder, again.folder))
    assert {name for name in before if before[name] != after[name]} == {"epochs"}


def test_a_run_again_finds_its_data(color_photos, trained, tmp_path):
    again = tellapart.train(config=trained.folder, out=tmp_path / "again", epochs=1, verbose=False)
    names = ("fingerprints", "argument", "class_names")
    before, after = (settings_of(folder)["data"] for folder in (trained.folder, again.folder))
    assert {name: before[name] for name in names} == {name: after[name] for name in names}


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"config": "nowhere"}, "no such run"),
        ({"config": "RUN", "recipe": "fast"}, "has a recipe of its own"),
        ({"config": "RUN", "resume": "RUN"}, "Give one of them"),
        ({"config": "RUN"}, "arrays in memory: give them again"),
        ({"config": "RUN", "labels": "labels.csv"}, "without their pictures"),
        ({"resume": "RUN", "seed": 3}, "Leave out seed"),
        ({"resume": "RUN", "recipe": "quick"}, "Leave out the recipe"),
        ({"resume": "RUN", "out": "elsewhere"}, "Leave out the recipe and out"),
        ({"resume": "RUN", "augment": False}, "Leave out augment"),
        ({"recipe": 3}, "recipe is a name"),
        ({"recipe": ["quick"]}, "recipe is a name"),
        ({"out": 3}, "out is a path"),
        ({"resume": ""}, "resume is a path"),
        ({"listener": print}, "listener is a tellapart.Listener"),
        ({"should_stop": True}, "should_stop is a function"),
        ({"multi_label": "yes"}, "multi_label is True or False"),
        ({"verbose": 2}, "verbose is True or False"),
        ({"callbacks": 3}, r"callbacks are Keras callbacks.* got 3 \(int\)"),
        ({"callbacks": Notices}, "callbacks are Keras callbacks.* got a type"),
        ({"custom_objects": ["Scale"]}, "custom_objects maps names to classes"),
        ({"resume": "RUN", "epochs": "many"}, "epochs is of type int"),
        ({"resume": "RUN", "epochs": 2}, "has 2 finished epochs"),
    ],
    ids=str,
)
def test_what_cannot_be_repeated_or_gone_on_with_says_why(settings, words, finished):
    settings = {name: finished.folder if value == "RUN" else value for name, value in settings.items()}
    with pytest.raises(ConfigError, match=words):
        tellapart.train(**{"verbose": False, **settings})


def rate_at(step, steps, peak=1e-3, warmup=0.1):
    """The cosine of a run of so many steps, by its formula."""
    warm = max(1, round(warmup * steps))
    if step < warm:
        return peak * step / warm
    return peak * 0.5 * (1 + np.cos(np.pi * min(1, (step - warm) / (steps - warm))))


def test_a_finished_run_goes_on_at_the_rates_of_a_longer_one(tmp_path):
    run = train(tmp_path / "run", batch_size=8)
    notices = Notices()
    longer = tellapart.train(resume=run.folder, epochs=5, listener=notices, **data_again())
    assert [done.epoch for done in longer.history] == [0, 1, 2, 3, 4]
    assert longer.history[:2] == run.history
    images = settings_of(run.folder)["data"]["pictures"]["train"]
    steps = -(-images // 8)
    rates = [done.learning_rate for done in longer.history]
    expected = [rate_at(2 * steps - 1, 2 * steps)] + [
        rate_at(epoch * steps - 1, 5 * steps) for epoch in (3, 4, 5)
    ]
    assert rates[1:] == pytest.approx(expected, rel=1e-4)
    assert rates[2] > rates[1]  # the cosine had fallen to zero, and rises again
    saved = settings_of(run.folder)
    assert (saved["run"]["epochs"], saved["extended"][0]["planned"], saved["extended"][0]["after"]) == (
        5,
        2,
        2,
    )
    assert any("Going on after epoch 2 to 5" in words and "scored before" in words for words in notices.heard)
    again = tellapart.train(resume=run.folder, listener=Listener(), **data_again())
    assert len(again.history) == 5  # what goes on is gone on with


def test_a_stopped_run_goes_on_at_the_rates_of_a_longer_one(tmp_path):
    steps_made = []
    stopped = train(
        tmp_path / "run",
        epochs=3,
        batch_size=8,
        should_stop=lambda: steps_made.append(1) or len(steps_made) > 9,
    )
    assert not stopped.finished
    with pytest.raises(ConfigError, match="is to have 3 epochs in all, and they can only be raised; got 2"):
        tellapart.train(resume=stopped.folder, epochs=2, listener=Listener(), **data_again())
    longer = tellapart.train(resume=stopped.folder, epochs=4, listener=Listener(), **data_again())
    images = settings_of(stopped.folder)["data"]["pictures"]["train"]
    steps = -(-images // 8)
    assert len(longer.history) == 4
    expected = [rate_at(epoch * steps - 1, 4 * steps) for epoch in (2, 3, 4)]
    assert [done.learning_rate for done in longer.history[1:]] == pytest.approx(expected, rel=1e-4)
    lines, _ = read_log(stopped.folder / "log.jsonl")
    assert [line["epoch"] for line in lines if line["event"] == "EpochDone"] == [0, 1, 2, 3]


def test_a_share_of_data_that_has_the_split_is_refused(color_photos, tmp_path):
    with pytest.raises(ConfigError, match="has test pictures of its own"):
        tellapart.train(color_photos, out=tmp_path / "run", **{**SMALL, "test_share": 0.3})


def test_everything_that_public_functions_take_and_return_can_be_imported():
    for name in ("TrainConfig", "OptimizerSettings", "MuonSettings", "Augmentation", "TrainingResult", "Listener",
                 "Evaluation", "Predictions", "FineTuning", "HeadSettings", "ClassWeights", "Scores"):  # fmt: skip
        assert isinstance(getattr(tellapart, name), type)
