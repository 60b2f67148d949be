"""Names by the data: what the outputs of a model without class names stand for, when labeled pictures are at hand.

The order is that of the loaders that feed Keras: folders sorted by character. Where labels are numbers from the
start, as in arrays, an output has the number of its label. Nothing else is matched.
"""

from dataclasses import replace

from tellapart.classifier.card import ModelCard
from tellapart.classifier.plain.class_list import keras_order
from tellapart.classifier.plain.open_plain import listed
from tellapart.classifier.plain.usage import Setting
from tellapart.errors import DataError


def named_by_data(
    card: ModelCard, class_names: tuple[str, ...], *, numbered: bool
) -> tuple[ModelCard, Setting]:
    """Return a plain model's card with names for its outputs, and how they were decided.

    Args:
        card: without class names.
        class_names: of the data.
        numbered: whether the data's labels are numbers 0, 1, 2, ... that `class_names` only translates.

    Raises:
        DataError: the data has more or fewer classes than the model.
    """
    count = len(card.class_names)
    by_number = numbered and set(class_names) <= set(card.class_names)
    if by_number:
        return _named(card, card.class_names, "the labels are numbers, and number 0 is the first output")
    if len(class_names) != count:
        file = card.origin.get("file", "The model")
        raise DataError(
            f"{file} has {count} classes without names, but the data has {len(class_names)} ({listed(class_names)}): "
            f"nothing says which output is which class. Name all {count}, in the order of the outputs: "
            "--classes a,b,c, a file of names, or the folder of the training pictures."
        )
    if numbered:
        return _named(card, class_names, "in the order of the data's labels")
    return _named(
        card, keras_order(class_names), "in the order in which Keras's loaders sort the data's folders"
    )


def _named(card: ModelCard, names: tuple[str, ...], why: str) -> tuple[ModelCard, Setting]:
    setting = Setting(listed(names), "assumed", why, "Otherwise: --classes a,b,c or FILE")
    return replace(card, class_names=names, named=True), setting
