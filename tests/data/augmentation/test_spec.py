"""Augmentation as text: read, written, and refused in words that help."""

import dataclasses

import pytest

from tellapart.data.augmentation.mix import MIXINGS
from tellapart.data.augmentation.policies.crops import RandomErasing
from tellapart.data.augmentation.policies.learned import RandAugment, TrivialAugmentWide
from tellapart.data.augmentation.policies.registry import POLICIES
from tellapart.data.augmentation.settings import Augmentation
from tellapart.data.augmentation.spec import SWITCHES, Augmented, read_spec, write_spec
from tellapart.errors import ConfigError

TUTORIAL = Augmented(Augmentation.tutorial())


def test_switches_change_the_recipes_augmentation():
    changed = read_spec("rotation_range=15, zoom_range=0.8:1.2,vertical_flip", TUTORIAL).each
    expected = dataclasses.replace(
        Augmentation.tutorial(), rotation_range=15, zoom_range=(0.8, 1.2), vertical_flip=True
    )
    assert changed == expected


TEN = {
    "featurewise_center": True, "samplewise_center": True, "featurewise_std_normalization": True,
    "samplewise_std_normalization": True, "zca_whitening": True, "rotation_range": 15, "width_shift_range": 0.2,
    "height_shift_range": 0.2, "horizontal_flip": True, "vertical_flip": True,
}  # fmt: skip


@pytest.mark.parametrize(("switch", "value"), TEN.items())
def test_each_of_the_tutorials_ten_switches_can_be_turned_on(switch, value):
    text = f"none,{switch}" + ("" if value is True else f"={value}")
    assert read_spec(text, TUTORIAL).each == Augmentation(**{switch: value})


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("none", Augmented(None)),
        ("none,horizontal_flip", Augmented(Augmentation(horizontal_flip=True))),
        ("none,horizontal_flip=off", Augmented(Augmentation())),
        ("none,rescale=1/255", Augmented(Augmentation(rescale=1 / 255))),
        ("none,width_shift_range=-2:0:3", Augmented(Augmentation(width_shift_range=(-2, 0, 3)))),
        ("none,height_shift_range=3", Augmented(Augmentation(height_shift_range=3))),
        ("none,fill_mode=wrap", Augmented(Augmentation(fill_mode="wrap"))),
        ("none,trivial-augment-wide", Augmented(Augmentation(policies=(TrivialAugmentWide(),)))),
        ("none,rand-augment.magnitude=5", Augmented(Augmentation(policies=(RandAugment(magnitude=5),)))),
        ("none,random-erasing,random-erasing.scale=0.1:0.2,rand-augment",
         Augmented(Augmentation(policies=(RandomErasing(scale=(0.1, 0.2)), RandAugment())))),
        ("none,mixup", Augmented(None, "mixup")),
        ("none,cutmix.strength=0.5", Augmented(None, "cutmix", 0.5)),
    ],
)  # fmt: skip
def test_a_text_means_one_augmentation(text, expected):
    assert read_spec(text, TUTORIAL) == expected


@pytest.mark.parametrize("name", POLICIES)
def test_every_policy_has_its_name(name):
    (policy,) = read_spec(name, Augmented(None)).each.policies
    assert policy == POLICIES[name]()


@pytest.mark.parametrize("name", [name for name in MIXINGS if name != "none"])
def test_every_mixing_has_its_name(name):
    assert read_spec(name, TUTORIAL) == Augmented(TUTORIAL.each, name)


EVERYTHING = Augmentation(
    rotation_range=15, width_shift_range=(1, 2.5), height_shift_range=2, zoom_range=(0.8, 1.2), rescale=1 / 255,
    brightness_range=(0.5, 1.5), fill_mode="reflect", horizontal_flip=True, featurewise_center=True, zca_epsilon=1e-5,
    policies=(RandAugment(operations=3), RandomErasing(probability=0.3)),
)  # fmt: skip


@pytest.mark.parametrize(
    "after",
    [TUTORIAL, Augmented(None), Augmented(EVERYTHING, "ricap"), Augmented(EVERYTHING, "mixup", 0.3)],
)
@pytest.mark.parametrize(
    "before", [TUTORIAL, Augmented(None), Augmented(Augmentation(policies=(TrivialAugmentWide(),)), "cutmix")]
)
def test_what_is_written_is_read_back(before, after):
    text = write_spec(after, before)
    assert (read_spec(text, before) if text else before) == after
    assert bool(text) == (before != after)


def test_a_function_has_no_text():
    assert write_spec(Augmented(Augmentation(preprocessing_function=abs)), TUTORIAL) is None


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("rotation=15", "Did you mean rotation_range"),
        ("ran-augmnt", "Did you mean rand-augment"),
        ("nonsense", "Policies: random-resized-crop"),
        ("", "has an empty entry"),
        ("rotation_range=15,,cutout=3", "has an empty entry"),
        ("rotation_range", "needs a value, such as rotation_range=15"),
        ("rotation_range=far", "needs a number"),
        ("horizontal_flip=maybe", "true or false; got 'maybe'"),
        ("rescale=1/0", "needs a number"),
        ("rand-augment=3", "its strengths are rand-augment.SETTING=NUMBER"),
        ("rand-augment.power=3", "rand-augment has no setting power"),
        ("mixup=3", "mixup stands alone or as mixup.strength=0.5"),
        ("mixup.alpha=3", "mixup stands alone"),
        ("validation_split=0.1", "--validation-share 0.1"),
        ("seed=3", "--seed 1"),
        ("preprocessing_function=f", "only be given in Python"),
        ("data_format=channels_first", "always (batch, height, width, channels)"),
    ],
)
def test_what_means_nothing_is_refused_with_the_next_step(text, words):
    with pytest.raises(ConfigError) as refusal:
        read_spec(text, TUTORIAL)
    assert words in str(refusal.value)


def test_all_switches_but_functions_can_be_written():
    left_out = {"policies", "preprocessing_function"}
    assert {field.name for field in dataclasses.fields(Augmentation)} - left_out == set(SWITCHES)


@pytest.mark.parametrize(
    ("spelled", "name"),
    [
        ("TrivialAugmentWide", "trivial-augment-wide"),
        ("RandAugment.magnitude=5", "rand-augment.magnitude=5"),
        ("AutoAugment", "auto-augment-cifar10"),
        ("augmix", "aug-mix"),
        ("CutMix", "cutmix"),
        ("rotation-range = 15", "rotation_range=15"),
        ("Horizontal_Flip=no", "horizontal_flip=false"),
    ],
)
def test_names_as_papers_and_people_spell_them(spelled, name):
    assert read_spec(spelled, TUTORIAL) == read_spec(name, TUTORIAL)
