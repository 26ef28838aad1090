"""The logged values: one mean over examples for each, with the way it should go."""

from collections.abc import Mapping

import keras
import tensorflow as tf

from vae_tf import keras_private


class LoggedMeans(keras_private.MetricsList):
    """Means of the logged values, reset by Keras at the start of each epoch.

    Args:
        directions: the name of each value, in the order of the logs, and the way it should go: "up", "down" or
            None.
    """

    def __init__(self, directions: Mapping[str, str | None]):
        super().__init__([keras.metrics.Mean(name=name) for name in directions], name="logs")
        for mean, direction in zip(self.metrics, directions.values(), strict=True):
            keras_private.direct_metric(mean, direction)

    def update(self, values: dict[str, tf.Tensor], weights: tf.Tensor | None) -> None:
        """Takes in one batch: per-example values [B], weighed by `weights` [B], and scalar settings."""
        for mean in self.metrics:
            if mean.name in values:
                value = values[mean.name]
                mean.update_state(value, weights if value.shape.rank else None)

    def result(self) -> dict[str, tf.Tensor]:
        """The means so far, scalars by name."""
        return self.get_result()
