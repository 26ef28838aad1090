"""Every example of a source, as a trained run sees it: what the run is asked about."""

import shlex
import warnings
from collections.abc import Iterable
from typing import NamedTuple

import numpy as np
import tensorflow as tf

from vae_tf import VAE
from vae_tf.data import rows_of
from vae_tf.errors import InputError
from vae_tf.training.datasets import CONDITION, Labels, check, evaluation_batches, stored
from vae_tf.training.datasets.rows import Rows, rows
from vae_tf.training.recipes.recipe import Recipe


class Inputs(NamedTuple):
    """The examples of a source.

    Attributes:
        rows: as they are stored, and where each is from.
        batches: the same in order, float32 [B, *event], scaled and binarised as in the run; a dictionary of these and
            of their labels, int32 [B], if they are needed.
        steps: how many batches there are.
    """

    rows: Rows
    batches: tf.data.Dataset
    steps: int


def inputs(
    source: str,
    settings: Recipe,
    vae: VAE,
    needed: Iterable[str] = (),
    labels: Labels | None = None,
    label: str | None = None,
) -> Inputs:
    """Reads every example of a source for a trained model.

    Args:
        source: as of `datasets.load`.
        settings: the run's recipe.
        vae: the run's model.
        needed: the names of the conditions that the model is to have of each example.
        labels: those that the model was trained with, or None if it takes none.
        label: the name of one label for all examples; those of the data if not given.

    Warns:
        UserWarning: where files of a folder are skipped.

    Raises:
        InputError: for a source that cannot be used, or examples that the model does not take; for a label that it
            does not know or need, or if it needs labels and there are none.
    """
    labels = labels if CONDITION in needed else None
    number = asked(label, labels)
    found = rows(source, vae.event_shape, settings.image_size, with_labels=labels is not None and number is None)
    x = stored(found.x, vae.likelihood)
    if found.skipped:
        warnings.warn(f"{source}: files that are no images are skipped ({found.skipped} of them).", stacklevel=2)
    check(x, vae.likelihood, source)
    numbers = _numbers(source, found, labels) if number is None else np.full(len(x), number, np.int32)
    together = rows_of(vae.event_shape)
    batches = evaluation_batches(
        x if numbers is None else {"x": x, CONDITION: numbers},
        together,
        seed=settings.seed,
        binarization=settings.binarization,
    )
    return Inputs(found, batches, -(-len(x) // together))


def asked(label: str | None, labels: Labels | None) -> int | None:
    """The number of the label that was asked for by its name; None if none was.

    Args:
        label: its name.
        labels: those of the model, or None if it needs none here.

    Raises:
        InputError: for a label that the model does not know or need.
    """
    if label is None:
        return None
    if labels is None:
        raise InputError(f"--label is {label!r}, and the model takes no label for this: leave it out.")
    return labels.number(label)


def option(label: str) -> str:
    """How a label is given on the command line, whatever its name."""
    return f"--label={shlex.quote(label)}" if label.startswith("-") else f"--label {shlex.quote(label)}"


def _numbers(source: str, found: Rows, labels: Labels | None) -> np.ndarray | None:
    """The numbers of the data's own labels, int32 [N]; None if the model takes none."""
    if labels is None:
        return None
    instead = "or one label for all of them by --label NAME"
    if found.y is None:
        raise InputError(
            f"{source} has no label for each example, which the model takes: give data with labels, {instead}, such "
            f"as {option(labels.names[0])}."
        )
    try:
        return labels.numbers(found.y, found.class_names, source if found.files else f"y of {source}")
    except InputError as error:
        raise InputError(f"{str(error).removesuffix('.')}, {instead}.") from error
