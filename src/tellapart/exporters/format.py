"""What a file format of the exports is: an entry of `registry.FORMATS`."""

import importlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from tellapart.classifier.classifier import Classifier
from tellapart.errors import MissingExtraError, ModelError
from tellapart.exporters.quiet import quietly

Precision = Literal["float32", "float16", "int8"]

Answers = Mapping[str, NDArray[np.float32]]
"""Output's name -> its values for some pictures; "probabilities" is always among them."""

Runner = Callable[[NDArray[np.uint8]], Answers]
"""Runs an exported file, in the runtime that it is for: (N, H, W, C) uint8 -> answers."""


AT_ONCE = 64
"""Pictures that a runtime gets at a time."""


def in_parts(names: Sequence[str], run: Callable[[NDArray[np.uint8]], Sequence[Any]]) -> Runner:
    """Return a runner that hands pictures on AT_ONCE at a time.

    Args:
        names: of the outputs.
        run: returns them in this order, for at most AT_ONCE pictures.
    """

    def run_all(images: NDArray[np.uint8]) -> Answers:
        parts = [run(images[start : start + AT_ONCE]) for start in range(0, len(images), AT_ONCE)]
        return {name: np.concatenate([part[i] for part in parts]) for i, name in enumerate(names)}

    return run_all


@dataclass(frozen=True, slots=True, kw_only=True)
class ExportJob:
    """What is to be written."""

    classifier: Classifier
    tta_views: int
    precision: Precision = "float32"

    record: Mapping[str, Any]
    """Of `record.record_of`: what travels with the file."""

    name: str = "model"
    """What people call the model: its folder or file."""

    pictures: NDArray[np.uint8]
    """(N, H, W, C): those of the proof."""

    calibration: NDArray[np.uint8] | None = None
    """(N, H, W, C) training pictures, from which int8 learns its ranges."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Format:
    """A file format."""

    name: str
    title: str
    suffix: str

    write: Callable[[ExportJob, Path], None]
    """Writes the file."""

    open: Callable[[Path, ExportJob], Runner]
    """Opens the file in its runtime; of what tellapart knows, it uses the record alone."""

    runtime: str
    """The package that runs the file here; its version is part of the proof."""

    packages: tuple[str, ...] = ()
    """Modules needed to write and run it that tellapart does not bring."""

    extra: str = ""
    """The extra that installs them."""

    precisions: tuple[Precision, ...] = ("float32",)

    has_views: bool = True
    """Whether test-time augmentation is inside; else each picture is predicted as it is."""

    batch: int | None = None
    """How many pictures the file takes at a time; None: any number."""

    holds_record: bool = True
    """Whether the file itself has a place for the record; a JSON file lies beside each export in any case."""

    notes: tuple[str, ...] = field(default=())
    """What a user of the file must know."""

    def require(self) -> None:
        """Import what the format needs.

        Raises:
            MissingExtraError: one of its packages is not installed.
            ModelError: one cannot be imported.
        """
        for package in self.packages:
            try:
                with quietly():
                    importlib.import_module(package)
            except ModuleNotFoundError as reason:
                raise MissingExtraError(package, self.extra, f"An export to {self.title}") from reason
            except Exception as reason:
                words = " ".join(f"{type(reason).__name__}: {reason}".split())[:300]
                raise ModelError(
                    f"An export to {self.title} needs {package}, which is installed and cannot be imported ({words}). "
                    f'Install the extra in an environment of its own: pip install -e ".[{self.extra}]"'
                ) from reason
