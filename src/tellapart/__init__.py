"""tellapart: teach a computer to tell pictures apart, and see how it does it.

The names below are imported when they are first used, so that importing
tellapart loads neither torch nor keras. One thing happens at once: where nobody
has chosen a Keras backend, torch is chosen, so that `import keras` after
`import tellapart` gets the backend that `tellapart.fit` needs.
"""

import importlib
import os
import sys
from types import ModuleType
from typing import Any

os.environ.setdefault("KERAS_BACKEND", "torch")

__version__ = "0.1.0"

_HOMES = {
    "fit": "tellapart.training.keras_fit",
    "train": "tellapart.api.train",
    "tune": "tellapart.tuning.tune",
    "augment": "tellapart.api.augment",
    "Augmentation": "tellapart.data.augmentation.settings",
    "evaluate": "tellapart.api.evaluate",
    "check": "tellapart.api.check",
    "predict": "tellapart.api.predict",
    "serve": "tellapart.server.serve",
    "server_app": "tellapart.server.application",
    "explain": "tellapart.api.explain",
    "export": "tellapart.api.export",
    "report": "tellapart.api.report",
    "compare": "tellapart.api.compare",
    "runs": "tellapart.api.runs",
    "summary": "tellapart.api.summary",
    "adopt": "tellapart.api.adopt",
    "modernize": "tellapart.api.modernize",
    "load": "tellapart.api.load",
    "Classifier": "tellapart.classifier.classifier",
    "open_dataset": "tellapart.data.open",
    "load_data": "tellapart.api.load_data",
    "shard": "tellapart.api.shard",
    "Labels": "tellapart.data.sources.label_choice",
    "Source": "tellapart.data.sources.source",
    "LabeledImage": "tellapart.data.sources.own",
    "dataset_of": "tellapart.data.sources.own",
    "register_source": "tellapart.data.sources.registry",
    "TrainConfig": "tellapart.recipes.config",
    "OptimizerSettings": "tellapart.recipes.optimizer_settings",
    "MuonSettings": "tellapart.recipes.optimizer_settings",
    "HeadSettings": "tellapart.recipes.transfer_settings",
    "FineTuning": "tellapart.recipes.transfer_settings",
    "ClassWeights": "tellapart.recipes.class_weights",
    "TrainingResult": "tellapart.api.finish",
    "TrainingSetup": "tellapart.runs.setup",
    "TuningResult": "tellapart.tuning.tune",
    "TuningListener": "tellapart.tuning.listener",
    "TuningProgress": "tellapart.tuning.listener",
    "Trial": "tellapart.tuning.trial",
    "Listener": "tellapart.api.listener",
    "EpochPrinter": "tellapart.api.listener",
    "Evaluation": "tellapart.api.evaluate",
    "Scores": "tellapart.metrics.scores",
    "ClassScore": "tellapart.metrics.scores",
    "ModelCard": "tellapart.classifier.card",
    "Comparison": "tellapart.api.compare",
    "Description": "tellapart.profiling.summary",
    "Summary": "tellapart.profiling.summary",
    "ModernizedScript": "tellapart.api.modernize",
    "Usage": "tellapart.classifier.plain.usage",
    "ServingLimits": "tellapart.server.limits",
    "Predictions": "tellapart.api.predict",
    "PredictionFile": "tellapart.volume.job",
    "Prediction": "tellapart.classifier.prediction",
    "Explanation": "tellapart.explanations.explanation",
    "Answer": "tellapart.explanations.answer",
    "HeatMaps": "tellapart.explanations.attribution.heat_maps",
    "HeatMap": "tellapart.explanations.attribution.attribute",
    "CheckResult": "tellapart.api.check",
    "Runs": "tellapart.runs.listing",
    "RunSummary": "tellapart.runs.listing",
    "Report": "tellapart.api.report",
    "ContactSheet": "tellapart.api.augment",
    "Adopted": "tellapart.api.adopt",
    "Exported": "tellapart.api.export",
    "Proof": "tellapart.exporters.proof",
    "Shards": "tellapart.api.shard",
    "Dataset": "tellapart.data.dataset",
    "Split": "tellapart.data.dataset",
    "Preprocessing": "tellapart.data.preprocess",
    "TellapartError": "tellapart.errors",
    "ConfigError": "tellapart.errors",
    "DataError": "tellapart.errors",
    "PictureError": "tellapart.errors",
    "ModelError": "tellapart.errors",
    "SaveError": "tellapart.errors",
    "DownloadError": "tellapart.errors",
    "MissingExtraError": "tellapart.errors",
    "StepDone": "tellapart.events",
    "EpochDone": "tellapart.events",
    "Finding": "tellapart.events",
}
"""Public name -> the module that defines it."""

__all__ = ["__version__", *_HOMES]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'tellapart' has no attribute {name!r}{_instead(name)}")
    return getattr(importlib.import_module(_HOMES[name]), name)


def _instead(name: str) -> str:
    """Return what to write for a name that Keras had long ago; nothing for any other."""
    from tellapart.old_keras.methods import INSTEAD

    return f". In today's Keras, write {INSTEAD[name]}" if name in INSTEAD else ""


def __dir__() -> list[str]:
    return sorted(__all__)


class _Package(ModuleType):
    """A package in which a public name wins over a room of the same name, such as `runs`.

    Importing a module sets it on its package. `import tellapart.runs` and `from tellapart.runs import ...` need no
    such attribute; `tellapart.runs(...)` must be the function, whatever was imported before.
    """

    def __setattr__(self, name: str, value: object) -> None:
        if not (name in _HOMES and isinstance(value, ModuleType)):
            super().__setattr__(name, value)


sys.modules[__name__].__class__ = _Package
