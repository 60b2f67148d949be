"""`augment`: a contact sheet of what a training would make of its images, before any training."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from tellapart.api.completed import default_recipe
from tellapart.api.configure import configured
from tellapart.api.listener import Listener
from tellapart.api.prepare import preprocessing_for
from tellapart.data.dataset import Dataset, Split
from tellapart.data.multi_label import are_several, in_words, names_of
from tellapart.data.open import open_dataset
from tellapart.data.sampler import BatchSampler
from tellapart.data.store import load_split
from tellapart.errors import ConfigError
from tellapart.pages.card import Card, Pictures, Readable
from tellapart.pages.thumbnail import thumbnail
from tellapart.recipes.augmented import augmentation_of
from tellapart.recipes.auto import AUTO, choose_recipe
from tellapart.recipes.config import TrainConfig
from tellapart.reports.contact_sheet import save_contact_sheet
from tellapart.text import counted, short_name
from tellapart.training.loader import DataLoader

SHEET = Path("augmentation.png")
MOST_IMAGES, MOST_DRAWS = 64, 32


@dataclass(frozen=True, slots=True, eq=False)
class ContactSheet(Readable):
    """Images beside what augmentation makes of them."""

    path: Path
    """The PNG."""

    config: TrainConfig
    """The training whose augmentation it shows."""

    class_names: tuple[str, ...]
    """(N,) of the images."""

    originals: NDArray[np.uint8]
    """(N, H, W, C): a row of the sheet each."""

    draws: NDArray[np.uint8]
    """(draws, N, H, W, C): draws[j, i] is draw j of image i."""

    def _parts(self) -> list[str]:
        drawn = f"{counted(len(self.originals), 'picture')}, {counted(len(self.draws), 'draw')} of each"
        return [drawn, f"recipe {self.config.recipe}", short_name(str(self.path))]

    def _card(self) -> Card:
        from PIL import Image

        with Image.open(self.path) as sheet:
            picture = thumbnail(sheet.convert("RGB"), str(self.path), min(900, max(sheet.size)) // 2 * 2)
        return Card("ContactSheet", ", ".join(self._parts()[:2]), [Pictures([picture])])


def augment(
    data: Any,
    *,
    augment: bool | str = True,
    recipe: str | TrainConfig | None = None,
    out: str | Path = SHEET,
    pictures: int = 8,
    draws: int = 8,
    labels: Any = None,
    class_names: Sequence[str] | None = None,
    listener: Listener | None = None,
    **changes: Any,
) -> ContactSheet:
    """Draw a contact sheet: training images in rows, the image itself and several draws of it in columns.

    Args:
        data: anything that `open_dataset` opens.
        augment: as for `train`: a text, a dict or an Augmentation; False shows the images alone.
        recipe: a recipe's name, or a TrainConfig. Default: the one that `train` would choose.
        out: the PNG to write; an existing file is refused.
        pictures: rows, 1 to 64; the first images of each class in turn.
        draws: columns beside the original, 1 to 32.
        labels: as for `train`.
        class_names: as for `train`.
        listener: hears of downloads.
        **changes: fields of the TrainConfig to change, such as augmentation, size or seed.

    Returns:
        The sheet's `path`, and its pictures as arrays.

    Raises:
        ConfigError: an unknown recipe or setting, one out of range, or `out` exists.
        DataError: images that cannot be used.
        SaveError: the file could not be written.
    """
    path = Path(out)
    for name, value, most in (("pictures", pictures, MOST_IMAGES), ("draws", draws, MOST_DRAWS)):
        if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= most:
            raise ConfigError(f"{name} is a whole number from 1 to {most}; got {value!r}.")
    if path.suffix.lower() != ".png" or path.exists():
        problem = "already exists and is not overwritten" if path.exists() else "does not end in .png"
        raise ConfigError(f"{path} {problem}. Choose another --out FILE.png.")
    listener = listener or Listener()
    dataset = open_dataset(
        data, labels=labels, class_names=class_names, download=True, progress=listener.downloading
    )
    config = _configured(dataset, recipe, augment, changes)
    few = dataset.replace(splits={"train": _first_of_each_class(dataset.part("train"), pictures)})
    store = load_split(few.splits["train"], preprocessing_for(dataset, config))
    planned = augmentation_of(config)
    batches = BatchSampler(n=len(store), batch_size=len(store), seed=config.seed)
    loader = DataLoader(
        store, len(dataset.class_names), batches, planned.each, "cpu", planned.mixing, planned.strength
    )
    drawn = np.stack([_in_order(loader, draw) for draw in range(draws)])
    names = tuple(in_words(names_of(label, dataset.class_names)) for label in store.labels)
    save_contact_sheet(store.images, drawn, names, path)
    return ContactSheet(path, config, names, store.images, drawn)


def _configured(
    dataset: Dataset, recipe: str | TrainConfig | None, augment: bool | str, changes: dict[str, Any]
) -> TrainConfig:
    """Return the configuration that `train` would have."""
    if recipe is None or recipe == AUTO:
        recipe = default_recipe(None, changes)
    if recipe == AUTO:
        recipe = choose_recipe(dataset).recipe
    has_validation = "validation" in dataset.splits
    images = len(dataset.part("train"))
    return configured(recipe, dataset.mirrors, augment, None, changes, images, has_validation=has_validation)


def _first_of_each_class(split: Split, count: int) -> Split:
    """Return the first image of each class, then the second of each, until there are `count`; of several labels an
    image, the first images."""
    if are_several(split.labels):
        return split.take(np.arange(min(count, len(split))))
    turn = np.zeros(len(split), np.int64)  # how many of its class stand before an image
    for label in np.unique(split.labels):
        of_class = split.labels == label
        turn[of_class] = np.arange(of_class.sum())
    return split.take(np.lexsort((split.labels, turn))[:count])


def _in_order(loader: DataLoader, draw: int) -> NDArray[np.uint8]:
    """Return all images as one epoch draws them, (N, H, W, C), in the order of the store."""
    images, _ = loader.batch(draw, 0)
    pixels = images.float().round().clamp(0, 255).to(torch.uint8).numpy()
    return pixels[np.argsort(loader.batches.rows(draw, 0))]
