"""A second layer as a recipe names it."""

import re

import numpy as np
import pytest

from vae_tf import InputError, posteriors, priors, training
from vae_tf.training.priors import SecondLayer


def test_it_makes_a_plain_prior_of_these_sizes():
    prior = SecondLayer(5, inner_size=3, hidden=(4, 6), activation="elu")
    assert type(prior) is priors.Hierarchical
    assert (prior.latent_size, prior.inner.latent_size) == (5, 3)
    assert (prior.noise_size, prior.bound_noise_size) == (3 + 5, 3)
    kernels = [weight.shape for weight in prior.trainable_weights if weight.name == "kernel"]
    assert kernels == [(5, 4), (4, 6), (3, 6), (6, 4), (6, 3), (6, 3), (4, 10)]


def test_it_is_of_grids_too():
    prior = SecondLayer([2, 2, 3])
    assert prior.space.shape == (2, 2, 3)
    prior.check(posteriors.DiagonalNormal((2, 2, 3)))


def test_a_recipe_names_it_and_its_sizes():
    words = ["--model.prior", "SecondLayer", "--model.prior.inner_size", "3", "--model.prior.hidden", "[4]"]
    vae = training.read("vae", words)[0].build((6,))
    assert (vae.prior.latent_size, vae.prior.inner.latent_size) == (16, 3)
    one, other = (training.read("two-layer-vae")[0].build((6,)).get_weights() for _ in range(2))
    for weight, same in zip(one, other, strict=True):
        np.testing.assert_array_equal(weight, same)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--model.prior", "Hierarchical"], "model.prior got 'Hierarchical': give one of"),
        (["--model.prior", "vae_tf.priors.Hierarchical"], "model.prior got 'vae_tf.priors.Hierarchical': give one of"),
        (["--model.prior.inner_size", "0"], "latent_size=0: give a whole number of at least 1"),
        (["--model.prior.hidden", "[]"], "hidden=(): give whole numbers of at least 1"),
        (["--model.prior.activation", "bla"], "activation='bla': give the name of one of Keras"),
        (["--model.posterior", "PowerSpherical"], "PowerSpherical lie on the unit sphere, where Hierarchical has no"),
    ],
)
def test_what_a_recipe_cannot_say(words, said):
    with pytest.raises(InputError, match=re.escape(said)):
        training.read("two-layer-vae", words)[0].build((6,))
