import re

import pytest

from tellapart.data.sources.catalog import KNOWN_SETS, find_known, known_set
from tellapart.errors import DataError


def test_the_five_sets_are_known():
    assert list(KNOWN_SETS) == ["digits", "cifar10", "cifar100", "mnist", "fashion-mnist"]


@pytest.mark.parametrize("known", KNOWN_SETS.values(), ids=str)
def test_every_set_is_complete(known):
    assert len(set(known.class_names)) == len(known.class_names) == (100 if known.name == "cifar100" else 10)
    assert known.license
    assert known.provenance
    assert bool(known.test_size) != bool(known.default_test_share)
    for file in known.files:
        assert re.fullmatch("[0-9a-f]{64}", file.sha256)
        assert file.size > 0
        assert all(url.startswith(("https://", "http://")) for url in file.urls)


def test_class_names_are_in_the_official_order():
    assert known_set("cifar10").class_names[3:6] == ("cat", "deer", "dog")
    hundred = known_set("cifar100").class_names
    assert list(hundred) == sorted(hundred)
    assert known_set("fashion-mnist").class_names[9] == "Ankle boot"


def test_only_digits_may_not_be_mirrored():
    assert {name for name, known in KNOWN_SETS.items() if not known.mirrors} == {"digits", "mnist"}


@pytest.mark.parametrize("spelling", ["CIFAR-10", "cifar_10", "Cifar10"])
def test_names_are_found_whatever_their_spelling(spelling):
    assert find_known(spelling).name == "cifar10"


def test_an_unknown_name_lists_the_known_ones():
    with pytest.raises(DataError, match=r"Unknown data set 'imagenet'.*digits, cifar10"):
        known_set("imagenet")
