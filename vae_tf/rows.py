"""A network on values with more leading axes than it takes."""

from collections.abc import Sequence

import keras
import tensorflow as tf


def over_rows(network: keras.Model, values: Sequence[tf.Tensor], training: bool = False) -> tf.Tensor:
    """A network of several inputs on values [*, ...], whose leading axes are broadcast: the network sees one of rows.

    Args:
        network: with one output.
        values: one for each input, of as many values as it, whatever their shape.
        training: whether dropout and batch normalisation of the network train.
    """
    shapes = [tuple(value.shape[1:]) for value in network.inputs]
    shaped = [_shaped(value, shape) for value, shape in zip(values, shapes, strict=True)]
    leads = [tf.shape(value)[: value.shape.rank - len(shape)] for value, shape in zip(shaped, shapes, strict=True)]
    lead = leads[0]
    for other in leads[1:]:
        lead = tf.broadcast_dynamic_shape(lead, other)
    rows = [spread(value, lead, shape) for value, shape in zip(shaped, shapes, strict=True)]
    features = network(rows if len(rows) > 1 else rows[0], training=training)
    return tf.reshape(features, tf.concat([lead, features.shape[1:]], axis=0))


def beside(features: tf.Tensor, state: tf.Tensor, rank: int) -> tf.Tensor:
    """Features [*, ..., F] and a state [*, ..., S], each with `rank` axes after the leading ones: [*, ..., F + S]."""
    leads = [tf.shape(value)[: value.shape.rank - rank] for value in (features, state)]
    lead = tf.broadcast_dynamic_shape(*leads)
    wide = [tf.broadcast_to(value, tf.concat([lead, value.shape[-rank:]], axis=0)) for value in (features, state)]
    return tf.concat(wide, axis=-1)


def _shaped(value: tf.Tensor, shape: tuple[int, ...]) -> tf.Tensor:
    """Flat codes [*, D] in the shape that a network takes."""
    if len(shape) == 1 or tuple(value.shape[-len(shape) :]) == shape:
        return value
    return tf.reshape(value, tf.concat([tf.shape(value)[:-1], shape], axis=0))


def spread(values: tf.Tensor, lead: tf.Tensor, shape: tuple[int, ...]) -> tf.Tensor:
    """Values [B, *shape], or with some of the axes [*lead], as rows [N, *shape] of all of these."""
    wide = tf.broadcast_to(values, tf.concat([[1], lead, shape], axis=0))  # [1, *lead, *shape]: one code has no axis
    return tf.reshape(wide, [-1, *shape])
