"""Values that change as training goes on: pure functions of the optimizer's step.

The step itself is a weight of the optimizer, so a schedule holds no state, survives saving and resumes exactly. A new
optimizer begins at step 0: `compile` with another one restarts the schedules.
"""

import numbers

import keras
import tensorflow as tf

from vae_tf.errors import InputError
from vae_tf.settled import Settled


class Schedule(Settled):
    """A function of the optimizer's step; subclasses implement `__call__` and `get_config`."""

    def __call__(self, step: tf.Tensor) -> tf.Tensor:
        """The value at `step` (an integer scalar), float32 scalar."""
        raise NotImplementedError

    @property
    def least(self) -> float | None:
        """The smallest value that it takes, if that is known."""
        return None

    def get_config(self) -> dict:
        """The constructor's arguments."""
        raise NotImplementedError

    @classmethod
    def from_config(cls, config: dict) -> "Schedule":
        """The schedule that `get_config` describes."""
        return cls(**config)


@keras.saving.register_keras_serializable("vae_tf")
class Linear(Schedule):
    """From `start` to `end` in `steps` steps, then constant.

    value(t) = start + (end - start) min(t / steps, 1)

    Source: the warm-up of Bowman et al. (2016), section 3.1, and Sonderby et al. (2016), section 2.2.

    Args:
        start: the value at step 0.
        end: the value from step `steps` on.
        steps: the length of the ramp, at least 1.
    """

    def __init__(self, start: float = 0.0, end: float = 1.0, steps: int = 10_000):
        _require_positive("steps", steps)
        self.start, self.end, self.steps = start, end, steps

    def __call__(self, step: tf.Tensor) -> tf.Tensor:
        """The value at `step`, float32 scalar."""
        return self.start + (self.end - self.start) * _share(step, self.steps)

    @property
    def least(self) -> float:
        """The smaller of `start` and `end`."""
        return min(self.start, self.end)

    def get_config(self) -> dict:
        """The constructor's arguments."""
        return {"start": self.start, "end": self.end, "steps": self.steps}


@keras.saving.register_keras_serializable("vae_tf")
class Cyclical(Schedule):
    """A ramp from `start` to `end` that begins again every `period` steps.

    value(t) = start + (end - start) min((t mod period) / (ramp period), 1)

    Source: Fu et al. (2019), equation 6.

    Args:
        start: the value at the beginning of each cycle.
        end: the value at the end of each ramp.
        period: the length of a cycle in steps, at least 1.
        ramp: the share of a cycle that the ramp takes, in (0, 1].
    """

    def __init__(self, start: float = 0.0, end: float = 1.0, period: int = 10_000, ramp: float = 0.5):
        _require_positive("period", period)
        is_number = isinstance(ramp, numbers.Real)
        if not (is_number and 0 < ramp <= 1):
            raise InputError(f"Cyclical got ramp={ramp!r}: give the share of a cycle in (0, 1].")
        self.start, self.end, self.period, self.ramp = start, end, period, ramp

    def __call__(self, step: tf.Tensor) -> tf.Tensor:
        """The value at `step`, float32 scalar."""
        position = tf.cast(step, tf.int64) % self.period
        return self.start + (self.end - self.start) * _share(position, self.ramp * self.period)

    @property
    def least(self) -> float:
        """The smaller of `start` and `end`."""
        return min(self.start, self.end)

    def get_config(self) -> dict:
        """The constructor's arguments."""
        return {"start": self.start, "end": self.end, "period": self.period, "ramp": self.ramp}


def at(value: float | Schedule, step: tf.Tensor) -> tf.Tensor:
    """The value of a constant or a schedule at `step`, float32 scalar."""
    return value(step) if isinstance(value, Schedule) else tf.constant(value, tf.float32)


def _share(step, steps) -> tf.Tensor:
    return tf.minimum(tf.cast(step, tf.float32) / steps, 1.0)


def _require_positive(name: str, value: int) -> None:
    is_number = isinstance(value, numbers.Real)
    if not (is_number and value >= 1):
        raise InputError(f"The schedule got {name}={value!r}: give at least 1 step.")
