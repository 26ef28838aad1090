"""Distances between two sets of features: the Frechet distance and the kernel distance."""

from typing import NamedTuple

import numpy as np

from vae_tf.errors import InputError

BLOCKS = 10  # at least, for a standard error
LARGEST_BLOCK = 1_000  # examples, as in the paper


class KernelDistance(NamedTuple):
    """The estimate of a squared maximum mean discrepancy; it may fall below 0.

    Attributes:
        value: the mean over blocks of examples.
        standard_error: sd over blocks / sqrt(blocks): what another draw of both sets would change; None for one block.
    """

    value: float
    standard_error: float | None


def frechet_distance(a, b) -> float:
    """The squared Frechet distance between two sets of features, each taken for a normal distribution.

    |mu_a - mu_b|^2 + tr(S_a + S_b - 2 (S_a S_b)^(1/2))

    Biased upwards for few examples, the more so the more features there are: it compares only with one of as many
    examples in the same feature space.

    Source: Heusel et al. (2017), equation 6.

    Args:
        a: features [N, F], at least two examples.
        b: features [M, F], at least two examples.

    Raises:
        InputError: for fewer examples, another number of features, or values that are not finite.
    """
    a, b = _checked(a, b)
    covariance_a, covariance_b = (np.cov(values, rowvar=False).reshape(2 * [a.shape[1]]) for values in (a, b))
    values, vectors = np.linalg.eigh(covariance_a)
    root = vectors * np.sqrt(np.clip(values, 0, None)) @ vectors.T  # S_a^(1/2)
    # S_a^(1/2) S_b S_a^(1/2) has the eigenvalues of S_a S_b, and is symmetric
    cross = np.sqrt(np.clip(np.linalg.eigvalsh(root @ covariance_b @ root), 0, None)).sum()
    means = np.sum((a.mean(axis=0) - b.mean(axis=0)) ** 2)
    return float(max(0.0, means + np.trace(covariance_a) + np.trace(covariance_b) - 2 * cross))


def kernel_distance(a, b, seed: int) -> KernelDistance:
    """The squared maximum mean discrepancy between two sets of features, without a bias for any number of examples.

    E[k(x, x')] + E[k(y, y')] - 2 E[k(x, y)],  k(x, y) = (x.y / F + 1)^3,  x, x' ~ a,  y, y' ~ b

    Both sets are shuffled and parted into blocks that share no example; of the longer set only as many examples are
    taken as the other has.

    Source: Binkowski et al. (2018), section 4.

    Args:
        a: features [N, F], at least two examples.
        b: features [M, F], at least two examples.
        seed: of the shuffle.

    Raises:
        InputError: for fewer examples, another number of features, or values that are not finite.
    """
    a, b = _checked(a, b)
    generator = np.random.Generator(np.random.Philox(seed))
    count = min(len(a), len(b))
    blocks = max(min(BLOCKS, count // 2), -(-count // LARGEST_BLOCK))
    rows_a, rows_b = (np.array_split(generator.permutation(len(values))[:count], blocks) for values in (a, b))
    found = [_discrepancy(a[one], b[other]) for one, other in zip(rows_a, rows_b, strict=True)]
    standard_error = float(np.std(found, ddof=1) / np.sqrt(blocks)) if blocks > 1 else None
    return KernelDistance(float(np.mean(found)), standard_error)


def _discrepancy(x: np.ndarray, y: np.ndarray) -> float:
    """The unbiased MMD^2 of two blocks [B, F]."""
    kernel = lambda one, other: (one @ other.T / one.shape[1] + 1) ** 3  # noqa: E731
    pairs = len(x) * (len(x) - 1)
    within = sum((k.sum() - k.trace()) / pairs for k in (kernel(x, x), kernel(y, y)))
    return within - 2 * kernel(x, y).mean()


def _checked(a, b) -> tuple[np.ndarray, np.ndarray]:
    """Both sets as float64 [N, F] and [M, F]."""
    a, b = np.asarray(a, np.float64), np.asarray(b, np.float64)
    if a.ndim != 2 or b.ndim != 2 or a.shape[1] != b.shape[1] or not a.shape[1]:
        raise InputError(f"The features have shapes {a.shape} and {b.shape}: give (N, F) and (M, F).")
    if min(len(a), len(b)) < 2:
        raise InputError(f"A distance was asked for between {len(a)} and {len(b)} examples: give at least 2 of each.")
    if not (np.isfinite(a).all() and np.isfinite(b).all()):
        raise InputError("Some features are NaN or infinite: give images and a model whose features are finite.")
    return a, b
