"""Every example of a source, as a trained run sees it: what the run is asked about."""

import warnings
from typing import NamedTuple

import tensorflow as tf

from vae_tf import VAE
from vae_tf.data import rows_of
from vae_tf.training.datasets import check, evaluation_batches, stored
from vae_tf.training.datasets.rows import Rows, rows
from vae_tf.training.recipes.recipe import Recipe


class Inputs(NamedTuple):
    """The examples of a source.

    Attributes:
        rows: as they are stored, and where each is from.
        batches: the same in order, float32 [B, *event], scaled and binarised as in the run.
        steps: how many batches there are.
    """

    rows: Rows
    batches: tf.data.Dataset
    steps: int


def inputs(source: str, settings: Recipe, vae: VAE) -> Inputs:
    """Reads every example of a source for a trained model.

    Args:
        source: as of `datasets.load`.
        settings: the run's recipe.
        vae: the run's model.

    Warns:
        UserWarning: where files of a folder are skipped.

    Raises:
        InputError: for a source that cannot be used, or examples that the model does not take.
    """
    found = rows(source, vae.event_shape, settings.image_size)
    x = stored(found.x, vae.likelihood)
    if found.skipped:
        warnings.warn(f"{source}: files that are no images are skipped ({found.skipped} of them).", stacklevel=2)
    check(x, vae.likelihood, source)
    together = rows_of(vae.event_shape)
    batches = evaluation_batches(x, together, seed=settings.seed, binarization=settings.binarization)
    return Inputs(found, batches, -(-len(x) // together))
