import keras
import numpy as np
import pytest
import tensorflow as tf
from scipy import special

from vae_tf import InputError
from vae_tf.likelihoods import Categorical


@pytest.mark.parametrize("jit_compile", [False, True])
@pytest.mark.parametrize("event_shape", [(7,), (4, 3, 2)])
def test_log_prob_is_the_log_softmax_at_the_category(event_shape, jit_compile, rng):
    logits = rng.normal(scale=3, size=(2, 5, *event_shape, 4))
    x = rng.integers(0, 4, (5, *event_shape))
    likelihood = Categorical(event_shape, categories=4)

    @tf.function(jit_compile=jit_compile)
    def log_prob(x):
        return likelihood.distribution({"logits": tf.constant(logits, tf.float32)}).log_prob(x)

    chosen = np.take_along_axis(special.log_softmax(logits, axis=-1), np.stack([x, x])[..., None], axis=-1)
    expected = chosen.reshape(2, 5, -1).sum(axis=-1)
    np.testing.assert_allclose(log_prob(tf.constant(x, tf.float32)), expected, rtol=1e-5)


def test_the_probabilities_of_the_categories_sum_to_1(rng):
    p = Categorical((1,), categories=9).distribution({"logits": tf.constant(rng.normal(size=(1, 9)), tf.float32)})
    total = np.exp(p.log_prob(tf.range(9.0)[:, None]), dtype=float).sum()
    assert total == pytest.approx(1, abs=1e-6)


def test_the_mean_is_the_most_probable_category_and_nan_where_a_logit_is():
    logits = tf.constant([[[0.0, 5.0, 1.0], [3.0, -1.0, 2.0]], [[np.nan, 5.0, 1.0], [0.0, 1.0, 2.0]]])
    likelihood = Categorical((2,), categories=3)
    mean = likelihood.mean(likelihood.distribution({"logits": logits}))
    assert mean.dtype == tf.float32
    np.testing.assert_array_equal(mean, [[1, 0], [np.nan, 2]])


def test_draws_are_categories_and_a_seed_repeats_them():
    likelihood = Categorical((2,), categories=3)
    p = likelihood.distribution({"logits": tf.math.log([[0.2, 0.5, 0.3], [1.0, 0.0, 0.0]])})
    draws = p.sample(20_000, seed=[1, 2]).numpy()
    likelihood.check(draws)
    np.testing.assert_array_equal(draws, p.sample(20_000, seed=[1, 2]))
    np.testing.assert_allclose([(draws[:, 0] == k).mean() for k in range(3)], [0.2, 0.5, 0.3], atol=0.015)
    assert not draws[:, 1].any()


@pytest.mark.parametrize("jit_compile", [False, True])
def test_extreme_logits_keep_log_prob_and_gradient_finite(jit_compile):
    @tf.function(jit_compile=jit_compile)
    def one_pass(logits):
        values = Categorical((1,), categories=2).distribution({"logits": logits}).log_prob([[1.0]])
        return values, tf.gradients(values, logits)[0]

    values, gradient = one_pass(tf.constant([[[1e30, 0.0]], [[0.0, 1e30]]]))
    np.testing.assert_allclose(values, [-1e30, 0])
    np.testing.assert_allclose(gradient, [[[-1, 1]], [[0, 0]]])


def test_features_are_the_logits_of_every_channel_category_by_category(parameters_of):
    likelihood = Categorical((2,), categories=3, projection=None)
    logits = parameters_of(likelihood, [[0.0, 1.0, 2.0, 3.0, 4.0, 5.0]])["logits"]
    np.testing.assert_array_equal(logits, [[[0, 2, 4], [1, 3, 5]]])


@pytest.mark.parametrize("projected", [(8,), (4, 3, 5)], ids=["flat", "convolution"])
def test_projections_give_logits_of_each_category(projected, rng):
    likelihood = Categorical((4, 3, 2), categories=6)
    likelihood.build((None, *projected))
    logits = likelihood.parameters(tf.constant(rng.normal(size=(5, *projected)), tf.float32))["logits"]
    assert logits.shape == (5, 4, 3, 2, 6)


@pytest.mark.parametrize("categories", [1, 0, -3, 2.5, None])
def test_fewer_than_two_categories_are_refused(categories):
    with pytest.raises(InputError, match=rf"categories={categories}: give a whole number of at least 2"):
        Categorical((7,), categories=categories)


def test_it_is_made_again_from_its_config():
    config = keras.saving.serialize_keras_object(Categorical((7,), categories=np.int64(3), projection=None))
    again = keras.saving.deserialize_keras_object(config)
    assert (again.event_shape, again.categories, again.projection) == ((7,), 3, None)
