"""What `predict --out` prints, and how it is stopped."""

from collections.abc import Sequence
from pathlib import Path

from tellapart.api.predict_into import predict_into_file
from tellapart.cli.terminal.console import note
from tellapart.cli.terminal.interruption import Interruption
from tellapart.cli.terminal.predictions import note_left_out, note_reading
from tellapart.cli.terminal.progress import ProgressListener
from tellapart.errors import SaveError
from tellapart.text import counted, one_line
from tellapart.volume.formats import format_of
from tellapart.volume.job import PredictionFile
from tellapart.volume.listing import Listing
from tellapart.volume.pipeline import Asking

MANY = 20_000
"""Pictures from which --out is pointed out."""


def note_many(pictures: int) -> None:
    """Point out --out where so many are predicted without it."""
    if pictures >= MANY:
        note(
            f"{pictures:,} pictures: their predictions are kept in memory until the end. With --out predictions.csv "
            "rows are written on the way, and a stopped command goes on where it was."
        )


def write_predictions(
    asking: Asking, pictures: Sequence[Path], out: Path, workers: int | None, *, quiet: bool
) -> int:
    """Predict pictures into a file; return the exit code, also of a job that was stopped."""
    format_of(out)
    with Interruption() as interruption, ProgressListener(quiet=quiet) as listener:
        try:
            written = predict_into_file(asking, pictures, out, workers, listener, _note_listed)
        except KeyboardInterrupt:
            listener.bars.close()
            _note_stopped(listener.predicted)
            return interruption.exit_code
        except SaveError:
            listener.bars.close()
            if listener.predicted is not None:
                _note_stopped(listener.predicted)
            raise
    _report(written)
    return written.exit_code()


def _note_listed(listing: Listing) -> None:
    note_left_out([Path(name) for name in listing.others], listing.other_count)


def _note_stopped(predicted: tuple[int, int] | None) -> None:
    """Say how far a stopped job has come, and how to go on."""
    if predicted is None:
        note("Interrupted.")
        return
    done, total = predicted
    note(
        f"Stopped after {done:,} of {counted(total, 'picture')}. Their rows are safe; run the same command again to go "
        "on from there."
    )


def _report(written: PredictionFile) -> None:
    note_reading(written.notes)
    if written.unreadable:
        failed = counted(written.unreadable, "picture")
        note(f"{failed} could not be read; the rows say why.", "yellow")
    note(one_line(f"{counted(written.predicted, 'prediction')} written to {written.path}"))
