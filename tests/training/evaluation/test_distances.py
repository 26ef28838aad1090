import numpy as np
import pytest
from scipy import linalg

from vae_tf import InputError
from vae_tf.training.evaluation import distances
from vae_tf.training.evaluation.distances import frechet_distance, kernel_distance


def with_moments(rng, mean, covariance, count=50) -> np.ndarray:
    """Values [count, F] whose sample mean and covariance are exactly these."""
    values = rng.normal(size=(count, len(mean)))
    values -= values.mean(axis=0)
    found = np.atleast_2d(np.cov(values, rowvar=False))
    white = linalg.solve_triangular(np.linalg.cholesky(found), values.T, lower=True)
    return (np.linalg.cholesky(covariance) @ white).T + mean


def test_the_frechet_distance_of_one_feature_is_that_of_two_normals(rng):
    a, b = with_moments(rng, [1.0], [[4.0]]), with_moments(rng, [-2.0], [[0.25]])
    assert frechet_distance(a, b) == pytest.approx(3.0**2 + (2.0 - 0.5) ** 2)


def test_the_frechet_distance_of_independent_features_is_their_sum(rng):
    a = with_moments(rng, [1.0, 0.0, 5.0], np.diag([4.0, 1.0, 9.0]))
    b = with_moments(rng, [0.0, 2.0, 5.0], np.diag([1.0, 1.0, 0.25]), count=70)
    assert frechet_distance(a, b) == pytest.approx((1 + 4) + (1.0**2 + 0 + 2.5**2))


def test_the_frechet_distance_of_full_covariances_in_closed_form(rng):
    # Of scaled covariances S and c S it is (1 - sqrt c)^2 tr S.
    covariance = np.array([[2.0, 0.9], [0.9, 1.0]])
    a, b = with_moments(rng, [0.0, 0.0], covariance), with_moments(rng, [3.0, 4.0], 9 * covariance)
    assert frechet_distance(a, b) == pytest.approx(25 + 4 * 3.0)


@pytest.mark.parametrize("count", [200, 12])  # more examples than features, and fewer
def test_the_frechet_distance_is_that_of_scipy(rng, count):
    a = rng.normal(size=(200, 20)) @ rng.normal(size=(20, 20))
    b = rng.normal(size=(count, 20)) @ rng.normal(size=(20, 20)) + rng.normal(size=20)
    one, other = np.cov(a, rowvar=False), np.cov(b, rowvar=False)
    root = linalg.sqrtm(one @ other).real
    expected = np.sum((a.mean(axis=0) - b.mean(axis=0)) ** 2) + np.trace(one + other - 2 * root)
    assert frechet_distance(a, b) == pytest.approx(expected, rel=1e-5)
    assert frechet_distance(b, a) == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("count", [100, 10])
def test_the_frechet_distance_of_equal_sets_is_0(rng, count):
    a = rng.normal(size=(count, 30)).astype(np.float32)
    assert frechet_distance(a, a[::-1]) == pytest.approx(0, abs=1e-5)
    assert frechet_distance(a, a) >= 0


def test_the_frechet_distance_is_biased_upwards_for_few_examples(rng):
    few, many = (np.mean([frechet_distance(*rng.normal(size=(2, n, 8))) for _ in range(20)]) for n in (20, 200))
    assert few > 2 * many > 0


def test_the_kernel_distance_of_two_pairs_by_hand():
    # F = 2, one block: k(a0, a1) = 1, k(b0, b1) = (2 / 2 + 1)^3 = 8, and the mean of 1, 1, (1/2 + 1)^3, (1/2 + 1)^3
    a, b = [[0.0, 0.0], [0.0, 1.0]], [[1.0, 1.0], [1.0, 1.0]]
    assert kernel_distance(a, b, seed=0) == (pytest.approx(1 + 8 - 2 * (1 + 1 + 3.375 + 3.375) / 4), None)


def test_the_kernel_distance_is_the_mean_over_blocks(rng, monkeypatch):
    a, b = rng.normal(size=(10, 3)), rng.normal(size=(10, 3)) + 1
    monkeypatch.setattr(distances, "BLOCKS", 1)
    kernel = lambda x, y: (np.dot(x, y) / 3 + 1) ** 3  # noqa: E731
    within = [np.mean([kernel(x, y) for i, x in enumerate(u) for j, y in enumerate(u) if i != j]) for u in (a, b)]
    across = np.mean([kernel(x, y) for x in a for y in b])
    found = kernel_distance(a, b, seed=0)
    assert found == (pytest.approx(sum(within) - 2 * across), None)
    monkeypatch.setattr(distances, "LARGEST_BLOCK", 2)
    assert kernel_distance(a, b, seed=0).standard_error > 0


def test_the_kernel_distance_is_without_bias(rng):
    for count in (20, 105):
        found = [kernel_distance(*rng.normal(size=(2, count, 4)), seed=0).value for _ in range(400)]
        assert abs(np.mean(found)) < 3 * np.std(found, ddof=1) / np.sqrt(400)


def test_the_kernel_distance_tells_distributions_of_equal_moments_apart(rng):
    # Equal to the second moment: the cubic kernel sees the skewness.
    found = kernel_distance(rng.normal(size=(20_000, 1)), rng.exponential(size=(20_000, 1)) - 1, seed=0)
    assert found.value == pytest.approx(4, abs=3 * found.standard_error)  # (E[x^3] - E[y^3])^2 = 2^2
    assert found.value > 4 * found.standard_error


def test_the_standard_error_is_what_another_draw_of_the_sets_changes(rng):
    found = [kernel_distance(*rng.normal(size=(2, 200, 4)), seed=0) for _ in range(200)]
    spread = np.std([each.value for each in found], ddof=1)
    stated = np.sqrt(np.mean([each.standard_error**2 for each in found]))
    assert spread == pytest.approx(stated, rel=0.2)  # the sd of 200 values has a relative standard error of 0.05


def test_of_the_longer_set_as_many_are_taken(rng):
    a, b = rng.normal(size=(40, 2)), rng.normal(size=(4000, 2))
    assert kernel_distance(a, b, seed=0).standard_error > 0


def test_examples_may_be_sorted(rng):
    classes = np.repeat(np.arange(10.0), 40)[:, None]
    a, b = classes + rng.normal(size=(400, 2)), classes + rng.normal(size=(400, 2))
    found = kernel_distance(a, rng.permutation(b), seed=0)
    assert abs(found.value) < 4 * found.standard_error


def test_the_seed_decides_the_blocks(rng):
    a, b = rng.normal(size=(2, 50, 3))
    assert kernel_distance(a, b, seed=1) == kernel_distance(a, b, seed=1) != kernel_distance(a, b, seed=2)


@pytest.mark.parametrize("distance", [frechet_distance, lambda a, b: kernel_distance(a, b, seed=0)])
def test_sets_that_have_no_distance_are_refused(distance):
    with pytest.raises(InputError, match="between 1 and 5 examples: give at least 2"):
        distance(np.zeros((1, 3)), np.zeros((5, 3)))
    with pytest.raises(InputError, match=r"shapes \(5, 3\) and \(5, 4\)"):
        distance(np.zeros((5, 3)), np.zeros((5, 4)))
    with pytest.raises(InputError, match=r"shapes \(5,\) and \(5,\)"):
        distance(np.zeros(5), np.zeros(5))
    with pytest.raises(InputError, match="NaN or infinite"):
        distance(np.zeros((5, 3)), np.full((5, 3), np.nan))
