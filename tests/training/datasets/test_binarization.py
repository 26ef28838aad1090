import numpy as np
import pytest

from vae_tf import InputError
from vae_tf.training.datasets import binarization


@pytest.mark.parametrize("dtype", [np.uint8, np.float32])
def test_ones_are_as_frequent_as_the_grey_values_say(dtype):
    grey = np.array([0, 51, 128, 204, 255])
    x = np.tile(grey, (4000, 1)).astype(np.uint8)
    x = x if dtype == np.uint8 else (x / np.float32(255))
    drawn = binarization.drawn_once(x, seed=0)
    one = 255 if dtype == np.uint8 else 1
    assert drawn.dtype == dtype
    assert set(np.unique(drawn)) == {0, one}
    frequency = drawn.mean(axis=0) / one
    # 4 standard errors of 4,000 draws are at most 0.032.
    np.testing.assert_allclose(frequency, grey / 255, atol=0.032)
    assert frequency[0] == 0  # black stays black
    assert frequency[-1] == 1  # and white white


def test_pixels_are_drawn_one_by_one():
    drawn = binarization.drawn_once(np.full((2000, 2), 0.5, np.float32), seed=1)
    # 4 standard errors of a correlation of 2,000 are 0.09: neither the pixels nor the rows go together.
    assert abs(np.corrcoef(drawn.T)[0, 1]) < 0.09
    assert abs(np.corrcoef(drawn[:-1, 0], drawn[1:, 0])[0, 1]) < 0.09


def test_the_seed_decides_the_draws():
    x = np.full((30, 4, 4, 1), 0.5, np.float32)
    once = binarization.drawn_once(x, seed=5)
    np.testing.assert_array_equal(binarization.drawn_once(x, seed=5), once)
    assert not np.array_equal(binarization.drawn_once(x, seed=6), once)
    assert (x == 0.5).all()


def test_uint8_and_its_scaled_values_are_drawn_alike(rng):
    x = rng.integers(0, 256, (50, 6), dtype=np.uint8)
    np.testing.assert_array_equal(
        binarization.drawn_once(x, seed=2), 255 * binarization.drawn_once(x / np.float32(255), seed=2)
    )


def test_how_much_is_drawn_at_a_time_changes_nothing(monkeypatch):
    x = np.full((30, 3), 0.5, np.float32)
    once = binarization.drawn_once(x, seed=5)
    monkeypatch.setattr(binarization, "CHUNK", 7)
    np.testing.assert_array_equal(binarization.drawn_once(x, seed=5), once)


@pytest.mark.parametrize(("low", "high"), [(-0.1, 1), (0, 1.1), (0, 255)])
def test_what_is_no_probability_is_refused_with_the_range(low, high):
    x = np.full((9, 4), 0.5, np.float32)
    x[3, 1], x[4, 2] = low, high
    with pytest.raises(InputError, match=rf"from {low} to {high}, but binarisation takes probabilities in \[0, 1\]"):
        binarization.drawn_once(x, seed=0)


def test_an_unknown_kind_is_refused():
    for kind in ("none", "static", "dynamic"):
        binarization.check_kind(kind)
    with pytest.raises(InputError, match="binarization is 'twice': give none, static or dynamic"):
        binarization.check_kind("twice")
