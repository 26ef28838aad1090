"""The image sets that Keras downloads."""

import importlib

from vae_tf.errors import InputError
from vae_tf.training.datasets.arrays import StoredData, arrays

NAMES = ("mnist", "fashion_mnist", "cifar10")


def load(name: str) -> StoredData:
    """One of `NAMES`, uint8; downloaded once, then kept by Keras.

    Raises:
        InputError: where it cannot be downloaded.
    """
    source = importlib.import_module(f"keras.datasets.{name}")
    try:
        (x_train, y_train), (x_test, y_test) = source.load_data()
    except Exception as error:  # Keras raises a bare Exception where a download fails
        raise InputError(
            f"{name} could not be downloaded ({error}): connect to the network, or choose data that needs none: "
            f"digits-5k, an .npz or .npy file, or a folder of images."
        ) from error
    return arrays(name, x_train, y_train, x_test, y_test)
