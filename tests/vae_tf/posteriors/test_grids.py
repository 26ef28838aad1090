"""Codes in a grid: what a place sees, and what every axis makes of them."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from vae_tf import VAE, InputError, networks, posteriors, priors
from vae_tf.family import Given

GRID = (2, 2, 3)
KINDS = (
    posteriors.DiagonalNormal,
    posteriors.FullCovarianceNormal,
    posteriors.InverseAutoregressiveFlow,
    posteriors.PowerSpherical,
)


def test_each_place_sees_the_features_of_its_own_place(rng):
    posterior = posteriors.DiagonalNormal(GRID)
    posterior.build((None, 2, 2, 5))
    features = rng.normal(size=[4, 2, 2, 5]).astype(np.float32)
    loc = posterior.parameters(Given(tf.constant(features)))["loc"].numpy().reshape(4, *GRID)
    kernel, bias = (weight.numpy() for weight in posterior.loc.weights)
    np.testing.assert_allclose(loc, features @ kernel + bias, rtol=1e-5, atol=1e-6)


def test_of_features_of_another_shape_each_sees_all(rng):
    posterior = posteriors.DiagonalNormal(GRID)
    posterior.build((None, 5))
    features = rng.normal(size=[4, 5]).astype(np.float32)
    loc = posterior.parameters(Given(tf.constant(features)))["loc"]
    kernel, bias = (weight.numpy() for weight in posterior.loc.weights)
    np.testing.assert_allclose(loc, features @ kernel + bias, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("make_networks", [networks.conv, networks.resnet])
@pytest.mark.parametrize("kind", KINDS)
def test_a_model_of_a_grid_trains_and_comes_back_from_a_file(kind, make_networks, tmp_path, rng):
    conditions = {"label": networks.Label(3)} if kind is posteriors.DiagonalNormal else None
    encoder, decoder = make_networks((4, 4, 1), filters=(3,), latent_shape=GRID, conditions=conditions)
    prior = priors.SphericalUniform(GRID) if kind is posteriors.PowerSpherical else None
    vae = VAE(encoder, decoder, posterior=kind(GRID), prior=prior)
    assert vae.latent_size == 12
    assert vae.posterior.get_config()["latent_size"] == [2, 2, 3]
    x = (rng.random([8, 4, 4, 1]) < 0.5).astype(np.float32)
    label = {} if conditions is None else {"label": np.arange(8) % 3}
    vae.compile("adam")
    history = vae.fit({"x": x, **label} if label else x, epochs=1, verbose=0).history
    assert np.isfinite(history["loss"]).all()
    vae.save(tmp_path / "grid.keras")
    loaded = keras.saving.load_model(tmp_path / "grid.keras")
    np.testing.assert_array_equal(loaded.represent(x, **label).z, vae.represent(x, **label).z)
    assert vae.represent(x, **label).z.shape == (8, 12)


def test_grids_that_do_not_meet_are_named():
    with pytest.raises(InputError, match=r"a grid \(3, 2, 4\), and the smallest features of the network are 2 x 2"):
        networks.conv((4, 4, 1), filters=(3,), latent_shape=(3, 2, 4))
    encoder, decoder = networks.conv((4, 4, 1), filters=(3,), latent_shape=GRID)
    with pytest.raises(InputError, match=r"the posterior has \(2, 2, 3\), the prior has 12, the decoder's input has"):
        VAE(encoder, decoder, prior=priors.StandardNormal(12))
