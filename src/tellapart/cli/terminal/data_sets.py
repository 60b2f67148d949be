"""What `data list`, `data show` and `data get` print."""

from typing import Any

from rich.text import Text

from tellapart.cli.terminal.console import command, note, notes, results, say, say_json
from tellapart.cli.terminal.fitting_table import add_row, new_table
from tellapart.cli.terminal.progress import Bars
from tellapart.cli.terminal.tables import facts_table, two_columns
from tellapart.data.dataset import SPLIT_NAMES, Dataset
from tellapart.data.open import open_dataset
from tellapart.data.sources.catalog import KNOWN_SETS, KnownSet, find_known, known_set
from tellapart.data.sources.known import download_known, find_on_this_machine
from tellapart.data.sources.registry import source_of
from tellapart.data.sources.source import OpenRequest
from tellapart.files import unreadable_is_bad_data
from tellapart.paths import with_home
from tellapart.profiling.doctor import known_sets_here
from tellapart.text import printable


def report_sets(as_json: bool) -> None:
    """Print every known set and where it is."""
    places = known_sets_here()
    if as_json:
        say_json({"sets": [_facts(known, places[name]) for name, known in KNOWN_SETS.items()]})
        return
    table = two_columns()
    for name, known in KNOWN_SETS.items():
        lines = known.title, _measures(known), _whereabouts(known, places[name]), ""
        add_row(table, Text(name, "bold"), Text(printable("\n".join(lines))))
    results().print(table)
    say("Details: tellapart data show NAME. Download: tellapart data get NAME")


def report_set(name: str, as_json: bool, labels: Any = None) -> None:
    """Print a known set, or the pictures at a path."""
    known = find_known(name)
    with unreadable_is_bad_data(name):
        source = source_of(OpenRequest(data=name, labels=labels))
        is_somewhere = with_home(name).exists() or source is not None
    if known is None and not is_somewhere:
        known = known_set(name)
    place = known_sets_here()[known.name] if known else name
    dataset = open_dataset(known.name if known else name, labels=labels) if place else None
    facts = _facts(known, place) if known else _dataset_facts(dataset)
    counts = {} if dataset is None else class_counts(dataset)
    if as_json:
        say_json({**facts, "counts": counts})
        return
    facts.pop("notices", None)
    results().print(facts_table({name: value for name, value in facts.items() if value not in ([], None, 0)}))
    if dataset is not None:
        _print_counts(dataset, counts)
        for words in dataset.notices:
            say(f"{words}.")
    elif known is not None:
        say(f"Not on this machine. Download it: {command('data', 'get', known.name)}")


def get_set(name: str, as_json: bool, quiet: bool) -> None:
    """Download a known set that is not here."""
    known = known_set(name)
    place = known_sets_here()[known.name]
    if place is None:
        bars = Bars(notes(), quiet)
        if not quiet:
            note(f"Downloading {known.name}: {known.download_bytes / 1e6:,.0f} MB")
        try:
            download_known(known, progress=lambda done, total: bars.transfer("Downloading", done, total))
        finally:
            bars.close()
        found = find_on_this_machine(known)
        place = str(found[0]) if found else None
    if as_json:
        say_json({"name": known.name, "place": place})
    else:
        say(f"{known.name} is on this machine: {place}")
        say(f"Next: {command('train', known.name)}")


def class_counts(dataset: Dataset) -> dict[str, dict[str, int]]:
    """Return split -> class -> number of pictures."""
    return {
        name: dict(zip(dataset.class_names, dataset.counts_of(name).tolist(), strict=True))
        for name in sorted(dataset.splits, key=SPLIT_NAMES.index)
    }


def _print_counts(dataset: Dataset, counts: dict[str, dict[str, int]]) -> None:
    table = new_table("class", *counts, right=tuple(counts), long=("class",))
    for name in dataset.class_names:
        add_row(table, name, *(f"{of_split[name]:,}" for of_split in counts.values()))
    add_row(table, Text("all", "bold"), *(f"{sum(of_split.values()):,}" for of_split in counts.values()))
    results().print(table)


def _facts(known: KnownSet, place: str | None) -> dict[str, Any]:
    return {
        "name": known.name,
        "title": known.title,
        "pictures": {"train": known.train_size, "test": known.test_size},
        "classes": list(known.class_names),
        "size": _size(known),
        "may_be_mirrored": known.mirrors,
        "license": known.license,
        "provenance": known.provenance,
        "download_bytes": known.download_bytes,
        "addresses": [url for file in known.files for url in file.urls],
        "place": place,
    }


def _dataset_facts(dataset: Dataset | None) -> dict[str, Any]:
    assert dataset is not None
    shape = dataset.image_shape
    return {
        "name": dataset.name,
        "place": dataset.where,
        "classes": list(dataset.class_names),
        "size": " x ".join(map(str, shape)) if shape else "mixed",
        "may_be_mirrored": dataset.mirrors,
        "ignored_files": len(dataset.ignored),
        "notices": list(dataset.notices),
    }


def _measures(known: KnownSet) -> str:
    count = known.train_size + known.test_size
    return f"{count:,} pictures, {len(known.class_names)} classes, {_size(known)}"


def _whereabouts(known: KnownSet, place: str | None) -> str:
    if place:
        return f"on this machine: {place}"
    return f"not on this machine; {known.download_bytes / 1e6:,.0f} MB to download"


def _size(known: KnownSet) -> str:
    return " x ".join(map(str, known.image_shape))
