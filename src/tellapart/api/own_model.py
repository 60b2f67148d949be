"""A Keras model of somebody's own: opened, made ready for the data, with the configuration of its training."""

import dataclasses
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tellapart.classifier.model_file import load_keras, read_card
from tellapart.classifier.own_model import OwnModel, own_model
from tellapart.classifier.resolve import is_in_memory, model_file
from tellapart.data.dataset import Dataset
from tellapart.data.preprocess import Preprocessing
from tellapart.errors import ConfigError
from tellapart.inference.probability_net import LOGITS, OF_SECOND
from tellapart.keras_backend import import_keras
from tellapart.keras_internals import build_compiled_parts
from tellapart.models.networks import OWN
from tellapart.recipes.augmented import check_augment
from tellapart.recipes.compiled import CompiledSettings, compiled_settings
from tellapart.recipes.config import TrainConfig
from tellapart.recipes.own_model import is_constant, own_config, refuse_mixing, refuse_settings_of_recipes
from tellapart.runs.own_run import START, OwnRun, check_can_be_saved, open_start
from tellapart.text import described
from tellapart.training.keras_callbacks import checked_callbacks
from tellapart.training.loss_form import LossForm, loss_form


@dataclasses.dataclass(frozen=True, slots=True)
class OwnGiven:
    """What somebody gave of a model of their own."""

    model: Any = None
    """A Keras model, or the path of its file."""

    callbacks: tuple[Any, ...] = ()
    pixels: str | None = None
    """A name of PIXEL_SCALINGS."""

    custom_objects: Mapping[str, Any] | None = None

    @classmethod
    def of(
        cls,
        model: Any,
        callbacks: Any,
        pixels: str | None,
        custom_objects: Mapping[str, Any] | None,
        config: Any = None,
    ) -> "OwnGiven":
        """Return it checked.

        Raises:
            ConfigError: callbacks that are none, custom_objects that are no mapping, or a model beside `config`, the
                settings of another run.
        """
        if model is not None and config is not None:
            raise ConfigError(
                "config repeats a run with all its settings, and a model of your own brings its own: the two cannot be "
                "combined. Leave out the config and give single settings, such as epochs and batch_size; or leave out "
                "the model."
            )
        if not isinstance(custom_objects, Mapping | None):
            raise ConfigError(
                'custom_objects maps names to classes or functions, such as {"Scale": Scale}; got '
                f"{described(custom_objects)}."
            )
        return cls(model, checked_callbacks(callbacks), pixels, custom_objects)

    def refuse_without_model(self, recipe: Any = None) -> None:
        """Raise if something was given that only a model of one's own takes, or a configuration that needs one.

        Raises:
            ConfigError: naming it.
        """
        if isinstance(recipe, TrainConfig) and recipe.network == OWN and self.model is None:
            raise ConfigError(
                "That run trained a Keras model of somebody's own, which its settings do not hold. Train it with "
                "tellapart train DATA --model FILE.keras (in Python: model=MODEL), without the config."
            )
        given = [name for name in ("callbacks", "pixels", "custom_objects") if getattr(self, name)]
        if self.model is None and given:
            raise ConfigError(
                f"{' and '.join(given)} can only be given with a Keras model of your own: tellapart.train(DATA, "
                "model=MODEL), or train DATA --model FILE.keras. Recipes scale pixels and set rates themselves."
            )

    def opened(self) -> tuple[Any, str, str | None]:
        """Return the model, its file (empty for an object), and the pixels that it wants, where that is known.

        Raises:
            ConfigError: something was said of pixels that the file's model card says.
            ModelError: there is no such file, or it cannot be opened.
        """
        if is_in_memory(self.model) or not isinstance(self.model, str | Path):
            return self.model, "", self.pixels
        path = model_file(self.model)
        card = read_card(path)
        if card is not None and self.pixels is not None:
            raise ConfigError(f"{path} was saved by tellapart and reads pixels 0 to 255. Leave out --pixels.")
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of optimizers whose state does not fit
            model = load_keras(path, self.custom_objects, compiled=True)
        return model, str(self.model), "0-255" if card is not None else self.pixels


def prepared_own(
    given: OwnGiven,
    dataset: Dataset,
    augment: Any,
    target: float | None,
    changes: Mapping[str, Any],
) -> tuple[OwnRun, TrainConfig, list[str]]:
    """Return a model ready for a data set, the configuration of its training, and what to tell people of it.

    Args:
        given: the model and what was said of it.
        dataset: as opened.
        augment: as in `tellapart.train`.
        target: likewise.
        changes: settings that were given.

    Raises:
        ConfigError: settings that do not fit the model, or a model that does not fit the data.
        ModelError: it is no classifier of images.
    """
    refuse_settings_of_recipes(changes)
    model, file, pixels = given.opened()
    import_keras().utils.set_random_seed((changes.get("seed") or 0) % 2**32)  # a model may be built only now
    ready = own_model(
        model,
        dataset.image_shape,
        dataset.class_names,
        dataset.where,
        pixels=pixels,
        size=changes.get("size"),
        name=Path(file).name if file else "",
    )
    check_can_be_saved(model)
    form = form_of(ready) if model.compiled else None
    compiled = None if form is None else compiled_settings(model, form.name)
    own = OwnRun(ready, model.compiled, given.callbacks, file)
    kinds = [type(callback).__name__ for callback in given.callbacks]
    check_augment(augment)
    augment, why = _without_two_augmentations(model, augment)
    config = own_config(dataset.mirrors, augment, target, changes, compiled, kinds)
    config = dataclasses.replace(config, size=ready.shape[:2])
    if form is not None:
        if compiled is not None and config.optimizer.learning_rate != compiled.learning_rate:
            model.optimizer.learning_rate = config.optimizer.learning_rate
        refuse_mixing(config, form)
        config = dataclasses.replace(config, label_smoothing=form.smoothing)
    return own, config, [*ready.lines(), *_lines(config, compiled, form, kinds), *why]


def prepared_again(
    given: OwnGiven, folder: Path, saved: Mapping[str, Any], config: TrainConfig
) -> OwnRun | None:
    """Return the model of a run that is to be resumed; None where it trains by a recipe.

    Args:
        given: the model itself, where its classes are not Keras's; and the callbacks, which are not saved.
        folder: of the run.
        saved: the section `data` of run.toml.
        config: of the run.

    Raises:
        ConfigError: the run trains no such model; or it cannot be opened, or is another one.
    """
    record = saved.get("own")
    if record is None and given == OwnGiven():
        return None
    if record is None:
        raise ConfigError(
            f"{folder} trains by the recipe {config.recipe}, and not a model of your own. Leave out the model and what "
            "belongs to it."
        )
    had = record["callbacks"]
    has = [type(callback).__name__ for callback in given.callbacks]
    if had != has:
        raise ConfigError(
            f"{folder}: the run's callbacks were {', '.join(had) or 'none'}; got {', '.join(has) or 'none'}. Resume it "
            f"in Python with the same ones: tellapart.train(resume={str(folder)!r}, callbacks=[...])."
        )
    if isinstance(given.model, str | Path):
        raise ConfigError(
            f"A resumed run has its model ({folder / START}). Leave out the file; a model that needs classes of your "
            "own is given as an object in Python."
        )
    if given.pixels is not None:
        raise ConfigError("A resumed run keeps the scaling of its pixels. Leave out pixels.")
    model = given.model
    if model is None:
        model = open_start(folder, given.custom_objects, compiled=record["compiled"])
    preprocessing = Preprocessing.from_dict(saved["preprocessing"])
    names = tuple(saved["class_names"])
    size = (preprocessing.height, preprocessing.width)
    ready = own_model(model, preprocessing.shape, names, str(folder), pixels=record["pixels"], size=size)
    if record["compiled"] and not model.compiled:
        raise ConfigError(
            f"The run's model was compiled, and {model.name} is not. Compile it as before: the checkpoint holds the "
            "state of its optimizer."
        )
    if record["compiled"]:
        form_of(ready)
    return OwnRun(ready, record["compiled"], given.callbacks, record["file"])


def form_of(ready: OwnModel) -> LossForm:
    """Return what the loss of a compiled model takes; optimizer, loss and metrics are built.

    Raises:
        ConfigError: loss and outputs do not fit together.
    """
    model, outputs = ready.model, ready.outputs
    form = loss_form(model, outputs)
    gives_logits = ready.head in LOGITS
    if form.logits is not None and form.logits != gives_logits:
        activation = "sigmoid" if ready.head in OF_SECOND else "softmax"
        what = f"its last layer gives {'logits' if gives_logits else f'probabilities ({activation})'}"
        does = f"the loss {form.name} takes {'logits (from_logits=True)' if form.logits else 'probabilities'}"
        mend = (
            f"from_logits=True, or end the model in a {activation}" if gives_logits else "from_logits=False"
        )
        raise ConfigError(
            f"{model.name}: {what}, and {does}, so it would learn little. Compile it with {mend}."
        )
    import torch

    device = model.weights[0].value.device if model.weights else "cpu"
    one_hot = torch.eye(max(2, outputs), device=device)[:2]
    try:
        build_compiled_parts(model, torch.zeros((2, *ready.shape), device=device), form.targets_of(one_hot))
    except (ValueError, TypeError, RuntimeError) as reason:
        raise ConfigError(
            f"{model.name}: the loss {form.name} or a metric cannot take its outputs {(2, outputs)} with targets as "
            f"{form.targets}: {str(reason).strip().splitlines()[0]}"
        ) from reason
    return form


def _without_two_augmentations(model: Any, augment: Any) -> tuple[Any, list[str]]:
    """Return what to augment by: nothing where nobody asks for it and layers of the model do so already."""
    own = sorted({type(layer).__name__ for layer in _all_layers(model) if type(layer).__name__ in AUGMENTING})
    if augment is not True or not own:
        return augment, []
    return False, [f"Augmentation: none but the model's own layers ({', '.join(own)}). Otherwise: --augment"]


AUGMENTING = (
    "RandomFlip", "RandomRotation", "RandomZoom", "RandomTranslation", "RandomContrast", "RandomBrightness",
    "RandomCrop", "RandomShear", "RandomColorJitter", "RandomErasing", "RandomHue", "RandomSaturation",
    "RandomPerspective", "RandomElasticTransform", "RandAugment", "AugMix", "CutMix", "MixUp",
)  # fmt: skip
"""Keras layers that augment images."""


def _all_layers(model: Any) -> list[Any]:
    return [
        part
        for layer in model.layers
        for part in (_all_layers(layer) if hasattr(layer, "layers") else [layer])
    ]


def _lines(
    config: TrainConfig, compiled: CompiledSettings | None, form: LossForm | None, callbacks: list[str]
) -> list[str]:
    """Return what to tell people of optimizer, loss and callbacks."""
    optimizer = config.optimizer
    if compiled is None:
        rate = (
            "a constant learning rate" if is_constant(optimizer) else "a learning rate that rises, then falls"
        )
        told = [f"Compiled: no, so trained by {optimizer.name} on the cross-entropy, with {rate}"]
    else:
        assert isinstance(optimizer, CompiledSettings)
        told = [f"Compiled: {compiled.in_words()}"]
        if optimizer.learning_rate != compiled.learning_rate:
            told.append(f"Learning rate: {optimizer.learning_rate:.3g} (given), instead of the compiled one")
    if form is not None and form.is_guess:
        told.append(
            f"Targets: {form.targets}, assumed for the loss {form.name}, which is not Keras's own. A loss with sparse "
            "in its name gets class numbers"
        )
    return [*told, *([f"Callbacks: {', '.join(callbacks)}"] if callbacks else [])]
