"""One way for every command: the same file gives the same bytes to training, evaluation, prediction, explanation."""

import io

import numpy as np
import pytest
from made_files import D50, png16, profile, tiff
from PIL import Image

from tellapart.classifier.card import ModelCard
from tellapart.classifier.classifier import Classifier
from tellapart.data.fitted import fitted, shown
from tellapart.data.open import open_dataset
from tellapart.data.preprocess import Preprocessing
from tellapart.data.store import load_split
from tellapart.explanations.explainer import Explainer

PHOTO = np.asarray(
    Image.fromarray(np.random.default_rng(0).integers(0, 256, (6, 8, 3), np.uint8)).resize((200, 150))
)


def saved(kind, image=PHOTO, **options):
    file = io.BytesIO()
    image = Image.fromarray(image) if isinstance(image, np.ndarray) else image
    image.save(file, kind, **options)
    return file.getvalue()


def turned():
    exif = Image.Exif()
    exif[0x0112] = 6
    return exif


AWKWARD = {
    "large.jpg": lambda: saved("JPEG", np.kron(PHOTO, np.ones((2, 2, 1), np.uint8))),
    "turned.jpg": lambda: saved("JPEG", exif=turned()),
    "progressive.jpg": lambda: saved("JPEG", progressive=True),
    "flawed.jpg": lambda: saved("JPEG")[:-2] + b"stray\xff\xd9",
    "cmyk.jpg": lambda: saved("JPEG", Image.fromarray(PHOTO).convert("CMYK")),
    "gray.jpg": lambda: saved("JPEG", PHOTO[..., 0]),
    "adobe.jpg": lambda: saved("JPEG", icc_profile=profile(D50["adobe"])),
    "wide.png": lambda: saved("PNG", icc_profile=profile(D50["p3"])),
    "clear.png": lambda: saved("PNG", np.dstack([PHOTO, PHOTO[..., :1]])),
    "palette.gif": lambda: saved("GIF", Image.fromarray(PHOTO).convert("P")),
    "moving.webp": lambda: saved("WEBP", save_all=True, append_images=[Image.fromarray(PHOTO[::-1])]),
    "twelve.png": lambda: png16(PHOTO[..., 0].astype(np.uint16) * 16),
    "deep-color.png": lambda: png16(PHOTO.astype(np.uint16) * 16),
    "float.tif": lambda: tiff(PHOTO[..., 0].astype(np.float32) / 255),
    "int32.tif": lambda: tiff(PHOTO[..., 0].astype(np.int32) * 1000 - 5),
    "small.png": lambda: saved("PNG", PHOTO[:9, :9]),
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Every awkward kind, in each of two classes."""
    root = tmp_path_factory.mktemp("awkward")
    for name in ("first", "second"):
        (root / name).mkdir()
        for file, content in AWKWARD.items():
            (root / name / file).write_bytes(content())
    return root


@pytest.mark.parametrize("reading", ["fast", "exact"])
@pytest.mark.parametrize("policy", ["crop", "pad"])
def test_every_command_sees_the_same_bytes(folder, reading, policy, monkeypatch):
    preprocessing = Preprocessing(height=24, width=20, policy=policy, reading=reading)
    split = open_dataset(folder).splits["train"]
    store = load_split(split, preprocessing)  # training, validation, evaluation
    assert store.unreadable == ()
    seen = {}
    card = ModelCard(("first", "second"), preprocessing, {})
    classifier = Classifier(card, None, lambda: None)

    def predicted(images, **_):
        seen["predict"] = images
        raise InterruptedError

    monkeypatch.setattr(classifier, "tta_probabilities", predicted)
    with pytest.raises(InterruptedError):
        classifier.predict([str(path) for path in split.images.paths])
    np.testing.assert_array_equal(seen["predict"], store.images)
    explainer = Explainer(classifier)
    monkeypatch.setattr(Explainer, "recorder", None)
    for row, path in enumerate(split.images.paths):
        np.testing.assert_array_equal(
            explainer.explain(path, quick=True).subject.image, store.images[row], str(path)
        )
        np.testing.assert_array_equal(fitted(path.read_bytes(), preprocessing).pixels, store.images[row])
    assert len({note.note for note in store.notes}) == 3  # 12 bits, of gray and of color, are one kind


def test_a_page_shows_a_large_photo_no_larger_than_it_needs(folder):
    path, preprocessing = folder / "first" / "large.jpg", Preprocessing(height=8, width=8, reading="fast")
    assert shown(path, preprocessing, side=1024).pixels.shape == (300, 400, 3)
    smaller = shown(path, preprocessing, side=64)
    assert smaller.pixels.shape == (150, 200, 3)
    assert smaller.size == (300, 400)
