"""`predict` with `out`: any number of pictures, their predictions in a file."""

from collections.abc import Callable, Sequence
from pathlib import Path

from tellapart.api.listener import Listener
from tellapart.volume.job import PredictionFile, Reports, predict_into
from tellapart.volume.listing import Listing
from tellapart.volume.pipeline import Asking


def predict_into_file(
    asking: Asking,
    paths: Sequence[Path],
    out: Path,
    workers: int | None,
    listener: Listener,
    listed: Callable[[Listing], None] = lambda _: None,
) -> PredictionFile:
    """Do what `volume.job.predict_into` does, and tell a listener; `listed` hears what was passed over."""
    reports = Reports(listener.listing, listed, listener.predicting, listener.notice)
    return predict_into(asking, paths, out, workers, reports)
