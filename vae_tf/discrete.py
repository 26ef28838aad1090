"""What distributions over separate values have in common, which tfp asks each for."""

from typing import Any

import tensorflow as tf
from tensorflow_probability import distributions as tfd


class Discrete(tfd.Distribution):
    """A distribution over separate values, as float32, whose draws carry no gradient.

    Args:
        parameters: the constructor's arguments, by name.
        name: of its operations.
    """

    def __init__(self, parameters: dict[str, Any], name: str):
        super().__init__(
            dtype=tf.float32,
            reparameterization_type=tfd.NOT_REPARAMETERIZED,
            validate_args=False,
            allow_nan_stats=True,
            parameters=parameters,
            name=name,
        )
