"""`adopt`: save how a model that tellapart did not save is used, so that nobody is asked again."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Unpack

from tellapart import __version__
from tellapart.api.load import warn_of
from tellapart.classifier.classifier import Classifier
from tellapart.classifier.plain.said import Said, SaidOptions
from tellapart.classifier.plain.usage import Usage
from tellapart.classifier.resolve import model_file
from tellapart.errors import ConfigError
from tellapart.pages.card import Card, Readable
from tellapart.paths import with_home
from tellapart.text import few_names, short_name


@dataclass(frozen=True, slots=True)
class Adopted(Readable):
    """A model file that says how it is used."""

    path: Path
    classifier: Classifier
    usage: Usage
    """What is recorded now, and where each answer came from."""

    def _parts(self) -> list[str]:
        return [short_name(str(self.path)), few_names(self.classifier.class_names, "classes", 3)]

    def _card(self) -> Card:
        return Card(
            "Adopted", str(self.path), [*self.classifier.card.card_blocks(), *self.usage._card().blocks]
        )

    def to_dict(self) -> dict[str, Any]:
        """Return plain values, for JSON."""
        return {
            "model": str(self.path),
            "class_names": list(self.classifier.class_names),
            "preprocessing": self.classifier.card.preprocessing.to_dict(),
            "usage": self.usage.to_dict(),
        }


def adopt(model: str | Path, to: str | Path | None = None, **said: Unpack[SaidOptions]) -> Adopted:
    """Write a copy of a plain Keras model that says how it is used.

    The copy holds a model card, with class names and preprocessing, and its pixels' scaling as a layer. Its predictions
    are those of the model with the same options. The model itself stays as it is.

    Args:
        model: a `.keras` or an `.h5` file that tellapart did not save.
        to: the `.keras` file to write. Default: NAME-tellapart.keras beside it.
        said: what is known of it, as for `load`.

    Raises:
        ConfigError: it has a card, its class names are unknown, something that must be known was not said, or `to` is
            there already.
        ModelError: there is no such file, or it is not an image classifier.
        SaveError: it could not be written.
    """
    file = model_file(model)
    place = with_home(to) if to is not None else file.with_name(f"{file.stem}-tellapart.keras")
    if place.suffix != ".keras":
        raise ConfigError(
            f"{place}: a model with a card is a .keras file. Give another name: --to NAME.keras"
        )
    if place.exists():
        raise ConfigError(
            f"{place} already exists and is not overwritten. Give another name: --to NAME.keras"
        )
    beforehand = Said.of(said)
    classifier = Classifier.load(file, beforehand)
    if classifier.usage is None:
        raise ConfigError(f"{file} already has a model card.")
    if not classifier.card.named:
        raise ConfigError(
            f"{file.name} has {len(classifier.class_names)} classes without names. Name them in the order of the "
            "outputs: --classes a,b,c, a file of names, or the folder of the training pictures (class_names in Python)."
        )
    origin = {"file": file.name, "usage": classifier.usage.to_dict(), "tellapart": __version__}
    classifier.card = replace(classifier.card, origin=origin)
    classifier.save(place)
    warn_of(classifier.usage)
    written = Classifier.load(place, Said(custom_objects=beforehand.custom_objects))
    return Adopted(place, written, classifier.usage)
