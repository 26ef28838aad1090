"""A model from a file that a stranger may have made."""

import contextlib
import math
import os
import pathlib
import zipfile
from collections.abc import Iterator

import keras
import tensorflow as tf

from vae_tf.errors import InputError

TIMES = 8  # what a model may take in memory, in sizes of its file: optimizers have weights that may not be saved
ALWAYS = 2**26  # bytes that it may take at least
SHOWN = 300  # characters of a reason


def load(path: str | os.PathLike[str], compile: bool = True) -> keras.Model:
    """The model in a `.keras` file, in Keras's safe mode, in memory that the size of the file bounds.

    `keras.saving.load_model` makes whatever weights a file describes, so one of a kilobyte may ask for a terabyte.
    Every weight of a model that was saved is in its file; here a file is refused, before any memory is taken, if the
    weights that it describes are larger than eight times the file and 64 MiB. What the model takes when it is called
    is not bounded.

    Args:
        path: of the file.
        compile: whether it is compiled, if it was when it was saved.

    Raises:
        InputError: for a file that is not there, is damaged, describes too much, or holds code or unknown classes.
    """
    path = pathlib.Path(path)
    if not path.is_file():
        raise InputError(f"There is no file {path}: give the path of a Keras model that ends in .keras.")
    limit = TIMES * path.stat().st_size + ALWAYS
    try:
        zipfile.ZipFile(path).close()  # load_model takes a file of another kind for an older format
        with weights_of_at_most(limit):
            return keras.saving.load_model(path, compile=compile)
    except TooLargeError as error:
        raise InputError(
            f"{path} cannot be loaded: a file of {path.stat().st_size:,} bytes describes weights of more than "
            f"{limit:,} bytes, so they are not in it; give a file that model.save(path) has written."
        ) from error
    except (zipfile.BadZipFile, OSError) as error:
        raise InputError(f"{path} is damaged ({_line(error)}): restore it, or make it again.") from error
    except Exception as error:  # of many kinds: anything inside the file may be wrong
        raise InputError(
            f"{path} cannot be loaded ({_line(error)}): give a file that model.save(path) of Keras 3 has written."
        ) from error


class TooLargeError(Exception):
    """Weights that take more memory than they may."""


@contextlib.contextmanager
def weights_of_at_most(limit: int) -> Iterator[None]:
    """Raises before a variable is made with which those made within take more bytes than `limit`.

    Raises:
        TooLargeError: then.
    """
    left = limit

    def create(next_creator, **arguments):
        nonlocal left
        left -= _size(arguments["initial_value"])
        if left < 0:
            raise TooLargeError
        return next_creator(**arguments)

    try:
        with tf.variable_creator_scope(create):
            yield
    except Exception as error:  # Keras raises some errors anew, as others
        if left < 0:
            raise TooLargeError from error
        raise


def _size(initial_value) -> int:
    """The bytes of a variable of this initial value, which is only traced."""
    if callable(initial_value):
        with tf.Graph().as_default():
            initial_value = initial_value()
    return math.prod(initial_value.shape) * initial_value.dtype.size


def _line(error: Exception) -> str:
    words = " ".join(str(error).split()) or type(error).__name__
    return words if len(words) <= SHOWN else f"{words[:SHOWN]} ..."
