import numpy as np
import pytest
from scipy import stats

from vae_tf import InputError
from vae_tf.training.evaluation.mutual_information_gap import mutual_information_gap


@pytest.fixture
def grid() -> dict[str, np.ndarray]:
    """Two factors in all combinations, each 50 times."""
    shape, x = np.indices((3, 4)).reshape(2, -1).repeat(50, axis=1)
    return {"shape": shape, "x": x}


def by_sklearn(codes, factors) -> dict[str, float]:
    """Of the frequencies in 20 bins, by scikit-learn's mutual information and scipy's entropy."""
    score = pytest.importorskip("sklearn.metrics").mutual_info_score
    gaps = {}
    for name, values in factors.items():
        found = []
        for code in codes.T.astype(np.float64):
            share = (code - code.min()) / (code.max() - code.min())
            found.append(score(values, np.minimum(np.floor(20 * share), 19)))
        second, first = np.sort(found)[-2:]
        gaps[name] = (first - second) / stats.entropy(np.bincount(values))
    return gaps


def test_codes_that_are_the_factors_have_a_gap_of_1(grid):
    codes = np.stack([-3.0 * grid["x"], np.exp(grid["shape"])], axis=1).astype(np.float32)
    gaps = mutual_information_gap(codes, grid)
    assert gaps == {"shape": pytest.approx(1), "x": pytest.approx(1)}
    assert list(gaps) == ["shape", "x"]


def test_a_factor_that_two_codes_say_has_none(grid):
    codes = np.stack([grid["shape"], -7.0 * grid["shape"], grid["x"]], axis=1)
    gaps = mutual_information_gap(codes, grid)
    assert gaps == {"shape": pytest.approx(0), "x": pytest.approx(1)}


def test_codes_that_say_nothing_have_none_but_for_the_bias(rng):
    codes, factors = rng.normal(size=(4_000, 10)), {"v": rng.integers(0, 15, 4_000)}
    assert 0 <= mutual_information_gap(codes, factors)["v"] < 19 * 14 / (2 * 4_000) / np.log(15)


def test_the_gap_of_half_the_information_by_hand(grid):
    # Of 4 equal values, one code tells the half, log 2 of log 4 nats; the other nothing.
    codes = np.stack([grid["x"] // 2, grid["shape"]], axis=1)
    assert mutual_information_gap(codes, grid)["x"] == pytest.approx(1 / 2)


def test_the_gap_lies_between_the_two_best_of_many(grid):
    codes = np.stack([grid["x"] // 2, grid["shape"], grid["x"], grid["shape"] == 0], axis=1).astype(np.float32)
    gaps = mutual_information_gap(codes, grid)
    first_of_3 = (np.log(3) - 2 / 3 * np.log(2)) / np.log(3)  # I of shape and (shape == 0), over H
    assert gaps == {"shape": pytest.approx(1 - first_of_3), "x": pytest.approx(1 / 2)}


def test_values_in_one_of_20_equal_bins_are_one():
    # 0 and 4.9 of 100 fall into the first bin, 5.1 in the second, 100 in the last.
    codes = np.stack([[0.0, 4.9, 5.1, 100.0] * 5, np.zeros(20)], axis=1)
    told = mutual_information_gap(codes, {"v": np.array([0, 1, 2, 3] * 5)})["v"]
    assert told == pytest.approx((np.log(4) - np.log(2) / 2) / np.log(4))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_it_is_that_of_scikit_learn(rng, dtype):
    factors = {"a": rng.integers(0, 3, 500), "b": rng.integers(0, 10, 500), "c": rng.integers(-1, 2, 500) ** 2}
    mixed = np.stack(list(factors.values()), axis=1) @ rng.normal(size=(3, 6))
    codes = (mixed + 0.3 * rng.normal(size=(500, 6))).astype(dtype)
    assert mutual_information_gap(codes, factors) == pytest.approx(by_sklearn(codes, factors))


def test_it_depends_on_neither_the_scale_nor_the_place_of_a_code(grid, rng):
    codes = rng.normal(size=(600, 3)) + np.stack([grid["shape"], grid["x"], grid["x"]], axis=1)
    moved = codes * [1e-6, -4.0, 1e3] + [5.0, 0.0, -1e3]
    assert mutual_information_gap(moved, grid) == pytest.approx(mutual_information_gap(codes, grid), abs=0.02)


def test_a_code_that_is_always_the_same_says_nothing(grid):
    codes = np.stack([grid["x"], np.full(600, 1e-7)], axis=1).astype(np.float32)
    assert mutual_information_gap(codes, grid)["x"] == pytest.approx(1)


@pytest.mark.parametrize("shape", [(12,), (12, 1), (12, 0), (12, 2, 2)])
def test_codes_without_a_second_dimension_are_refused(shape):
    with pytest.raises(InputError) as error:
        mutual_information_gap(np.zeros(shape), {"v": np.arange(12)})
    assert f"The codes have shape {shape}: give (N, D), D at least 2." in str(error.value)


@pytest.mark.parametrize("shape", [(11,), (12, 1), ()])
def test_a_factor_of_another_length_is_refused_by_name(shape):
    with pytest.raises(InputError) as error:
        mutual_information_gap(np.zeros((12, 2)), {"x": np.arange(12), "y": np.zeros(shape, int)})
    assert f"The factor 'y' has shape {shape} for 12 codes: give one value for each." in str(error.value)


def test_a_factor_that_does_not_vary_is_refused_by_name():
    with pytest.raises(InputError, match="The factor 'y' has the same value for all 12 codes: leave it out"):
        mutual_information_gap(np.zeros((12, 2)), {"x": np.arange(12), "y": np.full(12, 7)})
