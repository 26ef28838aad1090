"""Labels as a condition: what the labels 0, 1, ... of a run are called."""

import json
import pathlib
import re
from collections.abc import Sequence
from typing import Literal

import numpy as np

from vae_tf.atomic import replacing
from vae_tf.data import Batch
from vae_tf.errors import InputError
from vae_tf.nearest import nearest
from vae_tf.training.datasets.arrays import StoredData
from vae_tf.training.datasets.split import Splits
from vae_tf.training.listed import listed

CONDITION = "label"  # its name among the conditions of a model
LARGEST_FILE = 2**22  # bytes
NUMBER = re.compile(r"-?\d+(\.\d+)?")


class Labels:
    """The labels that a model was trained with, by name: label i is called `names[i]`.

    The names of other data's labels say which number each is, whatever their numbers are.

    Args:
        names: the names, all different.

    Raises:
        InputError: for no names, or equal ones.
    """

    def __init__(self, names: Sequence[str]):
        self.names = tuple(names)
        if not self.names or len(set(self.names)) < len(self.names):
            called = f"called {listed([*map(repr, self.names)])}" if self.names else "none"
            raise InputError(f"The labels are {called}: give at least one, and each a name of its own.")
        self._numbers = {name: number for number, name in enumerate(self.names)}

    @classmethod
    def of(cls, data: StoredData) -> "Labels":
        """The labels of a data set: its classes' names, or the values of its labels in their order.

        Raises:
            InputError: for data without labels, or labels that are no whole numbers and no texts.
        """
        if data.y_train is None:
            raise InputError(
                f"{data.name} has no labels, and the recipe has model.condition: label. Give data with labels, such as "
                f"a folder with a sub-folder for each class or an .npz file with y_train; or leave model.condition out."
            )
        if data.class_names is not None:
            return cls(data.class_names)
        parts = {"y_train": data.y_train, "y_validation": data.y_validation, "y_test": data.y_test}
        there = {name: y for name, y in parts.items() if y is not None}
        for name, y in there.items():
            _check_kind(y, f"{name} of {data.name}")
        if len({y.dtype.kind in "SU" for y in there.values()}) > 1:
            raise InputError(f"{data.name} has texts for labels in one part and numbers in another: give either.")
        return cls(_texts(np.unique(np.concatenate([np.unique(y) for y in there.values()]))))

    def numbers(self, y: np.ndarray | None, class_names: Sequence[str] | None, name: str) -> np.ndarray:
        """The numbers of labels [N], int32 [N].

        Args:
            y: the labels as a data set has them.
            class_names: what its labels 0, 1, ... are called, or None if its labels are their own names.
            name: what the message calls the labels.

        Raises:
            InputError: for no labels, or one that the model does not know.
        """
        if y is None:
            raise InputError(f"{name} is missing, and the model takes a label for each example: give data with labels.")
        _check_kind(y, name)
        texts, places = np.unique(label_names(y, class_names), return_inverse=True)
        found = [self._number(text, f"{name} holds the label") for text in texts.tolist()]
        return np.array(found, np.int32)[places]

    def number(self, word: str) -> int:
        """The number of one label, by its name; or the number itself, if no name looks like one.

        Raises:
            InputError: for a label that the model does not know.
        """
        are_numbers = any(map(NUMBER.fullmatch, self.names))
        numbers = {} if are_numbers else {str(number): number for number in range(len(self.names))}
        return numbers[word] if word in numbers else self._number(word, "The label asked for is")

    def write(self, path: pathlib.Path) -> None:
        """Writes the names to a JSON file, whole or not at all."""
        with replacing(path) as partial:
            partial.write_text(json.dumps({CONDITION: self.names}, ensure_ascii=False) + "\n", encoding="utf-8")

    @classmethod
    def read(cls, path: pathlib.Path) -> "Labels":
        """Reads what `write` has written.

        Raises:
            InputError: for a file that is missing or damaged.
        """
        if not path.is_file():
            raise InputError(f"{path} is missing: restore it, or train the run again.")
        if path.stat().st_size > LARGEST_FILE:
            raise InputError(
                f"{path} has {path.stat().st_size:,} bytes, and names of labels take at most {LARGEST_FILE:,}."
            )
        try:
            names = json.loads(path.read_text(encoding="utf-8"))[CONDITION]
        except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
            raise InputError(f"{path} cannot be read ({error}): restore it, or train the run again.") from error
        if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
            raise InputError(f"{path} holds no list of names: restore it, or train the run again.")
        try:
            return cls(names)
        except InputError as error:
            raise InputError(f"{path} cannot be used: {error}") from error

    def _number(self, text: str, subject: str) -> int:
        if text not in self._numbers:
            raise InputError(
                f"{subject} {text!r}{nearest(text, self.names)}, and the model was trained with "
                f"{listed([*map(repr, self.names)])}: give one of these."
            )
        return self._numbers[text]


def part(data: StoredData | Splits, name: Literal["train", "validation", "test"], labels: Labels | None) -> Batch:
    """The examples of one part of the data as a model takes them: x, or if it takes labels, a dictionary of both.

    Args:
        data: a data set, or its splits.
        name: of the part.
        labels: those that the model takes, or None if it takes none.

    Returns:
        x as stored [N, *event], or {"x": x, "label": int32 [N]}.

    Raises:
        InputError: if the model takes labels, and an example has none, or one that the model does not know.
    """
    x, y = getattr(data, f"x_{name}"), getattr(data, f"y_{name}")
    source = f" of {data.name}" if isinstance(data, StoredData) else ""
    return x if labels is None else {"x": x, CONDITION: labels.numbers(y, data.class_names, f"y_{name}{source}")}


def label_names(y: np.ndarray, class_names: Sequence[str] | None) -> np.ndarray:
    """What labels [N] are called, strings [N]: the names of their classes, or the labels themselves without names."""
    values, places = np.unique(y, return_inverse=True)
    texts = _texts(values) if class_names is None else [class_names[value] for value in values]
    return np.array(texts)[places]


def _check_kind(y: np.ndarray, name: str) -> None:
    """Refuses labels that are no classes."""
    is_whole = y.dtype.kind in "biuSU" or (y.dtype.kind == "f" and np.all(np.isfinite(y)) and np.all(y == np.floor(y)))
    if not is_whole:
        raise InputError(
            f"{name} has dtype {y.dtype}, such as {y[0]}, and a label is a whole number or a text: number the classes "
            f"from 0."
        )


def _texts(values: np.ndarray) -> list[str]:
    if values.dtype.kind == "f" and np.all(values == np.floor(values)):
        values = values.astype(np.int64)
    if values.dtype.kind == "S":
        return [value.decode("utf-8", "backslashreplace") for value in values.tolist()]
    return [str(value) for value in values.tolist()]
