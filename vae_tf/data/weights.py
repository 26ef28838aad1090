"""Sample weights: one for each example."""

from collections.abc import Mapping
from typing import Any

import tensorflow as tf

from vae_tf.data.given import brings_batches
from vae_tf.errors import InputError


def check_weights(weights) -> None:
    """Refuses sample weights that are not one for each example, of shape [B] or [B, 1, ...], as far as it is known.

    Raises:
        InputError: naming their shape.
    """
    if isinstance(weights, Mapping | tuple):
        raise InputError(
            f"The sample weights are a {type(weights).__name__} of {len(weights)}: give one array of shape ('N',), a "
            f"weight for each example."
        )
    shape = tf.convert_to_tensor(weights).shape
    if shape.rank is not None and any(size not in (None, 1) for size in shape[1:]):
        raise InputError(
            f"The sample weights have shape {('N', *shape[1:])}: give one weight for each example, of shape "
            f"('N',); a weight for each value has no meaning in log p(x|z)."
        )


def check_class_weights(class_weight, x, y) -> None:
    """Refuses weights of classes without the classes, of which Keras would say so in a trace.

    Raises:
        InputError: saying what to give.
    """
    if isinstance(x, tf.data.Dataset):
        spec = x.element_spec
        y = spec[1] if isinstance(spec, tuple) and len(spec) > 1 and isinstance(spec[1], tf.TensorSpec) else None
    elif brings_batches(x):
        return
    if class_weight is not None and y is None:
        raise InputError(
            "class_weight was given without the classes that it weighs: give them as y, a whole number for each "
            "example, or give sample_weight."
        )


def targets(batch, y, weights) -> Any:
    """The targets with which Keras hands on the weights as they are.

    It drops weights without targets, and copies them for each target in a dictionary; targets are not used.
    """
    if weights is None or not (y is None or isinstance(y, Mapping | tuple | list)):
        return y
    return batch["x"] if isinstance(batch, Mapping) else batch
