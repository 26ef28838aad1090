"""Writes a run's checkpoints."""

import dataclasses
import functools
import pathlib
import shutil
import time
from collections.abc import Callable
from typing import Any

import keras
import numpy as np

from vae_tf.training.runs.checkpoints import Best, Checkpoints, Progress, random_variables
from vae_tf.training.runs.interruption import Interrupted, Interruption


class Checkpoint(keras.callbacks.Callback):
    """Writes a checkpoint at the end of each epoch, every few minutes within one, and when the run is asked to stop.

    Put it last: an epoch counts as done when all other callbacks have seen it, `Save` among them.

    Args:
        checkpoints: where to.
        saved: where `Save` has written the model at an epoch's end.
        progress: where the run stands.
        steps_per_epoch: of a whole epoch.
        minutes: between two checkpoints within an epoch.
        interruption: whether the run is asked to stop.

    Raises:
        Interrupted: from `fit`, once the run was asked to stop and the checkpoint is written.
    """

    def __init__(
        self,
        checkpoints: Checkpoints,
        saved: pathlib.Path,
        progress: Progress,
        steps_per_epoch: int,
        minutes: float,
        interruption: Interruption,
    ):
        super().__init__()
        self.checkpoints, self.saved, self.progress = checkpoints, saved, progress
        self.steps_per_epoch, self.minutes = steps_per_epoch, minutes
        self.interruption = interruption
        self._written = time.monotonic()

    def on_epoch_begin(self, epoch, logs=None):
        """Goes on with the means of an unfinished epoch."""
        if self.progress.step:
            for variable, value in zip(self.model.logged_means.variables, self.progress.means, strict=True):
                variable.assign(value)

    def on_train_batch_end(self, batch, logs=None):
        """Writes where it is time, or the run is asked to stop; not at the last step, as the epoch's end follows."""
        step = int(self.model.training_steps) - self.progress.epoch * self.steps_per_epoch
        is_time = time.monotonic() - self._written > 60 * self.minutes
        if step == self.steps_per_epoch or not (is_time or self.interruption.asked):
            return
        if not all(np.isfinite(weight).all() for weight in self.model.trainable_weights):
            return  # the next step stops the run
        means = tuple(float(variable) for variable in self.model.logged_means.variables)
        self._write(self.model.save, dataclasses.replace(self.progress, step=step, means=means))

    def on_epoch_end(self, epoch, logs=None):
        """Writes, and keeps the best."""
        best = _better(self.progress.best, epoch + 1, logs)
        copy = functools.partial(shutil.copyfile, self.saved)
        self._write(copy, dataclasses.replace(self.progress, epoch=epoch + 1, step=0, means=(), best=best))

    def _write(self, save: Callable[[pathlib.Path], Any], progress: Progress) -> None:
        states = tuple(tuple(int(n) for n in variable.numpy()) for variable in random_variables(self.model))
        progress = dataclasses.replace(progress, random_states=states)
        self.checkpoints.write(save, progress)
        self.progress, self._written = progress, time.monotonic()
        if self.interruption.asked:
            steps = f" and {progress.step} steps" if progress.step else ""
            raise Interrupted(f"Stopped after {progress.epoch} epochs{steps}.")


def _better(best: Best | None, epoch: int, logs: dict[str, float]) -> Best:
    """By the bound, which no schedule moves; by the loss where there is none."""
    metric, sign = ("val_elbo", 1) if "val_elbo" in logs else ("val_loss", -1)
    value = float(logs[metric])
    return best if best is not None and sign * best.value >= sign * value else Best(metric, value, epoch)
