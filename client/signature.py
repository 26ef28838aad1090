"""What a served function takes and gives, and whether given values are that."""

import itertools
import math
import operator
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from vae_tf_client.errors import cleaned

NamedArrays = dict[str, np.ndarray]

MOST = 2**30  # bytes of an answer, whatever a server says that it gives
OVERHEAD = 2**16  # bytes around the values of an answer


class Type(NamedTuple):
    """An element type.

    Attributes:
        number: of the enumeration tensorflow.DataType.
        dtype: numpy's; bytes are objects there.
        field: of a tensor's message, for its values.
    """

    number: int
    dtype: np.dtype
    field: str


TYPES = {
    "DT_FLOAT": Type(1, np.dtype(np.float32), "float_val"),
    "DT_INT32": Type(3, np.dtype(np.int32), "int_val"),
    "DT_STRING": Type(7, np.dtype(object), "string_val"),
}
KINDS = {"U": "text", "S": "bytes", "O": "objects"}  # of what is no number, by numpy's letters
BY_NUMBER = {kind.number: kind for kind in TYPES.values()}


class Spec(NamedTuple):
    """The type of a tensor and its shape, where None stands for the batch."""

    type: Type
    shape: tuple[int | None, ...]

    def __str__(self) -> str:
        sizes = ", ".join("B" if size is None else str(size) for size in self.shape)
        return f"{'bytes' if self.type.dtype == object else self.type.dtype} [{sizes}]"

    def bytes(self, rows: int, of_number: int, of_file: int) -> int:
        """The most bytes that so many rows take.

        Args:
            rows: how many.
            of_number: bytes of a number, as it is written.
            of_file: bytes of a file.
        """
        sizes = [MOST if size is None else size for size in self.shape[1:]]
        return rows * math.prod(sizes) * (of_file if self.type.dtype == object else of_number)

    def array(self, value: Any) -> np.ndarray:
        """A value as an array of this type and shape.

        Raises:
            ValueError: where it is none: the rest of a sentence, "was given ...: give ...".
        """
        if self.type.dtype == object:
            return _files(value)
        try:
            given = np.asarray(value)
        except ValueError:  # rows of several lengths
            raise ValueError(f"was given rows of several lengths: give {self}") from None
        if given.dtype == np.uint8 and self.type.dtype == np.float32:
            raise ValueError(f"was given uint8: give {self} as the model was trained, for most images pixels / 255")
        if not np.can_cast(given.dtype, self.type.dtype, "same_kind") or given.dtype == bool:
            raise ValueError(f"was given {given.dtype}: give {self}")
        if len(given.shape) != len(self.shape) or given.shape[1:] != self.shape[1:]:
            raise ValueError(f"was given {given.dtype} {list(given.shape)}: give {self}")
        if len(given) == 0:
            raise ValueError("was given no rows: give at least one, because a server that batches answers none")
        return self._cast(given)

    def condition(self, value: Any, rows: int) -> np.ndarray:
        """The values of a condition, one for each of so many rows, as an array of this type; a single one is for all.

        Raises:
            ValueError: where they are none: the rest of a sentence, "was given ...: give ...".
        """
        if self.type.dtype == object:
            raise ValueError(f"takes {self}, which no condition of a model is")
        wanted = f"give {self}, a value for each row, or one for all"
        try:
            given = np.asarray(value)
        except ValueError:  # rows of several lengths
            raise ValueError(f"was given rows of several lengths: {wanted}") from None
        if given.dtype.kind not in "biuf":
            raise ValueError(f"was given {KINDS.get(given.dtype.kind, given.dtype)}: {wanted}")
        if given.shape == self.shape[1:]:
            given = np.broadcast_to(given, (rows, *given.shape))
        if given.shape != (rows, *self.shape[1:]):
            raise ValueError(f"was given {given.dtype} {list(given.shape)} for {rows} rows: {wanted}")
        if self.type.dtype.kind == "i":
            is_good = (given == np.floor(given)) & (given >= -(2**31)) & (given < 2**31)
            if not is_good.all():
                raise ValueError(f"was given {given[~is_good][0]}, which is no whole number of int32: {wanted}")
        return self._cast(given)

    def _cast(self, given: np.ndarray) -> np.ndarray:
        with np.errstate(over="ignore"):  # beyond float32 it is infinite, and bad in its own row
            return given.astype(self.type.dtype)


class Signature(NamedTuple):
    """The tensors that a served function takes and gives, by name."""

    inputs: dict[str, Spec]
    outputs: dict[str, Spec]

    def answer_bytes(self, rows: int, of_number: int, of_file: int) -> int:
        """The most bytes of an answer of so many rows; see `Spec.bytes`."""
        return min(MOST, OVERHEAD + sum(spec.bytes(rows, of_number, of_file) for spec in self.outputs.values()))

    def answer_lists(self, rows: int) -> int:
        """The lists and objects of an answer of so many rows, as JSON nests them."""
        nested = [
            list(itertools.accumulate([size or 1 for size in spec.shape[1:-1]], operator.mul))
            for spec in self.outputs.values()
        ]
        return rows + sum(rows * (1 + sum(sizes)) for sizes in nested)

    def arrays(self, name: str, inputs: Mapping[str, Any], conditions: Mapping[str, Any]) -> NamedArrays:
        """The inputs and conditions as arrays of the right types and shapes, with as many rows each.

        Args:
            name: the signature's own, for the refusal.
            inputs: values by name, those of the same rows.
            conditions: values by name, one for each row or one for all.

        Raises:
            ValueError: where one is not what the signature takes.
        """
        given = [*inputs, *conditions]
        if sorted(given) != sorted(self.inputs):
            raise ValueError(cleaned(f"{name} takes {', '.join(self.inputs)} here, and not {', '.join(given)}."))
        arrays: NamedArrays = {}
        for key in given:
            try:
                if key in inputs:
                    arrays[key] = self.inputs[key].array(inputs[key])
                else:
                    arrays[key] = self.inputs[key].condition(conditions[key], len(arrays[given[0]]))
            except ValueError as error:
                raise ValueError(cleaned(f"{key} of {name} {error}.")) from None
        return arrays


def _files(value: Any) -> np.ndarray:
    is_listed = isinstance(value, Sequence) or (isinstance(value, np.ndarray) and value.ndim == 1)
    listed = list(value) if is_listed else [None]
    if not all(isinstance(file, bytes) for file in listed):
        raise ValueError("was given something else than files: give a list of their bytes")
    if not listed:
        raise ValueError("was given no files: give at least one, because a server that batches answers none")
    files = np.empty(len(listed), object)
    files[:] = listed
    return files
