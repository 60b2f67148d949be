"""What somebody says about a plain model: the options of `predict`, `evaluate`, `explain` and `adopt`."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, TypedDict

from tellapart.classifier.plain.class_list import class_list
from tellapart.data.preprocess import LARGEST_SIDE, POLICIES
from tellapart.errors import ConfigError
from tellapart.models.pixel_scaling import PIXEL_SCALINGS
from tellapart.pages.card import Readable

RESAMPLING = {"bilinear": "bilinear", "nearest": "nearest", "antialiased": "fast"}
"""Name of a resampling -> `Preprocessing.reading`."""

FLAGS = {
    "pixels": "--pixels",
    "policy": "--policy",
    "resampling": "--resampling",
    "class_names": "--classes",
    "size": "--size",
}
"""Field of Said -> the option of the commands."""


class SaidOptions(TypedDict, total=False):
    """The keywords of the public functions; all may be left out."""

    pixels: str | None
    policy: str | None
    resampling: str | None
    class_names: Sequence[str] | str | Path | None
    size: tuple[int, int] | int | None
    custom_objects: Mapping[str, Any] | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Said(Readable):
    """What is known of a plain model beforehand; None: nobody said."""

    pixels: str | None = None
    """Which pixels the network was trained on: a name of PIXEL_SCALINGS."""

    policy: str | None = None
    """How pictures were brought to its size: "crop", "pad" or "stretch"."""

    resampling: str | None = None
    """Of RESAMPLING."""

    class_names: tuple[str, ...] | None = None
    """In the order of its outputs."""

    size: tuple[int, int] | None = None
    """Height and width of its pictures, for a network of any size."""

    custom_objects: Mapping[str, Any] = field(default_factory=dict)
    """Class name -> class, for layers that are not Keras's own."""

    def __post_init__(self) -> None:
        choices = (("pixels", PIXEL_SCALINGS), ("policy", POLICIES), ("resampling", RESAMPLING))
        for name, accepted in choices:
            value = getattr(self, name)
            if value is not None and value not in accepted:
                raise ConfigError(f"{name} is one of {', '.join(accepted)}; got {value!r}.")
        if self.size is not None and not all(
            type(side) is int and 1 <= side <= LARGEST_SIDE for side in self.size
        ):
            raise ConfigError(f"size is height and width in pixels, such as (224, 224); got {self.size!r}.")

    @classmethod
    def of(cls, options: Mapping[str, Any]) -> "Said":
        """Return what the keywords of a public function say.

        Args:
            options: SaidOptions. `class_names` may be names, a file of them, or a folder of class folders.

        Raises:
            ConfigError: a value is out of range, or an option is unknown.
            DataError: class names that cannot be read.
        """
        unknown = sorted(set(options) - {each.name for each in fields(cls)})
        if unknown:
            known = ", ".join(each.name for each in fields(cls))
            raise ConfigError(f"Unknown keywords: {', '.join(unknown)}. Accepted: {known}.")
        convert: Mapping[str, Callable[[Any], Any]] = {
            "class_names": class_list,
            "size": _size,
            "custom_objects": dict,
        }
        return cls(
            **{
                name: convert.get(name, lambda value: value)(value)
                for name, value in options.items()
                if value is not None
            }
        )

    def given(self) -> list[str]:
        """Return the keywords that were given and that only a model without a card takes."""
        return [name for name in FLAGS if getattr(self, name) is not None]

    def flags(self) -> list[str]:
        """Return the same as the options of the commands."""
        return [FLAGS[name] for name in self.given()]


def _size(size: Any) -> tuple[int, int]:
    if type(size) is int:
        return size, size
    if not isinstance(size, tuple | list) or len(size) != 2:
        raise ConfigError(f"size is height and width in pixels, such as (224, 224); got {size!r}.")
    return size[0], size[1]
