"""Which values each switch of an Augmentation may have, and what an error says of others."""

import math
from collections.abc import Callable
from functools import partial
from typing import Any, Final

from tellapart.errors import ConfigError


def switch(name: str, value: Any) -> bool:
    """Return a switch that is true or false.

    Raises:
        ConfigError: it is neither.
    """
    if not isinstance(value, bool):
        raise ConfigError(f"{name} is true or false; got {value!r}.")
    return value


def number(name: str, value: Any, least: float, most: float, meaning: str) -> float:
    """Return a number within a range.

    Args:
        name: of the setting.
        value: as given.
        least: the smallest value.
        most: the largest value.
        meaning: what the number is, for the error: "degrees, 0 to 180".

    Raises:
        ConfigError: it is something else.
    """
    if not is_number(value) or not least <= value <= most:
        raise ConfigError(f"{name} is {meaning}; got {value!r}.")
    return value


def shift(name: str, value: Any) -> float | int | tuple[float, ...]:
    """Return how far an image may be shifted.

    Raises:
        ConfigError: it is negative, or no number.
    """
    if isinstance(value, list | tuple) and value and all(map(is_number, value)):
        return tuple(value)
    if not is_number(value) or value < 0:
        raise ConfigError(
            f"{name} is 0 or more: a float below 1 for a share of the image, a float from 1 for pixels, "
            f"an int for whole pixels; or several numbers to choose from; got {value!r}."
        )
    return value


def factors(name: str, value: Any) -> tuple[float, float]:
    """Return the smallest and the largest of two factors.

    Raises:
        ConfigError: they are no two numbers from 0 on, in order.
    """
    pair = isinstance(value, list | tuple) and len(value) == 2 and all(map(is_number, value))
    if not pair or not 0 <= value[0] <= value[1]:
        raise ConfigError(f"{name} is a smallest and a largest factor, such as (0.8, 1.2); got {value!r}.")
    return float(value[0]), float(value[1])


def zoom(name: str, value: Any) -> float | tuple[float, float]:
    """Return a zoom: a share, or a smallest and a largest factor above 0.

    Raises:
        ConfigError: it is neither.
    """
    if is_number(value):
        return number(name, value, 0, 0.99, "a share of the image from 0 to 0.99, or two factors")
    pair = factors(name, value)
    if not pair[0]:
        raise ConfigError(f"{name} has factors above 0; got {value!r}.")
    return pair


def none_or(check: Callable[[str, Any], Any]) -> Callable[[str, Any], Any]:
    """Return a check that lets None pass."""
    return lambda name, value: None if value is None else check(name, value)


def pixels(name: str, value: Any) -> int:
    """Return a whole number of pixels.

    Raises:
        ConfigError: it is something else.
    """
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value < 2**31:
        raise ConfigError(f"{name} is a whole number of pixels, 0 or more; got {value!r}.")
    return value


def whole_between(name: str, value: Any, least: int, most: int) -> int:
    """Return a whole number within a range.

    Raises:
        ConfigError: it is something else.
    """
    if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
        raise ConfigError(f"{name} is a whole number from {least} to {most:,}; got {value!r}.")
    return value


def is_number(value: Any) -> bool:
    """Return whether a value is a finite number."""
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


CHECKS: Final[dict[str, Callable[[str, Any], Any]]] = {
    **dict.fromkeys(
        (
            "featurewise_center", "samplewise_center", "featurewise_std_normalization",
            "samplewise_std_normalization", "zca_whitening", "horizontal_flip", "vertical_flip",
            "alternating_flip", "any_orientation",
        ),
        switch,
    ),
    "zca_epsilon": partial(number, least=1e-12, most=1e6, meaning="a small number above 0"),
    "rotation_range": partial(number, least=0, most=360, meaning="in degrees, 0 to 360"),
    "width_shift_range": shift,
    "height_shift_range": shift,
    "brightness_range": none_or(factors),
    "shear_range": partial(number, least=0, most=89, meaning="in degrees, 0 to 89"),
    "zoom_range": zoom,
    "channel_shift_range": partial(number, least=0, most=255, meaning="a number of levels, 0 to 255"),
    "cval": partial(number, least=0, most=255, meaning="a pixel value, 0 to 255"),
    "rescale": none_or(partial(number, least=1e-9, most=1e9, meaning="a factor above 0, such as 1/255")),
    "cutout": pixels,
}  # fmt: skip
"""Switch -> function (name, value) that returns the value in its form, or raises ConfigError."""
