"""`export`: write a model in the format of another runtime, after proving it on pictures."""

import json
import os
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar, Unpack, get_args

from tellapart.api.chosen_images import saved_settings
from tellapart.api.listener import Listener
from tellapart.api.load import opened, run_folder_of, warn_of
from tellapart.api.proof_pictures import (
    ALSO_CALIBRATED,
    ProofPictures,
    calibration_pictures,
    has_own_pictures,
    proof_pictures,
)
from tellapart.classifier.classifier import Classifier
from tellapart.classifier.plain.said import SaidOptions
from tellapart.classifier.resolve import resolve_model
from tellapart.errors import ConfigError, ModelError, SaveError, TellapartError
from tellapart.exporters.format import Answers, ExportJob, Format, Precision
from tellapart.exporters.picture_net import NOVELTY, PROBABILITIES, PictureNet
from tellapart.exporters.proof import Proof, prove, refuse_mismatch
from tellapart.exporters.record import RECORD, record_of, record_of_network
from tellapart.exporters.registry import FORMATS, format_named
from tellapart.files import draft_folder, move_together, remove_litter, system_reason
from tellapart.models.pretrained import HOME
from tellapart.pages.card import Card, Facts, Readable, Words
from tellapart.paths import with_home
from tellapart.text import described, percent, short_name

PICTURES = 1_000
"""On which an export is proven, where there are as many."""

PRECISIONS: tuple[str, ...] = get_args(Precision)


@dataclass(frozen=True, slots=True)
class Exported(Readable):
    """An exported model, and the proof that it answers as the model does."""

    path: Path
    format: str
    proof: Proof
    record: Path
    """JSON file: how pictures go in and what comes out, and the proof."""

    notes: tuple[str, ...] = ()
    """What a user of the file must know."""

    def _parts(self) -> list[str]:
        return [short_name(str(self.path)), self.format, *self.proof._parts()]

    def _card(self) -> Card:
        proof = self.proof
        facts = [
            ("format", self.format),
            ("pictures", f"{proof.pictures:,} ({proof.source})"),
            ("largest difference", f"{proof.largest_difference:.1e}"),
            ("same answer", percent(proof.agreement, 2)),
            ("speed here", f"{proof.pictures_per_second:,.0f} pictures/s ({proof.runtime})"),
        ]
        return Card("Exported", str(self.path), [Facts(facts), *map(Words, self.notes)])

    def to_dict(self) -> dict[str, Any]:
        """Return plain values, for JSON."""
        return {
            "file": str(self.path),
            "format": self.format,
            "record": str(self.record),
            "proof": self.proof.to_dict(),
            "notes": list(self.notes),
        }


Result = TypeVar("Result")


def export(
    model: Classifier | str | Path,
    to: str = "onnx",
    out: str | Path | None = None,
    *,
    data: Any = None,
    labels: Any = None,
    pictures: Any = None,
    count: int = PICTURES,
    precision: str = "float32",
    views: int | None = None,
    listener: Listener | None = None,
    **said: Unpack[SaidOptions],
) -> Exported:
    """Write a model in the format of another runtime, and prove that it answers as the model does.

    The file takes raw pictures, (N, height, width, channels) uint8 of the network's size, and gives the probabilities
    of `predict`; where the format can, also the novelty score. How a picture is brought to that size, class names and
    limits travel in the file, or in the JSON beside it. Pictures then go through both: where a probability differs by
    more than 1e-5 (float32), nothing is kept.

    Args:
        model: a run folder, a model file, the name of a built-in model, or a `Classifier`.
        to: "onnx", "torch", "keras", "h5", "safetensors", "openvino", "litert" or "web" (a page for browsers).
        out: the file to write. Default: model.SUFFIX in the run folder, or beside the model file. An earlier export is
            replaced, another file is not.
        data: labeled pictures for the proof, as for `evaluate`. Default: the run's test pictures.
        labels: as for `evaluate`.
        pictures: pictures without labels for the proof instead, as for `predict`.
        count: of the pictures, drawn evenly over them.
        precision: "float32"; "float16"; or "int8", which learns its ranges from the run's training pictures, or from
            those of the proof.
        views: copies of each picture to average, 1, 2 or 6. Default: as the model predicts.
        listener: hears of the pictures read.
        said: of a model that tellapart did not save, as for `load`.

    Returns:
        The file, the proof's figures, and the JSON file that holds both.

    Raises:
        ConfigError: an unknown format or precision; no pictures to prove it on; a file that is no export lies there.
        MissingExtraError: the format's packages are not installed.
        ModelError: the model cannot be exported, or the export answers otherwise.
        SaveError: it could not be written.
    """
    listener = listener or Listener()
    form = _checked(to, precision, count)
    form.require()
    saved_settings(model)
    classifier = opened(model, **said)
    place = _place(model, out, form)
    chosen = proof_pictures(model, classifier, data, labels, pictures, count, listener)
    if precision != "float32" and pictures is None and chosen.labels is None:
        raise ConfigError(_uncompared(precision))
    if precision == "int8" and not has_own_pictures(model):
        chosen = chosen._replace(source=f"{chosen.source}, {ALSO_CALIBRATED}")
    tta_views = (classifier.card.tta_views if views is None else views) if form.has_views else 1
    if views is not None and views != tta_views:
        raise ConfigError(f"An export to {form.title} averages no views. Leave out views.")
    job = ExportJob(
        classifier=classifier,
        tta_views=tta_views,
        precision=precision,  # type: ignore[arg-type]
        name=_name_of(model),
        pictures=chosen.images,
        record=record_of(classifier, tta_views, PictureNet(classifier, tta_views).outputs, form.batch)
        if form.has_views
        else record_of_network(classifier),
        calibration=calibration_pictures(model, classifier, chosen, listener)
        if precision == "int8"
        else None,
    )
    exported = _written(job, form, place, chosen)
    warn_of(classifier.usage)
    return exported


def _uncompared(precision: str) -> str:
    return (
        f"The data has classes that the model does not have, so the accuracy of {precision} cannot be compared. Give "
        "data of the model's classes, or pictures without labels."
    )


def _checked(to: Any, precision: Any, count: Any) -> Format:
    """Return the format.

    Raises:
        ConfigError: an argument is unknown or out of range.
    """
    if not isinstance(to, str):
        raise ConfigError(f"to is the name of a format; got {described(to)}.")
    form = format_named(to)
    if precision not in PRECISIONS:
        raise ConfigError(f"precision is one of {', '.join(PRECISIONS)}; got {str(precision)[:40]!r}.")
    if precision not in form.precisions:
        raise ConfigError(
            f"An export to {form.title} is in {' or '.join(form.precisions)}; got {precision}, which these formats "
            f"take: {', '.join(name for name, each in FORMATS.items() if precision in each.precisions)}."
        )
    if not isinstance(count, int) or isinstance(count, bool) or count < 1:
        raise ConfigError(f"count is a number of pictures, 1 or more; got {described(count)}.")
    return form


def _place(model: Classifier | str | Path, out: Any, form: Format) -> Path:
    """Return the file to write.

    Raises:
        ConfigError: it has another ending, is missing and cannot be told, or something else lies there.
        SaveError: the system takes no such path.
    """
    if out is not None and not isinstance(out, str | os.PathLike):
        raise ConfigError(f"out is a path; got {described(out)}.")
    place = with_home(out) if out is not None else _place_beside(model, form)
    if place.suffix.lower() != form.suffix:
        raise ConfigError(f"{place}: an export to {form.title} ends in {form.suffix}. Give another name.")
    if not _is_text(str(place)):
        raise ConfigError(
            f"{str(place)!r} has characters that are no UTF-8 text, and not every runtime opens such a path. Give "
            "another one (--out)."
        )
    try:
        for target in (place, _record_of(place)):
            _refuse_foreign(target, place)
    except OSError as reason:
        raise _not_there(place, reason) from reason
    return place


def _is_text(path: str) -> bool:
    """Return whether libraries that take paths as UTF-8 can open it: ONNX's checker and torch cannot else."""
    try:
        path.encode()
    except UnicodeEncodeError:
        return False
    return "\0" not in path


def _not_there(place: Path, reason: OSError) -> SaveError:
    return SaveError(f"{place} could not be written ({reason.strerror or reason}). Choose another place.")


def _refuse_foreign(target: Path, place: Path) -> None:
    """Refuse to overwrite a file that does not belong to an earlier export to this place.

    Raises:
        ConfigError: there is one.
    """
    if not target.exists():
        return
    try:
        record = json.loads(_record_of(place).read_text(encoding="utf-8"))
        is_ours = isinstance(record, dict) and {"tellapart", "proof", "class_names"} <= set(record)
    except (OSError, ValueError):
        is_ours = False
    if not is_ours:
        raise ConfigError(
            f"{target} already exists and is no export of tellapart's, so it is not overwritten. Give another name "
            "(--out)."
        )


def _place_beside(model: Classifier | str | Path, form: Format) -> Path:
    if isinstance(model, Classifier):
        raise ConfigError("A model in memory has no folder. Say where the export goes: out='NAME'.")
    if (folder := run_folder_of(model)) is not None:
        name = "model" if form.suffix != ".keras" else "model-export"
        return folder / f"{name}{form.suffix}"
    path = Path(resolve_model(model))
    if path.parent == HOME:
        return Path(f"{path.stem}{form.suffix}")
    name = path.stem if path.suffix != form.suffix else f"{path.stem}-export"
    return path.with_name(f"{name}{form.suffix}")


def _name_of(model: Classifier | str | Path) -> str:
    if isinstance(model, Classifier):
        return "model"
    folder = run_folder_of(model)
    return Path(resolve_model(model)).stem if folder is None else folder.resolve().name


def _record_of(place: Path) -> Path:
    return place.with_name(f"{place.name}{RECORD}")


def _written(job: ExportJob, form: Format, place: Path, pictures: ProofPictures) -> Exported:
    """Write, prove, and only then move the files to their place.

    Raises:
        ModelError: the network cannot be exported, or the file answers otherwise.
        SaveError: it could not be written.
    """
    remove_litter(place.parent, own=False)  # of exports that were killed
    try:
        folder = draft_folder(place)
    except OSError as reason:
        raise _not_there(place, reason) from reason
    try:
        draft = folder / f"{place.stem}{form.suffix}"  # small letters: OpenVINO wants no .XML
        _tried(form, lambda: form.write(job, draft))
        size = sum(file.stat().st_size for file in folder.iterdir())
        proof = _tried(form, lambda: _proven(job, form, draft, pictures, size))
        refuse_mismatch(proof)
        record = {**job.record, "proof": proof.to_dict(), "notes": list(form.notes)}
        text = json.dumps(record, indent=2, ensure_ascii=False)
        _record_of(draft).write_bytes(
            text.encode("utf-8", "backslashreplace")
        )  # halves of characters as JSON has them
        targets = {draft: place, _record_of(draft): _record_of(place)}
        files = sorted(folder.iterdir(), key=lambda file: file == draft)
        moves = [(file, targets.get(file, place.with_name(file.name))) for file in files]
        for _, target in moves:
            _refuse_foreign(target, place)
        move_together(moves)
    except OSError as reason:
        if isinstance(reason, TellapartError) and not isinstance(reason, SaveError):
            raise
        cause = reason.__cause__ or reason  # a SaveError names the draft, which nobody knows
        raise SaveError(
            f"{place} could not be written ({system_reason(cause) or cause}). Nothing was left."
        ) from reason
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    return Exported(place, form.name, proof, _record_of(place), form.notes)


def _tried(form: Format, work: Callable[[], Result]) -> Result:
    """Return what comes of writing or running a file; an error of a library becomes one of ours.

    Raises:
        ModelError: the network cannot be exported.
    """
    try:
        return work()
    except (TellapartError, OSError, MemoryError):
        raise
    except Exception as reason:
        if (system := system_reason(reason)) is not None:  # as safetensors tells of a full disk
            raise OSError(system) from reason
        cause: BaseException = reason
        while cause.__cause__ is not None:
            cause = cause.__cause__
        words = " ".join(str(cause).split())
        raise ModelError(
            f"The model cannot be exported to {form.title} ({type(cause).__name__}: {words[:300]}). "
            "Try another format, such as keras."
        ) from reason


def _proven(job: ExportJob, form: Format, draft: Path, pictures: ProofPictures, size: int) -> Proof:
    card, images = job.classifier.card, pictures.images
    predictions = job.classifier.tta_probabilities(images, tta_views=job.tta_views, novelty=True)
    expected: dict[str, Any] = {PROBABILITIES: predictions.averaged}
    if predictions.novelty is not None:
        expected[NOVELTY] = predictions.novelty
    answers: Answers = expected
    return prove(
        answers,
        form.open(draft, job),
        images,
        pictures.labels,
        own=lambda part: job.classifier.probabilities(part, tta_views=job.tta_views),
        thresholds=card.thresholds if card.multi_label else (),
        novelty_limit=None if card.novelty is None else card.novelty.limit,
        precision=job.precision,
        source=pictures.source,
        size=size,
        runtime=form.runtime,
    )
