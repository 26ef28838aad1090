"""The functions that are served.

Each takes the model and its named inputs, whose axis 0 is the batch, and gives its named outputs. Row i of an output
depends on row i of the inputs alone; a bad value gives NaN in its own row and never raises, because TF Serving gives
one request's failure to every request of its batch. The networks are not trusted to hand NaN on: where TensorFlow fuses
a product with its ReLU by oneDNN, as it does on processors with AVX-512 VNNI, the ReLU of NaN is 0.
"""

import functools
import math
from collections.abc import Callable, Iterable
from typing import TypeAlias

import tensorflow as tf

from vae_tf import bad_rows
from vae_tf.conditions import accepted
from vae_tf.images import is_image
from vae_tf.serving import contract, images
from vae_tf.serving.served import Served

Tensors = dict[str, tf.Tensor]
Graph: TypeAlias = tf.types.experimental.ConcreteFunction


def decode(vae: Served, z: tf.Tensor, **condition: tf.Tensor) -> Tensors:
    """`mean` of p(x|z), float32 [B, *event], for codes z, float32 [B, D]."""
    is_good, condition = accepted(vae.conditions, condition)
    is_good &= vae.accepts(z)
    return _nan_unless(is_good, {"mean": vae.mean(z, **_of(vae.decoder_conditions, condition))})


def sample(vae: Served, seed: tf.Tensor, **condition: tf.Tensor) -> Tensors:
    """`z` ~ p(z), float32 [B, D], each a function of its own seed, int32 [B, 2], and the `mean` of p(x|z)."""
    is_good, safe = accepted(vae.conditions, condition)
    z = vae.draw(seed, **_of(vae.prior_conditions, safe))
    return _nan_unless(is_good, {"z": z}) | decode(vae, z, **condition)


def decode_noise(vae: Served, noise: tf.Tensor, **condition: tf.Tensor) -> Tensors:
    """`mean` of p(x|z), float32 [B, *event], at z ~ p(z) of standard normals `noise`, float32 [B, prior_noise_size].

    It draws as `sample` does, without random operations, which other formats than TensorFlow's do not have.
    """
    _, safe = accepted(vae.conditions, condition)
    z = vae.from_noise(noise, **_of(vae.prior_conditions, safe))
    return _nan_unless(_is_finite(noise), decode(vae, z, **condition))


def encode(vae: Served, x: tf.Tensor, **condition: tf.Tensor) -> Tensors:
    """`z`, the code of q(z|x), and its `stddev` if it has one, float32 [B, D], for x, float32 [B, *event]."""
    is_good, condition = accepted(vae.conditions, condition)
    codes = vae.represent(x, **_of(vae.encoder_conditions, condition))
    found = {"z": codes.z} if codes.stddev is None else {"z": codes.z, "stddev": codes.stddev}
    return _nan_unless(_is_finite(x) & is_good, found)


def reconstruct(vae: Served, x: tf.Tensor, **condition: tf.Tensor) -> Tensors:
    """`mean` of p(x|z) at the code of q(z|x), float32 [B, *event], for x, float32 [B, *event]."""
    is_good, condition = accepted(vae.conditions, condition)
    return _nan_unless(_is_finite(x) & is_good, {"mean": vae.reconstruct(x, **condition)})


def decode_png(vae: Served, z: tf.Tensor, **condition: tf.Tensor) -> Tensors:
    """`image_bytes`, PNG files of the `mean` of p(x|z), string [B], empty for NaN; z, float32 [B, D]."""
    return {"image_bytes": images.encoded(decode(vae, z, **condition)["mean"])}


def encode_png(vae: Served, image_bytes: tf.Tensor, **condition: tf.Tensor) -> Tensors:
    """As `encode`, of PNG or JPEG files, string [B]; of another size, they are resized."""
    return encode(vae, images.decoded(image_bytes, vae.event_shape), **condition)


def score(vae: Served, x: tf.Tensor, seed: tf.Tensor, **condition: tf.Tensor) -> Tensors:
    """`elbo`, `rate` and `distortion` of x, float32 [B], nats, with one draw z ~ q(z|x) by its seed, int32 [B, 2].

    All are NaN for an example with a value outside the likelihood's support, between its levels too.
    """
    return vae.score_rows({"x": x, **condition} if condition else x, seed)._asdict()


def has_image_files(vae: Served) -> bool:
    """Whether examples can be image files: grey or colour images with values in [0, 1]."""
    return is_image(vae.event_shape) and vae.likelihood.support in ((0, 1), (-math.inf, math.inf))


def functions(vae: Served) -> dict[str, Callable[..., Tensors]]:
    """The functions that this model serves, of named inputs, by the names of their signatures."""
    served: dict[str, Callable[..., Tensors]] = {
        "decode": decode, "decode_noise": decode_noise, "sample": sample, "encode": encode, "reconstruct": reconstruct,
    }  # fmt: skip
    if has_image_files(vae):
        served["decode_png"], served["encode_png"] = decode_png, encode_png
    if vae.has_density:
        served["score"] = score
    return {name: functools.partial(function, vae) for name, function in served.items()}


def interfaces(vae: Served) -> dict[str, contract.Interface]:
    """The interface of each signature of this model, by its name."""
    parts = (vae.encoder_conditions, vae.decoder_conditions, vae.prior_conditions)
    conditions = contract.ConditionsOfParts(*({name: vae.conditions[name] for name in names} for names in parts))
    return contract.interfaces(vae.latent_size, vae.event_shape, vae.prior_noise_size, conditions)


def trace(vae: Served) -> dict[str, Graph]:
    """The graphs of all signatures of a model, by name."""
    known = interfaces(vae)
    graphs = {name: _graph(name, function, known[name].inputs) for name, function in functions(vae).items()}
    return {**graphs, "serving_default": graphs[contract.SERVING_DEFAULT]}


def _of(names: Iterable[str], condition: Tensors) -> Tensors:
    return {name: condition[name] for name in names}


def _nan_unless(is_good: tf.Tensor, outputs: Tensors) -> Tensors:
    return {name: bad_rows.replaced(is_good, value, math.nan) for name, value in outputs.items()}


def _is_finite(values: tf.Tensor) -> tf.Tensor:
    """Whether all of a row is finite, bool [B]."""
    is_finite = tf.math.is_finite(values)
    return tf.reduce_all(is_finite, axis=list(range(1, is_finite.shape.rank)))


def _graph(name: str, function: Callable[..., Tensors], specs: dict[str, tf.TensorSpec]) -> Graph:
    def served(**inputs: tf.Tensor) -> Tensors:
        # The server itself does not check shapes; this refusal names the one that was expected.
        return function(**{key: tf.ensure_shape(value, specs[key].shape) for key, value in inputs.items()})

    served.__name__ = name  # the refusal names it too
    return tf.function(served, autograph=False).get_concrete_function(**specs)
