"""A model with a label of which all is known in closed form."""

from collections.abc import Callable
from typing import NamedTuple

import keras
import numpy as np
import pytest
from scipy import stats

from vae_tf import VAE, likelihoods, priors

W = np.array([[1.0, 0.0], [0.0, 0.8], [0.5, 0.0]])  # its columns are orthogonal, so the posterior is diagonal
B = np.array([[0.0, 0.0, 0.0], [1.5, 0.5, -1.0], [-1.0, 1.0, 0.5], [0.3, -1.2, 1.5]])  # of each label
M, S = np.array([[0.0, 0.0], [2.0, -1.0], [-1.5, 0.5], [1.0, 2.0]]), np.array([0.7, 1.3])  # the prior of each label
SIGMA = 0.5


class LinearNormal(NamedTuple):
    """x = W z + b(label) + SIGMA noise,  z ~ N(m(label), diag(s^2)), and 60 examples drawn from it.

    Attributes:
        vae: the model.
        x: [N, 3].
        label: [N], from 0 to 3.
        log_prob: log p(x|label) of each label, float64 [4, N].
        loc: the mean of the exact p(z|x, label), float64 [N, 2].
        variance: its variance, [2].
        prior_loc: m(label), [N, 2].
        prior_scale: s, [2].
        shift: b(label), [N, 3].
    """

    vae: VAE
    x: np.ndarray
    label: np.ndarray
    log_prob: np.ndarray
    loc: np.ndarray
    variance: np.ndarray
    prior_loc: np.ndarray
    prior_scale: np.ndarray
    shift: np.ndarray

    @property
    def batch(self) -> dict[str, np.ndarray]:
        return {"x": self.x, "label": self.label}


@pytest.fixture(scope="session")
def linear_map() -> np.ndarray:
    return W


@pytest.fixture(scope="session")
def linear_normal() -> Callable[..., LinearNormal]:
    """Makes the model whose q(z|x, label) is the exact posterior, if `widened` is 1; else it is so much wider.

    The label is in the decoder, in the prior, or in both; it is in the encoder unless said otherwise.
    """

    def make(
        decoder: bool = True, prior: bool = False, encoder: bool = True, widened: float = 1.0, known: bool = True
    ) -> LinearNormal:
        b = B if decoder else np.zeros_like(B)
        m, s = (M, S) if prior else (np.zeros_like(M), np.ones(2))
        variance = 1 / (1 / s**2 + (W**2).sum(axis=0) / SIGMA**2)
        of_label = (m / s**2 - b @ W / SIGMA**2) * variance
        vae = VAE(
            network("x", 3, encoder, known),
            network("z", 2, decoder, known),
            prior=priors.ConditionalNormal(2) if prior else None,
            likelihood=likelihoods.Normal([3], scale=SIGMA),
        )
        kernel = W * variance / SIGMA**2
        vae.posterior.loc.set_weights([np.concatenate([kernel, of_label]) if encoder else kernel, np.zeros(2)])
        spread = np.zeros((7 if encoder else 3, 2))
        vae.posterior.log_variance.set_weights([spread, np.log(variance * widened**2)])
        vae.likelihood.linear.set_weights([np.concatenate([W.T, b]) if decoder else W.T, np.zeros(3)])
        if prior:
            vae.prior.loc.set_weights([m, np.zeros(2)])
            vae.prior.log_scale.set_weights([np.zeros((4, 2)), np.log(s)])
        rng = np.random.default_rng(5)
        label = np.arange(60) % 4
        z = m[label] + s * rng.normal(size=(60, 2))
        x = (z @ W.T + b[label] + SIGMA * rng.normal(size=(60, 3))).astype(np.float32)
        covariance = W * s**2 @ W.T + SIGMA**2 * np.eye(3)
        log_prob = [stats.multivariate_normal.logpdf(x, b[k] + W @ m[k], covariance) for k in range(4)]
        loc = x.astype(np.float64) @ kernel + of_label[label]
        return LinearNormal(vae, x, label, np.array(log_prob), loc, variance, m[label], s, b[label])

    def network(first: str, size: int, takes_label: bool, known: bool) -> keras.Model:
        values = keras.Input([size], name=first)
        if not takes_label:
            return keras.Model(values, keras.layers.Activation("linear")(values))
        label = keras.Input((), dtype="int32", name="label")
        number = label if known else label + 0  # of which the model cannot see how many labels there are
        return keras.Model([values, label], keras.layers.Concatenate()([values, keras.ops.one_hot(number, 4)]))

    return make
