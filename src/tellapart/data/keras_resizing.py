"""Resizing as Keras's own loaders do it: no antialiasing, so a pixel of the result is a blend of at most four.

A network that Keras fed was trained on such pixels. When a photo is shrunk they are rougher than ours, and a network
that learned from the one sees something new in the other.

Knows nothing of files and of models.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np

from tellapart.data.types import Pixels


def resized_as_keras(image: Pixels, height: int, width: int, policy: str, method: str) -> Pixels:
    """Resize one image as Keras's loaders do.

    Args:
        image: (h, w, C) uint8.
        height: of the result, in pixels.
        width: of the result, in pixels.
        policy: "stretch", as all of them do unless told otherwise; "crop", as with `crop_to_aspect_ratio=True`; or
            "pad", as with `pad_to_aspect_ratio=True`, in black.
        method: of METHODS.

    Returns:
        (height, width, C) uint8: Keras's numbers, rounded.
    """
    image = _central_part(image, height, width) if policy == "crop" else image
    resize = METHODS[method]
    if policy != "pad":
        return resize(np.ascontiguousarray(image), height, width)
    old_height, old_width, channels = image.shape
    ratio = max(old_height / height, old_width / width)
    rows, columns = max(1, int(old_height / ratio)), max(1, int(old_width / ratio))
    top, left = int((height - old_height / ratio) / 2), int((width - old_width / ratio) / 2)
    padded = np.zeros((height, width, channels), np.uint8)
    padded[top : top + rows, left : left + columns] = resize(np.ascontiguousarray(image), rows, columns)
    return padded


def _central_part(image: Pixels, height: int, width: int) -> Pixels:
    old_height, old_width = image.shape[:2]
    rows = max(min(old_height, int(float(old_width * height) / width)), 1)
    columns = max(min(old_width, int(float(old_height * width) / height)), 1)
    top, left = (old_height - rows) // 2, (old_width - columns) // 2
    return image[top : top + rows, left : left + columns]


def _bilinear(image: Pixels, height: int, width: int) -> Pixels:
    import torch

    planes = torch.tensor(image).permute(2, 0, 1)[None].float()  # (1, C, h, w)
    resized = torch.nn.functional.interpolate(planes, (height, width), mode="bilinear", align_corners=False)
    return resized[0].round().to(torch.uint8).permute(1, 2, 0).contiguous().numpy()


def _nearest(image: Pixels, height: int, width: int) -> Pixels:
    from PIL import Image

    flat = Image.fromarray(image[..., 0] if image.shape[2] == 1 else image)
    resized = flat.resize((width, height), Image.Resampling.NEAREST)
    return np.asarray(resized, np.uint8).reshape(height, width, image.shape[2])


METHODS: Mapping[str, Callable[[Pixels, int, int], Pixels]] = {"bilinear": _bilinear, "nearest": _nearest}
"""Interpolation of Keras's loaders -> (image (h, w, C), height, width) -> (height, width, C). `bilinear` is that of
`image_dataset_from_directory`, `nearest` that of `flow_from_directory` and `load_img`."""
