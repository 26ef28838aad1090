import math

import keras
import numpy as np
import pytest

from vae_tf import VAE, likelihoods, networks
from vae_tf.training.recipes import initialization


@pytest.fixture
def make():
    def make(seed: int, make_networks=networks.mlp, event_shape=(7,), **options) -> VAE:
        vae = VAE(*make_networks(event_shape, 3, **options), likelihood=likelihoods.Normal(event_shape))
        initialization.fan_in_uniform(vae, seed)
        return vae

    return make


def kernels_and_biases(vae: VAE) -> list[tuple[np.ndarray, np.ndarray]]:
    weights = [weight for weight in vae.trainable_weights if weight.name in ("kernel", "bias")]
    pairs = list(zip(weights[::2], weights[1::2], strict=True))
    assert all((kernel.name, bias.name) == ("kernel", "bias") for kernel, bias in pairs)
    return [(kernel.numpy(), bias.numpy()) for kernel, bias in pairs]


@pytest.mark.parametrize(
    ("make_networks", "event_shape", "options"),
    [(networks.mlp, (100,), {"hidden": (90, 80)}), (networks.conv, (8, 8, 2), {"filters": (16, 12), "hidden": 50})],
)
def test_weights_are_uniform_between_the_bounds_of_their_fan_in(make, make_networks, event_shape, options):
    pairs = kernels_and_biases(make(0, make_networks, event_shape, **options))
    assert len(pairs) >= 6  # the networks, and the projections of posterior and likelihood
    for kernel, bias in pairs:
        bound = 1 / math.sqrt(math.prod(kernel.shape[:-1]))
        assert np.abs(kernel).max() <= bound
        assert np.abs(bias).max() <= bound
        values = np.concatenate([kernel.ravel(), bias.ravel()]) / bound
        # Uniform in +-1: mean 0, sd 1 / sqrt 3; the tolerances are 4 standard errors (of the sd: sqrt(1/45)/sd/2).
        assert abs(values.mean()) < 4 / math.sqrt(3 * values.size)
        assert abs(values.std() - 1 / math.sqrt(3)) < 4 * 0.26 / math.sqrt(values.size)


def test_each_weight_has_draws_of_its_own(make):
    pairs = kernels_and_biases(make(0, hidden=(20, 20, 20)))
    kernels = [kernel for kernel, _ in pairs if kernel.shape == (20, 20)]
    assert len(kernels) == 4
    for i, kernel in enumerate(kernels):
        for other in kernels[:i]:
            assert abs(np.corrcoef(kernel.ravel(), other.ravel())[0, 1]) < 0.2  # 4 / sqrt(400)


def test_the_seed_decides_the_draws(make):
    one, again, other = make(1), make(1), make(2)
    for weight, same in zip(one.get_weights(), again.get_weights(), strict=True):
        np.testing.assert_array_equal(weight, same)
    for (kernel, bias), (other_kernel, other_bias) in zip(
        kernels_and_biases(one), kernels_and_biases(other), strict=True
    ):
        assert (kernel != other_kernel).mean() > 0.9
        assert (bias != other_bias).mean() > 0.9


def test_other_weights_stay(make):
    assert make(0).likelihood.log_scale.numpy() == 0
    x = keras.Input((5,))
    encoder = keras.Model(x, keras.layers.BatchNormalization()(keras.layers.Dense(4)(x)))
    _, decoder = networks.mlp((5,), 2, hidden=(4,))
    vae = VAE(encoder, decoder, likelihood=likelihoods.Normal((5,)))
    initialization.fan_in_uniform(vae, 0)
    gamma, beta, mean, variance = encoder.layers[-1].get_weights()
    assert (gamma == 1).all()
    assert (beta == 0).all()
    assert (mean == 0).all()
    assert (variance == 1).all()
