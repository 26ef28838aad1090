"""What to watch a model with, in one word."""

import os
from collections.abc import Sequence
from typing import Any

import keras
import numpy as np

from vae_tf.data import count, take
from vae_tf.errors import InputError
from vae_tf.images import is_image
from vae_tf.training.datasets import spread_evenly, x_of
from vae_tf.training.watching.alarms import Alarms
from vae_tf.training.watching.examples import arrays
from vae_tf.training.watching.graph import Graph
from vae_tf.training.watching.hyperparameters import Hyperparameters
from vae_tf.training.watching.latents import Latents
from vae_tf.training.watching.pictures import Pictures
from vae_tf.training.watching.projector import Projector
from vae_tf.training.watching.scalars import Scalars
from vae_tf.training.watching.writers import Writers

PICTURED = 32  # examples that are reconstructed
MEASURED = 1_000  # examples whose codes are measured


def tensorboard(
    directory: str | os.PathLike[str],
    x,
    labels=None,
    *,
    hyperparameters: dict[str, Any] | None = None,
    seed: int = 0,
    pictures: str | os.PathLike[str] | None = None,
    class_names: Sequence[str] | None = None,
) -> list[keras.callbacks.Callback]:
    """The callbacks that show in TensorBoard whether a model learns, collapses or blurs.

    `Alarms`, first, so that they speak before another callback stops training; `Scalars`, `Latents`, `Projector` and
    `Graph`; `Pictures` for images; `Hyperparameters` where they are given. Give them to `fit`:
    `vae.fit(x, callbacks=tensorboard("logs", x_validation))`.

    Args:
        directory: the run's log directory. What a person looks at first is in `train` below it, and beside that
            `validation`, `projector` and `hyperparameters`.
        x: examples [N, *event] to show and measure, such as the validation set, or a dictionary of them and of the
            conditions, as `fit` takes them; of many, some spread evenly.
        labels: theirs, [N], for the projector.
        hyperparameters: what runs are compared by, nested as a recipe is.
        seed: of the prior's codes.
        pictures: where PNG files of the epochs 1, 2, 5, 10, ... are kept as well.
        class_names: what the values 0, 1, ... of the model's label are called, for the rows of `samples` and `draws`.

    Raises:
        InputError: for no examples, labels of another length, and from `fit`, if the model does not take such examples
            or the directory cannot be written.
    """
    x = arrays(x, "tensorboard()")
    if not count(x):
        raise InputError("There are no examples to watch a model with: give some, such as the validation set.")
    if labels is not None and len(labels) != count(x):
        raise InputError(f"{len(labels)} labels were given for {count(x)} examples: give one for each, or none.")
    part = spread_evenly(MEASURED, count(x))
    measured, labels = take(x, part), None if labels is None else np.asarray(labels)[part]
    shown = take(measured, spread_evenly(PICTURED, count(measured)))
    writers = Writers(directory, shared=dict.fromkeys(("alarms", "graph", "latents", "pictures"), "train"))
    chosen = [
        Alarms(writers, measured),
        Scalars(writers, shown),
        Latents(writers, measured, seed),
        Projector(writers, measured, labels),
        Graph(writers),
    ]
    if is_image(x_of(shown).shape[1:]):
        chosen.append(Pictures(writers, shown, seed, pictures, class_names))
    if hyperparameters is not None:
        chosen.append(Hyperparameters(writers, hyperparameters))
    return chosen
