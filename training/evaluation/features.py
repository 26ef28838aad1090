"""The feature spaces in which images are compared."""

import contextlib
import os
import pathlib
import socket
from collections.abc import Callable, Iterator
from typing import NamedTuple

import keras
import numpy as np
import tensorflow as tf

from vae_tf import loading
from vae_tf.errors import InputError
from vae_tf.training.datasets import StoredData
from vae_tf.training.evaluation import classifier as classifiers

BATCH = 32  # images that pass together
PATIENCE = 10  # seconds without an answer from the network; Python's default is to wait for ever


class Features(NamedTuple):
    """A feature space: its name, which belongs to every distance measured in it, and the map into it.

    Attributes:
        name: what gives the features, in words.
        model: images, float32 [B, H, W, C] in [0, 1], to features [B, *].
    """

    name: str
    model: Callable[[tf.Tensor], tf.Tensor]

    def __call__(self, images) -> np.ndarray:
        """Features, float32 [N, F], of images, float32 [N, H, W, C] in [0, 1]."""
        parts = range(0, len(images), BATCH)
        found = [self.model(tf.constant(images[first : first + BATCH], tf.float32)) for first in parts]
        return np.concatenate([np.asarray(values, np.float32) for values in found]).reshape(len(images), -1)


def chosen(how: str, data: StoredData, seed: int) -> Features:
    """A feature space for images like those of `data`.

    Args:
        how: "inception", "classifier", the path of a model that ends in .keras, or "auto": InceptionV3 where its
            weights can be loaded, else a classifier.
        data: the images and labels that a classifier learns, and whose shape a model must take.
        seed: of the classifier.

    Raises:
        InputError: for anything else, or a feature space that cannot be had.
    """
    if how == "inception":
        return inception()
    if how == "classifier":
        return classifier(data, seed)
    if how == "auto":
        try:
            return inception()
        except InputError:
            return classifier(data, seed)
    if how.endswith(".keras"):
        return from_keras(how, data.x_test.shape[1:])
    raise InputError(
        f'There is no feature space {how!r}: give "inception", "classifier", "auto", or the path of a model that ends '
        f"in .keras."
    )


def inception() -> Features:
    """The 2,048 pooled features of InceptionV3, trained on ImageNet, of images brought to 299 x 299 x 3.

    These are Keras's weights, not those of Heusel et al. (2017), so the distances do not compare with published ones.
    Weights that Keras does not have yet are downloaded: 88 MB.

    Source: Szegedy et al. (2016), section 6.

    Raises:
        InputError: where the weights cannot be loaded.
    """
    try:
        with _patience():
            model = keras.applications.InceptionV3(include_top=False, pooling="avg", weights="imagenet")
    except Exception as error:  # Keras raises a bare Exception where a download fails
        raise InputError(
            f"The weights of InceptionV3 could not be loaded ({error}): connect to the network once, or choose the "
            f'features of a "classifier" or of a .keras file.'
        ) from error

    def features(images: tf.Tensor) -> tf.Tensor:
        images = tf.image.resize(images, (299, 299), antialias=True)
        colours = tf.broadcast_to(images, [*images.shape[:-1], 3])
        return model(keras.applications.inception_v3.preprocess_input(255 * colours), training=False)

    return Features("InceptionV3 (keras.applications, imagenet)", features)


def classifier(data: StoredData, seed: int) -> Features:
    """The last hidden layer, 64 features, of a small classifier of the labels of `data`; its name states its accuracy.

    Args:
        data: images and their labels.
        seed: of all that is drawn.

    Raises:
        InputError: for data that are no images, have no labels, or have test labels that no training example has.
    """
    learned = classifiers.classifier(data, seed)
    return Features(learned.name, lambda images: learned.hidden(images, training=False))


def from_keras(path: str | os.PathLike[str], event_shape: tuple[int, ...]) -> Features:
    """The output of a Keras model in a .keras file, flattened; its name is the file's.

    Args:
        path: of the file, which may hold no Python code (Keras's safe mode).
        event_shape: the shape of one image, which the model must take.

    Raises:
        InputError: for a file that is not there or cannot be loaded, a model of other images, or several outputs.
    """
    path = pathlib.Path(path)
    model = loading.load(path, compile=False)
    try:
        tf.TensorShape(getattr(model, "input_shape", None)).assert_is_compatible_with([1, *event_shape])
        output = model(tf.zeros([1, *event_shape]), training=False)
    except Exception as error:  # of many kinds, too: a layer may be what refuses
        raise InputError(
            f"{path} does not take images of shape {event_shape}, the data's: give a model for these."
        ) from error
    if not (tf.is_tensor(output) and output.shape[:1] == [1]):
        raise InputError(f"{path} gives more or less than one array, features [N, *]: give a model with one output.")
    return Features(path.name, lambda images: model(images, training=False))


@contextlib.contextmanager
def _patience() -> Iterator[None]:
    """Bounds how long Keras's downloads wait, which have no setting for it."""
    before = socket.getdefaulttimeout()
    socket.setdefaulttimeout(PATIENCE)
    try:
        yield
    finally:
        socket.setdefaulttimeout(before)
