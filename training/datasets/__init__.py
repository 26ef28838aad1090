"""Data: one source a file, then splits, binarisation and batches."""

import os
import pathlib

from vae_tf.errors import InputError
from vae_tf.nearest import nearest
from vae_tf.training.datasets import digits_5k, files, image_folder, keras_downloads, photo_patches, sprites
from vae_tf.training.datasets.arrays import StoredData, check_shape, each, with_channel
from vae_tf.training.datasets.batches import (
    as_evaluated,
    check,
    evaluation_batches,
    scaled,
    steps_per_epoch,
    stored,
    training_batches,
    with_x,
    x_of,
)
from vae_tf.training.datasets.binarization import Binarization
from vae_tf.training.datasets.labels import CONDITION, Labels, label_names, part
from vae_tf.training.datasets.split import Splits, spread_evenly, validation_split

__all__ = [
    "CONDITION",
    "Binarization",
    "Labels",
    "Splits",
    "StoredData",
    "absolute",
    "as_evaluated",
    "check",
    "check_shape",
    "each",
    "evaluation_batches",
    "label_names",
    "load",
    "part",
    "scaled",
    "spread_evenly",
    "steps_per_epoch",
    "stored",
    "training_batches",
    "validation_split",
    "with_channel",
    "with_x",
    "x_of",
]

NAMES = ("digits-5k", *keras_downloads.NAMES, "photo-patches", "sprites")


def absolute(source: str) -> str:
    """A source as it is called from every folder: a path from the root on."""
    return source if source in NAMES else os.path.abspath(source)


def load(source: str, image_size: int | None = None) -> StoredData:
    """Loads a data set.

    Args:
        source: "digits-5k", "mnist", "fashion_mnist", "cifar10", "photo-patches", "sprites", the path of an .npz
            or .npy file, or a folder of images.
        image_size: if given, the largest square in the middle of each image of a folder becomes
            image_size x image_size pixels. Other sources are not resized: they must have that size.

    Raises:
        InputError: for a source that is not known, not there, of another size or cannot be used.
    """
    if image_size is not None and image_size < 1:
        raise InputError(f"image_size is {image_size}: give at least 1 pixel.")
    if pathlib.Path(source).is_dir() and source not in NAMES:
        return image_folder.load(pathlib.Path(source), image_size)
    data = _other(source)
    event = data.x_train.shape[1:]
    if image_size is not None and (len(event) != 3 or event[:2] != (image_size, image_size)):
        raise InputError(
            f"image_size is {image_size}, but {source} holds examples of shape {event}, and only images of a folder "
            f"are resized: leave image_size out, or resize the data."
        )
    return data


def _other(source: str) -> StoredData:
    """Loads what is no folder."""
    if source == "digits-5k":
        return digits_5k.load()
    if source == "photo-patches":
        return photo_patches.load()
    if source == "sprites":
        return sprites.load()
    if source in keras_downloads.NAMES:
        return keras_downloads.load(source)
    path = pathlib.Path(source)
    loaders = {".npz": files.load_npz, ".npy": files.load_npy}
    if path.is_file() and path.suffix in loaders:
        return loaders[path.suffix](path)
    if path.is_file():
        raise InputError(f"{source} is a file of another kind: give an .npz or .npy file, or a folder of images.")
    raise InputError(
        f"There is no data {source!r}{nearest(source, NAMES)}: give one of {', '.join(NAMES)}, an .npz or .npy file, "
        f"or a folder of images."
    )
