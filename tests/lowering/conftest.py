"""What every test of lowering begins with."""

import pytest

from tellapart.keras_backend import import_keras


@pytest.fixture(autouse=True)
def seeded():
    """The same weights each time: of many that are drawn anew, some would round the other way once in a while."""
    import_keras().utils.set_random_seed(0)
