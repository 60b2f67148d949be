"""The proof: what differs is measured, and what differs too much is refused."""

import numpy as np
import pytest
from scipy.stats import binomtest
from sklearn.metrics import average_precision_score

from tellapart.errors import ModelError
from tellapart.exporters.proof import prove, refuse_mismatch

IMAGES = np.zeros((200, 2, 2, 3), np.uint8)
LABELS = np.arange(200) % 2
OURS = np.where(LABELS[:, None] == [0, 1], 0.8, 0.2).astype(np.float32)


def proof_of(theirs, labels=LABELS, precision="float32", ours=OURS, **changes):
    settings = {"thresholds": (), "novelty_limit": None, **changes}
    novelty = settings.pop("novelty", None)
    expected = {"probabilities": ours} | ({} if novelty is None else {"novelty": novelty[0]})
    answers = {"probabilities": theirs} | ({} if novelty is None else {"novelty": novelty[1]})
    return prove(
        expected,
        lambda images: {name: values[: len(images)] for name, values in answers.items()},
        IMAGES,
        labels,
        own=lambda images: images,
        precision=precision,
        source="drawn",
        size=1,
        runtime="numpy",
        **settings,
    )


def flipped(rows):
    theirs = OURS.copy()
    theirs[rows] = theirs[rows, ::-1]
    return theirs


def test_equal_answers_are_accepted():
    proof = proof_of(OURS)
    assert (proof.largest_difference, proof.agreement, proof.p_value) == (0, 1, 1)
    assert proof.score == proof.exported_score == 1
    refuse_mismatch(proof)


def test_one_probability_that_differs_is_enough():
    theirs = OURS.copy()
    theirs[77, 1] += 2e-5
    with pytest.raises(ModelError, match=r"differs by 2e-05 \(allowed: 1e-05\)\. The file was discarded"):
        refuse_mismatch(proof_of(theirs))


@pytest.mark.parametrize("odd", [np.nan, np.inf])
def test_numbers_that_are_none_are_refused(odd):
    theirs = OURS.copy()
    theirs[3, 0] = odd
    for precision in ("float32", "float16"):
        with pytest.raises(ModelError, match=r"gives NaN or infinite probabilities: .* was discarded"):
            refuse_mismatch(proof_of(theirs, precision=precision))


def test_accuracies_are_compared_in_pairs():
    proof = proof_of(flipped(np.arange(12)), precision="int8")
    assert proof.agreement == pytest.approx(188 / 200)
    assert proof.exported_score == pytest.approx(188 / 200)
    assert proof.p_value == pytest.approx(binomtest(12, 12, 0.5).pvalue)
    with pytest.raises(
        ModelError, match=r"In int8 the model is worse: .* accuracy 94\.00% instead of 100\.00%"
    ):
        refuse_mismatch(proof)


def test_what_chance_explains_is_accepted():
    refuse_mismatch(proof_of(flipped([0, 1, 2]), precision="int8"))


def test_too_many_other_answers_are_refused_without_labels():
    theirs = flipped(np.arange(30))
    with pytest.raises(ModelError, match=r"15\.0% get another answer \(allowed: 10\.0%\)"):
        refuse_mismatch(proof_of(theirs, labels=None, precision="int8"))


def test_labels_are_compared_by_what_is_given_and_by_average_precision():
    random = np.random.default_rng(0)
    targets = (random.random((200, 3)) < 0.4).astype(np.float32)
    ours = random.random((200, 3)).astype(np.float32)
    theirs = np.clip(ours + random.normal(0, 0.05, ours.shape), 0, 1).astype(np.float32)
    proof = proof_of(theirs, targets, "int8", ours, thresholds=(0.5, 0.4, 0.6))
    given = [(each >= np.float32([0.5, 0.4, 0.6])) for each in (ours, theirs)]
    assert proof.agreement == pytest.approx((given[0] == given[1]).all(1).mean())
    assert proof.score == pytest.approx(average_precision_score(targets, ours, average="macro"), abs=1e-6)
    assert proof.exported_score == pytest.approx(
        average_precision_score(targets, theirs, average="macro"), abs=1e-6
    )


def test_verdicts_about_unfamiliar_pictures_are_compared():
    own = np.linspace(0, 1, 200)
    proof = proof_of(OURS, novelty_limit=0.5, novelty=(own, own + 0.0251))
    assert proof.novelty_agreement == pytest.approx(195 / 200)
    assert proof_of(OURS, novelty_limit=None, novelty=(own, own)).novelty_agreement is None


@pytest.mark.parametrize("scores", [np.full(200, -1.0), np.full(200, np.nan)])
def test_a_file_that_tells_unfamiliar_pictures_otherwise_is_refused(scores):
    own = np.linspace(0, 1, 200)
    with pytest.raises(ModelError, match="does not recognize the same pictures as unfamiliar"):
        refuse_mismatch(proof_of(OURS, novelty_limit=0.5, novelty=(own, scores)))


def test_a_file_that_is_right_for_many_pictures_and_wrong_for_one_is_refused():
    def fixed(images):
        return {"probabilities": OURS[: len(images)] if len(images) > 3 else OURS[: len(images), ::-1]}

    settings = {
        "own": lambda images: images,
        "precision": "float32",
        "source": "drawn",
        "size": 1,
        "runtime": "numpy",
    }
    proof = prove({"probabilities": OURS}, fixed, IMAGES, None, thresholds=(), novelty_limit=None, **settings)
    with pytest.raises(ModelError, match=r"differs by 0\.6"):
        refuse_mismatch(proof)


def test_numbers_that_are_none_are_refused_in_eight_bits_too():
    theirs = OURS.copy()
    theirs[5] = np.nan
    with pytest.raises(ModelError, match="NaN or infinite"):
        refuse_mismatch(proof_of(theirs, precision="int8"))
