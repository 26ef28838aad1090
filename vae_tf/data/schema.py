"""What a model's examples are: x, and a value of each condition."""

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import tensorflow as tf

from vae_tf.arrays import numbers
from vae_tf.conditions import Condition
from vae_tf.data import given
from vae_tf.errors import InputError
from vae_tf.likelihoods import Likelihood

Batch = Any  # x alone, or {"x": x, "label": label} if there are conditions; arrays, tensors or what becomes one


class Schema:
    """What a model takes for examples, whatever their dtype: the one rule.

    A batch is x, or a dictionary of x and of each condition by its name, all with as many rows.

    Args:
        likelihood: that of the model, which says what x may be.
        conditions: those that have to be given, by name.
        others: names of conditions that may be given too, and are left aside.

    Attributes:
        event_shape: that of one x.
    """

    def __init__(self, likelihood: Likelihood, conditions: Mapping[str, Condition], others: Iterable[str] = ()):
        self.likelihood, self.conditions, self.others = likelihood, dict(conditions), tuple(others)
        self.event_shape = likelihood.event_shape

    def needing(self, names: Iterable[str]) -> "Schema":
        """The same examples, of which only the conditions of these names have to be given."""
        names = set(names)
        conditions = {name: condition for name, condition in self.conditions.items() if name in names}
        return Schema(self.likelihood, conditions, {*self.others, *self.conditions} - names)

    def split(self, batch: Batch, name: str = "x") -> tuple[Any, dict[str, Any]]:
        """x and the conditions of a batch, as they are.

        Raises:
            InputError: if a condition is missing, or something has another name.
        """
        if not self.conditions and not (self.others and isinstance(batch, Mapping)):
            if isinstance(batch, Mapping):
                raise InputError(
                    f"{name} is a dictionary of {_listed(batch)}; this model takes {self.wanted('N')}: give one value, "
                    f"such as x[{_likely(batch)!r}]."
                )
            return batch, {}
        if not isinstance(batch, Mapping):
            raise InputError(
                f"{name} is a {type(batch).__name__}; this model takes {self.wanted('N')}: give "
                f"{{{', '.join(f'{key!r}: {key}' for key in self.shapes)}}}."
            )
        self._check_names(batch, f"{name} is a dictionary of {_listed(batch)}; this model takes {self.wanted('N')}")
        return batch["x"], {key: batch[key] for key in self.conditions}

    def join(self, x, conditions: Mapping[str, Any]) -> Batch:
        """A batch of x and its conditions: what `split` takes apart."""
        return {"x": x, **conditions} if conditions else x

    def tensors(self, batch: Batch, name: str = "x") -> Batch:
        """A batch as a model computes with it: x float32 [N, *event], and each condition in its own dtype.

        Floats of any width, integers and booleans become float32, and no value of x is scaled: what `fit` learns from
        is what every other function gets. So integers outside the likelihood's support are refused, such as the pixels
        0 to 255 of uint8 images for a likelihood of values in [0, 1]: give `x / 255`.

        Args:
            batch: numbers: arrays, tensors or nested lists.
            name: what the message calls x.

        Raises:
            InputError: for what is no array of numbers, for another shape, for integers outside the support, or for a
                condition that is not what it should be; within a graph, values are not known and not looked at.
        """
        x, conditions = self.split(self.cast(self.arrays(batch, name)), name)
        x = tf.ensure_shape(x, (None, *self.event_shape))  # sizes may be known only when the data comes
        return self.join(x, conditions)

    def arrays(self, batch: Batch, name: str = "x", is_density_needed: bool = False) -> Batch:
        """Refuses what `tensors` refuses, without a copy; what it gives has dtypes and shapes.

        Args:
            batch: as `tensors` takes it.
            name: what the message calls x.
            is_density_needed: whether floats outside the likelihood's support are refused too.
        """
        x, conditions = self.split(batch, name)
        wanted = self.shapes["x"]
        x = numbers(x, name, wanted)
        if not tf.TensorShape(x.shape).is_compatible_with((None, *self.event_shape)):
            raise InputError(
                f"{name} has shape {tuple(x.shape)}; this model takes {wanted}: reshape the data or build the model "
                f"for its shape."
            )
        if is_density_needed or (tf.as_dtype(x.dtype).is_integer and not tf.is_symbolic_tensor(x)):
            self.likelihood.check(x, name)
        checked = {
            key: self.conditions[key].check(value, x.shape[0], name_of(key, name)) for key, value in conditions.items()
        }
        return self.join(x, checked)

    def cast(self, batch: Batch) -> Batch:
        """Arrays as tensors of the dtypes that a model computes with, without a look at them."""
        x, conditions = self.split(batch)
        x = tf.cast(tf.convert_to_tensor(x), tf.float32)
        return self.join(x, {key: self.conditions[key].as_tensor(value) for key, value in conditions.items()})

    def check(self, batch: Batch, name: str = "x", is_density_needed: bool = True) -> None:
        """Refuses data that Keras or the model cannot take, as far as they are known before they come.

        All of an array is looked at, and of a `tf.data.Dataset` what it says of itself: nothing is read.

        Args:
            batch: all the data, as they were given to Keras.
            name: what the message calls them.
            is_density_needed: whether values outside the likelihood's support are refused.

        Raises:
            InputError: for what is no data, for no examples, another shape, values outside the support, or conditions
                that are not those of the model.
        """
        if isinstance(batch, tf.data.Dataset):
            self.check_elements(batch.element_spec, name)
            if batch.cardinality() == 0:
                raise InputError(f"{name} gives no batch: give at least one example.")
            return  # reading a batch would take it from a data set that can be read once, and move a seeded shuffle
        if batch is None or isinstance(batch, str):
            raise InputError(
                f"{name} is {batch!r}; this model takes {self.wanted('N')}, a tf.data.Dataset, a PyDataset or a "
                f"generator."
            )
        if given.brings_batches(batch):
            return  # `BatchCheck` looks at them when they come
        x, conditions = self.split(batch, name)
        for key, value in (("x", x), *conditions.items()):
            given.check_kind(value, name_of(key, name), self.shapes[key])
        x = x if tf.is_tensor(x) else np.asarray(x)
        if tuple(x.shape) == self.event_shape:
            raise InputError(
                f"{name} is one example, of shape {tuple(x.shape)}; this model takes {self.wanted('N')}: give x[None]."
            )
        self.arrays(self.join(x, conditions), name, is_density_needed)
        if not x.shape[0]:
            raise InputError(f"{name} has shape {tuple(x.shape)}: give at least one example.")

    def check_elements(self, spec, name: str) -> None:
        """Refuses a data set that gives no batches of examples, as far as its `element_spec` says: nothing is read.

        Args:
            spec: the `element_spec`, of a batch or of a tuple that begins with one.
            name: what the message calls the data set.

        Raises:
            InputError: saying how to make batches of it.
        """
        wanted = f"this model takes batches of {self.wanted('B')}"
        batch = spec[0] if isinstance(spec, tuple | list) and spec else spec
        if not isinstance(batch, Mapping):
            if self.conditions:
                element = f"{{{', '.join(f'{key!r}: {key}' for key in self.shapes)}}}"
                one = f", such as by data.map(lambda x, {next(iter(self.conditions))}: {element})"
                raise InputError(
                    f"{name} gives x alone; {wanted}: add them, so that an element is {element}"
                    f"{one if len(self.conditions) == 1 else ''}."
                )
            given.check_element(batch, name, self.event_shape, "values", wanted)
            return
        if not self.conditions and not self.others:
            raise InputError(
                f"{name} gives dictionaries of {_listed(batch)}; {wanted}: give one of their values, such as "
                f"data.map(lambda element: element[{_likely(batch)!r}])."
            )
        self._check_names(batch, f"{name} gives dictionaries of {_listed(batch)}; {wanted}")
        for key, (_, *shape) in self.shapes.items():
            given.check_element(batch[key], name, shape, f"{key!r}", wanted)

    @property
    def shapes(self) -> dict[str, tuple]:
        """The shape of each array of a batch of N examples, by name."""
        conditions = {name: ("N", *condition.shape) for name, condition in self.conditions.items()}
        return {"x": ("N", *self.event_shape), **conditions}

    def wanted(self, rows: str) -> str:
        """A batch of so many rows, in words."""
        shapes = {name: (rows, *shape) for name, (_, *shape) in self.shapes.items()}
        if not self.conditions:
            return f"{'an array of ' if rows == 'N' else ''}shape {shapes['x']}"
        return "a dictionary of " + " and ".join(f"{name!r} of shape {shape}" for name, shape in shapes.items())

    def _check_names(self, batch: Mapping, refusal: str) -> None:
        missing = [name for name in self.shapes if name not in batch]
        unknown = [name for name in batch if name not in self.shapes and name not in self.others]
        advice = [f"give {_listed(missing)}"] * bool(missing) + [f"leave {_listed(unknown)} out"] * bool(unknown)
        if advice:
            raise InputError(f"{refusal}: {', and '.join(advice)}.")


def name_of(key: str, name: str) -> str:
    """What a message calls one array of a batch whose x it calls `name`: "label of training batch 3"."""
    if key == "x":
        return name
    return f"{key}{name[1:]}" if name == "x" or name.startswith("x ") else f"{key} of {name}"


def _listed(names: Iterable) -> str:
    return ", ".join(repr(name) for name in names)


def _likely(batch: Mapping) -> str:
    """The name under which x may be found."""
    return "x" if "x" in batch else next(iter(batch), "image")
