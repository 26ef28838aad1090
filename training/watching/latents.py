"""What TensorBoard shows of the codes."""

import os

import tensorflow as tf

from vae_tf import random
from vae_tf.data import count
from vae_tf.training import evaluation
from vae_tf.training.watching import plots
from vae_tf.training.watching.tensorboard_callback import Logs, TensorBoardCallback
from vae_tf.training.watching.writers import Writers


class Latents(TensorBoardCallback):
    """Writes how a model uses its latent dimensions, on the same examples at each epoch.

    `active_units`; `kl_per_dimension` as a histogram and a plot, where the rate falls apart into dimensions; the
    `aggregated_posterior` over the prior, where the model has both.

    Args:
        directory: the run's log directory; `latents` is written below it.
        x: fixed examples, as `fit` takes them.
        seed: of the prior's codes.
    """

    def __init__(self, directory: str | os.PathLike[str] | Writers, x, seed: int = 0):
        super().__init__(directory, "latents")
        self.x, self.seed = x, seed

    def write(self, step: int, logs: Logs) -> None:
        """Writes the values and the plots."""
        del logs
        vae = self.model
        divergences = evaluation.kl_per_dimension(vae, self.x)
        with self.writers["latents"].as_default(step):
            tf.summary.scalar("active_units", evaluation.active_units(evaluation.codes(vae, self.x)))
            if divergences is not None:
                tf.summary.histogram("kl_per_dimension_histogram", divergences)
                tf.summary.image("kl_per_dimension", plots.kl_per_dimension(divergences)[None])
            drawn = plots.aggregated_posterior(*self._draws())
            tf.summary.image("aggregated_posterior", drawn[None])

    def _draws(self):
        """z ~ q(z|x), one of each example, and as many z ~ p(z), by the same conditions, float32 [N, D]."""
        vae, numbers = self.model, tf.range(count(self.x))
        _, conditions = vae.schema.split(self.x)
        seeds = random.pair(self.seed, random.Purpose.SAMPLE, numbers)
        noise = random.normal_rows(
            [vae.noise_size], random.pair(self.seed, random.Purpose.AGGREGATED_POSTERIOR, numbers)
        )
        return vae.infer(self.x, noise[None])[0].numpy(), vae.draw(seeds, **conditions).numpy()
