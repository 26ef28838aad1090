"""Grey values as the probabilities of binary ones (Salakhutdinov and Murray, 2008; Burda et al., 2016)."""

from typing import Literal, get_args

import numpy as np

from vae_tf.errors import InputError

Binarization = Literal["none", "static", "dynamic"]

CHUNK = 1_000


def drawn_once(x: np.ndarray, seed: int) -> np.ndarray:
    """Binary images with P(1) = x, a function of `seed`: of the same dtype, uint8 as 0 and 255.

    Raises:
        InputError: for values outside [0, 1], or 0..255 in uint8.
    """
    check(x)
    generator = np.random.Generator(np.random.Philox(seed))
    drawn = np.empty_like(x)
    one, scale = (255, 255) if x.dtype == np.uint8 else (1, 1)
    for first in range(0, len(x), CHUNK):
        probability = x[first : first + CHUNK] / np.float32(scale)
        drawn[first : first + CHUNK] = one * (generator.random(probability.shape, np.float32) < probability)
    return drawn


def check(x: np.ndarray) -> None:
    """Refuses values that are no probabilities.

    Raises:
        InputError: naming the range.
    """
    if x.dtype != np.uint8 and not (x.min() >= 0 and x.max() <= 1):
        raise InputError(
            f"The data ranges from {x.min():g} to {x.max():g}, but binarisation takes probabilities in [0, 1]: scale "
            f"the data, or choose binarization none."
        )


def check_kind(binarization: str) -> None:
    """Refuses what is not a `Binarization`.

    Raises:
        InputError: naming those that are.
    """
    if binarization not in get_args(Binarization):
        raise InputError(f"binarization is {binarization!r}: give none, static or dynamic.")
