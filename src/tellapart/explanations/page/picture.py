"""The section on the picture as numbers, as the network gets it."""

from tellapart.explanations.explanation import Explanation
from tellapart.explanations.page.part import Part
from tellapart.pages.packing import pack
from tellapart.pages.shrinking import SIDE
from tellapart.pages.sprite_sheet import sheet


def part(explanation: Explanation) -> Part:
    """Return the section."""
    subject = explanation.subject
    height, width, channels = subject.image.shape
    values = {
        "height": height,
        "width": width,
        "channels": channels,
        "original_height": subject.size[0],
        "original_width": subject.size[1],
        "still": sheet({"picture": subject.image}, quality=95, side=SIDE, doubled=True),
        "policy": subject.card.preprocessing.policy,
    }
    return Part(values, {"pixels": pack(subject.image)})
