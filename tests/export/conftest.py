"""Models to export."""

import keras
import numpy as np
import pytest

from vae_tf import VAE, likelihoods, networks, objectives, posteriors

NETWORKS = {
    "mlp": lambda event_shape: networks.mlp(event_shape, 3, hidden=(8,)),
    "conv": lambda event_shape: networks.conv(event_shape, 3, filters=(4, 8), hidden=8),
}
LIKELIHOODS = {
    "Bernoulli": likelihoods.Bernoulli,
    "ContinuousBernoulli": likelihoods.ContinuousBernoulli,
    "Normal": likelihoods.Normal,
    "predicted": lambda event_shape: likelihoods.Normal(event_shape, scale="predicted"),
}


@pytest.fixture(scope="session")
def make():
    """(network, posterior, likelihood, event_shape) -> a model whose weights are all random."""

    def make(network="mlp", posterior="DiagonalNormal", likelihood="Bernoulli", event_shape=(6, 6, 1), seed=0):
        keras.utils.set_random_seed(seed)
        vae = VAE(
            *NETWORKS[network](event_shape),
            posterior=getattr(posteriors, posterior)(3),
            likelihood=LIKELIHOODS[likelihood](event_shape),
            objective=objectives.Reconstruction() if posterior == "Deterministic" else objectives.ELBO(),
        )
        rng = np.random.default_rng(seed)
        for weight in vae.trainable_weights:  # biases start as zeros
            weight.assign(weight + rng.normal(0, 0.1, weight.shape))
        return vae

    return make


@pytest.fixture(scope="module")
def vae(make):
    return make()
