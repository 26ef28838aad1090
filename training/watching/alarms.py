"""What goes wrong in training, said where a person looks."""

import os
import warnings

import numpy as np
import tensorflow as tf

from vae_tf import finite
from vae_tf.training import evaluation
from vae_tf.training.watching.tensorboard_callback import Logs, TensorBoardCallback
from vae_tf.training.watching.writers import Writers

PATIENCE = 5  # epochs before a model is judged
LEAST_RATE = 0.1  # nats
LEAST_RATE_OF_RUNG = 0.01  # nats

ADVICE = (
    "lower beta or raise it slowly from 0 (`objectives.ELBO(beta=schedules.Linear(...))`, the preset annealed-vae), "
    "give the rate some nats free (`objectives.FreeBits`, the preset free-bits), or take a weaker decoder"
)
ADVICE_FOR_RUNGS = (
    'leave each rung some nats (`objectives.FreeBits(group="layer")`), raise beta slowly from 0 '
    "(`objectives.ELBO(beta=schedules.Linear(...))`), or take fewer rungs"
)
ADVICE_FOR_CODES = "take fewer codes, vectors of fewer entries, or larger batches"


class Alarms(TensorBoardCallback):
    """Says in plain words, once each, as a warning and as text in TensorBoard, what goes wrong.

    - `not_finite`: a logged value, a weight or a code is no longer finite. Of the first two, `fit` warns by itself.
    - `rate_never_rises`: after 5 epochs, the rate has not been above 0.1 nats: the codes say nothing about the data.
    - `posterior_collapse`: after 5 epochs, fewer latent dimensions than a share are active. Not said of a plain
      autoencoder, which has no rate that could cause it, nor of a spherical posterior, whose codes' variance depends on
      the number of their dimensions.
    - `unused_rungs`: after 5 epochs, rungs of a ladder have a rate below 0.01 nats.
    - `codebook_collapse`: after 5 epochs, fewer of the discrete codes than a share are in use.

    Give it to `fit` before a callback that stops training, such as `StopOnDivergence`: it writes at once what is not
    finite.

    Args:
        directory: the run's log directory; `alarms` is written below it.
        x: fixed examples, as `fit` takes them, whose codes are measured.
        share: of the latent dimensions that should be active, or of the codes that should be in use.
    """

    def __init__(self, directory: str | os.PathLike[str] | Writers, x, share: float = 0.1):
        super().__init__(directory, "alarms")
        self.x, self.share = x, share
        self._written: set[str] = set()
        self._said: set[str] = set()
        self._epochs = 0
        self._highest_rate = -np.inf

    def on_epoch_begin(self, epoch, logs=None):
        """Remembers where training is."""
        self._epoch = epoch

    def on_train_batch_end(self, batch, logs=None):
        """Looks at the loss of the steps so far."""
        if not np.isfinite(logs["loss"]):
            with self.surviving(self._epoch + 1):
                self._write("not_finite", finite.sentence(self.model, "the loss", self._epoch + 1), self._epoch + 1)

    def write(self, step: int, logs: Logs) -> None:
        """Judges an epoch."""
        vae = self.model
        self._epochs += 1
        self._highest_rate = max(self._highest_rate, logs.get("rate", np.inf))
        what = finite.not_finite(vae, logs)
        if what is not None:
            self._write("not_finite", finite.sentence(vae, what, step), step)
            return
        codes = evaluation.codes(vae, self.x)
        if not np.isfinite(codes).all():
            self._say("not_finite", finite.sentence(vae, "a code", step), step)
            return
        if self._epochs < PATIENCE:
            return
        if self._highest_rate < LEAST_RATE:
            self._say(
                "rate_never_rises",
                f"The rate has not been above {LEAST_RATE} nats in {self._epochs} epochs: the codes say nothing about "
                f"the data, and the decoder does without them; {ADVICE}.",
                step,
            )
        elif vae.code_count is not None:
            self._judge_usage(codes, step)
        elif not vae.has_dimensions:
            self._judge_rungs(step)
        else:
            self._judge_dimensions(codes, step)

    def _judge_dimensions(self, codes: np.ndarray, step: int) -> None:
        vae, active = self.model, evaluation.active_units(codes)
        if active < self.share * vae.latent_size and vae.has_density and vae.can_collapse:
            self._say(
                "posterior_collapse",
                f"The posterior has collapsed: {active} of {vae.latent_size} latent dimensions are active after "
                f"epoch {step}; {ADVICE}.",
                step,
            )

    def _judge_rungs(self, step: int) -> None:
        rates = evaluation.rate_by_rung(self.model, self.x)
        if rates is None or rates.min() >= LEAST_RATE_OF_RUNG:
            return
        unused = [str(number) for number, rate in enumerate(rates, 1) if rate < LEAST_RATE_OF_RUNG]
        self._say(
            "unused_rungs",
            f"{len(unused)} of {len(rates)} rungs are not used: counted from the top, {', '.join(unused)} cost less "
            f"than {LEAST_RATE_OF_RUNG} nats after epoch {step}; {ADVICE_FOR_RUNGS}.",
            step,
        )

    def _judge_usage(self, codes: np.ndarray, step: int) -> None:
        usage = evaluation.code_usage(codes, self.model.code_count)
        if usage.in_use < self.share * min(usage.codes, codes.size):  # so many could be
            self._say(
                "codebook_collapse",
                f"The codebook has collapsed: {usage.in_use} of {usage.codes:,} codes are in use after epoch {step}; "
                f"{ADVICE_FOR_CODES}.",
                step,
            )

    def _say(self, name: str, words: str, step: int) -> None:
        if name not in self._said:
            self._said.add(name)
            warnings.warn(words, stacklevel=2)
            self._write(name, words, step)

    def _write(self, name: str, words: str, step: int) -> None:
        if name not in self._written:
            self._written.add(name)
            with self.writers["alarms"].as_default(step):
                tf.summary.text(name, words)
