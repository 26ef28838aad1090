"""Whole numbers, wherever sizes and counts are asked for."""

import numpy as np
import pytest

from vae_tf import VAE, InputError, likelihoods, networks, objectives, posteriors, priors, schedules
from vae_tf.sizes import size, sizes


@pytest.mark.parametrize("value", [0, -2, 2.5, 2.0, "2", (2,), None, True, float("nan")])
def test_what_is_no_size_is_refused_as_it_was_given(value):
    makers = {
        "MixtureOfNormals got components": lambda: priors.MixtureOfNormals(2, value),
        "VampPrior got components": lambda: priors.VampPrior(2, value),
        "Categorical got categories": lambda: likelihoods.Categorical((3,), value),
        "DiscretizedLogisticMixture got components": lambda: likelihoods.DiscretizedLogisticMixture((3,), value),
        "The flow got steps": lambda: priors.AutoregressiveFlow(2, steps=value),
        "The network got latent_size": lambda: networks.mlp((4,), latent_size=value),
        "The network got hidden": lambda: networks.conv((8, 8, 1), hidden=value),
        "The network got blocks": lambda: networks.resnet((8, 8, 1), blocks=value),
    }
    if value != (2,):  # the shape of a grid
        makers["DiagonalNormal got latent_size"] = lambda: posteriors.DiagonalNormal(value)
        makers["StandardNormal got latent_size"] = lambda: priors.StandardNormal(value)
    for words, make in makers.items():
        with pytest.raises(InputError) as caught:
            make()
        assert str(caught.value).startswith(f"{words}={value!r}: give a whole number of at least ")


@pytest.mark.parametrize("values", [(), (0,), (3, -1), (2.5,), "52", (None, 2), None, [4, "5"], {}])
def test_what_are_no_sizes_are_refused(values):
    makers = {
        "Normal got event_shape": lambda: likelihoods.Normal(values),
        "Bernoulli got event_shape": lambda: likelihoods.Bernoulli(values),
        "The network got event_shape": lambda: networks.mlp(values),
        "The network got hidden": lambda: networks.mlp((4,), hidden=values),
        "The network got filters": lambda: networks.conv((8, 8, 1), filters=values),
        "The flow got hidden": lambda: posteriors.InverseAutoregressiveFlow(2, hidden=values),
    }
    for words, make in makers.items():
        with pytest.raises(InputError, match="give whole numbers of at least 1") as caught:
            make()
        assert str(caught.value).startswith(words)


@pytest.mark.parametrize("value", [30, 2.5])
def test_one_number_is_not_a_shape(value):
    with pytest.raises(
        InputError, match=rf"Normal got event_shape={value}: give a tuple of sizes, such as \({value},\)"
    ):
        likelihoods.Normal(value)


def test_sizes_of_numpy_become_numbers_of_python():
    assert type(size("it", "size", np.int64(3))) is int
    assert sizes("it", "sizes", np.array([3, 4])) == (3, 4)
    assert {type(value) for value in sizes("it", "sizes", [np.int32(3), 4])} == {int}


def test_a_text_is_shown_in_quotes(make_vae):
    vae = make_vae()
    makers = {
        "VAE got seed='1': give a whole number.": lambda: VAE(vae.encoder, vae.decoder, seed="1"),
        "The seed is '1': give a whole number.": lambda: vae.sample(2, seed="1"),
        "sample() got count='2': give a whole number of at least 0.": lambda: vae.sample("2"),
        "log p(x) got samples='2': give a whole number of at least 1.": lambda: vae.log_prob(np.zeros((1, 6)), "2"),
        "ELBO got samples='3': give a whole number of at least 1.": lambda: objectives.ELBO(samples="3"),
        "ELBO got beta='3': give a number of at least 0, or a schedule.": lambda: objectives.ELBO(beta="3"),
        "TotalCorrelation got examples='3': give a whole number of at least 2.": lambda: objectives.TotalCorrelation(
            examples="3"
        ),
        "The schedule got steps='3': give at least 1 step.": lambda: schedules.Linear(steps="3"),
        "Cyclical got ramp='a': give the share of a cycle in (0, 1].": lambda: schedules.Cyclical(ramp="a"),
    }
    for words, make in makers.items():
        with pytest.raises(InputError) as caught:
            make()
        assert str(caught.value) == words
