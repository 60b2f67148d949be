"""Pairs of pictures that show one shot, and what they mean between splits, labels and within a split."""

import numpy as np
from albums import album_of, scene

from tellapart.checks.duplicates import Pair, exact_pairs, groups_of, near_pairs
from tellapart.checks.repeats import findings_of_repeats

NOTHING_BLANK = np.zeros(100, bool)


def found(album):
    exact = exact_pairs(album)
    near = near_pairs(album, NOTHING_BLANK[: len(album.ids)], exact)
    return {finding.kind: finding for finding in findings_of_repeats(album, exact, near)}


def test_exact_copies_are_paired_with_the_first():
    album = album_of([scene(0), scene(1), scene(0), scene(2), scene(0)])
    assert [(pair.first, pair.second) for pair in exact_pairs(album)] == [(0, 2), (0, 4)]


def test_one_pixel_makes_a_near_copy():
    other = scene(0)
    other[0, 0, 0] ^= 1
    album = album_of([scene(0), scene(1), other, scene(2)])
    assert exact_pairs(album) == []
    (pair,) = near_pairs(album, NOTHING_BLANK[:4], [])
    assert (pair.first, pair.second, pair.exact) == (0, 2, False)


def test_a_mirrored_copy_among_many_others_is_found_and_nothing_else():
    images = [scene(seed) for seed in range(60)]
    album = album_of([*images, images[17][:, ::-1]])
    (pair,) = near_pairs(album, NOTHING_BLANK[:61], [])
    assert (pair.first, pair.second) == (17, 60)


def test_blank_pictures_are_no_near_copies_of_each_other():
    flat = [np.full((48, 48, 3), level, np.uint8) for level in (20, 21, 22)]
    album = album_of([*flat, scene(0)])
    assert near_pairs(album, np.array([True, True, True, False]), []) == []


def test_a_copy_in_the_other_split_is_a_leak_and_no_duplicate():
    findings = found(album_of([scene(0), scene(1)], [scene(0), scene(2)]))
    assert list(findings) == ["leak"]
    assert findings["leak"].seen == "1 of 2 test pictures has a copy in another split"
    assert findings["leak"].groups == ((2, 0),)


def test_a_near_copy_in_the_other_split_is_a_near_leak():
    findings = found(album_of([scene(0), scene(1)], [scene(0)[2:-1, 1:-3][:44, :44], scene(2)[:44, :44]]))
    assert list(findings) == ["near leak"]
    assert findings["near leak"].severity == "serious"


def test_one_shot_with_two_labels_is_a_conflict():
    findings = found(album_of([scene(0), scene(1), scene(0), scene(2)], labels=[0, 1, 1, 0]))
    assert set(findings) == {"duplicate", "conflicting labels"}
    assert findings["conflicting labels"].groups == ((0, 2),)


def test_copies_in_one_split_are_counted_without_the_first():
    findings = found(album_of([scene(0), scene(1), scene(0), scene(3), scene(0)], labels=[0, 1, 0, 1, 0]))
    assert list(findings) == ["duplicate"]
    assert findings["duplicate"].seen.startswith("2 pictures repeat another of the same split")


def test_pairs_that_share_a_picture_are_one_group():
    pairs = [Pair(0, 3, 1.0, True), Pair(3, 5, 0.9, False), Pair(1, 2, 0.9, False)]
    assert [group.tolist() for group in groups_of(pairs, 7)] == [[0, 3, 5], [1, 2]]
    assert groups_of([], 7) == []
