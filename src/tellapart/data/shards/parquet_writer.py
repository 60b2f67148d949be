"""Parquet shards as Hugging Face's `datasets` writes them: a struct of bytes and path, and a class label."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tellapart.data.shards.index import PIECE_BYTES, PIECE_PICTURES, Piece, checksum_of
from tellapart.data.shards.parquet_format import row_groups
from tellapart.errors import MissingExtraError


class ParquetShard:
    """A parquet file, a group of rows for each part."""

    def __init__(self, path: Path, class_names: Sequence[str]) -> None:
        """Begin the file.

        Raises:
            MissingExtraError: pyarrow is not installed.
        """
        try:
            import pyarrow
            import pyarrow.parquet
        except ImportError:
            raise MissingExtraError("pyarrow", "parquet", "Writing parquet shards") from None
        features = {"image": {"_type": "Image"}, "label": {"names": list(class_names), "_type": "ClassLabel"}}
        image = pyarrow.struct([("bytes", pyarrow.binary()), ("path", pyarrow.string())])
        metadata = {"huggingface": json.dumps({"info": {"features": features}})}
        self._schema = pyarrow.schema([("image", image), ("label", pyarrow.int64())], metadata=metadata)
        # Encoded pictures are compressed already, and a page for each row's statistics would only cost.
        self._writer: Any = pyarrow.parquet.ParquetWriter(
            path, self._schema, compression="none", use_dictionary=False, write_statistics=False
        )
        self._path = path
        self._rows: list[dict[str, Any]] = []
        self._held = 0
        self._counts: list[int] = []
        self.size = 0

    def add(self, key: str, suffix: str, content: bytes, label: int) -> None:
        """Append a picture."""
        self._rows.append({"image": {"bytes": content, "path": f"{key}{suffix}"}, "label": label})
        self._held += len(content)
        self.size += len(content)
        if self._held >= PIECE_BYTES or len(self._rows) >= PIECE_PICTURES:
            self._end_piece()

    def close(self) -> tuple[list[Piece], str]:
        """End the file; return its parts and its sha256."""
        if self._rows:
            self._end_piece()
        self._writer.close()
        pieces, whole = [], hashlib.sha256()
        with self._path.open("rb+") as file:
            os.fsync(file.fileno())
            places = row_groups(str(self._path), self._path.stat().st_size)
            for (start, stop), pictures in zip(places, self._counts, strict=True):
                file.seek(start)
                content = file.read(stop - start)
                pieces.append(Piece(start, stop - start, pictures, checksum_of(content)))
            file.seek(0)
            while content := file.read(1 << 20):
                whole.update(content)
        return pieces, whole.hexdigest()

    def _end_piece(self) -> None:
        import pyarrow

        self._writer.write_table(pyarrow.Table.from_pylist(self._rows, self._schema))
        self._counts.append(len(self._rows))
        self._rows, self._held = [], 0
