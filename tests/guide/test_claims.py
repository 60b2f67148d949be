"""Every sentence of the guide that claims something is proved by a test, and the table of both is up to date."""

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))
from claims import INDEX_FILE, proofs, proofs_in, read, read_index

from tellapart.guide.contents import LESSONS

every_lesson = pytest.mark.parametrize("lesson", LESSONS, ids=lambda lesson: lesson.name)


@every_lesson
def test_every_sentence_is_a_claim(lesson):
    assert read(lesson).loose == []


@every_lesson
def test_every_claim_has_its_proof_and_every_proof_its_claim(lesson):
    names = [claim.name for claim in read(lesson).claims]
    assert len(names) == len(set(names))
    assert set(names) == set(proofs(lesson))


def test_the_first_page_claims_nothing_without_proof_either():
    page = read_index()
    names = [claim.name for claim in page.claims]
    assert page.loose == []
    assert len(names) == len(set(names))
    assert set(names) == set(proofs_in(INDEX_FILE))
