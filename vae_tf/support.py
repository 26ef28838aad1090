"""A look at every batch: values outside the likelihood's support are refused, whatever brings the data."""

import itertools
from typing import Any

import tensorflow as tf

from vae_tf import examples
from vae_tf.data_check import check_data
from vae_tf.errors import InputError
from vae_tf.likelihoods import Likelihood


class SupportCheck:
    """Refuses batches with a value outside the likelihood's support, and data without a batch.

    The host looks at them beside the steps, whose graphs stay as they are: XLA drops assertions, and fuses what is
    added to a step with the rest, which changes its last bits.
    """

    def __init__(self, likelihood: Likelihood):
        self.likelihood = likelihood
        self._awaited: set[str] = set()
        self.begin()

    def begin(self) -> None:
        """Counts the batches anew."""
        self._numbers = itertools.count(1)

    def expect(self, purpose: str) -> None:
        """Expects at least one batch from now on; without that, an epoch may have none, of which Keras warns."""
        self._awaited.add(purpose)

    def __call__(self, batches: Any, count: int, purpose: str) -> None:
        """Takes in the next batches.

        Args:
            batches: one or several [B, *event], each of which may be a tuple of what several replicas get; or stacked,
                [S, B, *event].
            count: how many of them there are; in a stack, the others are copies. 0: the data have come to their end.
            purpose: "training", "evaluation" or "prediction"; the message names it. Prediction needs no density, so
                there only integers must be in the support.

        Raises:
            InputError: naming the batch, from 1, and the value; or if no batch came before the end.
        """
        if not count and purpose in self._awaited:
            self._awaited.clear()
            raise InputError(f"The data for {purpose} give no batch: give at least one example.")
        self._awaited.discard(purpose)
        numbers = list(itertools.islice(self._numbers, count))
        if tf.is_tensor(batches) and batches.shape[1]:
            try:
                self.likelihood.check(tf.reshape(batches, [-1, *batches.shape[2:]]))
                return
            except InputError:
                pass  # it names the row of the stack, not the batch
        if tf.is_tensor(batches):
            batches = [(batch,) for batch in batches]
        for number, parts in zip(numbers, batches, strict=False):
            name = f"x of {purpose} batch {number}"
            if not any(len(x) for x in parts):
                raise InputError(f"{name} is empty: leave it out, or give at least one example.")
            for x in parts:
                if purpose == "prediction":
                    examples.check(x, self.likelihood, name)
                elif isinstance(x, tf.Tensor):
                    self.likelihood.check(x, name)
                else:
                    check_data(x, self.likelihood, name)
