"""A data set as arrays, and the checks that every source passes."""

import warnings
from collections.abc import Callable, Sequence
from typing import NamedTuple, TypeVar

import numpy as np

from vae_tf.errors import InputError
from vae_tf.training.datasets.split import Splits, stratified

TEST_SHARE = 0.1
TEST_SEED = 0
LARGEST = 2**24  # whole number up to which float32 has all


class StoredData(NamedTuple):
    """A data set as stored.

    Attributes:
        name: where it comes from.
        x_train: examples [N, *event]; images are [N, height, width, channels]; uint8 stays uint8, else float32. What
            came as [N, a, b] is grey images, [N, a, b, 1], if it is uint8 or boolean, or a = b; else it stays
            [N, a, b], a series of a steps with b values each.
        y_train: labels [N], or None.
        x_test: as `x_train`.
        y_test: as `y_train`.
        factors_test: what each test example was made with, name -> integers [N_test], or None.
        x_validation: as `x_train`, where the source has a validation set of its own, or None.
        y_validation: as `y_train`.
        class_names: what the labels 0, 1, ... are called, or None.
        skipped: files that were not read.
    """

    name: str
    x_train: np.ndarray
    y_train: np.ndarray | None
    x_test: np.ndarray
    y_test: np.ndarray | None
    factors_test: dict[str, np.ndarray] | None = None
    x_validation: np.ndarray | None = None
    y_validation: np.ndarray | None = None
    class_names: tuple[str, ...] | None = None
    skipped: int = 0


def arrays(
    name: str,
    x_train: np.ndarray,
    y_train: np.ndarray | None = None,
    x_test: np.ndarray | None = None,
    y_test: np.ndarray | None = None,
    x_validation: np.ndarray | None = None,
    y_validation: np.ndarray | None = None,
) -> StoredData:
    """Checks a source's arrays and brings them into one form.

    Where there is no test set, a class-balanced tenth of the data becomes it, the same whatever the run's seed.

    Raises:
        InputError: for data that is not numeric, not finite or of another shape than the rest, labels of another
            length, or too few examples to set a test set aside; the sentence names the array.
    """
    x_train = examples(name, "x_train", x_train)
    y_train = labels(name, "y_train", y_train, len(x_train))
    if x_test is None:
        rest, part = stratified(y_train, len(x_train), TEST_SHARE, TEST_SEED)
        if not len(part):
            raise InputError(
                f"{name}: a tenth of {len(x_train)} examples makes no test set: give more examples, or an x_test."
            )
        x_train, x_test = x_train[rest], x_train[part]
        y_train, y_test = (None, None) if y_train is None else (y_train[rest], y_train[part])
    else:
        x_test = examples(name, "x_test", x_test)
        y_test = labels(name, "y_test", y_test, len(x_test))
    if x_validation is not None:
        x_validation = examples(name, "x_validation", x_validation)
        y_validation = labels(name, "y_validation", y_validation, len(x_validation))
    _warn_of_channels_first(name, x_train.shape[1:])
    for key, x in {"x_test": x_test, "x_validation": x_validation}.items():
        if x is not None and x_train.shape[1:] != x.shape[1:]:
            raise InputError(
                f"{name}: an example of x_train has shape {x_train.shape[1:]}, one of {key} {x.shape[1:]}: make them "
                f"equal."
            )
    return StoredData(name, x_train, y_train, x_test, y_test, None, x_validation, y_validation)


Parts = TypeVar("Parts", StoredData, Splits)


def each(data: Parts, change: Callable[[np.ndarray], np.ndarray]) -> Parts:
    """The data with `change` applied to their examples: to x_train, x_validation and x_test."""
    x_validation = None if data.x_validation is None else change(data.x_validation)
    return data._replace(x_train=change(data.x_train), x_validation=x_validation, x_test=change(data.x_test))


def with_channel(x: np.ndarray, event_shape: Sequence[int]) -> np.ndarray:
    """Examples [N, a, b] as [N, a, b, 1] if a model takes them so, as those of version 0.1 do; else as they are."""
    return x[..., None] if (*x.shape[1:], 1) == tuple(event_shape) else x


def check_shape(name: str, x: np.ndarray, event_shape: tuple[int, ...]) -> None:
    """Refuses examples that a model does not take.

    Raises:
        InputError: where an example of `x` has another shape than `event_shape`.
    """
    if x.shape[1:] != tuple(event_shape):
        raise InputError(
            f"{name} has examples of shape {x.shape[1:]}, but the model takes {tuple(event_shape)}: give data of that "
            f"shape."
        )


def examples(name: str, key: str, x: np.ndarray) -> np.ndarray:
    """Checks examples and brings them into one form; see `arrays`."""
    if x.dtype == np.bool_:
        x = np.uint8(255) * x.astype(np.uint8)
    if not np.issubdtype(x.dtype, np.integer) and not np.issubdtype(x.dtype, np.floating):
        raise InputError(
            f"{name}: {key} has dtype {x.dtype}: give uint8 images, whole numbers or floating-point values."
        )
    if x.ndim < 2 or 0 in x.shape:
        raise InputError(f"{name}: {key} has shape {x.shape}: give at least one example, along the first axis.")
    is_series = x.dtype != np.uint8 and x.shape[1:2] != x.shape[2:]
    if x.ndim == 3 and not is_series:  # grey images
        x = x[..., None]
    if x.dtype == np.uint8:
        return x
    if np.issubdtype(x.dtype, np.integer) and (x.min() < -LARGEST or x.max() > LARGEST):
        raise InputError(
            f"{name}: {key} ranges from {x.min()} to {x.max()}, and whole numbers beyond {LARGEST} are not exact in "
            f"float32: scale the data."
        )
    with np.errstate(over="ignore"):  # what float32 cannot hold becomes inf, and is refused
        x = x.astype(np.float32, copy=False)
    if not np.isfinite([x.min(), x.max()]).all():
        index = tuple(int(i) for i in np.argwhere(~np.isfinite(x))[0])
        raise InputError(f"{name}: {key} is {x[index]} at index {index}: remove or replace what is not finite.")
    return x


def _warn_of_channels_first(name: str, shape: tuple[int, ...]) -> None:
    if len(shape) == 3 and shape[0] in (1, 3) and min(shape[1:]) > 4:
        warnings.warn(
            f"{name}: examples of shape {shape} are read as {shape[0]} x {shape[1]} pixels of {shape[2]} channels; if "
            f"the channels come first, move them to the end: np.moveaxis(x, 1, -1)",
            stacklevel=4,
        )


def labels(name: str, key: str, y: np.ndarray | None, count: int) -> np.ndarray | None:
    """Checks the labels of `count` examples and brings them into one form, [count]; see `arrays`."""
    if y is None:
        return None
    y = np.squeeze(y, axis=tuple(range(1, y.ndim))) if y.ndim > 1 and set(y.shape[1:]) == {1} else y
    if y.shape != (count,):
        raise InputError(f"{name}: {key} has shape {y.shape} for {count} examples: give one label for each.")
    return y
