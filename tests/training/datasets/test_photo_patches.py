import sys
from types import SimpleNamespace

import numpy as np
import pytest

from vae_tf import InputError
from vae_tf.training import datasets


def test_it_is_the_patches_of_the_photographs_of_scikit_learn():
    source = pytest.importorskip("sklearn.datasets")
    photos = source.load_sample_images().images
    data = datasets.load("photo-patches")
    assert data.x_train.dtype == data.x_test.dtype == np.uint8
    assert (data.x_train.shape, data.x_test.shape) == ((6136, 16, 16, 3), (520, 16, 16, 3))
    assert (np.bincount(data.y_train).tolist(), np.bincount(data.y_test).tolist()) == ([3068] * 2, [260] * 2)
    assert 0 < data.y_train[:100].mean() < 1  # they are shuffled
    for label, photo in enumerate(photos):
        for x, y, corner in (
            (data.x_train, data.y_train, photo[:16, :16]),
            (data.x_test, data.y_test, photo[:16, 480:496]),
        ):
            assert (x[y == label] == corner).all(axis=(1, 2, 3)).sum() == 1
    np.testing.assert_array_equal(data.x_train, datasets.load("photo-patches").x_train)


def test_test_patches_share_no_pixel_with_training_nor_with_each_other(monkeypatch):
    source = pytest.importorskip("sklearn.datasets")
    row, column = np.indices((40, 64))
    photos = [np.stack([row, column, np.full_like(row, n)], axis=-1).astype(np.uint8) for n in range(2)]
    monkeypatch.setattr(source, "load_sample_images", lambda: SimpleNamespace(images=photos))
    data = datasets.load("photo-patches")
    train, test = ([tuple(pixel) for pixel in x.reshape(-1, 3).tolist()] for x in (data.x_train, data.x_test))
    assert (len(data.x_train), len(data.x_test)) == (2 * 4 * 5, 2 * 2 * 1)  # photos, rows, columns
    assert len(set(test)) == len(test)
    assert not set(train) & set(test)


def test_without_scikit_learn_the_installation_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "sklearn.datasets", None)
    with pytest.raises(InputError, match=r'inside the package scikit-learn: install it, pip install "vae_tf\[demo\]"'):
        datasets.load("photo-patches")
