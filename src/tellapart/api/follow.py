"""A process that follows: it computes its share of what the first process of its team orders, and writes nothing."""

import signal
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import Any

from tellapart.api.batches import batches_of, loader_of
from tellapart.api.crew import END, computed_by_all, held_alike, predicted_together
from tellapart.api.finish import new_card
from tellapart.api.listener import Listener
from tellapart.api.prepare import opened_again
from tellapart.api.streamed import gather_left_out
from tellapart.api.transfer_run import model_of
from tellapart.api.tuned_network import batches_to_tune, loader_to_tune, network_to_tune, step_to_tune
from tellapart.classifier.classifier import Classifier
from tellapart.data.dataset import Dataset
from tellapart.data.sources.label_choice import labels_from
from tellapart.errors import DataError
from tellapart.inference.feature_net import FeatureNet
from tellapart.lowering import LoweredNet, lower
from tellapart.recipes.build import build_model, build_step, finish_model
from tellapart.recipes.config import TrainConfig
from tellapart.recipes.transfer_settings import FineTuning
from tellapart.runs.folder import RunFolder
from tellapart.runs.setup import TrainingSetup
from tellapart.runtime.team import Team
from tellapart.training.loader import DataLoader
from tellapart.training.loop import learn_from
from tellapart.training.step import Step
from tellapart.training.streamed_loader import StreamedLoader

Opened = Callable[[Any, Any], Dataset]


def follow(team: Team, data: Any, labels: Any, opened: Opened, memory_bytes: int) -> None:
    """Follow the first process to the end of its training.

    Args:
        team: of this process, which does not lead it.
        data: as given here; where the first process names the data, that is opened instead.
        labels: likewise.
        opened: opens data and labels.
        memory_bytes: of decoded images; more lie in a file.

    Raises:
        TeamError: the first process has gone.
        DataError: this machine has other images than the first one.
    """
    follower: Follower | None = None
    with _until_the_first_says_so():
        while True:
            name, details = team.told()
            if name == END:
                return
            if name == "prepare":
                follower = Follower(_setup(team, data, labels, opened, memory_bytes, *details))
                team.wait_for_all()
                continue
            assert follower is not None
            ORDERS[name](follower, *details)


@contextmanager
def _until_the_first_says_so() -> Iterator[None]:
    """Let signals end the first process, which then dismisses this one; if it has gone, this one ends too."""
    before = {}
    for name in ("SIGINT", "SIGTERM", "SIGHUP"):
        with suppress(AttributeError, ValueError):  # not on Windows; not in a thread
            number = getattr(signal, name)
            before[number] = signal.signal(number, lambda *_: None)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _setup(
    team: Team,
    data: Any,
    labels: Any,
    opened: Opened,
    memory_bytes: int,
    config: TrainConfig,
    saved: Mapping[str, Any],
    recorded: Mapping[str, tuple[str, str]],
    folder: RunFolder,
) -> TrainingSetup:
    if data is None:
        data, labels = saved["argument"], labels_from(saved)
    dataset, preprocessing, backbone, stores = opened_again(
        config, saved, recorded, data, labels, opened, Listener(), memory_bytes
    )
    if changed := [
        name for name, store in stores.items() if store.fingerprint() != saved["fingerprints"][name]
    ]:
        raise DataError(
            f"{dataset.where}: the {' and '.join(changed)} pictures of process {team.rank} are not those of the first "
            "one. Give all processes the same pictures."
        )
    other = backbone is not None and backbone.origin != saved.get("backbone")
    if other or (dataset.shards is not None and dataset.shards.fingerprint() != saved.get("shards")):
        raise DataError(
            f"Process {team.rank} has another backbone, or other shards, than the first one. Give all processes the "
            "same."
        )
    return TrainingSetup(
        config, folder, dataset, preprocessing, stores, saved["precision"], backbone=backbone, team=team
    )


class Follower:
    """A network, built as the first process has built it, and what trains it."""

    def __init__(self, setup: TrainingSetup) -> None:
        assert setup.team is not None
        self.setup, self.team = setup, setup.team
        self.classifier: Classifier | None = None
        self.loader: DataLoader
        self.step: Step

    def _built(self, config: TrainConfig) -> LoweredNet:
        setup, train = self.setup, self.setup.stores["train"]
        classes, batches = len(setup.dataset.class_names), batches_of(setup, config)
        shape, steps = setup.preprocessing.shape, batches.steps_per_epoch
        model = build_model(config, shape, classes, steps, train.images)
        model.optimizer.build(model.trainable_variables)
        net = lower(model, setup.precision)
        self.config, self.classifier = config, Classifier.of_model(model, new_card(setup, config.tta_views))
        self.loader = loader_of(setup, batches, config, net.device)
        return net

    def train(self, config: TrainConfig) -> None:
        """Build the network and its step, in the first one's state."""
        net = self._built(config)
        held_alike(self.team, [*net.model.weights, *net.model.optimizer.variables])
        steps, names = config.epochs * self.loader.batches.steps_per_epoch, self.setup.dataset.class_names
        self.step = build_step(config, net, steps, names, self.team)

    def learn(self, epoch: int, step: int) -> None:
        """Learn from this process's share of a batch."""
        learn_from(self.step, self.loader, epoch, step)

    def weights(self) -> None:
        """Take the first one's weights."""
        if self.classifier is None:
            self._built(self.setup.config)
        assert self.classifier is not None
        held_alike(self.team, self.classifier.model.weights)

    def finish(self) -> None:
        """Turn the trained network into one that any Keras loads."""
        assert self.classifier is not None
        finish_model(self.config, self.classifier.model)

    def predict(self, split: str, views: int) -> None:
        """Predict this process's part of a split."""
        assert self.classifier is not None
        predicted_together(self.setup, self.classifier, split, None, views)

    def left_out(self) -> None:
        """Tell what could not be read."""
        if isinstance(self.loader, StreamedLoader):
            gather_left_out(self.team, self.loader)

    def features(self, split: str, mirrored: bool) -> None:
        """Compute the features of this process's part of a split."""
        assert self.setup.backbone is not None
        net, images = FeatureNet(self.setup.backbone.features), self.setup.stores[split].images
        images = images[:, :, ::-1] if mirrored else images
        computed_by_all(self.team, images, lambda part: net(part, None, self.setup.precision))

    def head(self) -> None:
        """Put the first one's head on the backbone."""
        assert self.setup.backbone is not None
        model = model_of(self.setup, self.setup.backbone.features)
        self.classifier = Classifier.of_model(model, new_card(self.setup, 1))
        self.weights()

    def fine_tune(self, settings: FineTuning) -> None:
        """Make the network below the head ready to be trained, in the first one's state."""
        assert self.setup.backbone is not None
        batches = batches_to_tune(self.setup, settings)
        head = model_of(self.setup, self.setup.backbone.features)
        model = network_to_tune(head, settings, batches.steps_per_epoch)
        held_alike(self.team, [*model.weights, *model.optimizer.variables])
        net = lower(model, self.setup.precision)
        self.step = step_to_tune(self.setup, net, model, settings)
        self.loader = loader_to_tune(self.setup, settings, batches, net.device)
        self.classifier = Classifier.of_model(model, new_card(self.setup, 1))


ORDERS: dict[str, Callable[..., None]] = {
    "train": Follower.train,
    "learn": Follower.learn,
    "left out": Follower.left_out,
    "weights": Follower.weights,
    "finish": Follower.finish,
    "predict": Follower.predict,
    "features": Follower.features,
    "head": Follower.head,
    "fine-tune": Follower.fine_tune,
}
"""What the first process may order -> what a follower does."""
