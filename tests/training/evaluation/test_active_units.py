import numpy as np
import pytest

from vae_tf import VAE, likelihoods, networks, objectives, posteriors
from vae_tf.training import evaluation


@pytest.fixture(scope="module")
def x() -> np.ndarray:
    """Values of variance 1 in each of four columns."""
    values = np.random.default_rng(0).normal(size=(50, 4))
    return ((values - values.mean(axis=0)) / values.std(axis=0)).astype(np.float32)


def model(gains, **parts) -> VAE:
    """Its code in dimension i is gains[i] x_i + 3, so Var E[z_i|x] = gains[i]^2."""
    import keras

    encoded = keras.Input((4,))
    encoder = keras.Model(encoded, keras.layers.Activation("linear")(encoded))
    _, decoder = networks.mlp((4,), 4, hidden=(3,))
    vae = VAE(encoder, decoder, likelihood=likelihoods.Normal((4,)), **parts)
    vae.posterior.loc.set_weights([np.diag(gains), np.full(4, 3.0)])
    return vae


@pytest.mark.parametrize(
    ("gains", "expected"),
    [([1, 1, 1, 1], 4), ([1, 0, -1, 0], 2), ([0, 0, 0, 0], 0), ([0.11, 0.09, 0.101, 0.099], 2)],
)
def test_a_dimension_is_active_where_its_code_varies_by_more_than_a_hundredth(x, gains, expected):
    assert evaluation.active_units(evaluation.codes(model(gains), x)) == expected
    assert evaluation.active_units(evaluation.codes(model(gains), x, batch_size=7)) == expected


def test_noise_makes_no_dimension_active(x):
    vae = model([1, 0, 0, 0])
    vae.posterior.log_variance.set_weights([np.zeros((4, 4)), np.full(4, 2.0)])
    assert evaluation.active_units(evaluation.codes(vae, x)) == 1


def test_an_autoencoder_has_active_units_too(x):
    parts = {"posterior": posteriors.Deterministic(4), "objective": objectives.Reconstruction()}
    assert evaluation.active_units(evaluation.codes(model([1, 1, 0, 0], **parts), x)) == 2
