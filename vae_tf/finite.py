"""The alarm of `fit`: what is no longer finite is said, once."""

import warnings
from collections.abc import Mapping

import keras
import numpy as np

SCALE = (
    'scale the data to values of order 1, or let the encoder do it (`networks.mlp(..., inputs="log1p")` for counts, '
    '`inputs="standardize"` for other values, in a recipe `--model.networks.inputs`)'
)
SLOWER = "try a smaller learning rate or `clipnorm`"


class FiniteCheck(keras.callbacks.Callback):
    """What is done, after an epoch or sooner, if a value is no longer finite; `fit` needs one, and no second."""


class WarnIfNotFinite(FiniteCheck):
    """Warns, once, at the end of the first epoch after which a logged value or a weight is not finite."""

    def on_train_begin(self, logs=None):
        """Has said nothing yet."""
        self._said = False

    def on_epoch_end(self, epoch, logs=None):
        """Looks at the means of the epoch, then at what the last step made of the weights."""
        what = None if self._said else not_finite(self.model, logs or {})
        if what is not None:
            self._said = True
            warnings.warn(sentence(self.model, what, epoch + 1), stacklevel=2)


def not_finite(model: keras.Model, logs: Mapping[str, float]) -> str | None:
    """What of an epoch is not finite, in words; None if all is."""
    for name in sorted(logs, key=lambda name: name != "loss"):
        if not np.isfinite(logs[name]).all():
            return f"the {name}"
    if not all(np.isfinite(weight).all() for weight in model.trainable_weights):
        return "a weight"
    return None


def sentence(model: keras.Model, what: str, epoch: int) -> str:
    """What is said of it; the epoch is counted from 1."""
    return (
        f"In epoch {epoch}, {what} is no longer finite: nothing is learned from there on; {advice(model, epoch)}, and "
        f"look for odd values in the data."
    )


def advice(model: keras.Model, epoch: int) -> str:
    """What to do if values are no longer finite in an epoch, counted from 1: data may be too large at once."""
    may_be_large = not np.isfinite(model.schema.likelihood.support).all()
    return f"{SCALE}, before you {SLOWER}" if epoch == 1 and may_be_large else SLOWER
