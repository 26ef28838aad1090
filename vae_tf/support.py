"""A look at every batch: values outside the likelihood's support are refused, whatever brings the data."""

import itertools
from typing import Any

import tensorflow as tf

from vae_tf.data_check import check_data
from vae_tf.errors import InputError
from vae_tf.likelihoods import Likelihood


class SupportCheck:
    """Refuses batches with a value outside the likelihood's support.

    The host looks at them beside the steps, whose graphs stay as they are: XLA drops assertions, and fuses what is
    added to a step with the rest, which changes its last bits.
    """

    def __init__(self, likelihood: Likelihood):
        self.likelihood = likelihood
        self.begin()

    def begin(self) -> None:
        """Counts the batches anew."""
        self._numbers = itertools.count(1)

    def __call__(self, batches: Any, count: int, purpose: str) -> None:
        """Takes in the next batches.

        Args:
            batches: one or several [B, *event], each of which may be a tuple of what several replicas get; or stacked,
                [S, B, *event].
            count: how many of them there are; in a stack, the others are copies.
            purpose: "training" or "evaluation"; the message names it.

        Raises:
            InputError: naming the batch, from 1, and the value.
        """
        numbers = list(itertools.islice(self._numbers, count))
        if tf.is_tensor(batches):
            try:
                self.likelihood.check(tf.reshape(batches, [-1, *batches.shape[2:]]))
                return
            except InputError:
                batches = [(batch,) for batch in batches]
        for number, parts in zip(numbers, batches, strict=False):
            for x in parts:
                name = f"x of {purpose} batch {number}"
                if isinstance(x, tf.Tensor):
                    self.likelihood.check(x, name)
                else:
                    check_data(x, self.likelihood, name)
