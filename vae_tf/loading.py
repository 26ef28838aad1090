"""A model from a file that a stranger may have made."""

import contextlib
import inspect
import io
import math
import os
import pathlib
import zipfile
from collections.abc import Iterator

import h5py
import keras
import tensorflow as tf

from vae_tf.errors import InputError

TIMES = 8  # what a model may take in memory, in sizes of its file: optimizers have weights that may not be saved
ALWAYS = 2**26  # bytes that it may take at least
CONFIG, CONFIG_ALWAYS = "config.json", 2**20  # its bytes at least: objects of JSON take many times their text
WEIGHTS = "model.weights.h5"
EACH = 2**12  # bytes that a variable takes beside its values
SHOWN = 300  # characters of a reason


def load(path: str | os.PathLike[str], compile: bool = True) -> keras.Model:
    """The model in a `.keras` file, in Keras's safe mode, in memory that the size of the file bounds.

    `keras.saving.load_model` makes whatever weights a file describes, so one of a kilobyte may ask for a terabyte.
    Every weight of a model that was saved is in its file, uncompressed. Here a file is refused, before that memory is
    taken, if what it unpacks to, the weights that it stores or the weights that its layers make are larger than eight
    times the file and 64 MiB, or if the unpacked description of the layers is larger than the file and 1 MiB. What the
    model takes when it is called is not bounded.

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
        _check(path, limit)
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


def _check(path: pathlib.Path, limit: int) -> None:
    """Refuses an archive that unpacks to more than `limit`, or whose weights do."""
    with zipfile.ZipFile(path) as archive:  # load_model takes a file of another kind for an older format
        unpacked = sum(member.file_size for member in archive.infolist())
        if unpacked > limit:
            raise ValueError(f"it unpacks to {unpacked:,} bytes, and a file of its size may to {limit:,}")
        described, most = archive.getinfo(CONFIG).file_size, path.stat().st_size + CONFIG_ALWAYS
        if described > most:
            raise ValueError(f"its {CONFIG} unpacks to {described:,} bytes, and in a file of its size may to {most:,}")
        with h5py.File(io.BytesIO(archive.read(WEIGHTS)), "r") as file:
            if _stored(file) > limit:
                raise TooLargeError


def _stored(file: h5py.File) -> int:
    """The bytes that the data sets of a file take once they are read."""
    sizes = []

    def add(name: str, item) -> None:
        if isinstance(item, h5py.Dataset):
            if item.dtype.hasobject:
                raise ValueError(f"its {WEIGHTS} holds something else than numbers at {name}")
            values = max(math.prod(item.shape or ()), math.prod(item.chunks or ()))  # a chunk is unpacked as a whole
            sizes.append(values * item.dtype.itemsize)

    file.visititems(add)
    return sum(sizes)


class TooLargeError(Exception):
    """Weights that take more memory than they may."""


@contextlib.contextmanager
def weights_of_at_most(limit: int) -> Iterator[None]:
    """Raises before a variable is made with which those made within take more bytes than `limit`.

    Raises:
        TooLargeError: then.
    """
    left = limit

    def take(shape, dtype) -> None:
        nonlocal left
        left -= EACH + math.prod(shape) * dtype.size
        if left < 0:
            raise TooLargeError

    def create(next_creator, **arguments):
        known = _of_keras(arguments["initial_value"])
        if known is not None:
            take(known.shape, tf.as_dtype(arguments["dtype"]))
        variable = next_creator(**arguments)
        if known is None:
            take(variable.shape, variable.dtype)
        return variable

    try:
        with tf.variable_creator_scope(create):
            yield
    except Exception as error:  # Keras raises some errors anew, as others
        if left < 0:
            raise TooLargeError from error
        raise


def _of_keras(initial_value) -> keras.Variable | None:
    """The variable of Keras that a function gives the first value, whose shape is known before it is called."""
    if not inspect.isfunction(initial_value):
        return None
    owner = inspect.getclosurevars(initial_value).nonlocals.get("self")
    return owner if isinstance(owner, keras.Variable) else None


def _line(error: Exception) -> str:
    words = " ".join(str(error).split()) or type(error).__name__
    return words if len(words) <= SHOWN else f"{words[:SHOWN]} ..."
