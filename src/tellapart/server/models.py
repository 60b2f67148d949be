"""The models of a server, each by its name; a new file takes the place of an old one between two requests.

A request keeps the version that it began with, so an answer is wholly the old model's or the new one's.
"""

import asyncio
import logging
import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from starlette.exceptions import HTTPException

from tellapart.classifier.classifier import Classifier
from tellapart.errors import ConfigError, TellapartError
from tellapart.server.engine import Engine
from tellapart.server.log import LOG, say
from tellapart.server.metrics import Metrics
from tellapart.server.served_model import ServedModel
from tellapart.server.snapshot import ModelSource, Signature, Snapshot

WATCH_SECONDS = 1.0
"""Between two looks at the files."""

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")

Opened = Callable[[str, Snapshot], ServedModel]
"""(name, snapshot) -> served model."""


def sources_of(models: Sequence[Any], said: Mapping[str, Any]) -> dict[str, ModelSource]:
    """Return models by the names under which they are served, the default one first.

    Args:
        models: each as for `tellapart.load`, or NAME=PATH; without a name, that of its file or folder.
        said: of models that tellapart did not save.

    Raises:
        ConfigError: no model, two of one name, or a name that fits in no address.
    """
    sources: dict[str, ModelSource] = {}
    for model in models:
        name, path = _named(model)
        if not _NAME.fullmatch(name):
            raise ConfigError(
                f"{name!r} cannot be a model's name in an address. Give it one of letters, digits, dots, dashes and "
                f"underscores: NAME={path}"
            )
        if name in sources:
            raise ConfigError(f"Two models are called {name}. Give them names: first={path} second=...")
        sources[name] = ModelSource(path, dict(said))
    if not sources:
        raise ConfigError(
            "Which model? Give a run folder, a .keras or .h5 file, or a built-in model: imagenet"
        )
    return sources


def _named(model: Any) -> tuple[str, Any]:
    if isinstance(model, Classifier):
        return "model", model
    name, equals, path = str(model).partition("=")
    if equals and not Path(str(model)).exists():
        return name, path
    return Path(str(model)).resolve().stem if Path(str(model)).exists() else Path(str(model)).stem, model


class Models:
    """All models of one server, and the files that they came from."""

    def __init__(
        self, sources: Mapping[str, ModelSource], opened: Opened, engine: Engine, metrics: Metrics
    ) -> None:
        self._sources, self._opened, self._engine, self._metrics = sources, opened, engine, metrics
        self._current: dict[str, ServedModel] = {}
        self._looked_at: dict[str, Signature | None] = {}

    @property
    def default(self) -> str:
        """The name of the model that answers where none is named."""
        return next(iter(self._sources))

    @property
    def names(self) -> tuple[str, ...]:
        """All names, the default one first."""
        return tuple(self._sources)

    @property
    def is_ready(self) -> bool:
        """Whether all are loaded."""
        return len(self._current) == len(self._sources)

    def named(self, name: str | None = None, version: str | None = None) -> ServedModel:
        """Return a model as it is now; without a name, the default one.

        Raises:
            HTTPException: 404, there is none of that name or version; 503, it is not loaded yet.
        """
        name = self.default if name is None else name
        if name not in self._sources:
            raise HTTPException(
                404, f"There is no model {name[:100]}. There are: {', '.join(self._sources)}."
            )
        model = self._current.get(name)
        if model is None:
            raise HTTPException(503, f"The model {name} is being loaded.", {"Retry-After": "1"})
        if version not in (None, model.version):
            raise HTTPException(
                404, f"The model {name} has version {model.version}, not {str(version)[:100]}."
            )
        return model

    async def load_all(self) -> None:
        """Load every model.

        Raises:
            TellapartError: one cannot be loaded.
        """
        for name, source in self._sources.items():
            self._take(name, await self._engine.load(source.load))

    async def watch(self, seconds: float = WATCH_SECONDS) -> None:
        """Look at the files for ever; load those that were replaced."""
        while True:
            await asyncio.sleep(seconds)
            for name, source in self._sources.items():
                await self._look_at(name, source)

    async def _look_at(self, name: str, source: ModelSource) -> None:
        try:
            signature = await self._engine.load(source.signature)
            if signature is None or signature == self._looked_at[name]:
                return
            self._looked_at[name] = signature  # a damaged file is not tried again until it changes
            snapshot = await self._engine.load(source.load)
        except TellapartError as reason:
            self._keep(name, str(reason))
        except Exception as reason:
            LOG.exception("a new model file could not be loaded")
            self._keep(name, f"{type(reason).__name__}: {reason}")
        else:
            before = self._current[name].version
            self._take(name, snapshot)
            self._metrics.swaps.labels(name, "swapped").inc()
            say("model swapped", model=name, version=snapshot.version, version_before=before)

    def _take(self, name: str, snapshot: Snapshot) -> None:
        self._looked_at[name] = snapshot.signature
        self._current[name] = self._opened(name, snapshot)

    def _keep(self, name: str, reason: str) -> None:
        self._metrics.swaps.labels(name, "refused").inc()
        say("model kept", logging.ERROR, model=name, version=self._current[name].version, reason=reason)
