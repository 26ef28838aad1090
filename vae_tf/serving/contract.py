"""What is served: the names, dtypes and shapes of every signature, as its callers rely on them.

Tensors in and out share the batch as axis 0, and nothing is scalar: TF Serving's batching needs both.
"""

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import NamedTuple

import tensorflow as tf

from vae_tf.conditions import Condition

SERVING_DEFAULT = "decode"  # what a request that names no signature gets
EVERY = ("decode", "sample", "encode", "reconstruct")  # what every version serves, those of version 0.1 too
OPTIONAL = ("stddev",)  # given where the posterior has one


class Interface(NamedTuple):
    """The tensors that one signature takes and gives, by name."""

    inputs: dict[str, tf.TensorSpec]
    outputs: dict[str, tf.TensorSpec]


class ConditionsOfParts(NamedTuple):
    """The conditions that each part of a model takes, by their names."""

    encoder: Mapping[str, Condition] = MappingProxyType({})
    decoder: Mapping[str, Condition] = MappingProxyType({})
    prior: Mapping[str, Condition] = MappingProxyType({})


NO_CONDITIONS = ConditionsOfParts()


def interfaces(
    latent_size: int,
    event_shape: Sequence[int],
    noise_size: int,
    conditions: ConditionsOfParts = NO_CONDITIONS,
) -> dict[str, Interface]:
    """The interface of each signature that a model may have, by its name.

    Besides `EVERY`, `decode_noise` belongs to all models, those of image files to models of images with values in
    [0, 1], and `score` to those with a rate.

    Each takes the conditions of the parts that it runs, as further inputs by their names.

    Args:
        latent_size: D, all of a model's codes.
        event_shape: the shape of one example.
        noise_size: the standard normals that the prior makes a code of.
        conditions: those of the model's parts.
    """
    of_encoder, of_decoder, of_prior = (
        {name: _rows(tf.as_dtype(condition.dtype), *condition.shape) for name, condition in part.items()}
        for part in conditions
    )
    z = {"z": _rows(tf.float32, latent_size)}
    stddev = {"stddev": _rows(tf.float32, latent_size)}
    noise = {"noise": _rows(tf.float32, noise_size)}
    seed = {"seed": _rows(tf.int32, 2)}
    x = {"x": _rows(tf.float32, *event_shape)}
    mean = {"mean": _rows(tf.float32, *event_shape)}
    image_bytes = {"image_bytes": _rows(tf.string)}
    terms = {name: _rows(tf.float32) for name in ("elbo", "rate", "distortion")}
    return {
        "decode": Interface(z | of_decoder, mean),
        "decode_noise": Interface(noise | of_prior | of_decoder, mean),
        "decode_png": Interface(z | of_decoder, image_bytes),
        "sample": Interface(seed | of_prior | of_decoder, z | mean),
        "encode": Interface(x | of_encoder, z | stddev),
        "encode_png": Interface(image_bytes | of_encoder, z | stddev),
        "reconstruct": Interface(x | of_encoder | of_decoder, mean),
        "score": Interface(x | seed | of_encoder | of_decoder | of_prior, terms),
    }


def _rows(dtype: tf.DType, *shape: int) -> tf.TensorSpec:
    return tf.TensorSpec([None, *shape], dtype)
