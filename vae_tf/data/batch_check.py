"""A look at every batch: what the model gives no density, and unknown labels, are refused, whatever brings the data."""

import itertools
from collections.abc import Sequence

import tensorflow as tf

from vae_tf.data.schema import Batch, Schema
from vae_tf.errors import InputError


class BatchCheck:
    """Refuses batches with a value that the model cannot take, and data without a batch.

    The host looks at them beside the steps, whose graphs stay as they are: XLA drops assertions, and fuses what is
    added to a step with the rest, which changes its last bits.
    """

    def __init__(self, schema: Schema):
        self.schema = schema
        self._awaited: set[str] = set()
        self.begin()

    def begin(self) -> None:
        """Counts the batches anew."""
        self._numbers = itertools.count(1)

    def expect(self, purpose: str) -> None:
        """Expects at least one batch from now on; without that, an epoch may have none, of which Keras warns."""
        self._awaited.add(purpose)

    def check(self, replicas: Sequence[Batch], purpose: str) -> None:
        """Takes in the next batch.

        Args:
            replicas: what each replica gets of it; some may get none, but not all.
            purpose: "training", "evaluation" or "prediction"; the message names it. Prediction needs no density, so
                there only integers must be in the support.

        Raises:
            InputError: naming the batch, from 1, and the value.
        """
        self._awaited.discard(purpose)
        name = f"x of {purpose} batch {next(self._numbers)}"
        count = 0
        for batch in replicas:
            if purpose != "prediction" and not all(isinstance(value, tf.Tensor) for value in tf.nest.flatten(batch)):
                self.schema.check(batch, name)
            x, _ = self.schema.split(self.schema.arrays(batch, name, is_density_needed=purpose != "prediction"), name)
            count += len(x)
        if not count:
            raise InputError(f"{name} is empty: leave it out, or give at least one example.")

    def check_stack(self, stack: Batch, count: int, purpose: str) -> None:
        """Takes in the next batches as one stack, of arrays [S, B, ...].

        Args:
            stack: the batches.
            count: how many of them there are; the others are copies.
            purpose: as `check` takes it.

        Raises:
            InputError: as `check`.
        """
        if self._all_are_good(stack):
            self._awaited.discard(purpose)
            next(itertools.islice(self._numbers, count - 1, None))
            return
        for row in range(count):  # which names the batch
            self.check([tf.nest.map_structure(lambda values: values[row], stack)], purpose)  # noqa: B023

    def check_end(self, purpose: str) -> None:
        """Takes in that the data have come to their end.

        Raises:
            InputError: if batches were expected, and none came.
        """
        if purpose in self._awaited:
            self._awaited.clear()
            raise InputError(f"The data for {purpose} give no batch: give at least one example.")

    def _all_are_good(self, stack: Batch) -> bool:
        if not all(values.shape.num_elements() for values in tf.nest.flatten(stack)):
            return False
        try:
            rows = tf.nest.map_structure(lambda values: tf.reshape(values, [-1, *values.shape[2:]]), stack)
            self.schema.arrays(rows, is_density_needed=True)
        except InputError:
            return False
        return True
