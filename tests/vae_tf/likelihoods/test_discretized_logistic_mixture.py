import keras
import numpy as np
import pytest
import tensorflow as tf
from scipy import special, stats

from vae_tf import InputError
from vae_tf.likelihoods import DiscretizedLogisticMixture

LEVELS = np.arange(256) / 255


def parameters(logits, loc, scale) -> dict[str, tf.Tensor]:
    return {
        name: tf.constant(value, tf.float32) for name, value in {"logits": logits, "loc": loc, "scale": scale}.items()
    }


def probabilities(logits, loc, scale) -> np.ndarray:
    """P of the 256 levels of one value in float64, with parameters [components]: differences of cdfs."""
    edges = np.concatenate([[-np.inf], (np.arange(255) + 0.5) / 255, [np.inf]])[:, None]
    return np.diff(stats.logistic.cdf(edges, loc, scale), axis=0) @ special.softmax(logits)


def of_all_levels(logits, loc, scale) -> np.ndarray:
    """log P of the 256 levels of one value, by the library."""
    p = DiscretizedLogisticMixture((1,)).distribution(parameters([logits], [loc], [scale]))
    return p.log_prob(tf.constant(LEVELS[:, None], tf.float32)).numpy().astype(float)


CASES = {
    "wide": ([0.3], [0.4], [0.5]),
    "one level": ([0.0], [100 / 255], [1 / 2550]),
    "between two levels": ([0.0], [100.5 / 255], [1 / 2550]),
    "mixed": ([0.0, 1.0, -2.0], [0.1, 0.5, 0.95], [0.02, 0.1, 0.003]),
    "at the edges": ([0.0, 0.0], [-0.2, 1.1], [0.05, 0.03]),
}


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_the_256_levels_have_the_probabilities_of_scipy_and_sum_to_1(case):
    found = np.exp(of_all_levels(*case))
    np.testing.assert_allclose(found, probabilities(*case), rtol=1e-3, atol=1e-7)
    assert found.sum() == pytest.approx(1, abs=1e-4)


def test_a_level_far_away_has_the_log_probability_of_the_tail():
    far = of_all_levels([0.0], [0.2], [0.001])
    # log [sigmoid(b) - sigmoid(a)] for b < 0 far from 0: b + log(1 - exp(a - b)), where scipy's cdf is 1 long since
    above = (LEVELS[150:255] - 1 / 510 - 0.2) / 0.001
    np.testing.assert_allclose(far[150:255], -above + np.log1p(-np.exp(-1 / 0.255)), rtol=1e-4)
    assert far[255] == pytest.approx(-(1 - 1 / 510 - 0.2) / 0.001, rel=1e-4)


def test_nearly_uniform_parameters_cost_nearly_8_bits():
    loc = (np.arange(64) + 0.5) / 64
    bits = -of_all_levels(np.zeros(64), loc, np.full(64, 0.01)).mean() / np.log(2)
    assert 8 <= bits < 8.02  # 8 is the least, by Gibbs's inequality
    inside = -of_all_levels(np.zeros(64), loc, np.full(64, 0.01))[64:192] / np.log(2)
    np.testing.assert_allclose(inside, 8, atol=0.02)


def test_values_are_independent_and_batch_axes_lead(rng):
    shape = (2, 3, 4, 2, 5)  # K, B, *event, components
    logits, loc, scale = rng.normal(size=shape), rng.random(shape), rng.uniform(0.01, 0.3, shape)
    level = rng.integers(0, 256, (3, 4, 2))
    likelihood = DiscretizedLogisticMixture((4, 2))
    p = likelihood.distribution(parameters(logits, loc, scale))
    expected = np.zeros((2, 3))
    for k, b, *i in np.ndindex(2, 3, 4, 2):
        at = (k, b, *i)
        expected[k, b] += np.log(probabilities(logits[at], loc[at], scale[at])[level[(b, *i)]])
    assert (p.batch_shape, p.event_shape) == ((2, 3), (4, 2))
    np.testing.assert_allclose(p.log_prob(tf.constant(level / 255, tf.float32)), expected, rtol=1e-4)
    assert likelihood.mean(p).shape == (2, 3, 4, 2)


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_the_mean_is_the_sum_over_the_levels_to_less_than_half_a_level(case):
    likelihood = DiscretizedLogisticMixture((1,))
    mean = likelihood.mean(likelihood.distribution(parameters(*[[values] for values in case])))
    np.testing.assert_allclose(mean, [LEVELS @ probabilities(*case)], atol=0.5 / 255)


@pytest.mark.parametrize("broken", ["logits", "loc", "scale"])
def test_the_mean_is_nan_where_a_parameter_is(broken):
    values = {"logits": np.zeros((3, 2)), "loc": np.full((3, 2), 0.5), "scale": np.full((3, 2), 0.1)}
    values[broken][1, 0] = np.nan
    likelihood = DiscretizedLogisticMixture((3,))
    mean = likelihood.mean(likelihood.distribution(parameters(**values)))
    assert np.isnan(mean).tolist() == [False, True, False]


def test_draws_are_levels_with_their_probabilities_and_a_seed_repeats_them():
    case = CASES["at the edges"]
    p = DiscretizedLogisticMixture((1,)).distribution(parameters(*[[values] for values in case]))
    draws = p.sample(20_000, seed=[1, 2]).numpy()
    assert draws.dtype == np.float32
    np.testing.assert_array_equal(draws, p.sample(20_000, seed=[1, 2]))
    DiscretizedLogisticMixture((1,)).check(draws)
    counts = np.bincount(np.rint(255 * draws[:, 0]).astype(int), minlength=256)
    expected = np.append(probabilities(*case)[[0, 255]], 0)
    expected[2] = 1 - expected.sum()
    found = [counts[0], counts[255], counts[1:255].sum()]
    assert stats.chisquare(found, 20_000 * expected).pvalue > 0.001


@pytest.mark.parametrize("jit_compile", [False, True])
def test_extreme_parameters_keep_log_prob_and_gradients_finite(jit_compile):
    loc, scale = np.meshgrid([-1e6, -3.0, 0.0, 0.5, 1.0, 4.0, 1e6], [1 / 2550, 0.1, 1000.0])
    loc = np.stack([loc.ravel(), loc.ravel() + 0.1], axis=1)
    scale = np.stack([scale.ravel()] * 2, axis=1)
    values = parameters(1000 * loc, loc, scale)

    @tf.function(jit_compile=jit_compile)
    def one_pass(x):
        p = DiscretizedLogisticMixture((1,)).distribution({name: value[:, None] for name, value in values.items()})
        log_prob = p.log_prob(x)
        return log_prob, tf.gradients(log_prob, list(values.values()))

    for x in (0.0, 100 / 255, 1.0):
        log_prob, gradients = one_pass(tf.fill([21, 1], x))
        assert np.isfinite(log_prob).all()
        assert log_prob.numpy().min() < -1e6
        assert all(np.isfinite(gradient).all() for gradient in gradients)


def test_xla_and_eager_agree(rng):
    shape = (3, 20, 4)
    values = parameters(rng.normal(size=shape), rng.random(shape), rng.uniform(0.001, 0.3, shape))
    x = tf.constant(rng.integers(0, 256, (3, 20)) / 255, tf.float32)
    likelihood = DiscretizedLogisticMixture((20,), components=4)

    def answers():
        p = likelihood.distribution(values)
        return p.log_prob(x), likelihood.mean(p)

    for compiled, eager in zip(tf.function(answers, jit_compile=True)(), answers(), strict=True):
        np.testing.assert_allclose(compiled, eager, rtol=1e-4, atol=1e-5)


def test_features_become_the_parameters_of_the_docstring(rng, parameters_of):
    features = rng.normal(size=(5, 4, 2 * 6)).astype(np.float32)
    found = parameters_of(DiscretizedLogisticMixture((4, 2), components=2, projection=None), features)
    raw = features.reshape(5, 4, 3, 2, 2).transpose(2, 0, 1, 4, 3).astype(float)  # logits, loc, scale
    np.testing.assert_allclose(found["logits"], raw[0], rtol=1e-6)
    np.testing.assert_allclose(found["loc"], raw[1] + [0.25, 0.75], rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(found["scale"], np.log1p(np.exp(raw[2])) / 10 + 1 / 2550, rtol=1e-5)


@pytest.mark.parametrize("projected", [(8,), (4, 3, 5)], ids=["flat", "convolution"])
def test_projections_give_three_parameters_of_each_component(projected, rng):
    likelihood = DiscretizedLogisticMixture((4, 3, 2), components=6)
    likelihood.build((None, *projected))
    found = likelihood.parameters(tf.constant(rng.normal(size=(5, *projected)), tf.float32))
    assert {name: value.shape for name, value in found.items()} == dict.fromkeys(
        ("logits", "loc", "scale"), (5, 4, 3, 2, 6)
    )


@pytest.mark.parametrize("components", [0, -1, 2.5, None])
def test_components_that_are_no_number_of_them_are_refused(components):
    with pytest.raises(InputError, match=rf"components={components}: give a whole number of at least 1"):
        DiscretizedLogisticMixture((7,), components=components)


def test_it_is_made_again_from_its_config():
    config = keras.saving.serialize_keras_object(DiscretizedLogisticMixture((7,), components=3, projection=None))
    again = keras.saving.deserialize_keras_object(config)
    assert (again.event_shape, again.components, again.projection) == ((7,), 3, None)
