"""The examples of the page on conditions, one after the other."""

import pathlib
import re

import keras
import numpy as np
import pytest

PAGE = pathlib.Path(__file__).parents[2] / "docs" / "conditions.md"


@pytest.fixture(scope="module")
def models():
    """The model that each example ends with, if it makes one."""
    page, models = {"__name__": "page"}, []
    for block in re.findall(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL):
        exec(block, page)
        models.append((page["encoder"], page["decoder"], page["vae"], page["images"], page["labels"]))
    return models


def test_the_first_example_learns_what_a_label_means(models):
    _, _, vae, images, labels = models[0]
    vae.compile(keras.optimizers.Adam(0.01))
    vae.fit({"x": images, "label": labels}, epochs=20, verbose=0)
    bright = vae.sample(40, seed=7, label=np.repeat([1, 8], 20)).numpy().reshape(2, -1).mean(axis=1)
    np.testing.assert_allclose(bright, [0.1, 0.8], atol=0.07)  # a pixel is 1 with probability label / 10


def test_the_second_example_is_a_pair_with_two_conditions(models):
    encoder, decoder, *_ = models[1]
    for network in (encoder, decoder):
        assert [value.name for value in network.inputs[1:]] == ["label", "angle"]


@pytest.mark.parametrize("number", [2, 3])
def test_the_other_examples_are_models_that_train_and_are_saved(models, number, tmp_path):
    _, _, vae, images, labels = models[number]
    vae.compile("adam")
    vae.fit({"x": images[:64], "label": labels[:64]}, verbose=0)
    vae.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    np.testing.assert_array_equal(loaded.sample(3, seed=1, label=[0, 9, 5]), vae.sample(3, seed=1, label=[0, 9, 5]))
    with pytest.raises(ValueError, match=r"10 .*0 to 9"):
        vae.sample(1, label=10)
