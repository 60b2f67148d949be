"""Training configuration: every setting that decides the outcome of a training. It is saved with the run."""

import dataclasses
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal, get_args, get_origin, get_type_hints

from tellapart.data.augmentation.mix import Mixing
from tellapart.data.augmentation.settings import Augmentation
from tellapart.errors import ConfigError
from tellapart.models.networks import NETWORKS

LARGEST_NUMBER = 2**53
"""Whole numbers are smaller: Python's have no end, and fit into no array."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OptimizerSettings:
    """A Keras optimizer and its learning-rate schedule."""

    name: Literal["RMSprop", "Adam", "SGD"]
    learning_rate: float
    """Highest learning rate of the schedule, per step."""

    schedule: Literal["inverse time", "cosine"]
    """inverse time: rate / (1 + decay * step), the `decay` of old Keras. cosine: warm-up, then cosine decay to zero."""

    decay: float = 0.0
    """Decay of "inverse time", per step."""

    warmup_fraction: float = 0.0
    """Share of all steps that "cosine" spends warming up, 0 to 1."""

    epsilon: float = 1e-7
    """Keeps the division by the root mean square of the gradients finite. Keras 3 adds it under the root in
    RMSprop and to the root in Adam; SGD has none."""

    momentum: float = 0.0
    """Nesterov momentum of SGD."""

    weight_decay: float = 0.0
    """Share of each weight subtracted per step, times the learning rate ("decoupled", Loshchilov & Hutter 2019)."""

    def __post_init__(self) -> None:
        _check_types(self)


@dataclass(frozen=True, slots=True, kw_only=True)
class MuonSettings:
    """Muon for the convolution kernels, SGD with Nesterov momentum for biases and head; all decay linearly to 0.

    The rates of biases and head are per image: the loss is summed over the batch.
    """

    name: Literal["Muon"] = "Muon"
    learning_rate: float
    """Learning rate of the kernels, per step."""

    momentum: float = 0.6
    """Momentum of the kernels."""

    bias_rate: float = 0.053
    head_rate: float = 0.67
    other_momentum: float = 0.85
    """Momentum of biases and head."""

    weight_decay: float = 2e-6
    """Weight decay of biases and head, per step and image of the batch."""

    whitening_share: float = 0.375
    """Share of the training, from its start, during which the whitening layer's bias is trained, 0 to 1."""

    def __post_init__(self) -> None:
        _check_types(self)
        for name in ("learning_rate", "weight_decay"):
            if getattr(self, name) < 0:
                raise ConfigError(f"{name} is 0 or more; got {getattr(self, name)}.")
        for name in ("bias_rate", "head_rate"):  # weight decay is divided by them
            if getattr(self, name) <= 0:
                raise ConfigError(f"{name} is above 0; got {getattr(self, name)}.")
        for name in ("momentum", "other_momentum", "whitening_share"):
            if not 0 <= getattr(self, name) <= 1:
                raise ConfigError(f"{name} is a share from 0 to 1; got {getattr(self, name)}.")


@dataclass(frozen=True, slots=True, kw_only=True)
class HeadSettings:
    """How a linear head is fitted to a frozen backbone's features."""

    penalties: tuple[float, ...] = tuple(10 ** (power / 2) for power in range(2, -9, -1))
    """Penalties on the weights that are tried, from the strongest on; see `training.linear_head`."""

    folds: int = 5
    """Of the cross-validation."""

    mirror: bool = True
    """Whether the head is fitted to mirrored images too."""

    def __post_init__(self) -> None:
        _check_types(self)
        if not self.penalties or min(self.penalties) <= 0:
            raise ConfigError(f"penalties are above 0, at least one; got {self.penalties}.")
        if self.folds < 2:
            raise ConfigError(f"folds is a whole number from 2; got {self.folds}.")

    @classmethod
    def from_dict(cls, saved: Mapping[str, Any]) -> "HeadSettings":
        """Return the settings that `asdict` described."""
        return cls(**{**saved, "penalties": tuple(saved["penalties"])})


@dataclass(frozen=True, slots=True, kw_only=True)
class FineTuning:
    """How a pretrained network is trained further, from its top down, once its head is fitted.

    Its layers form stages: those whose outputs have the same height and width. The head has the optimizer's learning
    rate, and each stage below it a lower one. Batch statistics stay those of the pretraining.

    Source: Howard & Ruder 2018, arXiv:1801.06146 (discriminative learning rates, from the top down).
    """

    stages: int
    """Stages that are trained, from the top; those below stay as they are."""

    stage_factor: float
    """Learning rate of a stage, as a share of that of the stage above it, 0 to 1."""

    epochs: int
    batch_size: int
    optimizer: OptimizerSettings
    augmentation: Augmentation | None
    """How training images are augmented; None: not at all."""

    fewest_wrong: int = 10
    """Held-out images that the head alone must predict wrongly: with fewer, a gain could not be measured."""

    most_flops: float = 2e13
    """Work above which it is only done when asked for. Not seconds: the same command does the same everywhere."""

    def __post_init__(self) -> None:
        _check_types(self)
        for name in ("stages", "epochs", "batch_size"):
            if getattr(self, name) < 1:
                raise ConfigError(f"{name} must be a whole number of at least 1; got {getattr(self, name)}.")
        if not 0 < self.stage_factor <= 1:
            raise ConfigError(f"stage_factor is a share, above 0 and at most 1; got {self.stage_factor}.")
        for name in ("fewest_wrong", "most_flops"):
            if getattr(self, name) < 0:
                raise ConfigError(f"{name} is 0 or more; got {getattr(self, name)}.")

    @classmethod
    def from_dict(cls, saved: Mapping[str, Any]) -> "FineTuning":
        """Return the settings that `asdict` described."""
        augmentation = Augmentation.from_dict(saved["augmentation"]) if "augmentation" in saved else None
        return cls(
            **{**saved, "optimizer": OptimizerSettings(**saved["optimizer"]), "augmentation": augmentation}
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainConfig:
    """Complete configuration of one training. Saved resolved, as `run.toml`."""

    recipe: str
    network: str = "first-cnn"
    """One of `models.networks.NETWORKS`."""

    widths: tuple[int, int, int] | None = None
    """Channels of the three groups of "whitened-cnn" and "wide-resnet"; "first-cnn" has none."""

    depth: int = 2
    """Per group: convolutions of "whitened-cnn", 2 or 3; residual blocks of "wide-resnet". "first-cnn"
    always has 2, like the tutorial."""

    backbone: str | None = None
    """Pretrained network of "backbone", from `models.backbones`; others have none."""

    head: HeadSettings | None = None
    """How a linear head is fitted to the backbone's features; None: the whole network is trained."""

    fine_tune: Literal["auto", "on", "off"] = "off"
    """Whether the backbone is trained further once the head is fitted. auto: where enough held-out images can tell
    whether it helps, and the work is limited; see FineTuning. The better one on held-out images is kept."""

    fine_tuning: FineTuning | None = None
    """How the backbone is trained further; None for recipes without a backbone."""

    optimizer: OptimizerSettings | MuonSettings
    label_smoothing: float = 0.0
    """Share of each target that is spread over all classes, 0 to 1. Source: Szegedy et al. 2016."""

    statistics_over: int | None = None
    """Images that share batch statistics ("ghost batch", Hoffer et al. 2017); None: the whole batch."""

    tta_views: Literal[1, 2, 6] = 1
    """Test-time augmentation: copies of each image whose predictions are averaged in the final score. 1: the image;
    2: also mirrored; 6: both also shifted by a pixel, up-left and down-right."""

    pictures_per_epoch: int | None = None
    """Randomly chosen training images per epoch; None: all."""

    target: float | None = None
    """Validation accuracy, 0 to 1, at which the training ends early; None: it never does."""

    multi_label: bool = False
    """Whether a picture may have several labels, or none: a sigmoid for each, and binary cross-entropy."""

    batch_size: int = 32
    """Images per step."""

    epochs: int
    augmentation: Augmentation | None
    """How training images are augmented; None: not at all."""

    mixing: Mixing = "none"
    """How several training images and their targets are combined; see `data.augmentation.mix`."""

    mixing_strength: float | None = None
    """Both parameters of the Beta distribution that says how much of each image is mixed in; None: the paper's."""

    validation: Literal["test", "held out", "cross-validation"]
    """Images that settings are chosen by: the test split, as in the tutorial; some held out of the training split; or
    every training image, by networks that were not fitted to it."""

    keep: Literal["last", "best"]
    """Epoch whose weights become the model: the last, or the one with the best validation accuracy."""

    validation_share: float = 0.1
    """Share of the training images held out if the data has no validation split, 0 to 1."""

    test_share: float = 0.2
    """Share of the images kept for testing if the data has no test split, 0 to 1."""

    size: tuple[int, int] | None = None
    """Height and width to which every image is resized; None: the data's own, or one that suits it."""

    policy: Literal["crop", "pad", "stretch"] = "crop"
    """How an image of another aspect ratio is fitted to that size."""

    precision: Literal["auto", "float32", "bfloat16"] = "auto"
    """Arithmetic of training and scoring; uncertain predictions are recomputed in float32.
    auto: bfloat16 if the processor supports it."""

    predictions: int = 20
    """Test images shown with their predictions at the end (the tutorial's number_of_predictions)."""

    seed: int = 0

    def __post_init__(self) -> None:
        _check_types(self)
        if self.size is not None and not all(isinstance(side, int) and side > 0 for side in self.size):
            raise ConfigError(f"size is (height, width) in pixels, such as (48, 64); got {self.size!r}.")
        for name in ("batch_size", "epochs", "depth"):
            if getattr(self, name) < 1:
                raise ConfigError(f"{name} must be a whole number of at least 1; got {getattr(self, name)}.")
        for name in ("validation_share", "test_share"):
            if not 0 < getattr(self, name) < 1:
                raise ConfigError(
                    f"{name} is a share between 0 and 1, such as 0.1; got {getattr(self, name)}."
                )
        if self.network not in NETWORKS:
            raise ConfigError(f"network is {' or '.join(map(repr, NETWORKS))}; got {self.network!r}.")
        NETWORKS[self.network].check(self.network, self.widths, self.depth)
        if self.head is None and self.backbone is not None:
            raise ConfigError(
                f"Only the recipe transfer has a backbone; {self.recipe} trains a network of its own from scratch. "
                "Leave out the recipe or the backbone."
            )
        if self.head is None and self.validation == "cross-validation":
            raise ConfigError(f"Only the recipe transfer is cross-validated; got recipe {self.recipe!r}.")
        if self.fine_tune == "on" and self.fine_tuning is None:
            raise ConfigError(
                f"The recipe {self.recipe} trains from scratch, so nothing can be fine-tuned. Leave out --fine-tune, "
                "or use the recipe transfer."
            )
        _check_multi_label(self)
        if self.target is not None and not 0 < self.target < 1:
            raise ConfigError(f"target is an accuracy between 0 and 1, such as 0.63; got {self.target}.")
        if self.target is not None and self.validation == "test":
            raise ConfigError(
                f"target needs held-out pictures: {self.recipe} scores its epochs on the test pictures, which must not "
                "decide when to stop. Use the recipe fast or quick."
            )
        for name in ("statistics_over", "pictures_per_epoch"):
            if getattr(self, name) is not None and getattr(self, name) < 1:
                raise ConfigError(f"{name} is a number of pictures from 1; got {getattr(self, name)}.")
        if not 0 <= self.label_smoothing < 1:
            raise ConfigError(f"label_smoothing is a share from 0 to below 1; got {self.label_smoothing}.")
        if self.mixing_strength is not None and not 0 < self.mixing_strength <= 100:
            raise ConfigError(f"mixing_strength is above 0 and at most 100; got {self.mixing_strength}.")
        if self.predictions < 0:
            raise ConfigError(f"predictions is a number of pictures, 0 or more; got {self.predictions}.")
        if not 0 <= self.seed < 2**63:
            raise ConfigError(f"seed must be a whole number from 0 to {2**63 - 1}; got {self.seed}.")

    def changed(self, **changes: Any) -> "TrainConfig":
        """Return a copy with some fields replaced; None leaves a field unchanged."""
        return dataclasses.replace(
            self, **{name: value for name, value in changes.items() if value is not None}
        )

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for TOML, which has no None: fields that are None are left out, functions are names."""
        return _for_toml(asdict(self))

    @classmethod
    def from_dict(cls, saved: Mapping[str, Any]) -> "TrainConfig":
        """Return the configuration that `to_dict` described."""
        fields = dict(saved)
        kind = MuonSettings if fields["optimizer"]["name"] == "Muon" else OptimizerSettings
        fields["optimizer"] = kind(**fields["optimizer"])
        augmentation = fields.get("augmentation")
        fields["augmentation"] = None if augmentation is None else Augmentation.from_dict(augmentation)
        fields["head"] = HeadSettings.from_dict(fields["head"]) if "head" in fields else None
        if "fine_tuning" in fields:
            fields["fine_tuning"] = FineTuning.from_dict(fields["fine_tuning"])
        for name in ("size", "widths"):
            if name in fields:
                fields[name] = tuple(fields[name])
        return cls(**fields)


def _check_multi_label(config: TrainConfig) -> None:
    """Raise ConfigError for what several labels a picture do not have."""
    if config.multi_label and config.fine_tune == "on":
        raise ConfigError(
            "A pretrained network is not fine-tuned on several labels a picture; a last layer is fitted to it. "
            "Leave "
            "out --fine-tune, and --epochs, --batch-size and --learning-rate, which are settings of fine-tuning; "
            "or "
            "train from scratch with --recipe quick."
        )
    if config.multi_label and config.target is not None:
        raise ConfigError(
            "target is an accuracy, and several labels a picture are scored by their mean average precision. Leave "
            "out --target, and give --epochs."
        )


def _check_types(settings: Any) -> None:
    """Check the fields of a settings object against their declared types.

    Raises:
        ConfigError: a field has another type, or is not one of its allowed values.
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
        if not isinstance(value, tuple(kinds)) or (isinstance(value, bool) and bool not in kinds):
            names = " or ".join(kind.__name__ for kind in kinds)
            raise ConfigError(f"{name} is of type {names}; got {value!r}.")
        whole = [each for each in (value if isinstance(value, tuple) else (value,)) if type(each) is int]
        if name != "seed" and any(
            abs(each) >= LARGEST_NUMBER for each in whole
        ):  # which has a range of its own
            raise ConfigError(f"{name} is out of range: {value!r}.")


def _for_toml(values: Mapping[str, Any]) -> dict[str, Any]:
    return {name: _plain(value) for name, value in values.items() if value is not None}


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return _for_toml(value)
    if isinstance(value, tuple):
        return tuple(_plain(each) for each in value)
    if callable(value):
        return (
            f"{getattr(value, '__module__', '')}.{getattr(value, '__qualname__', type(value).__qualname__)}"
        )
    return value
