"""Split words: what folders and columns call the training, validation and test pictures."""

import re
from collections.abc import Iterable

_WORDS = {
    "train": ("train", "training", "trainval", "train_val", "train-val"),
    "validation": ("val", "valid", "validation", "dev", "development", "eval", "evaluation"),
    "test": ("test", "testing"),
}

SPLIT_OF_WORD = {word: split for split, words in _WORDS.items() for word in words}
"""Word, lower case -> split."""

_FILLING = r"(?:set|data|dataset|split|images?|imgs?|pics?|pictures?|photos?|folder|dir|samples?)"
_SEPARATOR = r"[\s_.\-]*"
_NUMBER = r"\d+(?:x\d+)?(?:px)?"
"""A size, a year, a place in an order: train_160, val2017."""

_NAME = re.compile(
    rf"(?:\d{{1,2}}{_SEPARATOR})?(?:{_FILLING}{_SEPARATOR})*"
    rf"({'|'.join(sorted(SPLIT_OF_WORD, key=len, reverse=True))})"
    rf"(?:{_SEPARATOR}(?:{_FILLING}|{_NUMBER}))*"
)
_TOKEN = re.compile(r"[^\W_]+")


def split_of(name: str) -> str | None:
    """Return the split that a name means by itself (`Train`, `testing`, `training_set`, `val-images`); else None."""
    match = _NAME.fullmatch(name.strip().lower())
    return SPLIT_OF_WORD[match[1]] if match else None


def splits_among(names: Iterable[str]) -> dict[str, str]:
    """Return name -> split of the names that mean one, alone or as a family: `seg_train` beside `seg_test`.

    A family shares everything but its split word, and has at least two different ones.
    """
    names = list(names)
    alone = {name: split for name in names if (split := split_of(name)) is not None}
    families: dict[str, dict[str, str]] = {}
    for name in names:
        tokens = list(_TOKEN.finditer(name.lower()))
        words = [token for token in tokens if token[0] in SPLIT_OF_WORD]
        if name not in alone and len(words) == 1 and len(tokens) > 1:
            start, end = words[0].span()
            rest = f"{name.lower()[:start]}*{name.lower()[end:]}"
            families.setdefault(rest, {})[name] = SPLIT_OF_WORD[words[0][0]]
    for family in families.values():
        if len(set(family.values())) > 1:
            alone |= family
    return alone
