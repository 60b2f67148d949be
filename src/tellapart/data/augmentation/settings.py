"""Augmentation settings: what may happen to a training image, as a frozen value that is saved with the run.

The names are those of Keras's ImageDataGenerator. Its `validation_split` and `seed` are settings of the whole
training (`validation_share` and `seed` of a TrainConfig); `data_format`, `dtype` and `interpolation_order` are fixed:
pixels of 0 to 255, blended linearly.

Knows nothing of tensors: `augmenter` does what these settings say, and `recipes.standardized` builds what the network
needs of them.
"""

import dataclasses
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal

from tellapart.data.augmentation import ranges
from tellapart.data.augmentation.policies.policy import Policy
from tellapart.data.augmentation.policies.registry import policy_from_dict
from tellapart.errors import ConfigError
from tellapart.pages.card import Readable

FILL_MODES: Final = ("nearest", "constant", "reflect", "wrap", "mirror")

STANDARDIZING: Final = (
    "rescale",
    "samplewise_center",
    "samplewise_std_normalization",
    "featurewise_center",
    "featurewise_std_normalization",
    "zca_whitening",
)
"""Switches that change every image that the network sees, in the order in which they act."""

LARGEST_TURN: Final = 45.0
"""Degrees up to which a rotation keeps the class of images whose class has a direction, such as digits."""

PixelFunction = Callable[[Any], Any]
"""(H, W, C) float32 -> the same shape."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Augmentation(Readable):
    """What may happen to a training image: ImageDataGenerator's switches, by its names, and a few more. All start off.

    Raises:
        ConfigError: a value out of range.
    """

    featurewise_center: bool = False
    """Subtract the training images' mean of each channel. Like the next five and `rescale`, this becomes a fixed layer
    of the network, so that predictions are made on what the network was trained on; see `recipes.standardized`."""

    samplewise_center: bool = False
    """Subtract each image's own mean."""

    featurewise_std_normalization: bool = False
    """Divide by the training images' standard deviation of each channel, after subtracting their mean."""

    samplewise_std_normalization: bool = False
    """Divide by each image's own standard deviation, after subtracting its mean."""

    zca_whitening: bool = False
    """Remove correlations between all pixel values of an image, at most `standardization.LARGEST_ZCA`, after
    subtracting the mean of each channel; `featurewise_std_normalization` then does nothing."""

    zca_epsilon: float = 1e-6
    """Added by `zca_whitening` to the singular values of the training images before it divides by them."""

    rotation_range: float = 0.0
    """Largest rotation to either side, in degrees."""

    width_shift_range: float | int | tuple[float, ...] = 0.0
    """Largest move sideways, either way.

    A float below 1 is a share of the width, a float from 1 is pixels, both uniform and with fractions. An int
    n gives whole pixels: k, one of 0 to n - 1, to either side, as ImageDataGenerator draws it (so 1 is none). Several
    values: one of them, to either side; shares of the width if all are below 1, else pixels.
    """

    height_shift_range: float | int | tuple[float, ...] = 0.0
    """Largest move up or down: a share of the height or pixels, as for `width_shift_range`."""

    brightness_range: tuple[float, float] | None = None
    """Smallest and largest factor of brightness. Levels are cut to whole numbers before and after, as Pillow does."""

    shear_range: float = 0.0
    """Largest shear to either side, in degrees."""

    zoom_range: float | tuple[float, float] = 0.0
    """Largest zoom in or out, as a share of the image, 0 to 1; or the smallest and largest factor by which the visible
    part grows (below 1 enlarges the content). Height and width are drawn separately."""

    channel_shift_range: float = 0.0
    """Largest change of all levels, 0 to 255; they stay between the image's smallest and largest level."""

    fill_mode: Literal["nearest", "constant", "reflect", "wrap", "mirror"] = "nearest"
    """What fills the places that are left empty: the nearest edge pixel (aaaa|abcd|dddd), `cval`, the image reflected
    at its edge (dcba|abcd|dcba), the image again (SciPy's "wrap", in which last and first pixel fall together), or,
    beyond ImageDataGenerator, the image mirrored at its edge pixel (dcb|abcd|cba)."""

    cval: float = 0.0
    """The pixel value, 0 to 255, that `fill_mode="constant"` fills with."""

    horizontal_flip: bool = False
    """Mirror left to right with probability 1/2."""

    vertical_flip: bool = False
    """Turn upside down with probability 1/2."""

    rescale: float | None = None
    """Factor for the pixels, such as 1/255, in place of the network's own scaling; None: the network's own."""

    preprocessing_function: PixelFunction | str | None = None
    """Called with each augmented training image, (H, W, C) float32; returns one of the same shape. Training only:
    what predictions need as well belongs into the network. A run keeps its name, a string, and not the function."""

    alternating_flip: bool = False
    """With `horizontal_flip`: at random in the first epoch, then each image the other way round in every
    next one. Source: Jordan 2024, arXiv:2404.00498."""

    cutout: int = 0
    """Side of a gray square that covers a random place of the image, in pixels; 0: none.
    Source: DeVries & Taylor 2017, arXiv:1708.04552."""

    policies: tuple[Policy, ...] = ()
    """What happens to the image after all that, in this order: objects such as RandAugment(). By name they are given to
    `train`: augment="rand-augment,random-erasing"."""

    any_orientation: bool = False
    """Mirror and turn images even where the data says that this changes their class."""

    def __post_init__(self) -> None:
        for name, check in ranges.CHECKS.items():
            object.__setattr__(self, name, check(name, getattr(self, name)))
        if self.fill_mode not in FILL_MODES:
            raise ConfigError(f"fill_mode is one of {', '.join(FILL_MODES)}; got {self.fill_mode!r}.")
        function = self.preprocessing_function
        if function is not None and not callable(function) and not isinstance(function, str):
            raise ConfigError(
                f"preprocessing_function is called with an image and returns one; got {function!r}."
            )
        if not isinstance(self.policies, tuple) or not all(
            isinstance(each, Policy) for each in self.policies
        ):
            raise ConfigError(
                "policies is a tuple of policies, such as (RandAugment(),); "
                f"got {self.policies!r}. Names work on the command line and in tellapart.train(augment=...)."
            )

    @classmethod
    def tutorial(cls) -> "Augmentation":
        """Return the Keras CIFAR-10 tutorial's: shifts of up to a tenth each way, mirrored left to right."""
        return cls(width_shift_range=0.1, height_shift_range=0.1, horizontal_flip=True)

    @classmethod
    def from_dict(cls, saved: Mapping[str, Any]) -> "Augmentation":
        """Return the settings that `asdict` described, without what was None.

        Raises:
            ConfigError: an unknown policy, or a value out of range.
        """
        policies = tuple(policy_from_dict(each) for each in saved.get("policies", ()))
        return cls(**{**saved, "policies": policies})

    @property
    def standardizes(self) -> bool:
        """Whether the network needs fixed layers for these settings."""
        return any(getattr(self, name) for name in STANDARDIZING)

    @property
    def bends(self) -> bool:
        """Whether images are more than shifted and mirrored."""
        turned = self.rotation_range or self.shear_range or self.zoom_factors != (1.0, 1.0)
        return bool(turned) or self.fill_mode in ("reflect", "wrap")

    @property
    def zoom_factors(self) -> tuple[float, float]:
        """The smallest and the largest factor of the visible part."""
        if isinstance(self.zoom_range, tuple):
            return self.zoom_range
        return 1 - self.zoom_range, 1 + self.zoom_range

    @property
    def changes_direction(self) -> tuple[str, ...]:
        """The settings that may change the class of an image whose class has a direction."""
        turned = [name for name in ("horizontal_flip", "vertical_flip") if getattr(self, name)]
        turned += ["rotation_range"] if self.rotation_range > LARGEST_TURN else []
        return (*turned, *(each.name for each in self.policies if each.changes_direction))

    def as_combined(self) -> "Augmentation":
        """Return the settings with what ImageDataGenerator turns on and off where several are combined.

        Normalizing includes centering, whitening includes centering of each channel, and replaces normalizing.
        """
        return dataclasses.replace(
            self,
            samplewise_center=self.samplewise_center or self.samplewise_std_normalization,
            featurewise_center=self.featurewise_center
            or self.featurewise_std_normalization
            or self.zca_whitening,
            featurewise_std_normalization=self.featurewise_std_normalization and not self.zca_whitening,
        )
