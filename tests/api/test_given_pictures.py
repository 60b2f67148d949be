"""What `predict` and `explain` take as pictures, what they refuse, and what a result of `predict` answers."""

import io
import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import tellapart
from tellapart.api.given import given_pictures

CAT = Path(tellapart.__file__).parent / "guide" / "photos" / "cat.jpg"
RED = np.full((20, 24, 3), (200, 40, 40), np.uint8)


def as_png(pixels):
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "PNG")
    return file.getvalue()


@pytest.mark.parametrize(
    "same", [RED, RED.astype(np.uint8)[None], Image.fromarray(RED), as_png(RED), [RED], (RED,), iter([RED])]
)
def test_one_picture_in_any_form_is_predicted_alike(trained, same):
    prediction = tellapart.predict(trained, same)[0]
    assert prediction.probabilities == tellapart.predict(trained, RED)[0].probabilities


def test_a_list_may_mix_paths_folders_arrays_and_pil_images(trained, color_photos):
    folder = color_photos / "test" / "red"
    mixed = [CAT, str(CAT), folder, RED, Image.fromarray(RED), as_png(RED), Image.open(folder / "0.png")]
    result = tellapart.predict(trained, mixed)
    names = [prediction.picture for prediction in result]
    assert names[:2] == [str(CAT)] * 2
    assert [Path(name).name for name in names[2:7]] == [f"{number}.png" for number in range(5)]
    assert names[7:] == ["picture 7", "picture 8", "picture 9", str(folder / "0.png")]
    alone = tellapart.predict(trained, CAT)[0].probabilities
    for each in result[:2]:
        assert each.probabilities == pytest.approx(
            alone, abs=1e-6
        )  # sums of other batches differ in the last bits
    assert result[7].probabilities == pytest.approx(result[8].probabilities, abs=1e-5)
    assert result[7].probabilities == pytest.approx(result[9].probabilities, abs=1e-5)


def test_an_array_of_several_is_several(trained):
    gray = np.zeros((4, 28, 28), np.uint8)
    assert len(tellapart.predict(trained, gray)) == 4
    assert len(tellapart.predict(trained, gray[..., None])) == 4
    assert len(tellapart.predict(trained, gray[0])) == 1
    assert len(tellapart.predict(trained, [])) == 0


def test_best_is_a_name_for_one_picture_and_names_for_a_list(trained, color_photos):
    picture = color_photos / "test" / "red" / "0.png"
    one = tellapart.predict(trained, picture)
    assert one.best == one[0].best == one[0].names[0]
    assert tellapart.predict(trained, [picture]).best == (one.best,)
    assert tellapart.predict(trained, picture.parent).best == tuple(
        tellapart.predict(trained, picture.parent / f"{number}.png").best for number in range(5)
    )


def test_best_of_one_picture_that_cannot_be_read_raises_the_reason(trained, tmp_path):
    (tmp_path / "broken.png").write_bytes(b"no picture")
    one = tellapart.predict(trained, tmp_path / "broken.png")
    assert [Path(each.id).name for each in one.failed] == ["broken.png"]
    with pytest.raises(tellapart.TellapartError, match="not a picture"):
        _ = one.best
    several = tellapart.predict(trained, [RED, tmp_path / "broken.png"])
    assert len(several.best) == len(several.failed) == 1


def test_the_table_has_plain_rows(trained):
    result = tellapart.predict(trained, [RED, CAT])
    (first, second) = result.table()
    assert list(first) == ["picture", "predicted", "probability", "familiar"]
    assert (first["picture"], first["predicted"]) == ("picture 0", result.best[0])
    assert second["picture"] == str(CAT)
    assert json.loads(json.dumps(result.table())) == result.table()
    (row, _) = result.table(probabilities=True)
    assert sum(row[f"p({name})"] for name in trained.classifier.class_names) == pytest.approx(1)
    (row,) = tellapart.predict(trained, [RED], top=1).table(probabilities=True)
    assert sum(row[f"p({name})"] is None for name in trained.classifier.class_names) == 2
    (row,) = tellapart.predict([CAT], top=1).table()
    assert row["group"] == "cat"


REFUSED = {
    "None": (None, "got None"),
    "a number": (3, r"got 3 \(int\)"),
    "a dict": ({"a": RED}, "got a dict of 1"),
    "a model": (object(), "got an object"),
    "a web address": ("https://example.org/cat.jpg", "Download the picture first"),
    "a web address in a list": ([CAT, "http://example.org/cat.jpg"], "Picture 1: http://example.org/cat.jpg"),
    "an empty path": ("", "path is empty"),
    "a nested list": ([[RED]], "flat list"),
    "floats": (RED / 255, r"\(255 \* array\).round\(\).astype\('uint8'\)"),
    "whole floats": (RED.astype("float32"), r"array.astype\('uint8'\)"),
    "four channels": (np.zeros((5, 5, 4), np.uint8), "fourth channel"),
    "three gray or one in color": (np.zeros((3, 8, 8), np.uint8), "three gray pictures, or one in color"),
    "channels first": ([np.zeros((3, 8, 8), np.uint8)], "transpose"),
    "a picture with alpha in a list": ([np.zeros((5, 5, 4), np.uint8)], "fourth channel"),
    "a row of numbers": (np.zeros(7, np.uint8), r"got uint8 \(7,\)"),
}


@pytest.mark.parametrize(("given", "words"), REFUSED.values(), ids=REFUSED)
def test_what_is_no_picture_is_refused_with_what_it_is(given, words):
    with pytest.raises(tellapart.TellapartError, match=words) as reason:
        given_pictures(given)
    assert "\n" not in str(reason.value)


def test_a_tensor_is_refused_with_the_way_to_convert_it(trained):
    import torch

    with pytest.raises(
        tellapart.TellapartError, match=r"torch Tensor, torch.uint8 \(5, 5, 3\).*numpy.asarray"
    ):
        tellapart.predict(trained, torch.zeros((5, 5, 3), dtype=torch.uint8))


@pytest.mark.parametrize(
    "given", [[CAT], CAT.parent, np.zeros((2, 5, 5, 3), np.uint8), 3, "https://example.org/a.png"]
)
def test_explain_takes_one_picture(trained, given):
    with pytest.raises(tellapart.TellapartError) as reason:
        tellapart.explain(trained, given)
    assert "picture" in str(reason.value)


def test_explain_takes_pil_images_and_bytes(trained):
    for picture in (Image.fromarray(RED), as_png(RED)):
        assert tellapart.explain(trained, picture, quick=True).answer.probabilities.shape == (3,)
