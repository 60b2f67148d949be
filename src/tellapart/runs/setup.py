"""The setup of a training: everything needed before its first step."""

from collections.abc import Mapping
from dataclasses import dataclass

from tellapart.classifier.backbone_choice import OpenBackbone
from tellapart.data.dataset import Dataset
from tellapart.data.preprocess import Preprocessing
from tellapart.data.store import ImageStore
from tellapart.pages.card import Readable
from tellapart.recipes.config import TrainConfig
from tellapart.runs.folder import RunFolder
from tellapart.runs.minutes_plan import MinutesPlan
from tellapart.runs.own_run import OwnRun
from tellapart.runtime.team import Team


@dataclass(frozen=True, slots=True)
class TrainingSetup(Readable):
    """Everything that a training needs before its first step."""

    config: TrainConfig
    folder: RunFolder
    dataset: Dataset
    """Split into train, validation (where the configuration holds some out) and test."""

    preprocessing: Preprocessing
    stores: Mapping[str, ImageStore]
    """Images by split."""

    precision: str
    """Arithmetic on this machine, resolved from the configured precision."""

    backbone: OpenBackbone | None = None
    """The pretrained network whose features a head reads; None where the whole network is trained."""

    team: Team | None = None
    """The processes that train together; None: this one trains alone."""

    own: OwnRun | None = None
    """The Keras model that somebody gave; None where the configuration names a network."""

    resumes: bool = False
    reason: str = ""
    """Why `auto` chose this recipe; empty where somebody named it."""

    scores_test: bool = True
    """Whether the training ends with the test split being scored; not while settings are still being chosen."""

    minutes: MinutesPlan | None = None
    """How it was planned by the clock; None where a number of epochs ends the training, or the run is resumed."""

    @property
    def pictures(self) -> dict[str, int]:
        """How many images each split has that is used; of training images in shards, all."""
        shards = self.dataset.shards
        return {
            name: len(store) if name != "train" or shards is None else shards.pictures("train")
            for name, store in self.stores.items()
        }

    @property
    def validation_split(self) -> str:
        """The split whose images score each epoch or choose a head; cross-validation uses those of training."""
        if self.config.validation == "cross-validation":
            return "train"
        return "test" if self.config.validation == "test" else "validation"

    @property
    def validation(self) -> ImageStore:
        """The images of that split."""
        return self.stores[self.validation_split]
