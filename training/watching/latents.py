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
    """Writes how a model uses its codes, on the same examples at each epoch.

    Of one layer of real numbers: `active_units`; `kl_per_dimension` as a histogram and a plot, where the rate falls
    apart into dimensions. Of a ladder: the rate of each rung, from the top down, as `rate/rung_1`, `rate/rung_2`, ...
    and in one plot, `rate_by_rung`. Of discrete codes: their `perplexity`, the share of them that is in use,
    `codes_in_use_share`, and their frequencies as a plot, `code_frequencies`. Of all but discrete codes: the
    `aggregated_posterior` over the prior.

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
        with self.writers["latents"].as_default(step):
            if vae.code_count is not None:
                self._write_usage()
                return
            if vae.has_dimensions:
                self._write_dimensions()
            else:
                self._write_rungs()
            tf.summary.image("aggregated_posterior", plots.aggregated_posterior(*self._draws())[None])

    def _write_dimensions(self) -> None:
        divergences = evaluation.kl_per_dimension(self.model, self.x)
        tf.summary.scalar("active_units", evaluation.active_units(evaluation.codes(self.model, self.x)))
        if divergences is not None:
            tf.summary.histogram("kl_per_dimension_histogram", divergences)
            tf.summary.image("kl_per_dimension", plots.kl_per_dimension(divergences)[None])

    def _write_rungs(self) -> None:
        rates = evaluation.rate_by_rung(self.model, self.x)
        if rates is None:
            return
        shapes = [site.posterior.space.shape for site in self.model.latents.sites]
        for number, rate in enumerate(rates, 1):
            place = f"rung {number} of {len(rates)}, counted from the top"
            tf.summary.scalar(f"rate/rung_{number}", rate, description=f"The rate of {place}, nats.")
        tf.summary.image("rate_by_rung", plots.rate_by_rung(rates, shapes)[None])

    def _write_usage(self) -> None:
        codes, count = evaluation.codes(self.model, self.x), self.model.code_count
        usage = evaluation.code_usage(codes, count)
        tf.summary.scalar("perplexity", usage.perplexity, description=f"exp of the entropy of {count} codes.")
        tf.summary.scalar("codes_in_use_share", usage.share, description=f"Of {count} codes, on fixed examples.")
        tf.summary.image("code_frequencies", plots.code_frequencies(evaluation.code_frequencies(codes, count))[None])

    def _draws(self):
        """z ~ q(z|x), one of each example, and as many z ~ p(z), by the same conditions, float32 [N, D]."""
        vae, numbers = self.model, tf.range(count(self.x))
        _, conditions = vae.schema.split(self.x)
        seeds = random.pair(self.seed, random.Purpose.SAMPLE, numbers)
        noise = random.normal_rows(
            [vae.noise_size], random.pair(self.seed, random.Purpose.AGGREGATED_POSTERIOR, numbers)
        )
        return vae.infer(self.x, noise[None])[0].numpy(), vae.draw(seeds, **conditions).numpy()
