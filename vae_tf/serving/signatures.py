"""The functions that are served.

Each takes the model and its named inputs, whose axis 0 is the batch, and gives its named outputs. Row i of an output
depends on row i of the inputs alone; a bad value gives NaN in its own row and never raises, because TF Serving gives
one request's failure to every request of its batch. The networks are not trusted to hand NaN on: where TensorFlow fuses
a product with its ReLU by oneDNN, as it does on processors with AVX-512 VNNI, the ReLU of NaN is 0.
"""

import functools
import math
from collections.abc import Callable
from typing import TYPE_CHECKING, TypeAlias

import tensorflow as tf

from vae_tf import divergence, random
from vae_tf.images import is_image
from vae_tf.serving import contract, images

if TYPE_CHECKING:
    from vae_tf.model import VAE

Tensors = dict[str, tf.Tensor]
Graph: TypeAlias = tf.types.experimental.ConcreteFunction


def decode(vae: "VAE", z: tf.Tensor) -> Tensors:
    """`mean` of p(x|z), float32 [B, *event], for codes z, float32 [B, D]."""
    return _nan_unless(_is_finite(z), {"mean": vae.likelihood.mean(vae.decode(z))})


def sample(vae: "VAE", seed: tf.Tensor) -> Tensors:
    """`z` ~ p(z), float32 [B, D], each a function of its own seed, int32 [B, 2], and the `mean` of p(x|z)."""
    z = vae.draw(seed)
    return {"z": z, **decode(vae, z)}


def decode_noise(vae: "VAE", noise: tf.Tensor) -> Tensors:
    """`mean` of p(x|z), float32 [B, *event], at z ~ p(z) of standard normals `noise`, float32 [B, prior.noise_size].

    It draws as `sample` does, without random operations, which other formats than TensorFlow's do not have.
    """
    return _nan_unless(_is_finite(noise), decode(vae, vae.from_noise(noise)))


def encode(vae: "VAE", x: tf.Tensor) -> Tensors:
    """`z`, the code of q(z|x), and its `stddev` where it has one, float32 [B, D], for x, float32 [B, *event]."""
    q = vae.encode(x)
    code, stddev = vae.posterior.code(q), vae.posterior.stddev(q)
    return _nan_unless(_is_finite(x), {"z": code} if stddev is None else {"z": code, "stddev": stddev})


def reconstruct(vae: "VAE", x: tf.Tensor) -> Tensors:
    """`mean` of p(x|z) at the code of q(z|x), float32 [B, *event], for x, float32 [B, *event]."""
    return _nan_unless(_is_finite(x), {"mean": vae.reconstruct(x)})


def decode_png(vae: "VAE", z: tf.Tensor) -> Tensors:
    """`image_bytes`, PNG files of the `mean` of p(x|z), string [B], empty for NaN; z, float32 [B, D]."""
    return {"image_bytes": images.encoded(decode(vae, z)["mean"])}


def encode_png(vae: "VAE", image_bytes: tf.Tensor) -> Tensors:
    """As `encode`, of PNG or JPEG files, string [B]; of another size, they are resized."""
    return encode(vae, images.decoded(image_bytes, vae.event_shape))


def score(vae: "VAE", x: tf.Tensor, seed: tf.Tensor) -> Tensors:
    """`elbo`, `rate` and `distortion` of x, float32 [B], nats, with one draw z ~ q(z|x) by its seed, int32 [B, 2].

    elbo = -(distortion + rate),  distortion = -log p(x|z),  rate = KL[ q(z|x) || p(z) ]

    All are NaN for an example with a value outside the likelihood's support, between its levels too.
    """
    is_inside = vae.likelihood.accepts(x)
    noise = random.normal_rows([vae.posterior.noise_size], seed)[None]
    terms = vae.terms(tf.where(_beside(is_inside, x), x, tf.zeros_like(x)), noise)
    rate = divergence.rate(terms.latents, "analytic")
    values = {"elbo": -(terms.distortion + rate), "rate": rate, "distortion": terms.distortion}
    return _nan_unless(is_inside, values)


def has_image_files(vae: "VAE") -> bool:
    """Whether examples can be image files: grey or colour images with values in [0, 1]."""
    return is_image(vae.event_shape) and vae.likelihood.support in ((0, 1), (-math.inf, math.inf))


def functions(vae: "VAE") -> dict[str, Callable[..., Tensors]]:
    """The functions that this model serves, of named inputs, by the names of their signatures."""
    served: dict[str, Callable[..., Tensors]] = {
        "decode": decode, "decode_noise": decode_noise, "sample": sample, "encode": encode, "reconstruct": reconstruct,
    }  # fmt: skip
    if has_image_files(vae):
        served |= {"decode_png": decode_png, "encode_png": encode_png}
    if vae.posterior.has_density:
        served["score"] = score
    return {name: functools.partial(function, vae) for name, function in served.items()}


def trace(vae: "VAE") -> dict[str, Graph]:
    """The graphs of all signatures of a model, by name."""
    interfaces = contract.interfaces(vae.latent_size, vae.event_shape, vae.prior.noise_size)
    graphs = {name: _graph(name, function, interfaces[name].inputs) for name, function in functions(vae).items()}
    return {**graphs, "serving_default": graphs[contract.SERVING_DEFAULT]}


def _nan_unless(is_good: tf.Tensor, outputs: Tensors) -> Tensors:
    return {name: tf.where(_beside(is_good, value), value, float("nan")) for name, value in outputs.items()}


def _is_finite(values: tf.Tensor) -> tf.Tensor:
    """Whether all of a row is finite, bool [B]."""
    is_finite = tf.math.is_finite(values)
    return tf.reduce_all(is_finite, axis=list(range(1, is_finite.shape.rank)))


def _beside(rows: tf.Tensor, values: tf.Tensor) -> tf.Tensor:
    """The rows, [B], with as many axes as the values have, [B, 1, ...]."""
    return tf.reshape(rows, [-1] + [1] * (values.shape.rank - 1))


def _graph(name: str, function: Callable[..., Tensors], specs: dict[str, tf.TensorSpec]) -> Graph:
    def served(**inputs: tf.Tensor) -> Tensors:
        # The server itself does not check shapes; this refusal names the one that was expected.
        return function(**{key: tf.ensure_shape(value, specs[key].shape) for key, value in inputs.items()})

    served.__name__ = name  # the refusal names it too
    return tf.function(served, autograph=False).get_concrete_function(**specs)
