"""Sizes and counts: whole numbers, refused in words where they are none."""

import numbers
from collections.abc import Sequence

from vae_tf.errors import InputError


def size(owner: str, name: str, value: int, least: int = 1) -> int:
    """A whole number of at least `least`.

    Args:
        owner: what was given the number, as a message says it.
        name: the argument.
        value: what it was given.
        least: the smallest that has a meaning.

    Raises:
        InputError: for anything else.
    """
    if not _is_whole(value) or value < least:
        raise InputError(f"{owner} got {name}={value!r}: give a whole number of at least {least}.")
    return int(value)


def sizes(owner: str, name: str, values: Sequence[int]) -> tuple[int, ...]:
    """Whole numbers of at least 1, and of these at least one; arguments and errors are those of `size`."""
    if isinstance(values, numbers.Number):
        raise InputError(f"{owner} got {name}={values!r}: give a tuple of sizes, such as ({values!r},).")
    try:
        found = tuple(values)
    except TypeError:
        found = ()
    if not found or not all(_is_whole(value) and value >= 1 for value in found):
        given = tuple(values) if isinstance(values, list) else values
        raise InputError(f"{owner} got {name}={given!r}: give whole numbers of at least 1.")
    return tuple(int(value) for value in found)


def shape(owner: str, name: str, value: int | Sequence[int]) -> tuple[int, ...]:
    """A shape, of which one number is that of a vector; arguments and errors are those of `size`."""
    if isinstance(value, Sequence) and not isinstance(value, str):
        return sizes(owner, name, value)
    return (size(owner, name, value),)


def whole(owner: str, name: str, value: int) -> int:
    """A whole number, such as a seed; arguments and errors are those of `size`."""
    if not _is_whole(value):
        raise InputError(f"{owner} got {name}={value!r}: give a whole number.")
    return int(value)


def _is_whole(value) -> bool:
    return isinstance(value, numbers.Integral) and not isinstance(value, bool)
