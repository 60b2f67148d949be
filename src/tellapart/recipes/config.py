"""Training configuration: every setting that decides the outcome of a training. It is saved with the run."""

import dataclasses
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal

from tellapart.data.augmentation.mix import Mixing
from tellapart.data.augmentation.settings import Augmentation
from tellapart.errors import ConfigError
from tellapart.models.networks import NETWORKS, OWN
from tellapart.pages.card import Readable
from tellapart.recipes.class_weights import ClassWeights
from tellapart.recipes.compiled import CompiledSettings
from tellapart.recipes.field_checks import check_types, for_toml
from tellapart.recipes.optimizer_settings import MuonSettings, OptimizerSettings
from tellapart.recipes.transfer_settings import FineTuning, HeadSettings
from tellapart.text import counted, short_name
from tellapart.training.early_end import EarlyEnd
from tellapart.training.step_plan import StepPlan


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainConfig(Readable):
    """Complete configuration of one training. Saved resolved, as `run.toml`.

    Nobody needs to build one: `train` takes single settings beside a recipe's name.
    """

    recipe: str
    network: str = "first-cnn"
    """One of `models.networks.NETWORKS`."""

    widths: tuple[int, int, int] | None = None
    """Channels of the three groups of "whitened-cnn" and "wide-resnet"; "first-cnn" has none."""

    depth: int = 2
    """Per group: convolutions of "whitened-cnn", 2 or 3; residual blocks of "wide-resnet". "first-cnn"
    always has 2, like the tutorial."""

    backbone: str | None = None
    """Pretrained network of a transfer: "lite0", "lite2", one of keras.applications such as "MobileNetV2", a preset
    "hub:NAME", or a model file. None: the network is trained from scratch."""

    head: HeadSettings | None = None
    """How a linear head is fitted to the backbone's features; None: the whole network is trained."""

    fine_tune: Literal["auto", "on", "off"] = "off"
    """Whether the backbone is trained further once the head is fitted. auto: where enough held-out images can tell
    whether it helps, and the work is limited; see FineTuning. The better one on held-out images is kept."""

    fine_tuning: FineTuning | None = None
    """How the backbone is trained further; None for recipes without a backbone."""

    optimizer: OptimizerSettings | MuonSettings | CompiledSettings
    label_smoothing: float = 0.0
    """Share of each target that is spread over all classes, 0 to 1. Source: Szegedy et al. 2016."""

    class_weight: ClassWeights | None = None
    """How much the images of each class count in the loss; None: all the same."""

    sampling: Literal["shuffled", "balanced"] = "shuffled"
    """Which training images an epoch visits. shuffled: each once. balanced: of each class equally many, so that images
    of rare classes come several times, and of common ones only some."""

    statistics_over: int | None = None
    """Images that share batch statistics ("ghost batch", Hoffer et al. 2017); None: the whole batch."""

    tta_views: Literal[1, 2, 6] = 1
    """Test-time augmentation: copies of each image whose predictions are averaged in the final score. 1: the image;
    2: also mirrored; 6: both also shifted by a pixel, up-left and down-right."""

    choose_views: bool = True
    """Whether held-out images decide if the copies are averaged: only where that is better on them. False where
    somebody gave their number."""

    pictures_per_epoch: int | None = None
    """Randomly chosen training images per epoch; None: all."""

    target: float | None = None
    """Validation accuracy, 0 to 1, at which the training ends early; None: it never does."""

    multi_label: bool = False
    """Whether a picture may have several labels, or none: a sigmoid for each, and binary cross-entropy."""

    patience: int | None = None
    """Epochs without a better validation score after which the training ends, with the best one kept; None: all epochs.
    The score is accuracy; with class weights or balanced sampling, balanced accuracy; of several labels, mean average
    precision."""

    batch_size: int = 32
    """Images per step."""

    epochs: int
    planned_steps: tuple[int, ...] | None = None
    """Steps in all where minutes, not epochs, are the length of the training: pairs of a step and the steps in all from
    there on, the first from step 0, such as (0, 450, 120, 430). The last epoch may then be a part of one."""

    augmentation: Augmentation | None
    """How training images are augmented; None: not at all."""

    mixing: Mixing = "none"
    """How several training images and their targets are combined; see `data.augmentation.mix`."""

    mixing_strength: float | None = None
    """Both parameters of the Beta distribution that says how much of each image is mixed in; None: the paper's."""

    validation: Literal["test", "held out", "cross-validation"]
    """Images that epochs and settings are chosen by. held out: the data's validation split, or a share of the training
    images. cross-validation: each training image, by a network that was not fitted to it. test: the test split, as in
    the tutorial, whose score is then too good."""

    keep: Literal["last", "best"]
    """Epoch whose weights become the model: the last, or the one with the best validation accuracy."""

    validation_share: float = 0.1
    """Share of the training images, without those for testing, that is held out if the data has no validation split, 0
    to 1."""

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
        check_types(self)
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
        _check_multi_label(self)
        if self.target is not None and not 0 < self.target < 1:
            raise ConfigError(f"target is an accuracy between 0 and 1, such as 0.63; got {self.target}.")
        if self.planned_steps is not None:
            StepPlan.of(self.planned_steps)
        if self.patience is not None and self.patience < 1:
            raise ConfigError(f"patience is a number of epochs from 1; got {self.patience}.")
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
        self._check_combinations()

    def _check_combinations(self) -> None:
        """Check settings against each other.

        Raises:
            ConfigError: the recipe cannot do what one of them asks for.
        """
        if self.head is None and self.backbone is not None:
            raise ConfigError(
                f"Only the recipe transfer has a backbone; {self.recipe} trains a network of its own from scratch. "
                "Leave out the recipe or the backbone."
            )
        if self.head is None and self.validation == "cross-validation":
            raise ConfigError(f"Only the recipe transfer is cross-validated; got recipe {self.recipe!r}.")
        if self.head is not None and self.validation == "test":
            raise ConfigError(
                f"validation of the recipe {self.recipe} is 'held out' or 'cross-validation': the test pictures must "
                "not choose its settings; got 'test'."
            )
        if self.fine_tune == "on" and self.fine_tuning is None:
            raise ConfigError(
                f"The recipe {self.recipe} trains from scratch, so nothing can be fine-tuned. Leave out --fine-tune, "
                "or use the recipe transfer."
            )
        for name in ("target", "patience"):
            if getattr(self, name) is not None and self.validation == "test":
                raise ConfigError(
                    f"{name} needs held-out pictures: {self.recipe} scores its epochs on the test pictures, which must "
                    "not decide when to stop. Use the recipe fast or quick."
                )
        if self.keep == "best" and self.validation == "test":
            raise ConfigError(
                f"keep is 'last' where the test pictures score each epoch, as {self.recipe} does: they must not choose "
                "the epoch. Use the recipe fast or quick."
            )

    @property
    def is_balanced(self) -> bool:
        """Whether classes of unequal size are made to count the same, so that epochs are chosen by that too."""
        return self.class_weight is not None or self.sampling == "balanced"

    @property
    def keeps_best(self) -> bool:
        """Whether the best epoch's weights become the model, of a transfer in its fine-tuning."""
        if self.fine_tuning is not None:
            return self.fine_tuning.patience is not None
        return self.keep == "best"

    @property
    def early_end(self) -> EarlyEnd:
        """What ends the training before its last epoch."""
        return EarlyEnd(self.target, self.patience, self.is_balanced)

    def _parts(self) -> list[str]:
        optimizer = f"{self.optimizer.name} at {self.optimizer.learning_rate:g}"
        return [
            f"recipe {short_name(self.recipe)}",
            short_name(self.backbone or self.network),
            counted(self.epochs, "epoch"),
            f"batches of {self.batch_size:,}",
            optimizer,
            f"seed {self.seed}",
        ]

    def changed(self, **changes: Any) -> "TrainConfig":
        """Return a copy with some fields replaced, as in config.changed(epochs=20).

        A field given as None keeps its value; `dataclasses.replace(config, patience=None)` sets one to None.
        """
        return dataclasses.replace(
            self, **{name: value for name, value in changes.items() if value is not None}
        )

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for TOML, which has no None: fields that are None are left out, functions are names."""
        return for_toml(asdict(self))

    @classmethod
    def from_dict(cls, saved: Mapping[str, Any]) -> "TrainConfig":
        """Return the configuration that `to_dict` described."""
        fields = dict(saved)
        kinds: dict[str, Any] = {"Muon": MuonSettings, "as compiled": CompiledSettings}
        kind = kinds.get(fields["optimizer"]["name"], OptimizerSettings)
        fields["optimizer"] = kind(**fields["optimizer"])
        augmentation = fields.get("augmentation")
        fields["augmentation"] = None if augmentation is None else Augmentation.from_dict(augmentation)
        if "class_weight" in fields:
            fields["class_weight"] = ClassWeights(**fields["class_weight"])
        fields["head"] = HeadSettings.from_dict(fields["head"]) if "head" in fields else None
        if "fine_tuning" in fields:
            fields["fine_tuning"] = FineTuning.from_dict(fields["fine_tuning"])
        for name in ("size", "widths", "planned_steps"):
            if name in fields:
                fields[name] = tuple(fields[name])
        return cls(**fields)


def _check_multi_label(config: TrainConfig) -> None:
    """Raise ConfigError for what several labels a picture do not have."""
    if not config.multi_label:
        return
    if config.network == OWN:
        raise ConfigError(
            "A network of one's own is not trained on several labels a picture. Leave out the model or --multi-label."
        )
    if config.fine_tune == "on":
        raise ConfigError(
            "A pretrained network is not fine-tuned on several labels a picture; a last layer is fitted to it. Leave "
            "out --fine-tune and --freeze, and --epochs, --batch-size, --learning-rate, --optimizer and --patience, "
            "which are settings of fine-tuning; or train from scratch with --recipe quick."
        )
    if config.is_balanced:
        raise ConfigError(
            "Class weights and balanced sampling are for one class a picture; each of several labels has a threshold "
            "of its own, chosen by F1. Leave out --class-weight and --sampling."
        )
    if config.target is not None:
        raise ConfigError(
            "target is an accuracy, and several labels a picture are scored by their mean average precision. Leave "
            "out --target, and give --epochs."
        )
