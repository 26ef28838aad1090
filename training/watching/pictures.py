"""TensorBoard's pictures, on the same codes at each epoch."""

import os
import pathlib
from collections.abc import Sequence

import numpy as np
import tensorflow as tf

from vae_tf.data import Batch, count, take
from vae_tf.priors import VampPrior
from vae_tf.training.watching import grids
from vae_tf.training.watching.arrangement import checked_names, label_of_rows
from vae_tf.training.watching.tensorboard_callback import Logs, TensorBoardCallback
from vae_tf.training.watching.writers import Writers

TRAVERSED = 10  # latent dimensions
NEIGHBOURS = 5  # inputs between which is interpolated
ROUND = ("reconstructions", "samples")  # what is kept of round epochs


class Pictures(TensorBoardCallback):
    """Writes what a model of images makes, on the same codes at each epoch.

    `reconstructions` (inputs, reconstructions, differences), `samples` (means) and `draws` of the prior, a `traversal`
    of the dimensions that the first input is most certain of, an `interpolation`; the `manifold` of two latent
    dimensions, the `rungs` of a ladder, and the `pseudo_inputs` of a VampPrior. Discrete codes, between which lies
    nothing, have neither traversal nor interpolation nor manifold.

    Args:
        directory: the run's log directory; they are written to `pictures` below it.
        images: the inputs to reconstruct, [N, height, width, channels], or a dictionary of them and of the conditions.
        seed: of the prior's codes.
        folder: where PNG files of the epochs 1, 2, 5, 10, 20, 50, ... are kept as well.
        class_names: what the values 0, 1, ... of the model's label are called, for the rows of `samples` and `draws`.

    Raises:
        InputError: from `fit`, for a model of no images, or names that are not those of its label.
    """

    def __init__(
        self,
        directory: str | os.PathLike[str] | Writers,
        images: Batch,
        seed: int = 0,
        folder: str | os.PathLike[str] | None = None,
        class_names: Sequence[str] | None = None,
    ):
        super().__init__(directory, "pictures")
        self.x, self.seed, self.class_names = images, seed, class_names
        self.folder = None if folder is None else pathlib.Path(folder)

    def on_train_begin(self, logs=None):
        """Opens the file."""
        grids.check_images(self.model)
        label = label_of_rows(self.model, {})
        if label is not None and self.class_names is not None:
            checked_names(label, self.class_names)
        super().on_train_begin(logs)

    def write(self, step: int, logs: Logs) -> None:
        """Writes the pictures."""
        del logs
        vae = self.model
        _, conditions = vae.schema.split(self.x)
        label = label_of_rows(vae, {})
        others = {name: values for name, values in conditions.items() if label is None or name != label.name}
        asked = {"seed": self.seed, "class_names": self.class_names, **others}
        drawn = {
            "reconstructions": grids.reconstructions(vae, self.x),
            "samples": grids.samples(vae, **asked),
            "draws": grids.draws(vae, **asked),
        }
        if vae.code_count is None:
            drawn |= self._between(conditions)
        if len(vae.latents.sites) > 1:
            drawn["rungs"] = grids.rungs(vae, seed=self.seed, **take(conditions, 0))
        if isinstance(vae.latents.sites[0].prior, VampPrior):
            drawn["pseudo_inputs"] = grids.pseudo_inputs(vae)
        with self.writers["pictures"].as_default(step):
            for name, picture in drawn.items():
                tf.summary.image(name, picture[None])
        if self.folder is not None and _is_round(step):
            for name in ROUND:
                grids.write(drawn[name], self.folder / f"{name}-epoch-{step:04d}.png")

    def _between(self, conditions: Batch) -> dict[str, np.ndarray]:
        """What is decoded from codes between those of examples."""
        vae = self.model
        drawn = {"traversal": grids.traversal(vae, take(self.x, slice(1)), dimensions=TRAVERSED)}
        if count(self.x) > 1:
            drawn["interpolation"] = grids.interpolation(vae, take(self.x, slice(NEIGHBOURS)))
        if vae.latent_size == 2:
            drawn["manifold"] = grids.manifold(vae, **take(conditions, 0))
        return drawn


def _is_round(epoch: int) -> bool:
    """Whether an epoch is 1, 2 or 5 times a power of ten."""
    return str(epoch).rstrip("0") in ("1", "2", "5")
