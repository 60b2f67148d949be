"""`check`: what is wrong with labeled pictures, before anything is trained on them."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from tellapart.api.listener import Listener
from tellapart.checks.check import Checked, check_dataset
from tellapart.checks.cleaned import Cleaned, write_cleaned
from tellapart.checks.findings import Finding
from tellapart.checks.page import page
from tellapart.checks.table import write_csv
from tellapart.data.open import open_dataset
from tellapart.errors import DataError
from tellapart.files import write_text
from tellapart.pages.card import Card, Readable


@dataclass(frozen=True, slots=True)
class CheckResult(Readable):
    """What a check found."""

    checked: Checked

    def _parts(self) -> Iterable[str]:
        return self.checked._parts()

    def _card(self) -> Card:
        return replace(self.checked._card(), name="CheckResult")

    @property
    def findings(self) -> tuple[Finding, ...]:
        """Everything that was found, the most serious first; each with `kind`, `severity` and `seen`, the words.

        They are not the `tellapart.Finding` of a training.
        """
        return self.checked.findings

    @property
    def is_serious(self) -> bool:
        """Whether something was found that makes numbers wrong or loses pictures."""
        return self.checked.is_serious

    def to_dict(self) -> dict[str, Any]:
        """Return plain values, for JSON."""
        return self.checked.to_dict()

    def save(self, path: str | Path) -> Path:
        """Write the page with the pictures side by side; a file that exists is replaced.

        Raises:
            SaveError: it cannot be written.
        """
        write_text(Path(path), page(self.checked))
        return Path(path)

    def save_csv(self, path: str | Path) -> Path:
        """Write a line for each finding and picture.

        Raises:
            SaveError: it cannot be written.
        """
        write_csv(self.checked, Path(path))
        return Path(path)

    def fix(self, path: str | Path) -> Cleaned:
        """Write a CSV of path, label and split to train from, without the pictures that spoil a result.

        `train(folder, labels=path)` trains from it. No picture is moved or changed.

        Raises:
            ConfigError: the pictures are no files of a folder, or the file exists.
            SaveError: it cannot be written.
        """
        return write_cleaned(self.checked, Path(path))


def check(
    data: Any,
    *,
    labels: Any = None,
    class_names: Sequence[str] | None = None,
    split: str | None = None,
    listener: Listener | None = None,
) -> CheckResult:
    """Check labeled pictures: duplicates, leaks between splits, wrong labels, unreadable and poor pictures, and more.

    Args:
        data: anything that `open_dataset` opens.
        labels: as there.
        class_names: as there.
        split: check this split alone: "train", "validation" or "test".
        listener: hears of the pictures read.

    Returns:
        The `findings`, the most serious first; `save(path)` writes them as a page, `save_csv(path)` as a table, and
        `fix(path)` a file of labels without the pictures that spoil a result.

    Raises:
        DataError: it is no set of labeled pictures, or lacks the split.
        ModelError: the pretrained network's weights are missing or damaged.
    """
    listener = listener or Listener()
    dataset = open_dataset(
        data,
        labels=labels,
        class_names=class_names,
        download=True,
        progress=listener.downloading,
        for_training=False,
    )
    if split is not None:
        dataset = dataset.replace(splits={split: dataset.part(split)})
    if not sum(map(len, dataset.splits.values())):
        raise DataError(f"{dataset.where}: no pictures to check.")
    return CheckResult(check_dataset(dataset, listener.decoding, alone=split is not None))
