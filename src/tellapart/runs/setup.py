"""Everything that a training needs before its first step."""

from collections.abc import Mapping
from dataclasses import dataclass

from tellapart.data.open import Dataset
from tellapart.data.preprocess import Preprocessing
from tellapart.data.store import ImageStore
from tellapart.recipes.config import TrainConfig
from tellapart.runs.folder import RunFolder


@dataclass(frozen=True, slots=True)
class TrainingSetup:
    """Everything a training needs before its first step."""

    run: TrainConfig
    folder: RunFolder
    source: Dataset
    """Divided into train, validation (where the run holds some out) and test."""

    preprocessing: Preprocessing
    stores: Mapping[str, ImageStore]
    """By split."""

    precision: str
    """What the run's precision means on this machine."""

    resumes: bool = False

    @property
    def validation(self) -> ImageStore:
        """The pictures that score each epoch."""
        return self.stores["test" if self.run.validation == "test" else "validation"]
