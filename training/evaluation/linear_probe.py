"""What a linear classifier reads off the codes."""

from typing import NamedTuple

import numpy as np
import tensorflow as tf
import tensorflow_probability as tfp

from vae_tf.errors import InputError

PENALTY = 1e-3  # of the squared weights: separable classes have no finite optimum without
ITERATIONS = 200


class LinearProbe(NamedTuple):
    """The share of test examples that are classified right, and its standard error sqrt(a (1 - a) / N)."""

    accuracy: float
    standard_error: float


def linear_probe(codes: np.ndarray, labels: np.ndarray, test_codes: np.ndarray, test_labels: np.ndarray) -> LinearProbe:
    """The accuracy of multinomial logistic regression from codes to labels.

    min_W,b  mean_i( -log softmax(W z_i + b)[y_i] ) + penalty |W|^2,  z of variance 1 in each dimension

    Args:
        codes: of the examples that it is fitted to, float32 [N, D].
        labels: theirs, [N].
        test_codes: of the examples that it is tested on, float32 [M, D].
        test_labels: theirs, [M].

    Raises:
        InputError: for labels of another length, of one class alone, or that have nothing in common with the others.
    """
    for name, given, those in (("labels", labels, codes), ("test_labels", test_labels, test_codes)):
        if np.shape(given) != (len(those),):
            raise InputError(f"{name} has shape {np.shape(given)} for {len(those)} examples: give one label for each.")
    classes, targets = np.unique(labels, return_inverse=True)
    if len(classes) < 2:
        raise InputError(f"The labels have {len(classes)} class: give those of at least 2.")
    if not np.isin(test_labels, classes).any():
        raise InputError(
            f"None of the test labels, such as {test_labels[0]!r}, is among the labels, such as {classes[0]!r}: give "
            f"both in the same words or numbers."
        )
    mean, scale = codes.mean(axis=0), np.maximum(codes.std(axis=0), 1e-6)
    weights = _fitted((codes - mean) / scale, targets, len(classes))
    predicted = classes[np.argmax((test_codes - mean) / scale @ weights[:-1] + weights[-1], axis=1)]
    accuracy = float(np.mean(predicted == test_labels))
    return LinearProbe(accuracy, float(np.sqrt(accuracy * (1 - accuracy) / len(test_labels))))


def _fitted(z: np.ndarray, targets: np.ndarray, classes: int) -> np.ndarray:
    """The optimal weights, float32 [D + 1, classes], the bias last."""
    z, targets = tf.constant(z, tf.float32), tf.constant(targets)
    shape = [z.shape[1] + 1, classes]

    @tf.function(autograph=False)
    def loss_and_gradient(values):
        return tfp.math.value_and_gradient(loss, values)

    def loss(values):
        weights = tf.reshape(values, shape)
        logits = z @ weights[:-1] + weights[-1]
        misfit = tf.nn.sparse_softmax_cross_entropy_with_logits(targets, logits)
        return tf.reduce_mean(misfit) + PENALTY * tf.reduce_sum(weights[:-1] ** 2)

    found = tfp.optimizer.lbfgs_minimize(
        loss_and_gradient, tf.zeros(shape[0] * shape[1]), max_iterations=ITERATIONS, tolerance=1e-5
    )
    return found.position.numpy().reshape(shape)
