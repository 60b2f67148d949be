"""Training pictures for and against: compared with torch's own gradients, from a real run and its files."""

import dataclasses
import shutil

import numpy as np
import pytest
import torch

from tellapart.classifier.classifier import Classifier
from tellapart.errors import SaveError
from tellapart.explanations.examples import feature_cache
from tellapart.explanations.examples import training_examples as module
from tellapart.runs.checkpoint import load_weights
from tellapart.runs.folder import RunFolder


@pytest.fixture
def copied(run, tmp_path):
    """A copy of the run without cached features."""
    shutil.copytree(run.folder.path, tmp_path / "run")
    (tmp_path / "run" / feature_cache.FILE_OF_EPOCHS).unlink(missing_ok=True)
    return dataclasses.replace(run, folder=RunFolder(tmp_path / "run"))


def gradient(model, image, label, smoothing):
    """The gradient of a picture's loss with respect to the last layer's kernel, by torch."""
    kernel = [layer for layer in model.layers if layer.weights][-1].kernel.value
    output = model(torch.from_numpy(image[None].astype(np.float32)), training=False)
    classes = output.shape[1]
    target = torch.full((classes,), smoothing / classes)
    target[label] += 1 - smoothing
    return torch.autograd.grad(-(target * output[0].log()).sum(), kernel)[0]


def test_influence_is_the_dot_product_of_gradients_at_the_runs_checkpoints(run, explained):
    import keras

    explanation, class_index, rows = explained(3), 7, [0, 5, 40, 300]
    store, smoothing = run.stores["train"], run.config.label_smoothing
    rates = [done.learning_rate for done in run.history]
    model = keras.models.clone_model(run.classifier.model)
    expected = np.zeros(len(rows))
    finals = [(path, load_weights(path)) for path in sorted(run.folder.checkpoints.iterdir())]
    moments = [*(checkpoint for _, checkpoint in finals), (3, run.classifier.model.get_weights())]
    assert [epoch for epoch, _ in moments] == [1, 2, 3]
    for epoch, weights in moments:
        model.set_weights(weights)
        query = gradient(model, explanation.subject.image, class_index, 0.0)
        products = [
            (gradient(model, store.images[r], store.labels[r], smoothing) * query).sum() for r in rows
        ]
        expected += rates[epoch - 1] * np.array([float(product.detach()) for product in products])
    examples = explanation.training_examples
    assert examples.epochs == (1, 2, 3)
    np.testing.assert_allclose(
        examples._influence[class_index][rows], expected, rtol=0.05, atol=1e-3 * abs(expected).max()
    )


def test_where_the_best_weights_were_kept_the_end_is_their_epoch(run):
    best = dataclasses.replace(run, config=run.config.changed(keep="best"))
    last = max(run.history, key=lambda done: (done.val_accuracy, -done.val_loss)).epoch + 1
    checkpoints = module.checkpoint_models(best, run.classifier)
    assert next(each.epoch for each in checkpoints if each.classifier is run.classifier) == last
    assert len({each.epoch for each in checkpoints}) == len(checkpoints)


def test_a_checkpoints_learning_rate_is_the_mean_since_the_one_before(copied):
    (first, *_) = sorted(copied.folder.checkpoints.iterdir())
    first.unlink()
    rates = [done.learning_rate for done in copied.history]
    models = module.checkpoint_models(copied, copied.classifier)
    assert [model.epoch for model in models] == [2, 3]
    assert [model.learning_rate for model in models] == pytest.approx([(rates[0] + rates[1]) / 2, rates[2]])
    assert rates[0] != rates[1]


def test_the_strongest_come_first_on_each_side(explained):
    examples = explained().training_examples
    pro, contra = examples.for_and_against(3, 5)
    assert [each.value for each in pro] == sorted((each.value for each in pro), reverse=True)
    assert [each.value for each in contra] == sorted(each.value for each in contra)
    assert pro[-1].value > 0 > contra[-1].value
    assert [each.label for each in pro].count(3) > len(pro) / 2, "of its own class, most of them"


def test_a_training_picture_is_most_similar_to_itself(run, explained):
    examples = explained(image=run.stores["train"].images[17]).training_examples
    (first, *_) = examples.nearest(3)
    assert first.row == 17
    assert first.value == pytest.approx(1, abs=1e-3)


def test_the_second_search_reads_the_cache_and_returns_the_same(copied, explained, monkeypatch):
    first = explained(of=copied).training_examples
    monkeypatch.setattr(feature_cache, "features_and_probabilities", None)
    again = explained(of=copied).training_examples
    assert again.for_and_against(2, 8) == first.for_and_against(2, 8)
    assert again.nearest(8) == first.nearest(8)


def test_features_cached_for_other_weights_are_not_used(copied, explained):
    kept = copied.folder.path / feature_cache.FILE_OF_EPOCHS
    first = explained(of=copied).training_examples.for_and_against(2, 4)
    before = kept.read_bytes()
    (path, *_) = sorted(copied.folder.checkpoints.iterdir())
    path.unlink()
    other = explained(of=copied).training_examples
    assert other.epochs == (2, 3)
    assert other.for_and_against(2, 4) != first
    assert kept.read_bytes() != before


@pytest.mark.parametrize("damaged", [b"", b"no tensors", None])
def test_a_damaged_cache_is_computed_again(copied, explained, damaged):
    kept = copied.folder.path / feature_cache.FILE_OF_EPOCHS
    first = explained(of=copied).training_examples.nearest(3)
    kept.write_bytes(kept.read_bytes()[:-100] if damaged is None else damaged)
    assert explained(of=copied).training_examples.nearest(3) == first


def test_a_folder_that_cannot_be_written_to_breaks_nothing(copied, explained, monkeypatch):
    def refuse(path, tensors, metadata):
        raise SaveError("read-only")

    monkeypatch.setattr(feature_cache, "write_tensors", refuse)
    explanation = explained(of=copied)
    assert explanation.training_examples.nearest(1)
    assert explanation.gaps == []
    assert not (copied.folder.path / feature_cache.FILE_OF_EPOCHS).exists()


def test_a_run_is_searched_once_for_many_pictures(copied, explained, monkeypatch):
    first = explained(of=copied)
    training = module.ExampleSearch(copied, first.subject.classifier)
    before, _ = training.of(first.subject)
    monkeypatch.setattr(module, "cached_features", None)
    again, _ = training.of(explained(1, of=copied).subject)
    assert again.nearest(8) != before.nearest(8)


def test_too_many_pictures_are_sampled_by_class(copied, explained, monkeypatch):
    monkeypatch.setattr(module, "MAX_FLOPS", 3 * 100 * module.summarize(copied.classifier.model).flops)
    examples = explained(of=copied).training_examples
    assert len(examples.rows) == 100
    assert len(set(copied.stores["train"].labels[examples.rows])) == 10
    assert examples.nearest(1)[0].row in examples.rows


def test_a_run_without_checkpoints_counts_at_its_end(copied, explained):
    shutil.rmtree(copied.folder.checkpoints)
    explanation = explained(of=copied)
    assert explanation.training_examples.epochs == (3,)
    assert "kept no checkpoints" in explanation.gaps[0]


def test_a_run_without_a_log_has_neighbors_and_no_influence(copied, explained):
    explanation = explained(of=dataclasses.replace(copied, history=()))
    assert explanation.training_examples.nearest(2)
    assert explanation.training_examples.checkpoints == ()
    assert "learning rates" in explanation.gaps[0]


def test_damaged_weights_are_noted(copied, explained):
    (path, *_) = sorted(copied.folder.checkpoints.iterdir())
    path.write_bytes(b"nothing")
    explanation = explained(of=copied)
    assert explanation.training_examples.nearest(2)
    assert "holds no weights" in explanation.gaps[0]


def test_a_run_whose_pictures_are_gone_says_so(copied, explained):
    gone = ("Pictures: the run was trained on arrays in memory, which are gone.",)
    explanation = explained(of=dataclasses.replace(copied, stores={}, missing=gone))
    assert explanation.training_examples is None
    assert "arrays in memory" in explanation.gaps[0]


def test_a_network_without_its_run_says_so(explained):
    explanation = explained(of=None)
    assert explanation.training_examples is None
    assert "without its run folder" in explanation.gaps[0]


def test_a_network_without_a_dense_layer_says_so(copied, explained):
    import keras

    from tellapart.classifier.card import ModelCard

    layers = keras.layers
    body = [
        layers.Rescaling(1 / 255),
        layers.Conv2D(10, 3),
        layers.GlobalAveragePooling2D(),
        layers.Softmax(),
    ]
    card = copied.classifier.card
    model = keras.Sequential([keras.Input(card.preprocessing.shape), *body])
    classifier = Classifier.of_model(model, ModelCard(card.class_names, card.preprocessing))
    explanation = explained(of=copied, classifier=classifier)
    assert explanation.training_examples is None
    assert "no dense layer" in explanation.gaps[0]
