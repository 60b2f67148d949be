"""Roles: the names that columns of paths, labels and splits have in the files that people share.

Names are compared without case, spaces, hyphens and underscores.
"""

from __future__ import annotations

import re

PATH_NAMES = (
    "file", "filename", "path", "filepath", "image", "imagepath", "imagefile", "imagefilename", "imagename", "img",
    "imgpath", "imgfile", "imgname", "imgfilename", "imageid", "imgid", "picture", "picturename", "photo", "photoid",
    "pic", "id", "fileid", "relpath", "relativepath", "fname", "imgs", "images", "files", "key", "uuid", "imagekey",
    "imageurl", "url", "name",
)  # fmt: skip
"""In the order in which they are preferred."""

LABEL_NAMES = (
    "label", "labels", "class", "classes", "classname", "labelname", "category", "categoryname", "target", "targets",
    "classlabel", "labeltext", "classid", "labelid", "categoryid", "classindex", "labelindex", "classidx", "labelidx",
    "finelabel", "coarselabel", "y", "groundtruth", "gt", "breed", "breedname", "species", "speciesname", "diagnosis",
    "dx", "variety", "genus", "tag", "tags", "expression", "emotion", "cultivar", "disease", "landmarkid",
)  # fmt: skip

WEAK_LABEL_NAMES = (
    "type",
    "kind",
    "group",
    "annotation",
    "name",
    "text",
    "answer",
    "result",
    "make",
    "model",
)
"""Mean the label where nothing above is there."""

SPLIT_NAMES = ("split", "splits", "splitname", "datasplit", "partition")
"""Mean the split, whatever the cells say."""

WEAK_SPLIT_NAMES = ("set", "dataset", "subset", "phase", "usage", "part", "evaluationstatus")  # fmt: skip

FLAG_NAMES = {
    "isvalid": "validation",
    "isval": "validation",
    "isvalidation": "validation",
    "valid": "validation",
    "validation": "validation",
    "istest": "test",
    "istesting": "test",
    "test": "test",
    "istrain": "train",
    "istraining": "train",
    "istrainingimage": "train",
    "train": "train",
}
"""Columns of yes and no -> the split of a row that says yes. `is_valid` is fastai's, the last but one CUB-200's."""

FOLD_NAMES = ("fold", "folds", "kfold", "foldid", "cvfold")

YES, NO = ("1", "1.0", "true", "yes", "y", "t"), ("0", "0.0", "false", "no", "n", "f", "")


def squashed(name: str) -> str:
    """Return a column's name without case, spaces and punctuation."""
    return re.sub(r"[\W_]+", "", name).lower()
