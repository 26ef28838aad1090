import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from vae_tf.training import evaluation


@settings(max_examples=50, deadline=None)
@given(st.lists(st.integers(0, 8), min_size=1, max_size=60))
def test_it_is_what_the_frequencies_say(numbers):
    usage = evaluation.code_usage(np.array(numbers, np.float32)[:, None], count=9)
    frequencies = np.bincount(numbers, minlength=9) / len(numbers)
    assert usage.perplexity == pytest.approx(np.exp(stats.entropy(frequencies)))
    assert (usage.in_use, usage.codes) == (len(set(numbers)), 9)
    assert usage.share == pytest.approx(len(set(numbers)) / 9)
    assert 1 - 1e-9 <= usage.perplexity <= usage.in_use + 1e-9


def test_all_places_of_all_examples_count_alike():
    codes = np.float32([[0, 1, 2], [0, 1, 2], [0, 0, 0]])
    np.testing.assert_allclose(evaluation.code_frequencies(codes, 4), [5 / 9, 2 / 9, 2 / 9, 0])


def test_codes_that_are_used_alike_have_their_number_as_perplexity():
    assert evaluation.code_usage(np.float32([[0, 1], [2, 3]]), 512).perplexity == pytest.approx(4)


@pytest.mark.parametrize("kind", ["vq", "fsq"])
def test_dead_codes_are_those_that_no_batch_has(make_structured, bits, kind):
    vae = make_structured(kind)
    seen = np.unique(vae.represent(bits).z)
    assert evaluation.dead_codes(vae, [bits[:7], bits[7:]]) == vae.code_count - len(seen)
    assert evaluation.dead_codes(vae, []) == vae.code_count


def test_no_more_is_looked_at_once_all_codes_were_seen(make_structured, bits):
    vae = make_structured("vq")
    vae.posterior.codebook.assign(np.float32([[0, 0]] + 5 * [[1e6, 1e6]]))
    far = bits[:1] * 0  # its vectors choose code 0
    vae.posterior.vectors.set_weights([np.zeros((4, 2)), np.zeros(2)])

    def batches():
        for number in range(6):
            vae.posterior.codebook.assign(np.float32([[1e6, 1e6] if row != number else [0, 0] for row in range(6)]))
            yield far
        raise AssertionError("all codes were seen")

    assert evaluation.dead_codes(vae, batches()) == 0
