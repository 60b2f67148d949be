"""Settings: the Run, which holds everything that decides the outcome of a training, and is saved with it."""

import dataclasses
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal, get_args, get_origin, get_type_hints

from tellapart.data.augmentation.mix import Mixing
from tellapart.data.augmentation.settings import Augmentation
from tellapart.errors import ConfigError
from tellapart.models.networks import NETWORKS


@dataclass(frozen=True, slots=True, kw_only=True)
class OptimizerSettings:
    """Which Keras optimizer, and how its learning rate moves."""

    name: Literal["RMSprop", "Adam", "SGD"]
    learning_rate: float
    """The highest it gets, per step."""

    schedule: Literal["inverse time", "cosine"]
    """inverse time: rate / (1 + decay * step), the `decay` of old Keras. cosine: up, then down to nothing."""

    decay: float = 0.0
    """Of "inverse time", per step."""

    warmup_fraction: float = 0.0
    """Of "cosine": the share of all steps spent climbing, 0 to 1."""

    epsilon: float = 1e-7
    """What keeps the division by the root mean square of the gradients finite, where Keras 3 adds it:
    in RMSprop under the root, in Adam beside it; SGD has none."""

    momentum: float = 0.0
    """Of SGD, Nesterov's."""

    weight_decay: float = 0.0
    """Share of each weight taken away per step, times the learning rate ("decoupled", Loshchilov & Hutter 2019)."""

    def __post_init__(self) -> None:
        _check_types(self)


@dataclass(frozen=True, slots=True, kw_only=True)
class MuonSettings:
    """Muon for the filters, SGD with Nesterov's momentum for biases and head; all rates fall to zero in a line.

    Rates of biases and head are per picture: the loss is summed over the batch.
    """

    name: Literal["Muon"] = "Muon"
    learning_rate: float
    """Of the filters, per step."""

    momentum: float = 0.6
    """Of the filters."""

    bias_rate: float = 0.053
    head_rate: float = 0.67
    other_momentum: float = 0.85
    """Of biases and head."""

    weight_decay: float = 2e-6
    """Of biases and head, per step and picture of the batch."""

    whitening_share: float = 0.375
    """Of the training, from its start, in which the whitening layer's bias is learned."""

    def __post_init__(self) -> None:
        _check_types(self)
        for name in ("learning_rate", "weight_decay"):
            if getattr(self, name) < 0:
                raise ConfigError(f"{name} is 0 or more; got {getattr(self, name)}.")
        for name in ("bias_rate", "head_rate"):  # what decays is divided by them
            if getattr(self, name) <= 0:
                raise ConfigError(f"{name} is above 0; got {getattr(self, name)}.")
        for name in ("momentum", "other_momentum", "whitening_share"):
            if not 0 <= getattr(self, name) <= 1:
                raise ConfigError(f"{name} is a share from 0 to 1; got {getattr(self, name)}.")


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainConfig:
    """One training, complete. Saved resolved, as `run.toml`."""

    recipe: str
    network: str = "first-cnn"
    """One of `models.networks.NETWORKS`."""

    widths: tuple[int, int, int] | None = None
    """Channels of the three groups of "whitened-cnn" and "wide-resnet"; "first-cnn" has none."""

    depth: int = 2
    """In each group: convolutions of "whitened-cnn", 2 or 3; residual blocks of "wide-resnet".
    Of "first-cnn" always 2, the tutorial's."""

    optimizer: OptimizerSettings | MuonSettings
    label_smoothing: float = 0.0
    """Share of each picture's truth that is spread over all classes, 0 to 1. Source: Szegedy et al. 2016."""

    statistics_over: int | None = None
    """Pictures that batch normalization takes together ("ghost batch", Hoffer et al. 2017); None: the batch."""

    tta_views: Literal[1, 2, 6] = 1
    """Forms of each picture that are asked about and averaged in the final score: itself; also mirrored;
    and both also moved by a pixel, up-left and down-right."""

    pictures_per_epoch: int | None = None
    """Learned from in an epoch, a random choice; None: all."""

    target: float | None = None
    """Validation accuracy, 0 to 1, at which the training may end early; None: it takes its whole length."""

    batch_size: int = 32
    """Pictures per step."""

    epochs: int
    augmentation: Augmentation | None
    """None: pictures are learned from as they are."""

    mixing: Mixing = "none"
    """Whether each training picture is put together from parts of several, and its truth as well; see `data.mix`."""

    validation: Literal["test", "held out"]
    """Which pictures score each epoch: the test split, as the tutorial did, or some held out of train."""

    keep: Literal["last", "best"]
    """Which epoch's weights are the model: the last, or the one with the best validation accuracy."""

    validation_share: float = 0.1
    """Share of the training pictures held out where the data has no validation split, 0 to 1."""

    test_share: float = 0.2
    """Share of the pictures kept for the test where the data has no test split, 0 to 1."""

    size: tuple[int, int] | None = None
    """Height and width that every picture is brought to; None: the data's own, or what suits it."""

    policy: Literal["crop", "pad", "stretch"] = "crop"
    """How a picture of other proportions is brought to that size."""

    precision: Literal["auto", "float32", "bfloat16"] = "auto"
    """Arithmetic of training and of its scores, whose classes in doubt are settled in float32.
    auto: bfloat16 where the processor has it."""

    predictions: int = 20
    """Test pictures shown with their predictions at the end (the tutorial's number_of_predictions)."""

    seed: int = 0

    def __post_init__(self) -> None:
        _check_types(self)
        if self.size is not None and not all(isinstance(side, int) and side > 0 for side in self.size):
            raise ConfigError(f"size is height and width in pixels, such as (48, 64); got {self.size!r}.")
        for name in ("batch_size", "epochs", "depth"):
            if getattr(self, name) < 1:
                raise ConfigError(f"{name} is a whole number from 1; got {getattr(self, name)}.")
        for name in ("validation_share", "test_share"):
            if not 0 < getattr(self, name) < 1:
                raise ConfigError(
                    f"{name} is a share between 0 and 1, such as 0.1; got {getattr(self, name)}."
                )
        if self.network not in NETWORKS:
            raise ConfigError(f"network is {' or '.join(map(repr, NETWORKS))}; got {self.network!r}.")
        NETWORKS[self.network].check(self.network, self.widths, self.depth)
        if self.target is not None and not 0 < self.target < 1:
            raise ConfigError(f"target is an accuracy between 0 and 1, such as 0.63; got {self.target}.")
        if self.target is not None and self.validation == "test":
            raise ConfigError(
                f"{self.recipe} scores its epochs on the test pictures, which must not decide when to stop. "
                "Take the recipe fast or quick."
            )
        for name in ("statistics_over", "pictures_per_epoch"):
            if getattr(self, name) is not None and getattr(self, name) < 1:
                raise ConfigError(f"{name} is a number of pictures from 1; got {getattr(self, name)}.")
        if not 0 <= self.label_smoothing < 1:
            raise ConfigError(f"label_smoothing is a share from 0 to below 1; got {self.label_smoothing}.")
        if self.predictions < 0:
            raise ConfigError(f"predictions is a number of pictures, 0 or more; got {self.predictions}.")
        if not 0 <= self.seed < 2**63:
            raise ConfigError(f"seed is a whole number from 0 to {2**63 - 1}; got {self.seed}.")

    def changed(self, **changes: Any) -> "TrainConfig":
        """The same run with some fields replaced; None leaves a field as it is."""
        return dataclasses.replace(
            self, **{name: value for name, value in changes.items() if value is not None}
        )

    def to_dict(self) -> dict[str, Any]:
        """Plain values for TOML, which has no None: a field that is None is left out."""
        return _without_none(asdict(self))

    @classmethod
    def from_dict(cls, saved: Mapping[str, Any]) -> "TrainConfig":
        """The run that `to_dict` described."""
        fields = dict(saved)
        kind = MuonSettings if fields["optimizer"]["name"] == "Muon" else OptimizerSettings
        fields["optimizer"] = kind(**fields["optimizer"])
        fields["augmentation"] = Augmentation(**fields["augmentation"]) if "augmentation" in fields else None
        for name in ("size", "widths"):
            if name in fields:
                fields[name] = tuple(fields[name])
        return cls(**fields)


def _check_types(settings: Any) -> None:
    """Hold a settings value to the types that its fields declare.

    Raises:
        ConfigError: a field has another type, or is none of the words that it may be.
    """
    for name, declared in get_type_hints(type(settings)).items():
        value = getattr(settings, name)
        if get_origin(declared) is Literal:
            if value not in get_args(declared):
                raise ConfigError(f"{name} is {' or '.join(map(repr, get_args(declared)))}; got {value!r}.")
            continue
        kinds = [get_origin(kind) or kind for kind in (get_args(declared) or (declared,))]
        kinds = [tuple] if get_origin(declared) is tuple else kinds
        kinds += [int] if float in kinds else []
        if not isinstance(value, tuple(kinds)) or isinstance(value, bool):
            names = " or ".join(kind.__name__ for kind in kinds)
            raise ConfigError(f"{name} is of type {names}; got {value!r}.")


def _without_none(values: Mapping[str, Any]) -> dict[str, Any]:
    return {
        name: _without_none(value) if isinstance(value, Mapping) else value
        for name, value in values.items()
        if value is not None
    }
