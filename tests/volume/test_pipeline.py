"""The pipeline: the next pictures are decoded while the network has the present ones, and no more than those."""

import threading
from pathlib import Path

import pytest

from tellapart.errors import ConfigError
from tellapart.volume import pipeline
from tellapart.volume.pipeline import Asking, Chunk, answered


@pytest.fixture
def chunks(album):
    """Six chunks of five pictures, each taken noted."""
    paths, taken = sorted(map(str, Path(album).rglob("img_*.jpg")))[:30], []

    def each():
        for number in range(6):
            taken.append(number)
            yield Chunk(number, tuple(paths[5 * number : 5 * number + 5]))

    return each(), taken


def test_chunks_come_in_order_and_only_one_is_taken_ahead(chunks, digits):
    given, taken = chunks
    for number, each in enumerate(answered(Asking(digits), given, 3)):
        assert each.chunk.number == number
        assert taken == list(range(min(6, number + 2)))
        assert [
            answer.picture if hasattr(answer, "picture") else answer.id for answer in each.answers
        ] == list(each.chunk.paths)


def test_the_network_runs_while_the_next_pictures_are_decoded(chunks, digits, monkeypatch):
    """Each waits for the other: had one of them to be over before the other begins, both would wait for ever."""
    network_runs, second_is_decoded = threading.Event(), threading.Event()
    read, count, predict = pipeline._read, [], type(digits).predict_fitted

    def reading(path, preprocessing):
        count.append(path)
        if len(count) > 5:
            assert network_runs.wait(20)
            second_is_decoded.set()
        return read(path, preprocessing)

    def predicting(*arguments):
        network_runs.set()
        assert second_is_decoded.wait(20)
        return predict(*arguments)

    monkeypatch.setattr(pipeline, "_read", reading)
    monkeypatch.setattr(type(digits), "predict_fitted", predicting)
    assert len(list(answered(Asking(digits), chunks[0], 2))) == 6


def test_what_is_left_when_it_is_closed_is_never_decoded(chunks, digits, monkeypatch):
    read, count = pipeline._read, []

    def reading(path, preprocessing):
        count.append(path)
        return read(path, preprocessing)

    monkeypatch.setattr(pipeline, "_read", reading)
    answers = answered(Asking(digits), chunks[0], 1)
    next(answers)
    answers.close()
    assert len(count) <= 10


def test_an_unknown_number_of_classes_is_refused(digits):
    with pytest.raises(ConfigError, match="top is a number of classes"):
        Asking(digits, top=0)
