"""The numbers that several subcommands take."""

import argparse


def seed(word: str) -> int:
    """A seed, as the served functions take it."""
    return _between(word, 0, 2**31 - 1)


def count(word: str) -> int:
    """How many are asked for."""
    return _between(word, 1, 2**31 - 1)


def _between(word: str, least: int, most: int) -> int:
    try:
        number = int(word)
    except ValueError:
        raise argparse.ArgumentTypeError(f"got {word!r}: give a whole number") from None
    if not least <= number <= most:
        raise argparse.ArgumentTypeError(f"got {word}: give a number from {least} to {most}")
    return number
