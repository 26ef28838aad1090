"""Patches of the two colour photographs that come inside the package scikit-learn."""

import numpy as np

from vae_tf.errors import InputError
from vae_tf.training.datasets.arrays import StoredData, arrays

SIZE = 16
STRIDE = 8  # of training patches
TEST_SHARE = 0.25  # of a photograph, at its right
SEED = 0


def load() -> StoredData:
    """Patches of 16 x 16 x 3, uint8, labelled by their photograph: 6,136 to train and 520 to test; needs no network.

    Training patches overlap by half; test patches do not overlap, and share no pixel with those.

    Raises:
        InputError: where scikit-learn is not installed.
    """
    try:
        from sklearn.datasets import load_sample_images  # noqa: PLC0415  (an extra)
    except ModuleNotFoundError as error:
        raise InputError(
            'photo-patches is inside the package scikit-learn: install it, pip install "vae_tf[demo]".'
        ) from error
    photos = load_sample_images().images
    edge = round((1 - TEST_SHARE) * photos[0].shape[1])
    x_train, y_train = _shuffled([_patches(photo[:, :edge], STRIDE) for photo in photos])
    x_test, y_test = _shuffled([_patches(photo[:, edge:], SIZE) for photo in photos])
    return arrays("photo-patches", x_train, y_train, x_test, y_test)


def _patches(photo: np.ndarray, stride: int) -> np.ndarray:
    """Patches [N, 16, 16, 3] of a photograph [height, width, 3]."""
    windows = np.lib.stride_tricks.sliding_window_view(photo, (SIZE, SIZE), axis=(0, 1))  # [., ., 3, 16, 16]
    return windows[::stride, ::stride].transpose(0, 1, 3, 4, 2).reshape(-1, SIZE, SIZE, 3)


def _shuffled(parts: list[np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """The parts as one, and the number of each one's part."""
    labels = np.repeat(np.arange(len(parts)), [len(part) for part in parts])
    order = np.random.Generator(np.random.Philox(SEED)).permutation(len(labels))
    return np.concatenate(parts)[order], labels[order]
