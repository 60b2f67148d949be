"""The first screen: the photo, the heat map over it, and what is said before which number."""

import tellapart.api  # noqa: F401 (chooses Keras's backend)

import keras  # isort: skip
import base64
import io
from dataclasses import replace
from html import escape
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tellapart.api.predict import predict
from tellapart.classifier.card import NoveltyLimit, card_of_plain_model
from tellapart.classifier.classifier import Classifier
from tellapart.classifier.plain.said import Said
from tellapart.data.preprocess import Preprocessing
from tellapart.explanations.attribution.contrast import Contrast
from tellapart.explanations.attribution.heat_maps import HeatMaps
from tellapart.explanations.explainer import Explainer
from tellapart.explanations.page import first_screen, layers
from tellapart.explanations.page.as_dict import _group
from tellapart.explanations.page.page import SECTIONS, page_of
from tellapart.explanations.page.photo import AGAINST, FOR, LARGEST_SIDE, overlay, photo_of
from tellapart.pages.assemble import as_json
from tellapart.text import percent


def read(url):
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(url.split(",")[1]))))


def sample_photo(name):
    from sklearn.datasets import load_sample_image

    return load_sample_image(name)


def html(explanation, *names):
    return page_of(explanation, [section for section in SECTIONS if section.name in names])


@pytest.fixture(scope="module")
def with_maps(trained, color_photos):
    return Explainer(trained.classifier).explain(color_photos / "test/red/0.png")


def test_the_page_says_how_a_model_without_a_card_was_used(tmp_path):
    """Whoever gets the page has not seen what the command printed."""
    layers = [keras.layers.Flatten(), keras.layers.Dense(2, "softmax")]
    keras.Sequential([keras.Input((8, 8, 3)), *layers]).save(tmp_path / "mine.keras")
    picture = np.zeros((8, 8, 3), np.uint8)
    classifier = Classifier.load(tmp_path / "mine.keras", Said(pixels="0-1"))
    footer = html(Explainer(classifier).explain(picture), "picture").partition("<footer>")[2]
    assert "mine.keras was not saved by tellapart" in footer
    assert "<li>pixels: 0 to 1 (given)</li>" in footer
    assert "<li>policy: stretch (assumed: " in footer
    for name, setting in classifier.usage.settings.items():
        assert f"<li>{name}: {escape(setting.in_words(), quote=True)}</li>" in footer.replace(
            "&#39;", "&#x27;"
        )


def test_of_a_model_with_a_card_the_page_says_none_of_that(with_maps):
    assert "was not saved by tellapart" not in html(with_maps, "picture")


# --- The photo


@pytest.mark.parametrize("policy", ["crop", "pad", "stretch"])
@pytest.mark.parametrize("sides", [(224, 224), (96, 150)])
def test_the_frame_is_what_preprocessing_keeps(policy, sides):
    original = sample_photo("china.jpg")
    placement = Preprocessing(height=sides[0], width=sides[1], policy=policy).placement(*original.shape[:2])
    photo = photo_of(original, placement)
    left, top, width, height = photo.seen
    box = left * photo.width, top * photo.height, (left + width) * photo.width, (top + height) * photo.height
    if photo.is_seen_whole:
        left, top, right, bottom = placement.source
        assert (photo.width, photo.height) == (round(right - left), round(bottom - top))
    else:
        assert box == pytest.approx(placement.source)
    assert photo.is_seen_whole == (policy != "crop" or sides == (96, 150))


def test_a_photo_keeps_its_pixels():
    original = sample_photo("china.jpg")
    photo = photo_of(original, Preprocessing(height=224, width=224).placement(*original.shape[:2]))
    shown = read(photo.url)
    assert shown.shape == original.shape
    assert np.abs(shown.astype(float) - original).mean() < 4
    assert len(photo.url) < 250_000


def test_a_nearly_square_photo_is_cut_to_what_the_network_sees():
    original = sample_photo("china.jpg")[:, 100:540]  # 427 x 440
    preprocessing = Preprocessing(height=224, width=224)
    photo = photo_of(original, preprocessing.placement(*original.shape[:2]))
    assert (photo.width, photo.height) == (427, 427)
    small = np.asarray(Image.fromarray(read(photo.url)).resize((224, 224), Image.Resampling.BICUBIC))
    assert np.abs(small.astype(float) - preprocessing.apply(original)).mean() < 4


def test_a_large_photo_is_made_smaller():
    original = np.tile(sample_photo("flower.jpg"), (4, 4, 1))  # 1,708 x 2,560
    photo = photo_of(original, Preprocessing(height=224, width=224).placement(*original.shape[:2]))
    assert (photo.width, photo.height) == (LARGEST_SIDE, 683)
    assert read(photo.url).shape == (683, 1024, 3)


@pytest.mark.parametrize("channels", [1, 3])
def test_every_pixel_of_a_small_picture_is_exact(channels):
    original = np.random.default_rng(0).integers(0, 256, (28, 28, channels), np.uint8)
    photo = photo_of(original, Preprocessing(height=28, width=28).placement(28, 28))
    assert photo.is_small
    np.testing.assert_array_equal(read(photo.url), np.broadcast_to(original, (28, 28, 3)))


# --- The heat map over it


def test_a_map_is_blue_for_and_red_against_and_the_stronger_the_more_opaque():
    heat = np.array([[1.0, 0.5], [0.0, -1.0]], np.float32)
    drawn = read(overlay(heat, (0, 0, 2, 2), is_smooth=False))
    np.testing.assert_array_equal(drawn[..., 3], [[255, 128], [0, 255]])
    assert tuple(drawn[0, 0, :3]) == FOR
    assert tuple(drawn[1, 1, :3]) == AGAINST


def test_a_map_has_no_padding():
    heat = np.zeros((8, 8), np.float32)
    heat[2:6] = 1
    target = Preprocessing(height=8, width=8, policy="pad").placement(50, 100).target
    drawn = read(overlay(heat, target, is_smooth=False))
    assert drawn.shape[:2] == (4, 8)
    assert (drawn[..., :3] == FOR).all()  # and opaque: WebP leaves out an opacity that is 255 everywhere


def test_an_enlarged_map_stays_in_its_place():
    heat = np.zeros((7, 7), np.float32)
    heat[5, 1] = 1
    opacity = read(overlay(heat, (0, 0, 7, 7), is_smooth=True))[..., 3].astype(float)
    assert opacity.shape == (256, 256)
    rows, columns = np.indices(opacity.shape) + 0.5
    centroid = [(axis * opacity).sum() / opacity.sum() / 256 * 7 for axis in (rows, columns)]
    assert centroid == pytest.approx([5.5, 1.5], abs=0.1)


def with_faithful(explanation, is_faithful):
    """The explanation as if its best map had passed the test, or as if none had."""

    def judged(heat_map, passes):
        measured = replace(
            heat_map.faithfulness,
            deletion=(0.9, 0.1),
            insertion=(0.1, 0.9),
            random_deletion=(0.9, 0.5),
            random_insertion=(0.1, 0.3),
            best_random_score=-0.4 if passes else 2.0,
            deletion_is_informative=True,
            insertion_is_informative=True,
            randomized_similarity=0.1,
        )
        return replace(heat_map, faithfulness=measured)

    maps = {
        contrast: tuple(judged(each, is_faithful and not place) for place, each in enumerate(maps))
        for contrast, maps in explanation.heat_maps.maps.items()
    }
    changed = replace(explanation)
    changed.__dict__["heat_maps"] = HeatMaps(explanation.heat_maps.scope, maps)
    return changed


def test_the_most_faithful_map_of_the_predicted_class_is_on_top(with_maps):
    explanation = with_faithful(with_maps, True)
    shown = first_screen.part(explanation, has_maps=True).values
    best = int(explanation.answer.tta_probabilities.argmax())
    first = explanation.heat_maps.maps[Contrast(best)][0]
    drawn = read(shown["map"]["url"])
    assert shown["map"]["of"] == shown["predicted"] == explanation.subject.class_names[best]
    assert shown["map"]["strength"] == first_screen.STRENGTH
    strongest = np.unravel_index(np.abs(first_screen.centered(first).numpy()).argmax(), first.values.shape)
    assert drawn[strongest][3] == 255
    assert "passes the faithfulness test" in html(explanation, "why")


def test_where_no_map_passes_none_is_shown_at_first(with_maps):
    explanation = with_faithful(with_maps, False)
    shown = first_screen.part(explanation, has_maps=True).values["map"]
    assert shown["strength"] == 0
    assert shown["line"].startswith("None of the 6 heat maps passes the faithfulness test")
    page = html(explanation, "why")
    assert "--strength: 0.0" in page
    assert 'value="0"' in page


def test_a_single_map_that_fails_is_said_to_fail_and_why(with_maps):
    explanation = with_faithful(with_maps, False)
    maps = {contrast: maps[:1] for contrast, maps in explanation.heat_maps.maps.items()}
    explanation.__dict__["heat_maps"] = HeatMaps(explanation.heat_maps.scope, maps)
    line = first_screen.part(explanation, has_maps=True).values["map"]["line"]
    assert line.endswith(
        "fails the faithfulness test, so it is hidden at first: no better than a random map."
    )


def test_a_page_without_heat_maps_draws_none(explained):
    explanation = explained()
    page = html(explanation, "picture")
    assert "heat_maps" not in explanation.__dict__
    assert 'id="strength"' not in page


# --- Words and numbers


def test_an_unfamiliar_picture_is_said_before_any_number(explained):
    explanation = explained()
    explanation.__dict__["answer"] = replace(
        explanation.answer, novelty=1.5, novelty_limit=NoveltyLimit("features", 1)
    )
    page = html(explanation)
    body = page[page.index("<body>") :]
    assert 0 < body.index("Probably none of these") < body.index("%</span>")
    explanation.__dict__["answer"] = replace(explanation.answer, novelty=0.5)
    assert "Probably none" not in html(explanation)


def test_of_two_classes_it_is_neither():
    assert first_screen._headline(("cat", "dog"), "cat", True) == "Probably neither cat nor dog"
    assert first_screen._headline(("cat", "dog"), "cat", False) == "Why “cat”?"
    many = [f"class {number}" for number in range(1000)]
    assert first_screen._headline(many, "class 1", True) == "Probably none of the model’s 1,000 classes"


def test_a_calibrated_confidence_comes_with_its_condition_behind_details(run, explained):
    classifier = Classifier.of_model(run.classifier.model, replace(run.classifier.card, temperature=0.5))
    explanation = explained(classifier=classifier)
    calibrated = percent(float(explanation.answer.calibrated.max()))
    page = html(explanation)
    before, after = page.split("Details: calibration, familiarity")
    assert "if the picture is one of the model’s 10 classes, the probability of" in after
    assert f"is {escape(calibrated)}." in after
    assert "alibrated" not in before[before.index("<body>") :]


def test_the_bars_are_what_to_dict_returns(explained):
    explanation = explained()
    names = explanation.subject.class_names
    shown, told = first_screen.part(explanation, has_maps=False).values, explanation.answer.to_dict(names)
    rows = {row["name"]: row["probability"] for row in shown["rows"]}
    assert len(rows) == first_screen.MAX_BARS
    probabilities = told["probabilities"]
    assert rows == {name: probabilities[name] for name in rows}
    assert min(rows.values()) >= max(value for name, value in probabilities.items() if name not in rows)
    assert shown["others_probability"] == pytest.approx(1 - sum(rows.values()), abs=1e-6)
    assert (shown["predicted"], shown["others"]) == (told["predicted"], 5)


def test_the_sum_of_a_group_of_classes_stands_above_them(run, explained):
    digit = run.classifier.class_names[int(explained().answer.tta_probabilities.argmax())]
    groups = dict.fromkeys((digit, str((int(digit) + 1) % 10)), "this or the next")
    classifier = Classifier.of_model(run.classifier.model, replace(run.classifier.card, groups=groups))
    explanation = explained(classifier=classifier)
    probabilities = explanation.answer.to_dict(explanation.subject.class_names)["probabilities"]
    page = html(explanation)
    rows = page[page.index('<table class="bars">') : page.index("</table>")].split("<tr")[2:]
    assert "this or the next" in rows[0]
    assert escape(percent(sum(probabilities[name] for name in groups))) in rows[0]
    assert f">{digit}<" in rows[1]
    (predicted,) = predict(classifier, explanation.subject.image).to_dict()["predictions"]
    told = _group(explanation)
    assert told == {name: predicted[name] for name in ("group", "group_probability", "group_class")}
    assert _group(explained()) == {}


@pytest.mark.parametrize(
    ("method", "has_against", "words"),
    [
        ("rise", True, ["supports “cat”", "counts against it"]),
        ("grad_cam", False, ["supports “cat”"]),
        ("smooth_grad", False, ["“cat” depends on it, either way"]),
    ],
)
def test_the_colors_are_explained_as_far_as_they_occur(method, has_against, words):
    assert [text for _, text in first_screen._key(method, "cat", has_against)] == words


# --- Size


def test_the_layers_of_a_network_of_photos_take_a_few_megabytes():
    """With 96 and more feature maps of 112 x 112 in a hundred layers, a page of everything would take a gigabyte."""
    model = keras.applications.MobileNetV2((224, 224, 3), weights=None, classes=2)
    original = sample_photo("china.jpg")
    explanation = Explainer(
        Classifier.of_model(model, card_of_plain_model(model, Path("net.keras")))
    ).explain(original)
    section = layers.part(explanation)
    assert len(explanation.recording.layers) > 150
    assert len(as_json(section.data)) < 6e6
    assert len(html(explanation, "picture", "layers")) < 7.5e6
