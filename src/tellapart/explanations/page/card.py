"""What a notebook shows of an explanation: the prediction, and the picture beside it with one heat map."""

from tellapart.explanations.attribution.contrast import Contrast
from tellapart.explanations.attribution.methods import METHODS
from tellapart.explanations.explanation import Explanation
from tellapart.explanations.page.first_screen import group_of
from tellapart.explanations.page.photo import is_small, overlay
from tellapart.explanations.page.why import centered, verdict
from tellapart.pages.card import Bars, Card, Picture, Pictures, Words
from tellapart.pages.thumbnail import thumbnail
from tellapart.text import percent

SIDE = 200
"""Pixels of a picture's longer side."""

MAP_SIDE = 80
"""Pixels of the heat map's shorter side, which the notebook enlarges."""

MOST_BARS = 5


def card(explanation: Explanation) -> Card:
    """Return the card. It needs a heat map, which takes some seconds where none was computed."""
    answer, subject = explanation.answer, explanation.subject
    names, probabilities = subject.class_names, answer.tta_probabilities
    order = (-probabilities).argsort(kind="stable")[:MOST_BARS].tolist()
    bars = Bars([(names[index], float(probabilities[index])) for index in order])
    doubt = [Words("Unlike the training pictures: it probably shows none of the classes.")] * bool(
        answer.is_unfamiliar
    )
    group = group_of(explanation)
    best = (
        (names[order[0]], float(probabilities[order[0]]))
        if group is None
        else (group.name, group.probability)
    )
    headline = f"why “{best[0]}” ({percent(best[1])})?"
    more = Words("The whole page: explanation.show() in a notebook, or explanation.save('explanation.html').")
    return Card(
        "Explanation", headline, [*doubt, Pictures(_pictures(explanation)), bars, _verdict(explanation), more]
    )


def _pictures(explanation: Explanation) -> list[Picture]:
    subject = explanation.subject
    first = explanation.first_maps.maps[Contrast(explanation.answer.index)][0]
    height, width = subject.image.shape[:2]
    heat = centered(first).numpy()
    over = overlay(heat, (0, 0, width, height), is_smooth=not is_small(height, width), side=MAP_SIDE)
    name = subject.class_names[explanation.answer.index]
    against = ", red: against it" if (heat < 0).any() else ""
    return [
        thumbnail(subject.image, "as the network gets it", SIDE),
        thumbnail(
            subject.image, f"{METHODS[first.method].title}; blue: supports {name}{against}", SIDE, over
        ),
    ]


def _verdict(explanation: Explanation) -> Words:
    first = explanation.first_maps.maps[Contrast(explanation.answer.index)][0]
    return Words(f"This heat map: {verdict(first.faithfulness)}.")
