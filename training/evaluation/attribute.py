"""The direction in which a label lies among the codes."""

import numpy as np

from vae_tf.errors import InputError

SHOWN = 20  # labels in a message


def attribute_direction(codes: np.ndarray, labels: np.ndarray, label) -> np.ndarray:
    """From the mean code of all other examples to that of the examples with a label, float32 [D].

    mean_i( z_i | y_i = label ) - mean_i( z_i | y_i != label )

    Source: Larsen et al. (2016), "Autoencoding beyond pixels using a learned similarity metric", section 4.1.1.

    Args:
        codes: those of `evaluation.codes`, float32 [N, D].
        labels: [N].
        label: one of them.

    Raises:
        InputError: for labels of another length, or a label that no example has, or all have.
    """
    if np.shape(labels) != (len(codes),):
        raise InputError(f"The labels have shape {np.shape(labels)} for {len(codes)} codes: give one for each.")
    has = np.asarray(labels) == label
    if not has.any():
        there = ", ".join(str(value) for value in np.unique(labels)[:SHOWN])
        raise InputError(f"No example has the label {label}: give one of {there}.")
    if has.all():
        raise InputError(f"All {len(has)} examples have the label {label}, and a direction leads from others to it.")
    return (codes[has].mean(axis=0) - codes[~has].mean(axis=0)).astype(np.float32)
