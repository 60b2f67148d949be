"""A score on copies of training pictures never stands alone: not after training, in evaluate, nor in the report."""

import re

import numpy as np
import pytest

import tellapart
from tellapart.recipes.recipes import quick

CONFIG = quick().changed(epochs=1, batch_size=16, precision="float32", predictions=0, size=(16, 16))


def pictures(count, seed):
    labels = np.arange(count) % 2
    noise = np.random.default_rng(seed).integers(0, 100, (count, 16, 16, 3))
    return (noise + 90 * labels[:, None, None, None]).astype(np.uint8), labels


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """Of 20 test pictures, 15 are training pictures and one is blank."""
    x, y = pictures(60, 0)
    x_test, y_test = pictures(20, 1)
    x_test[:15] = x[:15]
    x_test[19] = 7
    data = {"x_train": x, "y_train": y, "x_test": x_test, "y_test": y_test}
    result = tellapart.train(data, recipe=CONFIG, out=tmp_path_factory.mktemp("runs") / "run", verbose=False)
    return data, result


def test_the_score_without_them_is_that_of_the_others_alone(trained):
    data, result = trained
    assert (result.trusted.copies, result.trusted.doubtful) == (15, 1)
    others = result.classifier.probabilities(data["x_test"][15:19])
    assert result.trusted.scores.pictures == 4
    assert result.trusted.scores.accuracy == (others.argmax(1) == data["y_test"][15:19]).mean()


def test_the_findings_name_the_copies_and_the_blank_picture(trained):
    _, result = trained
    assert [finding.kind for finding in result.findings][:2] == ["data leak", "blank pictures"]
    # Some of the originals were held out for validation.
    assert sum(map(int, re.findall(r"(\d+) of 20 test pictures", result.findings[0].seen))) == 15


def test_the_report_says_it(trained):
    _, result = trained
    facts = tellapart.report(result.folder).facts
    assert facts["scores"]["trusted"] == result.trusted.to_dict()
    assert "Without 15 that are copies of training pictures and 1 blank" in result.report.read_text()
    assert "unseen pictures)" not in result.report.read_text()
