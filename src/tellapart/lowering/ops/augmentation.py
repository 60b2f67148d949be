"""Augmentation layers: random changes to images in training, the identity otherwise.

What changes is drawn by the Keras layer itself, from its own seeds, so that the same images come out as in Keras. Where
an affine change follows, it is done here: Keras on torch does it image by image, in up to a thousand times the time.
Keras's own code does the others.
"""

from collections.abc import Callable, Mapping
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from tellapart.lowering.layout import to_keras, to_torch
from tellapart.lowering.ops.base import Config, Operation, Rule, is_channels_last

PADDINGS = {"reflect": "reflection", "constant": "zeros", "nearest": "border"}
"""Keras's name of a fill mode -> torch's. Keras's "wrap" has none."""


class Augmentation(Operation):
    """A layer that changes images at random, in training alone."""

    couples_images = True  # by the order in which the layer draws
    recordable = False
    layer: Any = None

    def __init__(self, *, writes_over: bool = False) -> None:
        super().__init__()
        self.writes_over = writes_over
        """Whether the Keras layer writes over the images that it is given, which others may still read."""

    def belongs_to(self, layer: Any) -> None:
        object.__setattr__(self, "layer", layer)  # not a submodule: its seeds are no weights

    def forward(self, x: Tensor, *, training: bool) -> Tensor:
        return self.changed(x) if training else x if x.is_floating_point() else x.float()

    def changed(self, x: Tensor) -> Tensor:
        """Return the images changed."""
        return to_torch(self.layer(to_keras(x.clone() if self.writes_over else x), training=True))


class AffineAugmentation(Augmentation):
    """A layer that turns, zooms or shifts images: one matrix for each, which the layer draws."""

    def __init__(self, config: Config, matrices: "Matrices") -> None:
        super().__init__()
        self.matrices, self.mode = matrices, config["interpolation"]
        self.padding, self.fill = PADDINGS[config["fill_mode"]], float(config["fill_value"])

    def changed(self, x: Tensor) -> Tensor:
        if x.ndim != 4:
            return super().changed(x)
        drawn = self.layer.get_random_transformation(to_keras(x), training=True)
        matrices = self.matrices(drawn, *x.shape[2:]).to(x.device)
        fill = self.fill if self.padding == "zeros" else 0.0
        return warped(x.float() - fill, matrices, self.mode, self.padding) + fill


Matrices = Callable[[Mapping[str, Any], int, int], Tensor]
"""(what the layer drew, height and width of the images) -> (B, 2, 3), see `warped`."""


def warped(images: Tensor, matrices: Tensor, mode: str, padding: str) -> Tensor:
    """Return images whose pixel at (x, y) is the one that stood at matrix @ (x, y, 1), in pixels from the top left.

    Args:
        images: (B, C, H, W) float32.
        matrices: (B, 2, 3) float32.
        mode: "bilinear" or "nearest".
        padding: what lies outside: "zeros", "border" or "reflection", with torch's meaning.

    Returns:
        (B, C, H, W), a new tensor.
    """
    height, width = images.shape[2:]
    columns = torch.arange(width, dtype=torch.float32, device=images.device)
    rows = torch.arange(height, dtype=torch.float32, device=images.device)[:, None]
    across, down, start = matrices[:, :, None, None].unbind(-1)  # (B, 2, 1, 1)
    places = across * columns + down * rows + start  # (B, 2, H, W)
    sizes = torch.tensor([width, height], dtype=torch.float32, device=images.device)
    grid = (2 * places.movedim(1, -1) + 1) / sizes - 1
    return F.grid_sample(images, grid, mode=mode, padding_mode=padding, align_corners=False)


def _turned(drawn: Mapping[str, Any], height: int, width: int) -> Tensor:
    return drawn["rotation_matrix"][:, :6].unflatten(1, (2, 3))


def _zoomed(drawn: Mapping[str, Any], height: int, width: int) -> Tensor:
    factors = torch.cat([drawn["width_zoom"], drawn["height_zoom"]], dim=1).float()  # (B, 2)
    center = torch.tensor([width - 1, height - 1], device=factors.device) / 2
    return torch.cat([torch.diag_embed(factors), (center * (1 - factors))[:, :, None]], dim=2)


def _shifted(drawn: Mapping[str, Any], height: int, width: int) -> Tensor:
    shifts = drawn["translations"]  # (B, 2)
    identity = torch.eye(2, device=shifts.device).expand(len(shifts), 2, 2)
    return torch.cat([identity, -shifts[:, :, None]], dim=2)


def _affine(matrices: Matrices) -> Rule:
    def rule(config: Config, *_: Any) -> Operation:
        known = is_channels_last(config) and config["fill_mode"] in PADDINGS
        return AffineAugmentation(config, matrices) if known else Augmentation()

    return rule


RULES: dict[str, Rule] = {
    "RandomRotation": _affine(_turned),
    "RandomZoom": _affine(_zoomed),
    "RandomTranslation": _affine(_shifted),
    **{
        name: lambda *_: Augmentation()
        for name in (
            "CutMix", "MixUp", "RandomContrast", "RandomCrop", "RandomElasticTransform", "RandomErasing",
            "RandomFlip", "RandomGaussianBlur", "RandomGrayscale", "RandomInvert", "RandomPerspective",
            "RandomPosterization", "RandomShear",
        )
    },
    **{
        name: lambda *_: Augmentation(writes_over=True)
        for name in ("AugMix", "RandAugment", "RandomBrightness", "RandomColorJitter")
    },
}  # fmt: skip
"""Not among them are those that draw in inference, too: RandomColorDegeneration, -Hue, -Saturation, -Sharpness."""
