"""The posterior that rounds."""

import math
from collections.abc import Sequence

import keras
import numpy as np
import tensorflow as tf

from vae_tf.errors import InputError
from vae_tf.family import Given, Parameters
from vae_tf.posteriors.quantized import Quantized
from vae_tf.sizes import sizes

MOST = 2**24  # whole numbers that float32 tells apart
MARGIN = 1e-3  # by which the outermost levels can be reached


@keras.saving.register_keras_serializable("vae_tf")
class FiniteScalarQuantized(Quantized):
    """The posterior that rounds: each entry of a short vector to one of a few levels, without a codebook.

    vector = half tanh(linear(features) + shift) - offset,  half = (levels - 1)(1 + 1e-3) / 2
    code = the number of round(vector) among all prod(levels) combinations; the decoder takes round(vector), scaled to
    [-1, 1]

    `offset` is 1/2 for an even number of levels, else 0, and `shift` = atanh(offset / half) keeps 0 in the middle. The
    gradient passes as if nothing were rounded. No loss is added.

    Source: Mentzer et al. (2024), "Finite scalar quantization: VQ-VAE made simple", section 3 and appendix A.

    Args:
        latent_size: D, the whole numbers of a code, or the shape of a grid of them, such as (7, 7).
        levels: of each entry of a vector, at least 2, such as (8, 5, 5, 5) for 1,000 codes.
        name: the layer's name.

    Raises:
        InputError: for fewer than 2 levels, or more than 2^24 codes, which float32 does not tell apart.
    """

    def __init__(self, latent_size: int | Sequence[int], levels: Sequence[int] = (8, 5, 5, 5), name: str | None = None):
        self.levels = sizes("FiniteScalarQuantized", "levels", levels)
        if min(self.levels) < 2 or math.prod(self.levels) > MOST:
            raise InputError(
                f"FiniteScalarQuantized got levels={self.levels}, which make {math.prod(self.levels):,} codes: give at "
                f"least 2 levels for each, and at most 2^24 = {MOST:,} codes in all."
            )
        super().__init__(latent_size, math.prod(self.levels), len(self.levels), name)
        levels_ = np.array(self.levels, np.float32)
        self._half = (levels_ - 1) * (1 + MARGIN) / 2
        self._offset = np.where(levels_ % 2 == 0, 0.5, 0.0).astype(np.float32)
        self._shift = np.arctanh(self._offset / self._half)
        self._basis = np.cumprod([1, *self.levels[:-1]]).astype(np.float32)  # of the code's number
        self._middle = np.array([count // 2 for count in self.levels], np.float32)

    def parameters(self, given: Given) -> Parameters:
        """`vector`, float32 [*, D, width], for features [*, ...]: within the levels, not yet rounded."""
        raw = super().parameters(given)["vector"]
        return {"vector": (self._half * tf.tanh(raw + self._shift) - self._offset) / self._middle}

    def number(self, vectors: tf.Tensor) -> tf.Tensor:
        """The number of the code nearest to each vector, float32 [*, D]."""
        digits = tf.round(vectors * self._middle) + self._middle
        return tf.reduce_sum(digits * self._basis, axis=-1)

    def vector(self, z: tf.Tensor) -> tf.Tensor:
        """The levels of each whole number, scaled to [-1, 1], float32 [*, D, width]."""
        digits = tf.math.floormod(tf.floor(z[..., None] / self._basis), np.array(self.levels, np.float32))
        return (digits - self._middle) / self._middle
