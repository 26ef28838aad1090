"""The numbers of a model's versions, which are the names of their folders."""

import os
import pathlib
import re

from vae_tf.errors import InputError

NUMBER = re.compile("0|[1-9][0-9]*")
LARGEST = 2**63 - 1


def versions(folder: str | os.PathLike[str]) -> list[int]:
    """The version numbers in `<directory>/<name>`, rising."""
    with os.scandir(folder) as entries:
        return sorted(int(entry.name) for entry in entries if NUMBER.fullmatch(entry.name) and entry.is_dir())


def following(folder: pathlib.Path) -> int:
    """The number of the next version: above whatever has a number for its name, files too.

    Raises:
        InputError: where TF Serving has none above that.
    """
    largest = max((int(entry) for entry in os.listdir(folder) if re.fullmatch("[0-9]+", entry)), default=0)
    if largest >= LARGEST:
        raise InputError(
            f"{folder} has an entry {largest}, and TF Serving knows no number above {LARGEST}: rename it to a smaller."
        )
    return largest + 1
