"""Limits on what libraries allocate: the numbers that Keras draws, and the texts that HDF5 reads."""

import resource
import threading

import pytest
import torch

from tellapart.keras_backend import import_keras
from tellapart.keras_internals import is_tracing_shapes
from tellapart.untrusted.allocation import NumbersLimit, TooManyNumbersError
from tellapart.untrusted.little_memory import little_memory

keras = import_keras()


def limit(most, most_traced=10**6, tracing=False):
    return NumbersLimit(most, most_traced, lambda: tracing)


@pytest.mark.parametrize(
    "make",
    [
        lambda: torch.zeros(11),
        lambda: torch.zeros((11,)),
        lambda: torch.rand(size=(1, 11)),
        lambda: torch.normal(0.0, 1.0, size=(11, 1)),
        lambda: torch.eye(3, 4),
        lambda: torch.arange(11),
        lambda: torch.linspace(0.0, 1.0, 11),
        lambda: torch.full([11], 0.5),
        lambda: [torch.ones(6) for _ in range(2)],
    ],
)
def test_more_numbers_than_allowed_are_refused(make):
    with limit(12):
        make()
    refusing = limit(10)
    with pytest.raises(TooManyNumbersError), refusing:
        make()
    assert refusing.exceeded > 10


def test_tensors_without_memory_are_free():
    with limit(10):
        assert torch.empty(10**15, device="meta").numel() == 10**15


def test_tensors_of_a_trace_count_each_alone():
    with limit(10, 100, tracing=True):
        torch.zeros(100)
        torch.zeros(100)
    with pytest.raises(TooManyNumbersError), limit(10, 100, tracing=True):
        torch.zeros(101)


@pytest.mark.parametrize(
    "initializer", ["glorot_uniform", "he_normal", "zeros", "ones", "identity", "orthogonal"]
)
def test_no_initializer_of_keras_allocates_unseen(initializer):
    with pytest.raises(TooManyNumbersError), NumbersLimit(9_999, 10**9, lambda: is_tracing_shapes(keras)):
        keras.layers.Dense(100, kernel_initializer=initializer, use_bias=False).build((None, 100))


def test_little_memory_is_enough_for_little_and_given_back():
    before = resource.getrlimit(resource.RLIMIT_AS)
    with little_memory(50_000_000):
        assert len(bytearray(10_000_000)) == 10_000_000
    with pytest.raises(MemoryError), little_memory(50_000_000):
        bytearray(500_000_000)
    assert resource.getrlimit(resource.RLIMIT_AS) == before


def test_threads_do_not_keep_each_others_limit():
    before = resource.getrlimit(resource.RLIMIT_AS)

    def use():
        for _ in range(200):
            with little_memory(500_000_000):
                pass

    threads = [threading.Thread(target=use) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert resource.getrlimit(resource.RLIMIT_AS) == before
