"""The names and groups of ImageNet's 1,000 classes."""

import os
import runpy
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from sklearn.datasets import load_sample_images

import tellapart
from tellapart.models.pretrained import HOME, pretrained_model
from tellapart.models.pretrained.classes import read_classes

CLASSES = read_classes(pretrained_model("imagenet"))
SCRIPT = Path(__file__).parents[2] / "scripts" / "imagenet_classes.py"
CAT = Path(tellapart.__file__).parent / "guide" / "photos" / "cat.jpg"

RANGES = {
    "dog": (151, 268), "cat": (281, 285), "wild cat": (286, 293), "fox": (277, 280), "wolf": (269, 272),
    "wild dog": (273, 275), "bear": (294, 297), "snake": (52, 68), "spider": (72, 77), "lizard": (38, 48),
    "turtle": (33, 37), "salamander": (25, 29), "frog": (30, 32), "crocodilian": (49, 50), "beetle": (300, 307),
    "butterfly": (321, 326), "monkey": (370, 382), "ape": (365, 369), "lemur": (383, 384), "lobster": (122, 123),
    "rabbit or hare": (330, 332), "pig": (341, 343), "antelope": (351, 353), "weasel or ferret": (356, 359),
}  # fmt: skip
"""Of the groups whose classes are neighbors: first and last output, as ImageNet's lists in print have them."""


def outputs_of(group):
    return [number for number, each in enumerate(CLASSES) if each.group == group]


def test_there_are_1000_classes_in_the_order_of_their_synsets():
    synsets = [each.synset for each in CLASSES]
    assert len(set(synsets)) == 1000
    assert synsets == sorted(synsets)


def test_no_two_classes_and_no_class_and_group_are_called_the_same():
    names = [each.name for each in CLASSES]
    assert len(set(names)) == 1000
    groups = {each.group for each in CLASSES}
    for same in groups & set(names):  # "mask" is a kind of mask
        assert {each.group for each in CLASSES if each.name == same} == {same}


@pytest.mark.parametrize("group", sorted(RANGES))
def test_kinds_of_an_animal_are_neighbors(group):
    first, last = RANGES[group]
    assert outputs_of(group) == list(range(first, last + 1))


def test_birds_and_fish_are_in_two_and_more_places():
    assert outputs_of("bird") == [*range(7, 25), *range(80, 101), *range(127, 147)]
    assert outputs_of("fish") == [*range(7), *range(389, 398)]


def test_well_known_outputs_are_called_what_they_are():
    known = {0: "tench", 134: "crane (bird)", 207: "golden retriever", 208: "Labrador retriever", 281: "tabby",
             404: "airliner", 517: "crane (machine)", 638: "maillot (tights)", 639: "maillot (swimsuit)",
             817: "sports car", 954: "banana", 999: "toilet paper"}  # fmt: skip
    assert {number: CLASSES[number].name for number in known} == known


def test_names_are_as_people_write_them():
    for each in CLASSES:
        assert "_" not in each.name
        assert each.name == each.name.strip()
    assert Counter(each.group for each in CLASSES)["dog"] == 118


def wordnet():
    """WordNet 3.0's nouns, from Debian's package or beside the other data."""
    places = [Path("/usr/share/wordnet/data.noun")]
    if "TELLAPART_DATA" in os.environ:
        places.append(Path(os.environ["TELLAPART_DATA"]) / "WordNet-3.0" / "dict" / "data.noun")
    found = next((path for path in places if path.is_file()), None)
    if found is None:
        pytest.skip("WordNet 3.0 is not on this machine (Debian: wordnet-base)")
    return found


def test_names_and_groups_are_those_of_wordnet():
    script = runpy.run_path(str(SCRIPT))
    table = script["table"]([each.synset for each in CLASSES], script["read_wordnet"](wordnet()))
    assert table == pretrained_model("imagenet").read_text()


def test_wordnets_license_comes_with_them():
    assert "WordNet 3.0 Copyright 2006 by Princeton University" in (HOME / "WORDNET-LICENSE.txt").read_text()


def test_real_photos_have_the_names_that_they_should():
    """The order of the names is that of the network's outputs."""
    china, flower = load_sample_images().images
    answers = tellapart.predict("imagenet", [np.asarray(Image.open(CAT).convert("RGB")), china, flower])
    cat, temple, dahlia = answers.predictions
    assert (cat.group.name, cat.group.class_name) == ("cat", cat.names[0])
    assert temple.names[0] == "palace"
    assert (dahlia.group.name, dahlia.names[0]) == ("flower", "daisy")
