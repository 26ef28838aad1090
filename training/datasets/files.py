"""Array files: .npz in the layout of Keras's data sets, and .npy."""

import pathlib
import tokenize
import zipfile
import zlib

import numpy as np

from vae_tf.errors import InputError
from vae_tf.training.datasets.arrays import StoredData, arrays

KEYS = ("x_train", "y_train", "x_test", "y_test")
# What NumPy and zipfile raise: for damaged content, for a damaged header, for an encrypted or unknown zip member.
UNREADABLE = (
    ValueError,
    OSError,
    EOFError,
    zipfile.BadZipFile,
    zlib.error,
    SyntaxError,
    tokenize.TokenError,
    MemoryError,
    RuntimeError,
)


def load_npz(path: pathlib.Path) -> StoredData:
    """The arrays `x_train`, and where they are there `x_test`, `y_train` and `y_test`, of an .npz file.

    Raises:
        InputError: for a file that cannot be read, pickled arrays, or a file without `x_train`.
    """
    return arrays(str(path), **read_npz(path))


def load_npy(path: pathlib.Path) -> StoredData:
    """The examples [N, *event] of an .npy file.

    Raises:
        InputError: for a file that cannot be read, or pickled objects.
    """
    return arrays(str(path), read_npy(path))


def read_npz(path: pathlib.Path) -> dict[str, np.ndarray]:
    """The arrays of `KEYS` that are there, as they are."""
    found = {}
    key = "the file"
    try:
        with zipfile.ZipFile(path) as archive:
            for key in KEYS:
                if f"{key}.npy" in archive.namelist():
                    with archive.open(f"{key}.npy") as member:
                        found[key] = np.lib.format.read_array(member, allow_pickle=False)
    except UNREADABLE as error:
        raise _unreadable(path, key, error) from error
    if "x_train" not in found:
        raise InputError(f"{path} has no array x_train: save it as np.savez(path, x_train=..., x_test=...).")
    return found


def read_npy(path: pathlib.Path) -> np.ndarray:
    """The array of an .npy file, as it is."""
    try:
        with open(path, "rb") as file:
            return np.lib.format.read_array(file, allow_pickle=False)
    except UNREADABLE as error:
        raise _unreadable(path, "the file", error) from error


def _unreadable(path: pathlib.Path, key: str, error: Exception) -> InputError:
    if "allow_pickle" in str(error):
        return InputError(f"{path}: {key} holds pickled objects, which are refused: save plain numeric arrays.")
    return InputError(f"{path}: {key} cannot be read ({error}): it is truncated or no NumPy file; save it anew.")
