"""Where the time of some training steps goes."""

import os
import warnings

import keras
import tensorflow as tf

from vae_tf.errors import InputError


class Profile(keras.callbacks.Callback):
    """Profiles some steps of the optimizer, for TensorBoard's profile page (the package `tensorboard-plugin-profile`).

    Where several steps execute together, the executions that hold the first and the last are profiled whole. A profile
    that cannot be taken is a warning, and training goes on.

    Args:
        directory: the run's log directory; the profile is written to `profile` below it.
        first: the first step, from 1; the very first traces and compiles, so rather a later one.
        last: the last step.

    Raises:
        InputError: unless 1 <= first <= last.
    """

    def __init__(self, directory: str | os.PathLike[str], first: int, last: int):
        super().__init__()
        if not 1 <= first <= last:
            raise InputError(
                f"Profile got the steps {first} to {last}: give a first of at least 1, and a last that is no smaller."
            )
        self.folder = os.path.join(directory, "profile")
        self.first, self.last = first, last
        self._is_running = self._is_done = False

    def on_train_batch_begin(self, batch, logs=None):
        """Begins, where the steps that follow hold the first, and marks them."""
        if self._is_done:
            return
        begun = int(self.model.optimizer.iterations)
        if begun + self.model.steps_per_execution < self.first:
            return
        if not self._is_running:
            self._begin(begun)
        if self._is_running:
            self._marked = tf.profiler.experimental.Trace("train", step_num=begun + 1, _r=1)  # the page's "step"
            self._marked.__enter__()

    def on_train_batch_end(self, batch, logs=None):
        """Ends with the last step."""
        if self._is_running:
            self._marked.__exit__(None, None, None)
            if int(self.model.optimizer.iterations) >= self.last:
                self._end()

    def on_train_end(self, logs=None):
        """Ends with training, where that is shorter."""
        if self._is_running:
            self._end()

    def _begin(self, begun: int) -> None:
        if begun >= self.last:  # a run that is resumed after them
            self._is_done = True
            return
        try:
            tf.profiler.experimental.start(self.folder)
            self._is_running = True
        except (OSError, tf.errors.OpError) as error:
            self._give_up(error)

    def _end(self) -> None:
        self._is_running, self._is_done = False, True
        try:
            tf.profiler.experimental.stop()
        except (OSError, tf.errors.OpError) as error:
            self._give_up(error)

    def _give_up(self, error: Exception) -> None:
        self._is_done = True
        warnings.warn(
            f"Profile took none of the steps {self.first} to {self.last} ({' '.join(str(error).split())}); training "
            f"goes on.",
            stacklevel=3,
        )
