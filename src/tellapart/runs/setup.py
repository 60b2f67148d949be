"""Everything that a training needs before its first step."""

from collections.abc import Mapping
from dataclasses import dataclass

from tellapart.data.dataset import Dataset
from tellapart.data.preprocess import Preprocessing
from tellapart.data.store import ImageStore
from tellapart.recipes.config import TrainConfig
from tellapart.runs.folder import RunFolder


@dataclass(frozen=True, slots=True)
class TrainingSetup:
    """Everything that a training needs before its first step."""

    config: TrainConfig
    folder: RunFolder
    dataset: Dataset
    """Split into train, validation (where the configuration holds some out) and test."""

    preprocessing: Preprocessing
    stores: Mapping[str, ImageStore]
    """By split."""

    precision: str
    """What the configured precision means on this machine."""

    resumes: bool = False

    @property
    def validation(self) -> ImageStore:
        """The images that score each epoch."""
        return self.stores["test" if self.config.validation == "test" else "validation"]
