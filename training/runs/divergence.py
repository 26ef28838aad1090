"""Stops a run whose loss is no longer finite, and keeps the last good weights."""

import numpy as np

from vae_tf.errors import DivergenceError
from vae_tf.finite import FiniteCheck, advice, not_finite


class StopOnDivergence(FiniteCheck):
    """Stops a run whose loss is no longer finite.

    The model gets back the weights with which the epoch began.

    Raises:
        DivergenceError: from `fit`, naming the step and the terms that are not finite.
    """

    def on_epoch_begin(self, epoch, logs=None):
        """Keeps the weights."""
        self._last_good = self.model.get_weights()
        self._epoch = epoch

    def on_train_batch_end(self, batch, logs=None):
        """Looks at the loss of the steps so far."""
        if not np.isfinite(logs["loss"]):
            self._stop("the loss", logs)

    def on_epoch_end(self, epoch, logs=None):
        """Looks at what the last step made of the weights; first of the callbacks, it spares the others."""
        what = not_finite(self.model, {name: logs[name] for name in ("loss", "val_loss") if name in logs})
        if what is not None:
            self._stop(what, logs)

    def _stop(self, what: str, logs) -> None:
        terms = ", ".join(f"{name} = {float(value):g}" for name, value in logs.items())
        step = int(self.model.optimizer.iterations)
        self.model.set_weights(self._last_good)
        raise DivergenceError(
            f"{what[0].upper()}{what[1:]} is not finite at step {step} (epoch {self._epoch + 1}, means so far: "
            f"{terms}): training stopped, and the model has the weights again with which epoch {self._epoch + 1} "
            f"began; {advice(self.model, self._epoch + 1)}."
        )
