"""A small classifier of images, which learns the labels of a data set."""

from collections.abc import Callable
from typing import NamedTuple

import keras
import numpy as np
import tensorflow as tf
from rich import progress

from vae_tf.errors import InputError
from vae_tf.images import is_image
from vae_tf.training.datasets import StoredData, evaluation_batches, label_names, scaled
from vae_tf.training.listed import listed

EXAMPLES = 10_000  # of which it learns at most
FILTERS = (16, 32, 64)
SIZE = 64  # features
EPOCHS = 10
BATCH = 32  # images that pass together in the test


class Classifier(NamedTuple):
    """A small convolutional classifier.

    Attributes:
        name: what it is, in words, with its accuracy on the test set.
        hidden: its last hidden layer, from images, float32 [B, H, W, C] in [0, 1], to features [B, 64].
        logits: from the same images to the logits of the labels, float32 [B, L].
        labels: what the labels are called, in the order of the logits.
    """

    name: str
    hidden: keras.Model
    logits: keras.Model
    labels: tuple[str, ...]

    def score(self, label: str) -> Callable[[tf.Tensor], tf.Tensor]:
        """From images, float32 [B, H, W, C] in [0, 1], to the logit of a label, float32 [B].

        Raises:
            InputError: for a label that the data do not have.
        """
        if label not in self.labels:
            raise InputError(f"No example has the label {label}: give one of {listed(self.labels)}.")
        number = self.labels.index(label)
        return lambda images: self.logits(images, training=False)[:, number]


def classifier(data: StoredData, seed: int) -> Classifier:
    """Trains a classifier of the labels of `data`.

    It learns at most 10,000 examples, and no global seed has a part in it.

    Args:
        data: images and their labels.
        seed: of the weights, and of the examples and their order.

    Raises:
        InputError: for data that are no images, have no labels, or have test labels that no training example has.
    """
    classes, labels = _labels(data)
    generator = np.random.Generator(np.random.Philox(seed))
    learned = generator.permutation(len(data.x_train))[:EXAMPLES]
    x = scaled(tf.constant(data.x_train[learned])).numpy()
    y = labels[learned]
    hidden, logits = _network(x.shape[1:], len(classes), generator)
    logits.compile("adam", keras.losses.SparseCategoricalCrossentropy(from_logits=True), jit_compile=False)
    for _ in progress.track(range(EPOCHS), "training a classifier", transient=True):
        order = generator.permutation(len(x))  # Keras would shuffle by the global seed
        logits.fit(x[order], y[order], batch_size=64, shuffle=False, verbose=0)
    test = evaluation_batches(data.x_test, BATCH, seed=0, binarization="none")
    found = classes[logits.predict(test, verbose=0).argmax(axis=1)]
    accuracy = np.mean(found == data.y_test)
    name = f"classifier trained on {data.name} labels (test accuracy {accuracy:.2f}, {SIZE} features)"
    return Classifier(name, hidden, logits, tuple(label_names(classes, data.class_names)))


def _labels(data: StoredData) -> tuple[np.ndarray, np.ndarray]:
    """The classes, sorted, and the number of the class of each training example, int64 [N]."""
    shape = data.x_train.shape[1:]
    if not is_image(shape):
        raise InputError(
            f"A classifier learns images (height, width, 1 or 3), but the examples of {data.name} have shape {shape}: "
            f"leave out what needs a classifier."
        )
    if data.y_train is None or data.y_test is None:
        raise InputError(
            f"{data.name} has no labels for a classifier to learn: add y_train and y_test, or leave out what needs a "
            f"classifier."
        )
    classes, numbers = np.unique(data.y_train, return_inverse=True)
    if len(classes) < 2:
        raise InputError(f"{data.name} has the one label {classes[0]} for a classifier to learn: give at least 2.")
    unknown = np.setdiff1d(data.y_test, classes)
    if len(unknown):
        raise InputError(
            f"{data.name} has the label {unknown[0]} in y_test, but not in y_train, where a classifier would learn it: "
            f"give both the same classes."
        )
    return classes, numbers


def _network(shape: tuple[int, ...], classes: int, generator: np.random.Generator) -> tuple[keras.Model, keras.Model]:
    """From images [B, *shape] to features [B, 64], and to the logits of classes; they share their weights."""
    seeded = lambda: keras.initializers.GlorotUniform(seed=int(generator.integers(2**31)))  # noqa: E731
    layers = keras.layers
    images = values = keras.Input(shape, dtype="float32")
    for filters in FILTERS:
        convolution = layers.Conv2D(
            filters, 3, 2, padding="same", activation="relu", kernel_initializer=seeded(), dtype="float32"
        )
        values = convolution(values)
    values = layers.Flatten(dtype="float32")(values)
    hidden = layers.Dense(SIZE, "relu", kernel_initializer=seeded(), dtype="float32")(values)
    logits = layers.Dense(classes, kernel_initializer=seeded(), dtype="float32")(hidden)
    return keras.Model(images, hidden), keras.Model(images, logits)
