"""A random draw of training is drawn as each of dropout's relatives does it, or not at all."""

import tellapart.api  # noqa: F401 (chooses Keras's backend)

import keras  # isort: skip
import numpy as np
import pytest

layers = keras.layers

DRAWN = """
() => [...document.querySelectorAll("#dropout canvas")].map((one) => {
  const { data } = one.getContext("2d").getImageData(0, 0, one.width, one.height);
  const isPaper = (i) => data[i] + data[i + 1] + data[i + 2] === 3 * 255;
  return [...Array(data.length / 4).keys()].map((i) => isPaper(4 * i));
})
"""


@pytest.fixture
def page(opened_model):
    keras.utils.set_random_seed(0)
    kinds = (layers.Dropout, layers.SpatialDropout2D, layers.GaussianDropout, layers.AlphaDropout)
    named = [kind(0.4, name=kind.__name__) for kind in kinds]
    model = keras.Sequential(
        [keras.Input((16, 16, 3)), layers.Conv2D(24, 3), *named, layers.Flatten(), layers.Dense(2)]
    )
    return opened_model(model, np.random.default_rng(0).integers(0, 256, (16, 16, 3), np.uint8))


def go_to(page, name):
    page.locator("#flow button").filter(has=page.get_by_text(name, exact=True)).first.click()


def sentence(page):
    return page.locator("#arithmetic p.soft").inner_text()


def test_dropout_draws_single_numbers(page):
    go_to(page, "Dropout")
    (map_,) = page.evaluate(DRAWN)
    assert sentence(page).startswith(
        f"One random draw of training: {sum(map_)} of {len(map_)} numbers are set to zero"
    )
    assert 0.2 < np.mean(map_) < 0.6
    assert page.troubles == []


def test_spatial_dropout_draws_whole_channels(page):
    go_to(page, "SpatialDropout2D")
    maps = page.evaluate(DRAWN)
    assert len(maps) == 24
    assert all(all(one) or np.mean(one) < 0.1 for one in maps)
    dropped = sum(map(all, maps))
    assert sentence(page).startswith(f"One random draw of training: {dropped} of 24 channels are set to zero")
    before = [page.locator("#dropout canvas").nth(i).get_attribute("title") for i in range(24)]
    page.click("#drop-again")
    assert before != [page.locator("#dropout canvas").nth(i).get_attribute("title") for i in range(24)]


def test_gaussian_dropout_draws_noise_and_drops_nothing(page):
    go_to(page, "GaussianDropout")
    (map_,) = page.evaluate(DRAWN)
    assert np.mean(map_) < 0.1
    assert f"standard deviation {np.sqrt(0.4 / 0.6):.4f}" in sentence(page)


def test_alpha_dropout_is_not_drawn(page):
    go_to(page, "AlphaDropout")
    assert page.evaluate(DRAWN) == []
    assert "lowest value of the SELU activation" in page.locator("#layer-description").inner_text()
