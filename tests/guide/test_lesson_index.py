"""The sentences of the guide's first page: what there is, and what to go on with."""

import re
import statistics
from pathlib import Path

import numpy as np
import pytest
from claims import read_index
from PIL import Image
from results import trainings_of_fast

from tellapart.cli.main import main
from tellapart.data.sources.catalog import find_known
from tellapart.guide.contents import LESSONS
from tellapart.guide.lessons.put_right import CARDS
from tellapart.guide.render import page_of

DOCS = Path(__file__).parents[2] / "docs"


def claim(name):
    return next(one.text for one in read_index().claims if one.name == name)


@pytest.mark.proves("moves")
@pytest.mark.parametrize("lesson", LESSONS, ids=lambda lesson: lesson.name)
def test_each_page_has_something_to_move_and_a_question(lesson):
    article = re.search("<article>.*</article>", page_of(lesson), re.DOTALL)[0]
    around, *questions = re.split(r'<form class="question".*?</form>', article, flags=re.DOTALL)
    assert questions
    assert re.search(r'<input type="range"|<select|<button', around)


@pytest.mark.proves("tutorial")
def test_the_tutorial_is_named_and_followed():
    parity = (DOCS / "tutorial-parity.md").read_text(encoding="utf-8")
    assert "`examples/cifar10_cnn.py`, 2015-2019, and the lessons written around it" in parity
    for name in ("convolution", "activations", "pooling", "dropout", "dense", "softmax", "descent"):
        (lesson,) = (one for one in LESSONS if one.name == name)
        assert "tutorial" in page_of(lesson)


@pytest.mark.proves("cifar10")
def test_cifar10_is_60000_small_photos_of_ten_kinds():
    known = find_known("cifar10")
    assert f"{known.train_size + known.test_size:,} small photos" in claim("cifar10")
    assert (len(known.class_names), known.image_shape) == (10, (32, 32, 3))
    assert {"airplane", "cat"} <= set(known.class_names)


@pytest.mark.proves("demo")
def test_the_demo_trains_on_handwritten_digits(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr("tellapart.recipes.recipes.DEMO_EPOCHS", 1)
    assert main(["demo", "--out", str(tmp_path / "run")]) == 0
    assert (tmp_path / "run" / "model.keras").is_file()
    assert '"digits"' in (tmp_path / "run" / "run.toml").read_text(encoding="utf-8")


@pytest.mark.proves("train", "explain")
def test_a_folder_for_each_class_is_trained_on_and_a_photo_explained(tmp_path, monkeypatch):
    """Here of noise: what is learned is tested elsewhere."""
    random = np.random.default_rng(0)
    monkeypatch.chdir(tmp_path)
    for place in range(16):
        path = tmp_path / "photos" / ("cat", "dog")[place % 2] / f"{place}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(random.integers(0, 256, (16, 16, 3), np.uint8)).save(path)
    assert main(["train", "photos", "--out", "run", "--epochs", "1", "--size", "16"]) == 0
    assert main(["explain", "run", str(path), "--out", "pages"]) == 0
    (page,) = Path("pages").iterdir()
    assert "Conv2D" in page.read_text(encoding="utf-8")


@pytest.mark.proves("fast")
def test_fast_went_to_94_percent_where_the_tutorial_stopped_at_63():
    reached = statistics.mean(one["with views"] for one in trainings_of_fast())
    assert f"reached {100 * reached:.0f}%" in claim("fast")
    stopped = re.search(r"(\d+)%", next(card.says for card in CARDS if card.name == "one-figure"))
    assert f"stopped at {stopped[1]}%" in claim("fast")
