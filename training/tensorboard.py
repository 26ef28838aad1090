"""What to watch a model with, in one word."""

import os
from typing import Any

import keras
import numpy as np

from vae_tf.training import callbacks

PICTURED = 32  # examples that are reconstructed
MEASURED = 1_000  # examples whose codes are measured


def tensorboard(
    directory: str | os.PathLike[str],
    x,
    labels=None,
    *,
    hyperparameters: dict[str, Any] | None = None,
    seed: int = 0,
) -> list[keras.callbacks.Callback]:
    """The callbacks that show in TensorBoard whether a model learns, collapses or blurs.

    `Scalars`, `Latents`, `Projector`, `Graph` and `Alarms`; `Pictures` for images; `Hyperparameters` where they are
    given. Give them to `fit`: `vae.fit(x, callbacks=tensorboard("logs", x_validation))`.

    Args:
        directory: the run's log directory.
        x: examples to show and measure, float32 [N, *event], such as the validation set; of many, some spread evenly.
        labels: theirs, [N], for the projector.
        hyperparameters: what runs are compared by, nested as a recipe is.
        seed: of the prior's codes.

    Raises:
        InputError: for labels of another length, and from `fit`, where the directory cannot be written.
    """
    ...
