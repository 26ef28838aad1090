"""Conditions: what the networks take besides x and z, such as the label of an image."""

import dataclasses
import itertools
import keyword
import math
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from vae_tf import bad_rows, keras_private
from vae_tf.arrays import numbers
from vae_tf.errors import InputError

RESERVED = {  # other arguments of what takes conditions by name: methods, served functions, the client, pictures
    "self", "x", "z", "noise", "prior_noise", "seed", "seeds", "samples", "count", "training", "batch", "weights",
    "mask", "vae", "image_bytes", "n", "files", "columns", "class_names", "held",
}  # fmt: skip
UNNAMED = re.compile(r"(keras_tensor|input_layer)(_\d+)?")  # the names that Keras gives
LARGEST = 2**31 - 1  # of int32


@dataclasses.dataclass(frozen=True)
class Condition:
    """One further input of the networks.

    A condition is of whole numbers if its input has an integer dtype, or goes straight to a layer that counts them
    (`keras.layers.Embedding`, `keras.layers.CategoryEncoding`, `keras.ops.one_hot`). One whole number for each example
    is a label. The numbers are 0 ... count - 1.

    Attributes:
        name: of the input.
        shape: of one example's value: () for a label, also if its input has the shape (1,), which Keras fills from [B].
        dtype: "int32" for whole numbers, else "float32".
        count: of the whole numbers that the networks know; None for other values, or if the networks do not say.
    """

    name: str
    shape: tuple[int, ...]
    dtype: str
    count: int | None = None

    @property
    def is_label(self) -> bool:
        """Whether it is one whole number for each example."""
        return self.dtype == "int32" and self.shape == ()

    @property
    def width(self) -> int:
        """The numbers that `context` makes of one example's value.

        Raises:
            InputError: for whole numbers of unknown count.
        """
        if self.dtype == "int32" and self.count is None:
            raise InputError(
                f"How many values {self.name!r} can have is not known, and the context needs it: in a network, give "
                f"this input to keras.layers.Embedding, keras.layers.CategoryEncoding or keras.ops.one_hot."
            )
        return (self.count or 1) * math.prod(self.shape)

    def check(self, values, rows: int | None, name: str) -> np.ndarray | tf.Tensor:
        """Refuses what cannot be the values of this condition, and gives the rest as an array or a tensor.

        Args:
            values: an array, a tensor or nested lists, [N, *shape].
            rows: N, or None if it may be any.
            name: what the message calls the values.

        Raises:
            InputError: for what is no array of numbers, for another shape or number of rows, for a value that is NaN or
                infinite, or no whole number in the range; within a graph, values are not known and not looked at.
        """
        wanted = ("N" if rows is None else rows, *self.shape)
        try:
            values = values if tf.is_tensor(values) else np.asarray(values)
        except ValueError as error:  # nested lists of several lengths
            raise InputError(f"{name} is no array; this model takes one of shape {wanted}: make it one.") from error
        is_text = isinstance(values, np.ndarray) and values.dtype.kind in "US"
        try:
            values = numbers(values, name, wanted)
        except InputError as error:
            advice = ", such as by names, label = np.unique(texts, return_inverse=True)." if is_text else "."
            raise InputError(f"{str(error).removesuffix('.')}{advice}") from error
        if not tf.TensorShape(values.shape).is_compatible_with((None, *self.shape)):
            is_one_hot = self.is_label and tuple(values.shape)[1:] == (self.count,)
            advice = "give the number of each label, np.argmax(..., axis=-1)" if is_one_hot else "reshape it"
            raise InputError(f"{name} has shape {tuple(values.shape)}; this model takes {wanted}: {advice}.")
        if rows is not None and not tf.TensorShape(values.shape[:1]).is_compatible_with((rows,)):
            raise InputError(
                f"{name} has {values.shape[0]} rows, and there are {rows} examples: give one value for each example."
            )
        if not tf.is_symbolic_tensor(values):
            self._check_values(np.asarray(values), name)
        return values

    @property
    def _numbers(self) -> str:
        """Which numbers the values are, in words."""
        if self.dtype == "float32":
            return "finite numbers, in the range of float32"
        return "whole numbers of at least 0" if self.count is None else f"whole numbers from 0 to {self.count - 1}"

    def _check_values(self, values: np.ndarray, name: str) -> None:
        if self.dtype == "float32":
            with np.errstate(over="ignore"):
                is_good = np.isfinite(values.astype(np.float32))
        else:
            last = LARGEST if self.count is None else self.count - 1
            is_good = (values >= 0) & (values <= last) & (values == np.floor(values))
        if not is_good.all():
            first = tuple(np.argwhere(~is_good)[0])
            raise InputError(f"{name} is {values[first]} in row {first[0]}: give {self._numbers}.")

    def as_tensor(self, values) -> tf.Tensor:
        """The values in this condition's dtype, whatever they are; what is no int32 of at least 0 may become -1."""
        values = tf.convert_to_tensor(values)
        if self.dtype == "float32" or values.dtype in (tf.int32, tf.bool):
            return tf.cast(values, self.dtype)
        is_whole = (values >= 0) & (tf.cast(values, tf.float64) <= LARGEST)
        if values.dtype.is_floating:
            is_whole &= values == tf.floor(values)
        return tf.where(is_whole, tf.cast(tf.where(is_whole, values, tf.zeros_like(values)), tf.int32), -1)

    def accepts(self, values) -> tf.Tensor:
        """Whether the values of a row are finite, and whole numbers in the range; bool [B], also within a graph."""
        values = self.as_tensor(values)
        if self.dtype == "float32":
            is_good = tf.math.is_finite(values)
        else:
            is_good = (values >= 0) & (values <= (LARGEST if self.count is None else self.count - 1))
        return tf.reduce_all(is_good, axis=list(range(-len(self.shape), 0)))

    def context(self, values) -> tf.Tensor:
        """float32 [B, width]: whole numbers one-hot, other values as they are, flattened.

        Raises:
            InputError: for whole numbers of unknown count.
        """
        width, values = self.width, self.as_tensor(values)
        rows = tf.shape(values)[: values.shape.rank - len(self.shape)]
        if self.dtype == "int32":
            values = tf.one_hot(values, self.count)
        return tf.reshape(values, tf.concat([rows, [width]], axis=0))


def of(encoder: keras.Model, decoder: keras.Model) -> dict[str, Condition]:
    """The conditions of a model, by name: the inputs of its networks after x and after z.

    Raises:
        InputError: for an input without a name of its own or with one that the model uses, without fixed sizes or
            numbers, or that is another in the other network.
    """
    found: dict[str, Condition] = {}
    for network, owner in ((encoder, "encoder"), (decoder, "decoder")):
        for number in range(1, len(network.inputs)):
            condition = _condition(network, number, owner)
            before = found.get(condition.name, condition)
            if (before.shape, before.dtype) != (condition.shape, condition.dtype):
                raise InputError(
                    f"{condition.name!r} is {before.dtype} of shape {before.shape} in the encoder and "
                    f"{condition.dtype} of shape {condition.shape} in the decoder: make the inputs alike, or give them "
                    f"two names."
                )
            count = _one([before.count, condition.count], condition.name)
            found[condition.name] = dataclasses.replace(condition, count=count)
    return found


def names(network: keras.Model) -> tuple[str, ...]:
    """The names of the conditions that a network takes."""
    return tuple(value.name for value in network.inputs[1:])


def inputs(network: keras.Model, first: tf.Tensor, values: Mapping[str, tf.Tensor]):
    """What a network is called with: x or z, and if it takes conditions, their values by name."""
    beside = {name: values[name] for name in names(network)}
    return {network.inputs[0].name: first, **beside} if beside else first


def accepted(
    conditions: Mapping[str, Condition], values: Mapping[str, tf.Tensor]
) -> tuple[tf.Tensor | bool, dict[str, tf.Tensor]]:
    """Which rows have values that the networks know, bool [B], and the values with zeros for the other rows.

    It is True if there are no values.
    """
    is_good: tf.Tensor | bool = True
    for name, of_rows in values.items():
        is_good &= conditions[name].accepts(of_rows)
    return is_good, {name: bad_rows.replaced(is_good, of_rows, 0) for name, of_rows in values.items()}


def context(conditions: Mapping[str, Condition], values: Mapping[str, Any]) -> tf.Tensor | None:
    """The contexts of all conditions beside each other, float32 [B, sum of widths]; None if there are none.

    Raises:
        InputError: for whole numbers of unknown count.
    """
    parts = [condition.context(values[name]) for name, condition in conditions.items()]
    return tf.concat(parts, axis=-1) if parts else None


def check_name(name: str, subject: str) -> None:
    """Refuses a name that no condition can have; `subject` begins the sentence.

    Raises:
        InputError: saying which names there can be.
    """
    if name in RESERVED:
        raise InputError(
            f"{subject} is named {name!r}, which means something else to the model: the encoder takes x first and the "
            f"decoder z, and further inputs have names such as label."
        )
    if not isinstance(name, str) or not name.isidentifier() or keyword.iskeyword(name):
        raise InputError(
            f"{subject} is named {name!r}, which no argument can be: name it in letters, digits and underscores, such "
            f"as label."
        )


def _condition(network: keras.Model, number: int, owner: str) -> Condition:
    value = network.inputs[number]
    name, shape, dtype = value.name, tuple(value.shape[1:]), tf.as_dtype(value.dtype)
    if UNNAMED.fullmatch(name):
        raise InputError(
            f"Input {number + 1} of the {owner} has no name, by which its values could be given: make it by "
            f'keras.Input({shape}, name="label"), or another name.'
        )
    check_name(name, f"Input {number + 1} of the {owner}")
    if None in shape:
        raise InputError(f"The input {name!r} of the {owner} has shape {shape}: give it fixed sizes.")
    count = _one(_counts(network, value), name)
    if dtype in (tf.int32, tf.int64) or (dtype.is_floating and count is not None):
        return Condition(name, () if shape == (1,) else shape, "int32", count)
    if dtype.is_floating:
        return Condition(name, shape, "float32")
    raise InputError(
        f"The input {name!r} of the {owner} has dtype {dtype.name}: a condition is int32 for labels and other whole "
        f"numbers, and else float32."
    )


def _counts(network: keras.Model, value: keras.KerasTensor) -> Iterator[int]:
    """How many whole numbers each layer takes that the input of a network goes straight to."""
    operations = network.layers if isinstance(network, keras.Sequential) else network.operations
    for operation in operations:
        taken = list(itertools.chain(*keras_private.taken_by(operation)))
        places = [place for place, given in enumerate(taken) if given is value]
        if not places:
            continue
        if isinstance(operation, keras.layers.Embedding):
            yield operation.input_dim
        elif isinstance(operation, keras.layers.CategoryEncoding):
            yield operation.num_tokens
        elif keras_private.is_from_ops_nn(operation) and type(operation).__name__ == "OneHot":
            yield operation.num_classes
        elif isinstance(operation, keras.Model) and operation.inputs:
            for place in places:
                yield from _counts(operation, operation.inputs[place % len(operation.inputs)])


def _one(counts: Iterable[int | None], name: str) -> int | None:
    known = {count for count in counts if count is not None}
    if len(known) > 1:
        named = " and ".join(f"0 to {count - 1}" for count in sorted(known))
        raise InputError(f"The networks take {name!r} for labels from {named}: make the numbers of labels equal.")
    return next(iter(known), None)
