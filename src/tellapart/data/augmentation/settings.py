"""Augmentation settings: what may happen to a training image, as a frozen value that is saved with the run.

The names are those of Keras's ImageDataGenerator. Left out of it are `rescale` and `preprocessing_function`,
because pixels are scaled inside the model.

Knows nothing of tensors: `shift_flip` does what these settings say.
"""

import math
from dataclasses import dataclass
from typing import Final, Literal

from tellapart.errors import ConfigError

FILL_MODES: Final = ("nearest", "constant", "mirror")

_NOT_IMPLEMENTED: Final[dict[str, object]] = {
    "featurewise_center": False,
    "samplewise_center": False,
    "featurewise_std_normalization": False,
    "samplewise_std_normalization": False,
    "zca_whitening": False,
    "zca_epsilon": 1e-6,
    "rotation_range": 0.0,
    "brightness_range": None,
    "shear_range": 0.0,
    "zoom_range": 0.0,
    "channel_shift_range": 0.0,
}
"""Switches of ImageDataGenerator that cannot be turned on, and their value when off."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Augmentation:
    """What may happen to a training image: ImageDataGenerator's switches, by its names, and two more. All start off.

    Shifts, mirroring and gray squares can be turned on. The other switches stand here so that a run's record
    shows each of them as off; turning one on raises ConfigError.

    Raises:
        ConfigError: a value out of range, or a switch turned on that is not implemented.
    """

    featurewise_center: bool = False
    """Subtract the data set's mean image. Not implemented."""

    samplewise_center: bool = False
    """Subtract each image's own mean. Not implemented."""

    featurewise_std_normalization: bool = False
    """Divide by the data set's standard deviation. Not implemented."""

    samplewise_std_normalization: bool = False
    """Divide by each image's own standard deviation. Not implemented."""

    zca_whitening: bool = False
    """Remove correlations between pixels. Not implemented."""

    zca_epsilon: float = 1e-6
    """Added to the eigenvalues by whitening, in squared pixel values. Without whitening it does nothing."""

    rotation_range: float = 0.0
    """Largest rotation to either side, in degrees. Not implemented."""

    width_shift_range: float | int = 0.0
    """Largest move sideways, either way.

    A float below 1 is a share of the width, a float from 1 is pixels, both uniform and with fractions. An int
    n gives whole pixels: k, one of 0 to n - 1, to either side, as ImageDataGenerator draws it (so 1 is none).
    """

    height_shift_range: float | int = 0.0
    """Largest move up or down: a share of the height or pixels, as for `width_shift_range`."""

    brightness_range: tuple[float, float] | None = None
    """Smallest and largest factor of brightness. Not implemented."""

    shear_range: float = 0.0
    """Largest shear to either side, in degrees. Not implemented."""

    zoom_range: float = 0.0
    """Largest zoom in or out, as a share of the image. Not implemented."""

    channel_shift_range: float = 0.0
    """Largest change of a whole color channel, in pixel values of 0 to 255. Not implemented."""

    fill_mode: Literal["nearest", "constant", "mirror"] = "nearest"
    """What fills the places that a shift leaves empty: the nearest edge pixel, `cval`, or the image mirrored
    at its edge pixel (dcb|abcd|cba: SciPy's "mirror"; ImageDataGenerator's "reflect" repeats the edge)."""

    cval: float = 0.0
    """The pixel value, 0 to 255, that `fill_mode="constant"` fills with."""

    horizontal_flip: bool = False
    """Mirror left to right with probability 1/2."""

    vertical_flip: bool = False
    """Turn upside down with probability 1/2."""

    alternating_flip: bool = False
    """With `horizontal_flip`: at random in the first epoch, then each image the other way round in every
    next one. Source: Jordan 2024, arXiv:2404.00498."""

    cutout: int = 0
    """Side of a gray square that covers a random place of the image, in pixels; 0: none.
    Source: DeVries & Taylor 2017, arXiv:1708.04552."""

    def __post_init__(self) -> None:
        for name, off in _NOT_IMPLEMENTED.items():
            if getattr(self, name) != off:
                raise ConfigError(
                    f"{name} = {getattr(self, name)!r}: this part of ImageDataGenerator is not implemented; "
                    f"the only value accepted is {off!r}.\n"
                    "Implemented: width_shift_range, height_shift_range, horizontal_flip, vertical_flip, "
                    "alternating_flip, cutout."
                )
        for name in ("width_shift_range", "height_shift_range"):
            _check_shift_range(name, getattr(self, name))
        for name in ("horizontal_flip", "vertical_flip", "alternating_flip"):
            if not isinstance(getattr(self, name), bool):
                raise ConfigError(f"{name} is true or false; got {getattr(self, name)!r}.")
        if self.fill_mode not in FILL_MODES:
            raise ConfigError(f"fill_mode is one of {', '.join(FILL_MODES)}; got {self.fill_mode!r}.")
        if isinstance(self.cutout, bool) or not isinstance(self.cutout, int) or self.cutout < 0:
            raise ConfigError(f"cutout is a whole number of pixels, 0 or more; got {self.cutout!r}.")
        if not 0 <= self.cval <= 255:
            raise ConfigError(f"cval is a pixel value, 0 to 255; got {self.cval!r}.")

    @classmethod
    def tutorial(cls) -> "Augmentation":
        """Return the Keras CIFAR-10 tutorial's: shifts of up to a tenth each way, mirrored left to right."""
        return cls(width_shift_range=0.1, height_shift_range=0.1, horizontal_flip=True)


def _check_shift_range(name: str, value: float | int) -> None:
    number = isinstance(value, (int, float)) and not isinstance(value, bool)
    if not number or not math.isfinite(value) or value < 0:
        raise ConfigError(
            f"{name} is 0 or more: a float below 1 for a share of the image, a float from 1 for pixels, "
            f"an int for whole pixels; got {value!r}."
        )
