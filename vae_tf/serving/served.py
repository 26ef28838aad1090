"""What a model has to have for its functions to be served."""

from collections.abc import Mapping
from typing import Protocol

import tensorflow as tf

from vae_tf.conditions import Condition
from vae_tf.latents import Codes
from vae_tf.likelihoods import Likelihood
from vae_tf.scoring import Score


class Served(Protocol):
    """A model as its served functions see it: verbs of rows, with conditions by name."""

    event_shape: tuple[int, ...]
    latent_size: int
    likelihood: Likelihood
    conditions: Mapping[str, Condition]

    @property
    def prior_noise_size(self) -> int: ...  # noqa: D102
    @property
    def has_density(self) -> bool: ...  # noqa: D102
    @property
    def encoder_conditions(self) -> tuple[str, ...]: ...  # noqa: D102
    @property
    def decoder_conditions(self) -> tuple[str, ...]: ...  # noqa: D102
    @property
    def prior_conditions(self) -> tuple[str, ...]: ...  # noqa: D102
    def represent(self, x, training: bool = False, **condition) -> Codes: ...  # noqa: D102
    def reconstruct(self, x, **condition) -> tf.Tensor: ...  # noqa: D102
    def accepts(self, z) -> tf.Tensor: ...  # noqa: D102
    def mean(self, z, **condition) -> tf.Tensor: ...  # noqa: D102
    def draw(self, seeds, **condition) -> tf.Tensor: ...  # noqa: D102
    def from_noise(self, noise, **condition) -> tf.Tensor: ...  # noqa: D102
    def score_rows(self, batch, seeds) -> Score: ...  # noqa: D102
