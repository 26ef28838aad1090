"""The examples that a model is watched on."""

from collections.abc import Mapping

import numpy as np

from vae_tf.data import Batch
from vae_tf.errors import InputError


def arrays(x, owner: str) -> Batch:
    """Examples as arrays, of which rows can be taken before the model is known, which looks at the rest.

    Args:
        x: examples [N, *event], or a dictionary of "x" and of the conditions [N, ...].
        owner: what they were given to, as a message says it.

    Raises:
        InputError: for a dictionary without "x", or arrays of several lengths.
    """
    if not isinstance(x, Mapping):
        return np.asarray(x)
    if "x" not in x:
        raise InputError(
            f"{owner} got a dictionary of {', '.join(map(repr, x)) or 'nothing'}: give the examples as 'x', and the "
            f"conditions beside them."
        )
    found = {name: np.asarray(values) for name, values in x.items()}
    counts = {name: len(values) if values.ndim else 1 for name, values in found.items()}
    if len(set(counts.values())) > 1:
        told = ", ".join(f"{count} of {name!r}" for name, count in counts.items())
        raise InputError(f"{owner} got {told}: give a value of each condition for each example.")
    return found
