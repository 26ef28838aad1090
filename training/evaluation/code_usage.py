"""How many codes of a codebook are in use."""

from collections.abc import Iterable
from typing import NamedTuple

import numpy as np

from vae_tf import VAE
from vae_tf.data import Batch
from vae_tf.training.evaluation.codes import codes


class CodeUsage(NamedTuple):
    """What the frequencies of the codes say, over all examples and all places of their grids.

    Attributes:
        perplexity: exp H, H = -sum_c f_c log f_c of the frequencies f_c: so many codes, each as frequent as the others,
            would be as hard to guess. From 1 to the number of codes.
        in_use: the codes that at least one example has.
        codes: how many there are.
    """

    perplexity: float
    in_use: int
    codes: int

    @property
    def share(self) -> float:
        """The share of the codes that are in use."""
        return self.in_use / self.codes


def code_usage(codes: np.ndarray, count: int) -> CodeUsage:
    """How many codes are in use.

    Source: van den Oord et al. (2017), "Neural discrete representation learning", whose code logs the perplexity.

    Args:
        codes: those of `evaluation.codes`, whole numbers as float32 [N, D].
        count: how many there are, `vae.code_count`.
    """
    frequencies = code_frequencies(codes, count)
    used = frequencies[frequencies > 0]
    return CodeUsage(float(np.exp(-np.sum(used * np.log(used)))), len(used), count)


def code_frequencies(codes: np.ndarray, count: int) -> np.ndarray:
    """The share of each code among all places of all examples, float64 [count]; arguments are those of `code_usage`."""
    return np.bincount(codes.astype(np.int64).reshape(-1), minlength=count) / codes.size


def dead_codes(vae: VAE, batches: Iterable[Batch]) -> int:
    """How many codes none of the examples has. It stops at the batch after which all have been seen.

    Args:
        vae: a model of discrete codes.
        batches: of examples [N, *event], or dictionaries of them and of the encoder's conditions.
    """
    assert vae.code_count is not None
    seen: set[float] = set()
    for batch in batches:
        seen.update(np.unique(codes(vae, batch)))
        if len(seen) == vae.code_count:
            break
    return vae.code_count - len(seen)
