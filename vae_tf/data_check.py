"""What `fit`, `evaluate` and `predict` are given is looked at before anything runs: one sentence, not a trace."""

from collections.abc import Mapping

import numpy as np
import tensorflow as tf

from vae_tf import examples
from vae_tf.errors import InputError
from vae_tf.likelihoods import Likelihood


def check_data(x, likelihood: Likelihood, name: str, is_density_needed: bool = True) -> None:
    """Refuses data that Keras or the model cannot take, as far as they are known before they come.

    All of an array is looked at, and of a `tf.data.Dataset` what it says of itself: nothing is read.

    Args:
        x: as it was given to Keras.
        likelihood: that of the model.
        name: what the message calls it.
        is_density_needed: whether values outside the likelihood's support are refused.

    Raises:
        InputError: for what is no data, for no examples, another shape, or values outside the support.
    """
    wanted = f"this model takes an array of shape {('N', *likelihood.event_shape)}"
    if isinstance(x, tf.data.Dataset):
        examples.check_elements(x.element_spec, likelihood.event_shape, name)
        if x.cardinality() == 0:
            raise InputError(f"{name} gives no batch: give at least one example.")
        return  # reading a batch would take it from a data set that can be read once, and move a seeded shuffle
    if isinstance(x, Mapping):
        raise InputError(f"{name} is a dictionary of {_names(x)}; {wanted}: give one value, such as x['image'].")
    elif isinstance(x, tuple | list):
        raise InputError(f"{name} is a {type(x).__name__} of {len(x)}; {wanted}: give the array itself.")
    elif x is None or isinstance(x, str):
        raise InputError(f"{name} is {x!r}; {wanted}, a tf.data.Dataset, a PyDataset or a generator.")
    elif isinstance(x, tf.SparseTensor | tf.RaggedTensor) or hasattr(x, "toarray"):
        raise InputError(f"{name} is a {type(x).__name__}; {wanted}, with every value: make it dense.")
    if not (tf.is_tensor(x) or hasattr(x, "__array__")):
        return  # it brings batches, which `SupportCheck` looks at when they come
    x = x if tf.is_tensor(x) else np.asarray(x)
    if tuple(x.shape) == likelihood.event_shape:
        raise InputError(f"{name} is one example, of shape {tuple(x.shape)}; {wanted}: give x[None].")
    examples.check(x, likelihood, name)
    if not len(x):
        raise InputError(f"{name} has shape {tuple(x.shape)}: give at least one example.")
    if is_density_needed:
        likelihood.check(x, name)


def check_weights(weights) -> None:
    """Refuses sample weights that are not one for each example, of shape [B] or [B, 1, ...], as far as it is known.

    Raises:
        InputError: naming their shape.
    """
    shape = tf.convert_to_tensor(weights).shape
    if shape.rank is not None and any(size not in (None, 1) for size in shape[1:]):
        raise InputError(
            f"The sample weights have shape {('N', *shape[1:])}: give one weight for each example, of shape "
            f"('N',); a weight for each value has no meaning in log p(x|z)."
        )


def _names(mapping: Mapping) -> str:
    return ", ".join(repr(key) for key in mapping)
