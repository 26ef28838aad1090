import itertools

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given
from hypothesis import strategies as st
from scipy import special, stats

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


@pytest.mark.parametrize("size", [1, 3, 4, 50])
def test_a_draw_is_a_function_of_its_seed_and_its_number(size):
    seeds = random.pair(7, Purpose.LOG_PROB, tf.range(3, dtype=tf.int64))
    together = random.normal_draws(size, seeds, 0, 40).numpy()
    assert (together.shape, together.dtype) == ((40, 3, size), np.float32)
    assert len(np.unique(together)) == together.size
    for first, count in ((0, 1), (1, 7), (8, 32)):
        parts = random.normal_draws(size, seeds, tf.constant(first), tf.constant(count))
        np.testing.assert_array_equal(parts, together[first : first + count])
    np.testing.assert_array_equal(random.normal_draws(size, seeds[2:], 5, 2), together[5:7, 2:])
    assert stats.kstest(random.normal_draws(size, seeds, 0, 2_000).numpy().ravel(), "norm").pvalue > 0.01


def test_choices_are_as_frequent_as_they_are_probable(rng):
    probabilities = np.float32([0.5, 0.001, 0.0, 0.3, 0.199])
    chosen = random.choice(probabilities, rng.normal(size=100_000).astype(np.float32)).numpy()
    frequencies = np.bincount(chosen, minlength=5) / len(chosen)
    assert chosen.dtype == np.int32
    assert frequencies[2] == 0
    standard_error = np.sqrt(probabilities * (1 - probabilities) / len(chosen))
    assert (np.abs(frequencies - probabilities) <= 4 * standard_error).all()


def test_a_choice_is_where_the_distribution_function_of_its_noise_falls():
    probabilities = np.float32([0.2, 0.5, 0.3])
    edges = stats.norm.ppf([0.2, 0.7])
    noise = [-np.inf, -40, edges[0] - 1e-4, edges[0] + 1e-4, edges[1] - 1e-4, edges[1] + 1e-4, 40, np.inf]
    np.testing.assert_array_equal(random.choice(probabilities, np.float32(noise)), [0, 0, 0, 1, 1, 2, 2, 2])


def test_what_has_no_probability_is_not_chosen_even_at_an_edge():
    np.testing.assert_array_equal(random.choice(np.float32([0, 0.5, 0, 0.5]), np.float32([-np.inf, 0])), [1, 3])


@pytest.mark.parametrize("count", [1, 3, 500, 9999])
def test_the_last_choice_is_never_exceeded(count):
    probabilities = np.full(count, 0.999 / count, np.float32)  # as if all rounding had gone one way
    chosen = random.choice(probabilities, np.float32([-np.inf, 3.0, 6.0, 9.0, np.inf]))
    assert int(tf.reduce_max(chosen)) == count - 1
    assert int(tf.reduce_min(chosen)) == 0


def test_outside_a_strategy_the_replica_is_0():
    assert int(random.replica()) == 0


@pytest.mark.parametrize("jit_compile", [False, True])
def test_gumbel_values_are_exact_in_both_tails(jit_compile):
    noise = np.array([-12, -8, -5, -1, -1e-3, 0, 1e-3, 1, 3, 4, 5, 5.5, 6, 8, 12], np.float32)
    expected = -np.log(-special.log_ndtr(np.float64(noise)))  # -log(-log Phi(noise))
    compiled = tf.function(random.gumbel, jit_compile=jit_compile)
    np.testing.assert_allclose(compiled(noise), expected, rtol=1e-6)
    assert np.isfinite(compiled(np.float32([-np.inf, -40, 40, np.inf]))).all()
