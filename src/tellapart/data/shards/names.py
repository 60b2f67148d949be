"""Names of shards: braces, wildcards and folders become a list of addresses, and the index beside them."""

from __future__ import annotations

from dataclasses import dataclass

from tellapart.data.shards.formats import FORMATS, kind_of
from tellapart.data.shards.index import INDEX_NAME, LARGEST_INDEX, ShardIndex, index_from
from tellapart.data.shards.places import (
    FileState,
    folder_and_name,
    in_folder,
    matching,
    protocol_of,
    read_range,
    state_of,
)  # fmt: skip
from tellapart.data.sources.webdataset import MOST_SHARDS, expanded
from tellapart.errors import DataError
from tellapart.text import natural_key

_WILD = frozenset("*?[")


@dataclass(frozen=True, slots=True)
class NamedShards:
    """What a name means."""

    addresses: tuple[str, ...]
    """Of the shards, as far as names tell; empty where the index alone knows."""

    index: ShardIndex | None
    """Of these shards; None: there is none beside them."""


def named_shards(address: str) -> NamedShards:
    """Return the shards that a name means.

    Args:
        address: of shards, with braces or wildcards; of a folder of them; or of their index.

    Raises:
        DataError: there are none, or too many, or the index is damaged.
        MissingExtraError: an optional package is missing.
    """
    folder, name = folder_and_name(address)
    if name == INDEX_NAME:
        return NamedShards((), _index_of(folder, needed=True))
    if kind_of(name) is None:
        folder = address.rstrip("/")
        index = _index_of(folder, needed=protocol_of(address) in ("http", "https"))
        found = (
            ()
            if index is not None
            else _matching([in_folder(folder, f"*{form.suffix}") for form in FORMATS.values()])
        )
    else:
        found = _matching(expanded(address))
        index = _index_among(found)
    if index is None and not found:
        raise DataError(
            f"{address}: no shards there ({' or '.join(f'*{form.suffix}' for form in FORMATS.values())})."
        )
    if len({kind_of(each) for each in found}) > 1:
        raise DataError(f"{address}: shards of different forms, .tar and .parquet. Name those of one form.")
    return NamedShards(found, index)


def _matching(names: list[str]) -> tuple[str, ...]:
    """Return the addresses of names, in natural order where wildcards found them."""
    addresses: list[str] = []
    for name in dict.fromkeys(names):
        wild = not _WILD.isdisjoint(folder_and_name(name)[1])
        addresses += sorted(matching(name), key=natural_key) if wild else [name]
        if len(addresses) > MOST_SHARDS:
            raise DataError(f"{name}: more than {MOST_SHARDS:,} shards.")
    return tuple(addresses)


def _index_among(addresses: tuple[str, ...]) -> ShardIndex | None:
    """Return the part of the index beside shards that is about them; None where there is none, or it lacks one."""
    places = {folder_and_name(address) for address in addresses}
    if len({folder for folder, _ in places}) != 1:
        return None
    whole = _index_of(
        next(iter(places))[0], needed=False, only={name: f"{folder}/{name}" for folder, name in places}
    )
    return whole if whole is not None and len(whole.shards) == len(places) else None


def _index_of(folder: str, *, needed: bool, only: dict[str, str] | None = None) -> ShardIndex | None:
    """Return the index in a folder; None where there is none and it is not needed."""
    address = in_folder(folder, INDEX_NAME)
    try:
        state: FileState = state_of(address)
        if state.size > LARGEST_INDEX:
            raise DataError(f"{address}: {state.size:,} bytes; at most {LARGEST_INDEX:,} are read.")
        text = read_range(address, 0, state.size)
    except OSError as reason:
        if needed:
            raise DataError(
                f"{address} cannot be read ({reason}). Give the folder that tellapart data shard wrote, or the names "
                "of shards, such as train-{000000..000099}.tar."
            ) from reason
        return None
    return index_from(text, address, folder if only is None else only)
