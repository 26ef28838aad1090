"""Whether each factor of the data has a latent dimension of its own."""

import numpy as np

from vae_tf.errors import InputError

BINS = 20  # of each code


def mutual_information_gap(codes: np.ndarray, factors: dict[str, np.ndarray]) -> dict[str, float]:
    """The mutual information gap of each factor, in [0, 1]; their mean is the model's.

    gap_k = ( I(z_j1; v_k) - I(z_j2; v_k) ) / H(v_k),  z_j1 and z_j2 the two codes that say most of v_k

    Codes count by the one of 20 bins, of equal width from the least to the greatest, that they fall in. So a dimension
    counts however little it varies, and I is biased upwards by about 19 (values of v_k - 1) / 2N nats.

    Source: Chen et al. (2018), section 4.1; the bins are those of Locatello et al. (2019), appendix C.

    Args:
        codes: those of `evaluation.codes`, float32 [N, D].
        factors: what each example was made with, name -> integers [N].

    Raises:
        InputError: for codes of fewer than 2 dimensions, a factor of another length, or one that does not vary.
    """
    if np.ndim(codes) != 2 or np.shape(codes)[1] < 2:
        raise InputError(f"The codes have shape {np.shape(codes)}: give (N, D), D at least 2.")
    binned = [_binned(code) for code in np.asarray(codes, np.float64).T]
    gaps = {}
    for name, values in factors.items():
        if np.shape(values) != (len(codes),):
            raise InputError(
                f"The factor {name!r} has shape {np.shape(values)} for {len(codes)} codes: give one value for each."
            )
        numbers = np.unique(values, return_inverse=True)[1]
        entropy = _entropy(numbers)
        if not entropy:
            raise InputError(f"The factor {name!r} has the same value for all {len(codes)} codes: leave it out.")
        second, first = sorted(_mutual_information(code, numbers) for code in binned)[-2:]
        gaps[name] = (first - second) / entropy
    return gaps


def _binned(code: np.ndarray) -> np.ndarray:
    """The number of each value's bin, 0 to 19, [N]."""
    return np.digitize(code, np.histogram_bin_edges(code, BINS)[:-1]) - 1


def _mutual_information(bins: np.ndarray, numbers: np.ndarray) -> float:
    """I = H(bins) + H(numbers) - H(bins, numbers) of integers [N] from 0, nats."""
    return _entropy(bins) + _entropy(numbers) - _entropy(bins + BINS * numbers)


def _entropy(numbers: np.ndarray) -> float:
    """H of integers [N] from 0, nats, by their frequencies."""
    counts = np.bincount(numbers)
    shares = counts[counts > 0] / len(numbers)
    return float(-np.sum(shares * np.log(shares)))
