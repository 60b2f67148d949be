"""Snapshots: a model as its file was at one moment, whatever becomes of the file.

A classifier reads parts of its file when they are first needed. So a served model reads a copy of its own, which goes
with it, and its answers never come from two files.
"""

import hashlib
import shutil
import tempfile
import weakref
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from tellapart.api.load import load
from tellapart.classifier.classifier import Classifier
from tellapart.classifier.resolve import model_file
from tellapart.data.fitted import FittedImage
from tellapart.errors import ModelError
from tellapart.models.pretrained import HOME

Signature = tuple[int, int, int]
"""What changes when a file is written or replaced."""


@dataclass(frozen=True)
class Snapshot:
    """A loaded model."""

    classifier: Classifier
    version: str
    """The beginning of the file's SHA-256; "built-in", or "in-memory"."""

    signature: Signature | None
    """Of the file that was read; None: there is none that could change."""

    path: str | None
    """From which another process can load the same model; None: it is in this one's memory alone."""

    said: Mapping[str, Any]
    """As it was loaded."""


@dataclass(frozen=True)
class ModelSource:
    """Where a served model comes from."""

    model: Classifier | str | Path
    said: dict[str, Any] = field(default_factory=dict)

    def signature(self) -> Signature | None:
        """Return the file's signature now; None where there is no file, or none that could change."""
        path = self._own_file
        if path is None:
            return None
        try:
            stat = path.stat()
        except OSError:
            return None
        return (stat.st_ino, stat.st_size, stat.st_mtime_ns)

    def load(self) -> Snapshot:
        """Load the model and predict a picture with it.

        Raises:
            ModelError: the file is missing, damaged, or changes while it is read.
        """
        path = self._own_file
        if path is None:
            in_memory = isinstance(self.model, Classifier)
            version, known = ("in-memory", None) if in_memory else ("built-in", str(self.model))
            return Snapshot(tried(load(self.model, **self.said)), version, None, known, self.said)
        signature = self.signature()
        folder = tempfile.mkdtemp(prefix="tellapart-serve-")
        copy = Path(folder) / path.name
        try:
            _copy(path, copy)
            if signature is None or self.signature() != signature:
                raise ModelError(f"{path} changed while it was read.")
            classifier = tried(load(copy, **self.said))
            version = _version(copy)
        except ModelError as reason:
            shutil.rmtree(folder, ignore_errors=True)
            raise ModelError(str(reason).replace(str(copy), str(path))) from reason
        except BaseException:
            shutil.rmtree(folder, ignore_errors=True)
            raise
        weakref.finalize(classifier, shutil.rmtree, folder, ignore_errors=True)
        known = None if "custom_objects" in self.said else str(copy)
        return Snapshot(classifier, version, signature, known, self.said)

    @cached_property
    def _own_file(self) -> Path | None:
        """Return the file that may be replaced; None for a classifier or a built-in model."""
        if isinstance(self.model, Classifier):
            return None
        path = model_file(self.model)
        return None if path.parent == HOME else path


def tried(classifier: Classifier) -> Classifier:
    """Return a classifier that has predicted a gray picture: what is wrong with it shows now."""
    gray = np.full(classifier.card.preprocessing.shape, 127, np.uint8)
    classifier.predict_fitted([FittedImage("gray", gray, gray.shape[:2])])
    return classifier


def _copy(path: Path, copy: Path) -> None:
    try:
        shutil.copyfile(path, copy)
    except OSError as reason:
        raise ModelError(f"{path}: {reason.strerror or reason}.") from reason


def _version(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()[:12]
