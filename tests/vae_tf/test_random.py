import itertools

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from vae_tf import random
from vae_tf.random import Purpose

SEED = tf.constant([7, 5], tf.int64)


@given(st.integers(-(2**63), 2**63 - 1), st.sampled_from(Purpose), st.integers(0, 2**32 - 1), st.integers(0, 2**24 - 1))
def test_a_pair_tells_seed_purpose_counter_and_stream(seed, purpose, counter, stream):
    first, second = (int(value) for value in random.pair(seed, purpose, counter, stream))
    assert (first, second >> 56, second >> 32 & 2**24 - 1, second & 2**32 - 1) == (seed, purpose, stream, counter)


def test_different_draws_have_different_seeds():
    edges = itertools.product([-1, 0, 7], Purpose, [0, 1, 2**32 - 1], [0, 1, 2**24 - 1])
    pairs = [tuple(random.pair(*draw).numpy()) for draw in edges]
    assert len(set(pairs)) == len(pairs) == 3 * len(Purpose) * 9


def test_pairs_of_many_counters_are_those_of_each():
    together = random.pair(7, Purpose.LOG_PROB, tf.range(5, dtype=tf.int64), stream=3)
    for counter in range(5):
        np.testing.assert_array_equal(together[counter], random.pair(7, Purpose.LOG_PROB, counter, stream=3))


def test_samples_have_the_seed_and_the_row_themselves():
    np.testing.assert_array_equal(random.pair(7, Purpose.SAMPLE, 5), [7, 5])


def test_noise_is_standard_normal():
    noise = random.normal([100, 100], SEED).numpy().ravel()
    assert stats.kstest(noise, "norm").pvalue > 0.01


def test_noise_is_what_it_was_when_this_was_written():
    # Served and published samples are named by their seed: a seed keeps its meaning.
    expected = [-0.0407403596, 0.309263349, 1.50096691, -0.847825229]
    np.testing.assert_allclose(random.normal([4], SEED), expected, rtol=1e-5)


def test_noise_does_not_depend_on_the_global_seed_or_on_what_was_drawn_before():
    tf.random.set_seed(1)
    before = random.normal([8], SEED)
    tf.random.set_seed(2)
    tf.random.normal([3])
    np.testing.assert_array_equal(random.normal([8], SEED), before)
    assert not np.isin(random.normal([8], SEED + 1), before).any()


def test_a_graph_draws_what_eager_tensorflow_draws():
    draw = lambda seed: random.normal([64, 3], seed)  # noqa: E731
    np.testing.assert_array_equal(tf.function(draw)(SEED), draw(SEED))


def test_xla_draws_numbers_of_its_own_from_the_seed():
    draw = tf.function(lambda seed: random.normal([100, 100], seed), jit_compile=True)
    noise = draw(SEED).numpy()
    assert stats.kstest(noise.ravel(), "norm").pvalue > 0.01
    np.testing.assert_array_equal(draw(SEED), noise)
    assert abs(np.corrcoef(draw(SEED + 1).numpy().ravel(), noise.ravel())[0, 1]) < 0.04  # 4 standard errors


@pytest.mark.parametrize("seed_type", [tf.int32, tf.int64])
def test_a_row_is_a_function_of_its_own_seed(seed_type):
    seeds = tf.cast(tf.stack([tf.fill([64], 7), tf.range(64)], axis=1), seed_type)
    rows = random.normal_rows([2, 3], seeds)
    assert rows.shape == (64, 2, 3)
    for row in (0, 5, 63):
        np.testing.assert_array_equal(random.normal([2, 3], tf.cast(seeds[row], tf.int64)), rows[row])
        np.testing.assert_array_equal(random.normal_rows([2, 3], seeds[row : row + 1])[0], rows[row])
    assert random.normal_rows([2, 3], seeds[:0]).shape == (0, 2, 3)


def test_outside_a_strategy_the_replica_is_0():
    assert int(random.replica()) == 0
