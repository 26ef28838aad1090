import importlib

import keras  # noqa: F401  (its data sets are stood in for)
import numpy as np
import pytest

from vae_tf import InputError
from vae_tf.training import datasets

SHAPES = {"mnist": (28, 28), "fashion_mnist": (28, 28), "cifar10": (32, 32, 3)}


@pytest.fixture
def downloads(monkeypatch):
    """Stands in for the downloads: no network is used."""

    def stand_in(load_data):
        for name in SHAPES:
            module = importlib.import_module(f"keras.datasets.{name}")
            monkeypatch.setattr(module, "load_data", lambda name=name: load_data(name))

    return stand_in


@pytest.mark.parametrize("name", SHAPES)
def test_it_is_what_keras_downloads(downloads, rng, name):
    x = rng.integers(0, 256, (30, *SHAPES[name]), dtype=np.uint8)
    y = rng.integers(0, 10, (30, 1) if name == "cifar10" else 30)
    parts = {each: np.zeros((2, *shape), np.uint8) for each, shape in SHAPES.items()} | {name: x}
    downloads(lambda asked: ((parts[asked][:20], y[:20]), (parts[asked][20:], y[20:])))
    data = datasets.load(name)
    channels = SHAPES[name][2:] or (1,)
    assert data.name == name
    assert data.x_train.dtype == np.uint8
    np.testing.assert_array_equal(data.x_train, x[:20].reshape(20, *SHAPES[name][:2], *channels))
    np.testing.assert_array_equal(data.x_test, x[20:].reshape(10, *SHAPES[name][:2], *channels))
    np.testing.assert_array_equal(data.y_train, y[:20].ravel())
    np.testing.assert_array_equal(data.y_test, y[20:].ravel())


def test_without_network_the_choices_that_need_none_are_named(downloads):
    def fail(name):
        raise Exception(f"URL fetch failure on https://x/{name}.npz: None -- [Errno -3] Name or service not known")

    downloads(fail)
    with pytest.raises(InputError, match=r"mnist could not be downloaded \(URL fetch failure.*\): connect") as error:
        datasets.load("mnist")
    for choice in ("digits-5k", ".npz", ".npy", "folder"):
        assert choice in str(error.value)
