"""Files of labels, archives and tables as people have them: each is read as meant, or refused with the real cause."""

import io
import json
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest
from PIL import Image

from tellapart.data.open import open_dataset
from tellapart.data.sources.label_choice import Labels
from tellapart.errors import ConfigError, DataError

FOUR = ("a.png", "b.png", "c.png", "d.png")
CLASSES = ("cat", "dog", "cat", "dog")
MEANT = {
    "a.png": ("train", "cat"),
    "b.png": ("train", "dog"),
    "c.png": ("train", "cat"),
    "d.png": ("train", "dog"),
}
"""What the four pictures are in every case that says nothing else: id -> split, class."""

DIVIDED = {**MEANT, "c.png": ("validation", "cat"), "d.png": ("test", "dog")}


def png(seed: int) -> bytes:
    """A small picture, unlike those of other seeds."""
    file = io.BytesIO()
    pixels = np.random.default_rng(seed).integers(0, 256, (10, 10, 3), np.uint8)
    Image.fromarray(pixels).save(file, "PNG")
    return file.getvalue()


PNGS = [png(seed) for seed in range(60)]


def meaning(dataset):
    """Id -> split, class."""
    return {
        identifier: (name, dataset.class_names[label])
        for name, split in dataset.splits.items()
        for identifier, label in zip(split.ids, split.labels, strict=True)
    }


@dataclass
class Case:
    """Files below a folder, how they are opened, and what they mean or why they are refused."""

    text: Any
    """Of the file of labels."""

    meant: Any = field(default_factory=lambda: MEANT)
    """Id -> split and class; or a part of the refusal."""

    name: str = "labels.csv"
    images: tuple[str, ...] = FOUR
    labels: dict[str, Any] = field(default_factory=dict)
    """Fields of Labels beside the file."""

    notice: str = ""
    others: dict[str, str] = field(default_factory=dict)
    """Further files: name -> text."""


def lines(header, separator=",", names=FOUR, classes=CLASSES):
    rows = [f"{name}{separator}{label}" for name, label in zip(names, classes, strict=True)]
    return "\n".join([*([header] if header else []), *rows]) + "\n"


def folder_of(images, root):
    for number, name in enumerate(images):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(PNGS[number])
    return root


WITH_SPLIT = "a.png,cat,{0}\nb.png,dog,{0}\nc.png,cat,{1}\nd.png,dog,{2}\n"
STEMS = ("a", "b", "c", "d")
IN_FOLDERS = ("cats/a.png", "cats/c.png", "dogs/b.png", "dogs/d.png")
DEEP = {name: ("train", "cat" if name.startswith("cats") else "dog") for name in IN_FOLDERS}
NUMBERS = {name: ("train", label) for name, label in zip(FOUR, ("0", "1", "0", "1"), strict=True)}

CASES = {
    # Headers
    **{
        f"the header {header}": Case(lines(header))
        for header in (
            "file,label",
            "filename,class",
            "image_id,category",
            "img,target",
            "image_path,breed",
            "file_name,species",
            "Image Name,Class Label",
            "ImageId,ClassName",
            "id,diagnosis",
            "picture,anything",
            "name,label",
            "anything,label",
            "#file,label",
        )
    },
    "no header": Case(lines("")),
    "no header, ids without endings": Case(lines("", names=STEMS)),
    "no header, classes first": Case(lines("", names=CLASSES, classes=FOUR)),
    # Separators
    "semicolons": Case(lines("file;label", ";")),
    "tabs": Case(lines("file\tlabel", "\t"), name="labels.tsv"),
    "bars": Case(lines("file|label", "|")),
    "spaces": Case(lines("", " "), name="labels.txt"),
    "Excel's first line": Case("sep=;\n" + lines("file;label", ";")),
    "semicolons and decimal commas": Case(
        "file;label;score\na.png;cat;0,5\nb.png;dog;1,5\nc.png;cat;0,25\nd.png;dog;7,5\n"
    ),
    "quoted cells": Case('"file","label"\n"a.png","cat"\n"b.png","dog"\n"c.png","cat"\n"d.png","dog"\n'),
    "a comma within a label": Case(
        lines("file,label", classes=('"cat, tabby"', "dog", '"cat, tabby"', "dog")),
        {name: (split, label.replace("cat", "cat, tabby")) for name, (split, label) in MEANT.items()},
    ),
    "spaces after commas and blank lines": Case(lines("file, label", ", ") + "\n  \n"),
    "Windows's line ends": Case(lines("file,label").replace("\n", "\r\n")),
    "a column of row numbers": Case(",file,label\n0,a.png,cat\n1,b.png,dog\n2,c.png,cat\n3,d.png,dog\n"),
    # Encodings
    "a byte order mark": Case(lines("file,label").encode("utf-8-sig")),
    "UTF-16": Case(lines("file,label").encode("utf-16")),
    "UTF-16 without its mark": Case(lines("file,label").encode("utf-16-be")),
    "Latin-1": Case(
        "file,label\né.png,café\nb.png,dog\n".encode("latin-1"),
        {"é.png": ("train", "café"), "b.png": ("train", "dog")},
        images=("é.png", "b.png"),
    ),
    # Paths
    "ids without endings": Case(lines("id,label", names=STEMS)),
    "relative to the folder": Case(
        lines("file,label", names=IN_FOLDERS, classes=("cat", "cat", "dog", "dog")), DEEP, images=IN_FOLDERS
    ),
    "Windows's paths": Case(
        lines(
            "file,label",
            names=[name.replace("/", "\\") for name in IN_FOLDERS],
            classes=("cat", "cat", "dog", "dog"),
        ),
        DEEP,
        images=IN_FOLDERS,
    ),
    "relative to the folder above": Case(
        lines("file,label", names=[f"photos/{name}" for name in FOUR]),
        notice="4 pictures found by name in another folder",
    ),
    "absolute paths of another machine": Case(
        lines("file,label", names=[rf"C:\Users\me\photos\{name}" for name in FOUR]),
        notice="found by name in another folder",
    ),
    "file names without their folders": Case(
        lines("file,label"),
        {f"images/{name}": meant for name, meant in MEANT.items()},
        images=tuple(f"images/{name}" for name in FOUR),
    ),
    "endings in another case": Case(
        lines("file,label", names=("a.PNG", "b.PNG", "c.PNG", "d.PNG")),
    ),
    "two columns of paths to the same pictures": Case(
        "file,path,label\n"
        + "".join(f"{name},./{name},{label}\n" for name, label in zip(FOUR, CLASSES, strict=True))
    ),
    "numbers beside paths, which are names of other pictures": Case(
        "id,file,label\n1,0.png,cat\n0,1.png,dog\n",
        {"0.png": ("train", "cat"), "1.png": ("train", "dog")},
        images=("0.png", "1.png"),
    ),
    # Labels
    "one column a class": Case("file,cat,dog\na.png,1,0\nb.png,0,1\nc.png,1,0\nd.png,0,1\n"),
    "one column a class, with decimals": Case("image,cat,dog\na,1.0,0.0\nb,0.0,1.0\nc,1.0,0.0\nd,0.0,1.0\n"),
    "a number and a name for each class": Case(
        "file,class_id,class_name\na.png,0,cat\nb.png,1,dog\nc.png,0,cat\nd.png,1,dog\n"
    ),
    "numbers as labels": Case(lines("file,label", classes="0101"), NUMBERS),
    "further columns": Case(
        "file,width,height,label\na.png,3,9,cat\nb.png,4,8,dog\nc.png,5,7,cat\nd.png,6,6,dog\n"
    ),
    "spaces around some labels": Case(
        lines("file,label", classes=("cat ", "dog", "cat", "dog")), notice="'cat' and 'cat ' are one class"
    ),
    "spaces around all labels": Case(lines("file ,label ", classes=("cat ", "dog ", "cat ", "dog "))),
    "the class in the path, beside a file of names": Case(
        "cats/a.png\ndogs/b.png\ncats/c.png\n",
        {
            "cats/a.png": ("train", "cat"),
            "dogs/b.png": ("train", "dog"),
            "cats/c.png": ("train", "cat"),
        },
        name="names.txt",
        images=("cats/a.png", "dogs/b.png", "cats/c.png"),
        labels={"pattern": "^(cat|dog)s/"},
    ),
    "the class in some paths only": Case(
        "a.png\nb.png\nc.png\n",
        {"a.png": ("train", "a"), "b.png": ("train", "b")},
        name="names.txt",
        labels={"pattern": r"(a|b)?\.png"},
        notice="left out 1 line without a label (line 3)",
    ),
    "Oxford's pets, whose columns are chosen": Case(
        "# Image CLASS-ID SPECIES BREED\n#CLASS-ID: 1 to 37\na 1 1 1\nb 2 2 1\nc 3 1 2\nd 4 2 2\n",
        {name: ("train", "1" if label == "cat" else "2") for name, label in zip(FOUR, CLASSES, strict=True)},
        name="list.txt",
        labels={"label_column": "SPECIES"},
    ),
    "Kaggle's dogs: ids, and folders of train and test": Case(
        "id,breed\n" + "".join(f"{name},{label}\n" for name, label in zip(STEMS, CLASSES, strict=True)),
        {f"train/{name}": meant for name, meant in MEANT.items()},
        images=(*(f"train/{name}" for name in FOUR), "test/e.png", "test/f.png"),
        notice="a: train/a.png",
    ),
    "HAM10000: pictures in two folders, further columns": Case(
        "lesion_id,image_id,dx,dx_type,age,sex\nH1,a,nv,histo,80.0,male\nH1,b,mel,histo,80.0,male\n"
        "H2,c,nv,follow_up,,female\nH3,d,mel,consensus,50.0,female\n",
        {
            "part_1/a.png": ("train", "nv"),
            "part_1/b.png": ("train", "mel"),
            "part_2/c.png": ("train", "nv"),
            "part_2/d.png": ("train", "mel"),
        },
        images=("part_1/a.png", "part_1/b.png", "part_2/c.png", "part_2/d.png"),
        notice="found by name",
    ),
    # Splits
    **{
        f"splits called {words}": Case("file,label,split\n" + WITH_SPLIT.format(*words.split()), DIVIDED)
        for words in ("train val test", "TRAIN VALID TEST", "Training Validation test")
    },
    "splits in a column of any name": Case(
        "file,label,what\n" + WITH_SPLIT.format("train", "val", "test"), DIVIDED
    ),
    "splits without a header": Case(WITH_SPLIT.format("train", "val", "test"), DIVIDED),
    "fastai's is_valid": Case(
        "name,label,is_valid\n" + WITH_SPLIT.format("False", "True", "False"),
        {**MEANT, "c.png": ("validation", "cat")},
        notice="Splits read from is_valid (yes or no)",
    ),
    "is_train": Case(
        "file,label,is_train\n" + WITH_SPLIT.format(1, 1, 0),
        {**MEANT, "d.png": ("test", "dog")},
        notice="Splits read from is_train",
    ),
    "splits by folder": Case(
        "file,label\ntrain/a.png,cat\ntrain/b.png,dog\ntest/c.png,cat\n",
        {"train/a.png": ("train", "cat"), "train/b.png": ("train", "dog"), "test/c.png": ("test", "cat")},
        images=("train/a.png", "train/b.png", "test/c.png"),
        notice="Splits by folder: test, train",
    ),
    "splits left out of account": Case(
        "file,label,split\n" + WITH_SPLIT.format("train", "val", "test"), labels={"split_column": "none"}
    ),
    "folds left out of account": Case(
        "file,label,fold\n" + WITH_SPLIT.format(0, 1, 2), labels={"split_column": "none"}
    ),
    # Chosen columns
    "columns chosen by name": Case(
        "x,y,z\na.png,b.png,cat\nb.png,a.png,dog\nc.png,d.png,cat\nd.png,c.png,dog\n",
        labels={"path_column": "x", "label_column": "Z"},
    ),
    "columns chosen by number": Case(
        "a.png,cat,0\nb.png,dog,0\nc.png,cat,1\nd.png,dog,1\n", labels={"path_column": 1, "label_column": "2"}
    ),
    "one of two labels, chosen": Case(
        "file,species,breed\na.png,cat,tabby\nb.png,dog,pug\nc.png,cat,manx\nd.png,dog,boxer\n",
        labels={"label_column": "species"},
    ),
    # Left out, and said
    "a missing picture stays, to be named": Case(
        lines("file,label", names=("a.png", "gone.png", "c.png", "d.png")),
        {**{name: MEANT[name] for name in ("a.png", "c.png", "d.png")}, "gone.png": ("train", "dog")},
    ),
    "an empty label is counted": Case(
        lines("file,label", classes=("cat", "dog", "", "nan")),
        {name: MEANT[name] for name in ("a.png", "b.png")},
        notice="left out 2 lines without a label (lines 4, 5)",
    ),
    "a repeated line is counted": Case(
        lines("file,label") + "a.png,cat\n", notice="left out 1 repeated line (line 6)"
    ),
    "Cat and cat": Case(
        lines("file,label", classes=("Cat", "dog", "cat", "dog")),
        {**MEANT, "a.png": ("train", "Cat")},
        notice="'Cat' and 'cat' are different classes",
    ),
    "two labels in one cell": Case(
        lines("file,label", classes=("cat", "dog", "cat dog", "dog")),
        {**MEANT, "c.png": ("train", "cat dog")},
        notice="'cat dog' is a class of its own, beside 'cat' and 'dog'",
    ),
    "a name that fits two pictures": Case(
        "id,label\na,cat\nb,dog\nc,cat\n",
        {"a": ("train", "cat"), "b.png": ("train", "dog"), "c.png": ("train", "cat")},
        images=("a.png", "a.jpg", "b.png", "c.png"),
        notice="1 name shared by several pictures, so not read (a: a.jpg, a.png)",
    ),
    "several labels in one cell": Case(
        lines("file,label", classes=("cat|dog", "owl", "cat|dog", "owl")),
        {name: (part, {"cat": "cat|dog", "dog": "owl"}[label]) for name, (part, label) in MEANT.items()},
        notice="'cat|dog' looks like several labels",
    ),
    "labels 1 and -1": Case(
        lines("file,label", classes=("1", "-1", "1", "-1")),
        {name: (part, {"cat": "1", "dog": "-1"}[label]) for name, (part, label) in MEANT.items()},
    ),
    # Other forms
    "JSON Lines": Case(
        "\n".join(
            json.dumps({"file_name": name, "label": label}) for name, label in zip(FOUR, CLASSES, strict=True)
        ),
        name="metadata.jsonl",
    ),
    "JSON objects": Case(
        json.dumps([{"image": name, "class": label} for name, label in zip(FOUR, CLASSES, strict=True)]),
        name="labels.json",
    ),
    "JSON, name to label": Case(json.dumps(dict(zip(FOUR, CLASSES, strict=True))), name="labels.json"),
    "JSON Lines with lists of one label": Case(
        "\n".join(json.dumps({"file_name": n, "labels": [c]}) for n, c in zip(FOUR, CLASSES, strict=True)),
        name="metadata.jsonl",
    ),
    "JSON columns": Case(json.dumps({"file": FOUR, "label": CLASSES}), name="labels.json"),
    "JSON, class to names, as in Food-101": Case(
        json.dumps({"cat": ["a", "c"], "dog": ["b", "d"]}), name="train.json"
    ),
    "COCO's labels of whole images": Case(
        json.dumps(
            {
                "images": [{"id": place, "file_name": name} for place, name in enumerate(FOUR)],
                "categories": [{"id": 1, "name": "cat"}, {"id": 2, "name": "dog"}],
                "annotations": [{"image_id": place, "category_id": 1 + place % 2} for place in range(4)],
            }
        ),
        name="annotations.json",
    ),
    # Names of classes
    **{
        f"class names, {form}": Case(
            lines("file,label", classes="0101"), labels={"names": name}, others={name: text}
        )
        for form, name, text in (
            ("one a line", "names.txt", "cat\ndog\n"),
            ("numbered", "names.txt", "0 cat\n1 dog\n"),
            ("numbered with colons", "names.txt", "1: dog\n0: cat\n"),
            ("Caffe's", "names.txt", "cat 0\ndog 1\n"),
            ("a JSON list", "names.json", '["cat", "dog"]'),
            ("a JSON object", "names.json", '{"0": "cat", "1": "dog"}'),
            ("JSON, name to number", "names.json", '{"cat": 0, "dog": 1}'),
            ("Keras's index", "names.json", '{"0": ["n02123045", "cat"], "1": ["n02084071", "dog"]}'),
            ("a Python dict", "names.txt", "{0: 'cat', 1: 'dog'}"),
            ("YOLO's list", "data.yaml", "path: x\nnames: [cat, 'dog']\nnc: 2\n"),
            ("YOLO's mapping", "data.yaml", "names:\n  0: cat\n  1: dog  # a comment\nnc: 2\n"),
            ("YAML's items", "data.yaml", "nc: 2\nnames:\n- cat\n- dog\n"),
        )
    },
    "class names of WordNet's codes": Case(
        lines("file,label", classes=("n02123045", "n02084071") * 2),
        labels={"names": "synsets.txt"},
        others={"synsets.txt": "n02084071 dog\nn02123045 cat\nn01440764 tench, Tinca tinca\n"},
    ),
    # Refused
    "two columns could be the label": Case(
        "file,species,breed\na.png,cat,tabby\nb.png,dog,pug\nc.png,cat,manx\nd.png,dog,boxer\n",
        r"the columns species \(2 different values\), breed \(4 different values\) both could be the label.*"
        "--label-column species",
    ),
    "no column is called label": Case(
        "file,p,q\na.png,1,x\nb.png,2,x\nc.png,1,y\nd.png,2,y\n",
        r"no column is called label or class, and the columns p .*--label-column p",
    ),
    "two columns name different pictures": Case(
        "left,right,label\na.png,b.png,cat\nb.png,a.png,dog\n", "both name pictures.*--path-column"
    ),
    "no labels at all": Case("file\na.png\nb.png\n", "expected a label column"),
    "a column that is not there": Case(
        lines("file,label"),
        r"--label-column breed: no such column\. It has: file, label",
        labels={"label_column": "breed"},
    ),
    "numbers of folds": Case(
        "file,label,fold\n" + WITH_SPLIT.format(0, 1, 2), "fold numbers the folds.*--split-column none"
    ),
    "two classes in a row": Case(
        "file,cat,dog\na.png,1,0\nb.png,1,1\nc.png,0,1\n", "line 3 has a 1 for cat and dog"
    ),
    "boxes in columns": Case(
        "filename,width,height,class,xmin,ymin,xmax,ymax\na.png,9,9,cat,1,1,2,2\n",
        "its columns hold boxes around objects",
    ),
    "boxes in JSON Lines": Case(
        json.dumps({"file_name": "a.png", "objects": {"bbox": [[1, 2, 3, 4]], "categories": [0]}}),
        "line 1 holds boxes around objects",
        name="metadata.jsonl",
    ),
    "COCO's boxes": Case(
        json.dumps({"images": [], "annotations": [{"bbox": [1, 2, 3, 4], "image_id": 1, "category_id": 1}]}),
        "its annotations hold boxes",
        name="instances.json",
    ),
    "the pictures are elsewhere": Case(
        lines("file,label"),
        r"line 2 names a\.png, but there is no .*images/a\.png.*4 of 4(.|\n)*a\.png is in .*photos",
        name="../labels.csv",
        others={"DATA": "images"},
        images=(*FOUR, "images/other.png"),
    ),
    "the wrong ending": Case(
        lines("file,label", names=("a.jpg", "b.jpg", "c.jpg", "d.jpg")),
        r"Did you mean a\.png\? Correct the file extensions",
    ),
    "web addresses": Case(
        lines("url,label", names=[f"https://example.org/{name}x" for name in FOUR]),
        "download the pictures first",
    ),
    "names of several pictures": Case(
        "file,label\na.png,cat\n",
        r"several pictures have that name: x/a\.png, y/a\.png(.|\n)*Include the folder",
        images=("x/a.png", "y/a.png"),
    ),
    "one picture with two labels": Case(
        lines("file,label") + "a.png,dog\n", "line 2 labels a.png cat .train., but line 6 labels it dog"
    ),
    "a quantity with fractions": Case(
        lines("file,age", classes=("1.470", "2.840", "1.470", "3.0")),
        r"3 different numbers, such as 1\.470, 2\.840, and look like measurements.*--label-column",
    ),
    "a quantity with fractions, insisted on": Case(
        lines("file,age", classes=("1.5", "2.5", "1.5", "2.5")),
        {name: ("train", label) for name, label in zip(FOUR, ("1.5", "2.5", "1.5", "2.5"), strict=True)},
        labels={"label_column": "age"},
    ),
    "whole ages": Case(
        "file,age\n" + "".join(f"{place}.png,{20 + place // 2}\n" for place in range(60)),
        "the labels are 30 different numbers, such as 20, 21, 22, and look like measurements",
        images=tuple(f"{place}.png" for place in range(60)),
    ),
    "numbers of classes as pandas writes them": Case(
        lines("file,label", classes=("0.0", "1.0", "0.0", "1.0")), NUMBERS
    ),
    "each picture has a label of its own": Case(
        "file,caption\n" + "".join(f"{place}.png,text {place}\n" for place in range(10)),
        "each of the 10 pictures has a label of its own, such as 'text 0'.*--label-column",
        images=tuple(f"{place}.png" for place in range(10)),
    ),
    "most labels are empty": Case(
        lines("file,label", classes=("cat", "", "", "")), "3 of 4 lines have no label"
    ),
    "labels from 1, names from 0": Case(
        lines("file,label", classes="1212"),
        "The labels start at 1, but lines without a number count from 0",
        labels={"names": "names.txt"},
        others={"names.txt": "cat\ndog\n"},
    ),
    "a spreadsheet": Case("PK", "a spreadsheet.*Save it as CSV", name="labels.xlsx"),
    "MATLAB's file": Case("MATLAB", "a MATLAB file.*Save it as CSV", name="imagelabels.mat"),
    "a pickle": Case("x", "a pickle, which may run programs", name="labels.pkl"),
    "a file outside that is no picture is as good as missing": Case(
        lines("file,label", names=("a.png", "b.png", "c.png", "/etc/passwd")),
        {**{name: MEANT[name] for name in ("a.png", "b.png", "c.png")}, "etc/passwd": ("train", "dog")},
    ),
    "files outside that are no pictures": Case(
        "file,label\n/etc/passwd,cat\n../labels.txt,dog\n",
        "line 2 names /etc/passwd, but there is no such file",
        others={"../labels.txt": "x"},
    ),
    "broken JSON": Case("{", "not valid JSON", name="labels.json"),
    "pixels in columns": Case(
        ",".join(["label", *(f"pixel{place}" for place in range(784))]) + "\n" + ",".join(["7"] * 785) + "\n",
        r"pixel values \(pixel0, pixel1, pixel2, \.\.\.\).*pass arrays",
    ),
    "FER2013's pixels": Case("emotion,pixels,Usage\n0,70 80 82,Training\n", r"holds pixel values \(pixels\)"),
    "two paths that are both split words, and something else": Case(
        "file,label,split\n" + WITH_SPLIT.format("train", "first", "test"),
        "line 4 says file 'c.png', label 'cat', split 'first'",
    ),
    "yes and yes": Case(
        "file,label,is_valid,is_test\na.png,cat,0,0\nb.png,dog,0,0\nc.png,cat,1,1\n",
        "line 4 says .* split '1, 1'",
    ),
}


def test_a_missing_file_of_labels_suggests_near_names(tmp_path):
    folder_of(FOUR, tmp_path)
    (tmp_path / "labels.csv").write_text(lines("file,label"))
    with pytest.raises(DataError, match=r"lables\.csv: no such file.*Did you mean .*labels\.csv"):
        open_dataset(tmp_path, labels=tmp_path / "lables.csv")


def test_labels_without_data_name_the_command(tmp_path):
    import tellapart

    with pytest.raises(ConfigError, match=r"give that file: tellapart train labels\.csv"):
        tellapart.train(labels="labels.csv")


@pytest.mark.parametrize("name", CASES)
def test_labels_are_read_as_meant_or_refused_with_the_cause(name, tmp_path):
    case = CASES[name]
    root = folder_of(case.images, tmp_path / "photos")
    content = case.text if isinstance(case.text, bytes) else case.text.encode()
    (root / case.name).write_bytes(content)
    others = dict(case.others)
    data = root / others.pop("DATA", "")
    for other, text in others.items():
        (root / other).write_text(text)
    fields = dict(case.labels)
    if "names" in fields:
        fields["names"] = root / fields["names"]
    labels = Labels(file=root / case.name, **fields)
    if isinstance(case.meant, str):
        with pytest.raises(DataError, match=case.meant):
            open_dataset(data, labels=labels)
        return
    dataset = open_dataset(data, labels=labels)
    assert meaning(dataset) == case.meant
    assert case.notice in "\n".join(dataset.notices)
    assert bool(case.notice) == bool(dataset.notices)
