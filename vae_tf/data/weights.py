"""Sample weights: one for each example."""

from collections.abc import Mapping
from typing import Any

import tensorflow as tf

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


def targets(batch, y, weights) -> Any:
    """The targets with which Keras hands on the weights as they are.

    It drops weights without targets, and copies them for each target in a dictionary; targets are not used.
    """
    if weights is None or not (y is None or isinstance(y, Mapping | tuple | list)):
        return y
    return batch["x"] if isinstance(batch, Mapping) else batch
