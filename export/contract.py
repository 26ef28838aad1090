"""What is served: the names, dtypes and shapes of every signature, as its callers rely on them.

Tensors in and out share the batch as axis 0, and nothing is scalar: TF Serving's batching needs both.
"""

from collections.abc import Sequence
from typing import NamedTuple

import tensorflow as tf

SERVING_DEFAULT = "decode"  # what a request that names no signature gets
OPTIONAL = ("stddev",)  # given where the posterior has one


class Interface(NamedTuple):
    """The tensors that one signature takes and gives, by name."""

    inputs: dict[str, tf.TensorSpec]
    outputs: dict[str, tf.TensorSpec]


def interfaces(latent_size: int, event_shape: Sequence[int]) -> dict[str, Interface]:
    """The interface of each signature, by its name.

    Args:
        latent_size: D, all of a model's codes.
        event_shape: the shape of one example.
    """
    z = {"z": _rows(tf.float32, latent_size)}
    stddev = {"stddev": _rows(tf.float32, latent_size)}
    seed = {"seed": _rows(tf.int32, 2)}
    x = {"x": _rows(tf.float32, *event_shape)}
    mean = {"mean": _rows(tf.float32, *event_shape)}
    return {
        "decode": Interface(z, mean),
        "sample": Interface(seed, z | mean),
        "encode": Interface(x, z | stddev),
        "reconstruct": Interface(x, mean),
    }


def _rows(dtype: tf.DType, *shape: int) -> tf.TensorSpec:
    return tf.TensorSpec([None, *shape], dtype)
