"""Files of class names, as other programs and people write them."""

import codecs
import json

import pytest

from tellapart.classifier.plain.class_list import class_list
from tellapart.data.sources.class_names import read_class_names
from tellapart.errors import DataError

NAMES = ("cat", "dog", "great ape")
LINES = "\n".join(NAMES)
CODES = ("n02123045", "n02084071", "n02480495")

FILES = {
    "of UTF-16, as Windows saves it": codecs.BOM_UTF16_LE + LINES.encode("utf-16-le"),
    "with a mark and returns": codecs.BOM_UTF8 + LINES.replace("\n", "\r\n").encode(),
    "of one line": ",".join(NAMES).encode(),
    "a list in YAML": "\n".join(f"- {name}" for name in NAMES).encode(),
    "a table": b"class,index\ndog,1\ncat,0\ngreat ape,2\n",
    "a table, number first": b"index,class\n2,great ape\n0,cat\n1,dog\n",
    "name and number": b"dog 1\ncat 0\ngreat ape 2\n",
    "of Teachable Machine": json.dumps({"labels": NAMES, "imageSize": 224}).encode(),
    "ImageNet's index in Keras": json.dumps(
        dict(enumerate(zip(CODES, NAMES, strict=True))), default=str
    ).encode(),
}


@pytest.mark.parametrize("kind", FILES)
def test_names_come_in_the_order_of_their_numbers(kind, tmp_path):
    (tmp_path / "names").write_bytes(FILES[kind])
    assert class_list(tmp_path / "names") == NAMES


@pytest.mark.parametrize(
    "lines", [("room 1", "room 2", "hall 1"), ("person 1", "person 2"), ("1 euro", "1 cent")]
)
def test_numbers_that_are_part_of_the_names_stay_there(lines, tmp_path):
    (tmp_path / "names").write_text("\n".join(lines))
    assert class_list(tmp_path / "names") == lines


def test_another_encoding_is_refused_instead_of_mangled(tmp_path):
    (tmp_path / "names").write_bytes("Igel\nBär\n".encode("latin-1"))
    with pytest.raises(DataError, match="byte 6 is not UTF-8"):
        read_class_names(tmp_path / "names")
