import importlib

import numpy as np
import pytest
import tensorflow as tf
from scipy import special, stats

from vae_tf import InputError, objectives, posteriors, random
from vae_tf.training import evaluation

room = importlib.import_module("vae_tf.training.evaluation.aggregated_posterior")  # the function has its name


def by_hand(vae, x, seed):
    """log q(z_i|x_i), log q(z_i) and log p(z_i) for one draw of each example, float64 [N]."""
    q = vae.encode(x)
    loc, scale = q.mean().numpy().astype(np.float64), q.stddev().numpy().astype(np.float64)
    seeds = random.pair(seed, random.Purpose.AGGREGATED_POSTERIOR, np.arange(len(x)))
    z = loc + scale * random.normal_rows([2], seeds).numpy()
    all_pairs = stats.norm.logpdf(z[:, None], loc, scale).sum(axis=-1)  # log q(z_i|x_j)
    aggregated = special.logsumexp(all_pairs, axis=1) - np.log(len(x))
    return np.diag(all_pairs), aggregated, stats.norm.logpdf(z).sum(axis=-1)


@pytest.mark.parametrize("values", [2**23, 2 * 20 * 3, 1])  # at once: all, three posteriors, one
def test_both_parts_are_those_of_the_formula(make_vae, bits, values, monkeypatch):
    monkeypatch.setattr(room, "VALUES", values)
    monkeypatch.setattr(room, "BATCH", 8)
    vae = make_vae()
    posterior, aggregated, prior = by_hand(vae, bits, seed=5)
    found = evaluation.aggregated_posterior(vae, bits, seed=5)
    assert found.mutual_information == pytest.approx((posterior - aggregated).mean(), abs=1e-4)
    assert found.marginal_kl == pytest.approx((aggregated - prior).mean(), abs=1e-4)
    for error, parts in (
        (found.mutual_information_standard_error, posterior - aggregated),
        (found.marginal_kl_standard_error, aggregated - prior),
    ):
        assert error == pytest.approx(parts.std(ddof=1) / np.sqrt(20), rel=1e-3)


def test_the_parts_make_up_the_rate(make_vae, bits):
    vae = make_vae()
    rate = evaluation.kl_per_dimension(vae, bits).sum()
    found = [evaluation.aggregated_posterior(vae, bits, seed) for seed in range(40)]
    sums = [each.mutual_information + each.marginal_kl for each in found]
    assert np.mean(sums) == pytest.approx(rate, abs=4 * np.std(sums) / np.sqrt(40))


def test_codes_that_tell_examples_apart_carry_the_logarithm_of_their_number(make_vae, bits):
    vae = make_vae()
    x = np.unique(bits.reshape(20, -1), axis=0).reshape(-1, *bits.shape[1:])
    vae.posterior.log_variance.set_weights([np.zeros((5, 2)), np.full(2, -30.0)])
    found = evaluation.aggregated_posterior(vae, x, seed=0)
    assert found.mutual_information == pytest.approx(np.log(len(x)), abs=1e-4)
    assert found.mutual_information_standard_error is None  # of that, there is none: it is saturated
    assert found.marginal_kl_standard_error > 0


def test_codes_that_ignore_the_examples_carry_nothing(make_vae, bits):
    vae = make_vae()
    vae.posterior.loc.set_weights([np.zeros((5, 2)), np.zeros(2)])
    vae.posterior.log_variance.set_weights([np.zeros((5, 2)), np.zeros(2)])
    found = evaluation.aggregated_posterior(vae, bits, seed=0)
    assert found.mutual_information == pytest.approx(0, abs=1e-5)
    assert found.marginal_kl == pytest.approx(0, abs=1e-5)


def test_of_many_examples_a_part_is_drawn_and_all_are_scored(make_vae, bits, monkeypatch):
    vae = make_vae()
    monkeypatch.setattr(room, "DRAWS", 5)
    posterior, aggregated, _ = by_hand(vae, bits, seed=5)
    chosen = np.linspace(0, 19, 5).astype(int)
    found = evaluation.aggregated_posterior(vae, bits, seed=5)
    assert found.mutual_information == pytest.approx((posterior - aggregated)[chosen].mean(), abs=1e-4)


@pytest.mark.parametrize(
    "parts",
    [
        {"posterior": posteriors.Deterministic(2), "objective": objectives.Reconstruction()},
        {"posterior": posteriors.InverseAutoregressiveFlow(2)},
    ],
)
def test_a_posterior_that_cannot_score_other_codes_has_none(make_vae, bits, parts):
    assert evaluation.aggregated_posterior(make_vae(**parts), bits, seed=0) is None


@pytest.mark.parametrize("kind", ["ladder", "vq", "fsq"])
def test_ladders_and_discrete_codes_have_none(make_structured, bits, kind):
    assert evaluation.aggregated_posterior(make_structured(kind), bits, seed=0) is None


def test_one_example_is_refused(make_vae, bits):
    with pytest.raises(InputError, match="of 1 examples: give at least 2"):
        evaluation.aggregated_posterior(make_vae(), bits[:1], seed=0)


def test_the_seed_is_all_that_the_draws_depend_on(make_vae, bits):
    vae = make_vae()
    once = evaluation.aggregated_posterior(vae, bits, seed=1)
    tf.random.set_seed(99)
    assert evaluation.aggregated_posterior(vae, bits, seed=1) == once
    assert evaluation.aggregated_posterior(vae, bits, seed=2) != once
