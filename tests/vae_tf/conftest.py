"""What the tests of the library share: small models, small data, seeds and dtype policies."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from vae_tf import VAE, likelihoods, networks


@pytest.fixture(autouse=True)
def _seeded():
    keras.utils.set_random_seed(0)


@pytest.fixture
def set_policy():
    """Sets the global dtype policy for one test."""
    before = keras.config.dtype_policy()
    yield keras.config.set_dtype_policy
    keras.config.set_dtype_policy(before)


@pytest.fixture
def run_eagerly():
    """Runs tf.functions eagerly for one test, so that nothing is traced."""
    tf.config.run_functions_eagerly(True)
    yield
    tf.config.run_functions_eagerly(False)


@pytest.fixture(scope="session")
def make_vae():
    """Makes a small model, with the same weights whenever it is asked for the same parts."""

    def make(event_shape=(6,), latent_size=2, hidden=(5,), **parts) -> VAE:
        keras.utils.set_random_seed(1)
        return VAE(*networks.mlp(event_shape, latent_size=latent_size, hidden=hidden), **parts)

    return make


@pytest.fixture(scope="session")
def binary():
    """Fifty examples of six bits."""
    return np.random.default_rng(2).integers(0, 2, [50, 6]).astype(np.float32)


@pytest.fixture(scope="session")
def parameters_of():
    """The parameters that a likelihood without a projection reads from features [B, *]."""

    def parameters(likelihood: likelihoods.Likelihood, features) -> dict[str, tf.Tensor]:
        features = tf.convert_to_tensor(features, tf.float32)
        likelihood.build((None, *features.shape[1:]))
        return likelihood.parameters(features)

    return parameters


class LinearGaussian:
    """A model whose exact log p(x) is a multivariate normal: x = W z + b + noise, W with orthogonal columns.

    The exact posterior is diagonal: N(z; d/(d + s^2) W^+ (x - b), s^2/(d + s^2)), with d = diag(W^T W).

    Args:
        widen: the factor on the standard deviation of the exact posterior.
        objective: passed on to the model.
    """

    scale = 0.7
    size, latent_size = 4, 2

    def __init__(self, widen: float = 1.0, objective=None):
        rng = np.random.default_rng(3)
        orthogonal, _ = np.linalg.qr(rng.normal(size=[self.size, self.latent_size]))
        self.w = orthogonal * [1.5, 0.8]
        self.b = rng.normal(size=self.size)
        d = (self.w**2).sum(axis=0)
        self.covariance = self.w @ self.w.T + self.scale**2 * np.eye(self.size)
        self.posterior_scale = np.sqrt(self.scale**2 / (self.scale**2 + d))
        self.widen = widen
        gain = self.w / (d + self.scale**2)  # [size, latent_size]
        self.gain = gain

        x = keras.Input([self.size])
        z = keras.Input([self.latent_size])
        self.vae = VAE(
            keras.Model(x, keras.layers.Activation("linear")(x)),
            keras.Model(z, keras.layers.Activation("linear")(z)),
            likelihood=likelihoods.Normal([self.size], scale=self.scale),
            objective=objective,
        )
        self.vae.posterior.loc.set_weights([gain, -self.b @ gain])
        self.vae.posterior.log_variance.set_weights([np.zeros_like(gain), 2 * np.log(widen * self.posterior_scale)])
        self.vae.likelihood.linear.set_weights([self.w.T, self.b])

    def log_prob(self, x: np.ndarray) -> np.ndarray:
        """The exact log p(x), float64 [N], nats."""
        from scipy import stats

        return stats.multivariate_normal(self.b, self.covariance).logpdf(x)

    def posterior_gap(self) -> float:
        """KL[q(z|x) || p(z|x)], nats: how far the ELBO is below log p(x)."""
        return self.latent_size * ((self.widen**2 - 1) / 2 - np.log(self.widen))

    def data(self, count: int) -> np.ndarray:
        """Draws from p(x), float32 [count, size]."""
        rng = np.random.default_rng(4)
        return rng.multivariate_normal(self.b, self.covariance, size=count).astype(np.float32)


@pytest.fixture(scope="session")
def linear_gaussian():
    """Makes a `LinearGaussian`."""
    return LinearGaussian
