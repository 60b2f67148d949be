"""Suspicion: labels that look wrong and pictures unlike all others, as findings."""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from tellapart.checks.album import Album
from tellapart.checks.duplicates import Pair
from tellapart.checks.findings import Finding
from tellapart.checks.labels import FEWEST_OF_A_CLASS, LabelSuspects, judged_rows, label_suspects, outliers
from tellapart.text import counted, percent


def findings_of_labels(
    album: Album, blank: NDArray[np.bool_], exact: list[Pair], left_out: list[str]
) -> Iterator[Finding]:
    """Yield labels that look wrong, and outliers.

    Args:
        album: of the pictures.
        blank: (N,) pictures that show nothing.
        exact: pairs of the same pixels; only the first of each is judged.
        left_out: gets the reason where labels were not looked at.
    """
    if album.features is None:
        left_out.append(f"Wrong labels: {len(album.ids):,} pictures are too many for this check")
        return
    ignored = blank.copy()
    ignored[[pair.second for pair in exact]] = True
    several = album.dataset.multi_label
    rows = album.readable[~ignored[album.readable]] if several else judged_rows(album, ignored)
    suspects = None if several else label_suspects(album, rows)
    if several:
        left_out.append("Wrong labels: not looked for where a picture may have several labels")
    elif suspects is None:
        left_out.append(
            f"Wrong labels: this check needs two classes with at least {FEWEST_OF_A_CLASS} pictures each"
        )
    elif not suspects.has_grounds:
        left_out.append(
            f"Wrong labels: not judged, because the check agrees with only {percent(suspects.accuracy)} of the labels "
            f"(always naming the commonest class: {percent(suspects.chance)})"
        )
    elif len(suspects.rows):
        yield _suspicious(album, rows, suspects)
    far_rows, times = outliers(album, rows)
    if len(far_rows):
        yield Finding(
            kind="outlier",
            seen=f"{counted(len(far_rows), 'picture')} unlike all others",
            groups=tuple((int(row),) for row in far_rows),
            notes={
                int(row): f"{far:.1f} times as far from its neighbors as usual"
                for row, far in zip(far_rows, times, strict=True)
            },
        )


def _suspicious(album: Album, rows: NDArray[np.int64], suspects: LabelSuspects) -> Finding:
    names = album.dataset.class_names
    suggested = {int(row): names[label] for row, label in zip(suspects.rows, suspects.suggested, strict=True)}
    return Finding(
        kind="wrong label",
        seen=(
            f"{len(suspects.rows):,} of {counted(len(rows), 'picture')} may belong to another class (the check "
            f"agrees with {percent(suspects.accuracy)} of all labels)"
        ),
        groups=tuple((row,) for row in suggested),
        notes={
            int(row): f"probability of {album.label(row)}: {percent(float(share))}"
            for row, share in zip(suspects.rows, suspects.probability, strict=True)
        },
        suggested=suggested,
    )
