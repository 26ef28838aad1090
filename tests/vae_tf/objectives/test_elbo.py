import numpy as np
import pytest
import tensorflow as tf
from scipy import stats
from tensorflow_probability import distributions as tfd

from vae_tf import InputError, schedules
from vae_tf.latents import Latent
from vae_tf.objectives import ELBO
from vae_tf.terms import Terms

K, B, D = 4, 5, 3


class Pass:
    """One pass through a model, made by hand, and its values in numpy."""

    def __init__(self, rng):
        loc, scale = rng.normal(size=(B, D)), np.exp(0.3 * rng.normal(size=(B, D)))
        z = loc + scale * rng.normal(size=(K, B, D))
        self.log_likelihood = rng.normal(size=(K, B))
        self.analytic = 0.5 * (loc**2 + scale**2 - 1 - 2 * np.log(scale)).sum(axis=-1)
        log_ratios = stats.norm.logpdf(z, loc, scale).sum(axis=-1) - stats.norm.logpdf(z).sum(axis=-1)
        self.monte_carlo = log_ratios.mean(axis=0)
        q = tfd.Independent(tfd.Normal(tf.constant(loc, tf.float32), tf.constant(scale, tf.float32)), 1)
        p = tfd.Independent(tfd.Normal(tf.zeros([D]), tf.ones([D])), 1)
        latent = Latent(tf.constant(z, tf.float32), q, p)
        self.terms = Terms((latent,), tf.constant(self.log_likelihood, tf.float32))


@pytest.fixture
def one_pass(rng):
    return Pass(rng)


@pytest.mark.parametrize("beta", [0, 1.0, 0.25, 4.0])
@pytest.mark.parametrize("kl", ["analytic", "monte_carlo"])
def test_values_by_hand(one_pass, beta, kl):
    values = ELBO(beta=beta, kl=kl, samples=K)(one_pass.terms, tf.constant(0))
    rate, distortion = getattr(one_pass, kl), -one_pass.log_likelihood.mean(axis=0)
    expected = {
        "loss": distortion + beta * rate,
        "elbo": -(distortion + rate),  # at beta = 1, whatever is minimised
        "rate": rate,
        "distortion": distortion,
        "beta": beta,
    }
    assert values.keys() == ELBO.directions.keys() == expected.keys()
    for name, value in expected.items():
        np.testing.assert_allclose(values[name], value, rtol=1e-4, atol=1e-5, err_msg=name)
        assert values[name].dtype == tf.float32


@pytest.mark.parametrize(("step", "beta"), [(0, 0.5), (5, 1.25), (10, 2.0), (99, 2.0)])
def test_beta_follows_its_schedule(one_pass, step, beta):
    values = ELBO(beta=schedules.Linear(0.5, 2.0, 10))(one_pass.terms, tf.constant(step, tf.int64))
    np.testing.assert_allclose(values["beta"], beta)
    np.testing.assert_allclose(values["loss"], values["distortion"] + beta * values["rate"], rtol=1e-6)


@pytest.mark.parametrize("beta", [-1, -1e-9, float("nan")])
def test_a_beta_below_0_is_refused(beta):
    with pytest.raises(InputError, match=rf"ELBO got beta={beta!r}: give a number of at least 0, or a schedule"):
        ELBO(beta=beta)


@pytest.mark.parametrize("beta", [schedules.Linear, "1", None])
def test_a_beta_that_is_no_number_is_refused(beta):
    with pytest.raises(InputError, match=r"ELBO got beta=.*: give a number of at least 0, or a schedule"):
        ELBO(beta=beta)


def test_another_kl_is_refused():
    with pytest.raises(InputError, match='ELBO got kl=\'exact\': give "analytic" or "monte_carlo"'):
        ELBO(kl="exact")


@pytest.mark.parametrize("samples", [0, -1])
def test_no_draws_are_refused(samples):
    with pytest.raises(InputError, match=rf"ELBO got samples={samples}: give a whole number of at least 1"):
        ELBO(samples=samples)


@pytest.mark.parametrize("beta", [0.5, schedules.Cyclical(0.0, 2.0, period=30, ramp=0.25)])
def test_the_config_makes_it_again(beta):
    objective = ELBO(beta=beta, kl="monte_carlo", samples=3)
    again = ELBO.from_config(objective.get_config())
    assert again.get_config() == objective.get_config()
    assert type(again.beta) is type(beta)
