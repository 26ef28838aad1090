"""How steps run: several as one loop over stacked batches (small models spend their time between steps), or singly."""

import itertools
import math
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import keras
import tensorflow as tf

from vae_tf import keras_private
from vae_tf.data import BatchCheck, check_weights

Means = dict[str, tf.Tensor]  # of the logged values so far, scalars by name
Stack = tuple[Any, ...]  # (x,) or (x, sample weights), where x may be a dictionary; each array [S, B, ...]
Names = tuple[str, ...] | None  # of the arrays of an x that is a dictionary, sorted
Flat = tuple[Names, tuple[tf.Tensor, ...]]  # a batch: the arrays of x, and the sample weights if there are any
Signature = tuple  # of a batch: its names, and the shape and type of each array

STACK = 2**24  # bytes: more than this is not stacked at once


def fuses(model: keras.Model) -> bool:
    """Whether a model's steps run as one loop: several to an execution, on one device."""
    return model.steps_per_execution > 1 and _is_one_graph(model)


def steps_of(model: keras.Model, step: Callable[[Any], Means], check: BatchCheck, purpose: str) -> Callable:
    """What takes the place of the function that Keras calls with an iterator for the steps of one execution.

    Args:
        model: whose steps they are.
        step: one step on a batch: updates weights and metrics, and returns the means of the logged values so far.
        check: looks at the batches before they are run.
        purpose: what the check calls the steps.
    """
    if fuses(model):
        return FusedSteps(step, model.steps_per_execution, model.jit_compile, check, purpose)
    one_by_one = one_graph(model, step) if _is_one_graph(model) else keras_private.function_of(model, step)
    return checked(model, one_by_one, check, purpose)


class FusedSteps:
    """Takes the place of the function that Keras calls with an iterator, and runs several steps at each call.

    Batches of one shape are stacked and go through one compiled loop, whatever their number, so the numbers do not
    depend on how many steps a call runs; a batch of another shape, such as a smaller last one, begins a stack of its
    own.

    Args:
        step: one step on (x, None) or (x, None, sample weights): updates weights and metrics, and returns the means
            of the logged values so far.
        steps: of one call.
        jit_compile: whether XLA compiles the loop.
        check: looks at the stacked batches before they are run.
        purpose: what the check calls the steps.
    """

    def __init__(
        self,
        step: Callable[[tuple], Means],
        steps: int,
        jit_compile: bool,
        check: BatchCheck,
        purpose: str,
    ):
        self.steps, self.check, self.purpose = steps, check, purpose
        self.begin(None)
        self._loop = tf.function(_loop(step), jit_compile=jit_compile, autograph=False)
        self._traced: dict[Signature, Callable] = {}

    def begin(self, steps_per_epoch: int | None) -> None:
        """Begins an epoch, and says where it ends; None if the data end by themselves."""
        self._left = math.inf if steps_per_epoch is None else steps_per_epoch

    def __call__(self, iterator: Iterator) -> Means:
        """Runs the steps of the next batches.

        Raises:
            StopIteration: if there is none.
        """
        means = None
        batches = (_batch(data) for data in itertools.islice(iterator, int(min(self.steps, self._left))))
        for signature, alike in itertools.groupby(batches, key=_signature):
            rows = max(1, min(self.steps, STACK // _bytes(signature)))
            while stack := list(itertools.islice(alike, rows)):
                stacked = _stacked(stack, rows)
                self.check.check_stack(stacked[0], len(stack), self.purpose)
                means = self._run(signature, stacked, tf.constant(len(stack)))
                self._left -= len(stack)
        if means is None:
            self.check.check_end(self.purpose)
            raise StopIteration
        return means

    def _run(self, signature: Signature, stack: Stack, count: tf.Tensor) -> Means:
        if signature not in self._traced:
            self._traced[signature] = self._loop.get_concrete_function(stack, count)
        return self._traced[signature](stack, count)


def one_graph(model: keras.Model, step: Callable[[Any], Means]) -> Callable[[Iterator], Means]:
    """Steps on batches by a graph that does not depend on which batch came first.

    Keras's own traces a graph for the shape of the first batch and another for those of other shapes, whose last bits
    may differ: a run that is resumed at a smaller batch would not be the one that was never stopped. Here one graph
    takes any number of rows, or each number has its own if XLA compiles it, which knows no tensor of unknown shape.
    """
    compiled = tf.function(step, jit_compile=model.jit_compile, autograph=False)
    spec = _same_rows if model.jit_compile else _any_rows
    traced: dict[str, Callable] = {}

    def run(iterator: Iterator) -> Means:
        means: Means = {}
        for data in iterator:
            batch = tf.nest.map_structure(_tensor, data)
            specs = tf.nest.map_structure(spec, batch)
            key = repr(specs)
            if key not in traced:
                traced[key] = compiled.get_concrete_function(specs)
            means = traced[key](batch)
        return means

    return run


def checked(
    model: keras.Model, function: Callable[[Iterator], Means], check: BatchCheck, purpose: str
) -> Callable[[Iterator], Means]:
    """A function of an iterator that takes the batches of one execution, with a look at each before they are run."""

    def run(iterator: Iterator) -> Means:
        batches = list(itertools.islice(iterator, model.steps_per_execution))
        if not batches:
            check.check_end(purpose)
            raise StopIteration
        return run_list(batches)

    run_list = checked_list(model, lambda batches: function(iter(batches)), check, purpose)
    return run


def checked_list(
    model: keras.Model, function: Callable[[list], Any], check: BatchCheck, purpose: str
) -> Callable[[list], Any]:
    """A function of a list of batches, with a look at each before they are run."""

    def run(batches: list) -> Any:
        for data in batches:
            x, _, _ = keras.utils.unpack_x_y_sample_weight(data)
            check.check(_of_replicas(model.distribute_strategy, x), purpose)
        return function(batches)

    return run


def _of_replicas(strategy: tf.distribute.Strategy, x) -> list:
    """What each replica gets of a batch."""
    if not isinstance(x, Mapping):
        return list(strategy.experimental_local_results(x))
    arrays = [strategy.experimental_local_results(values) for values in x.values()]
    return [dict(zip(x, values, strict=True)) for values in zip(*arrays, strict=True)]


def _is_one_graph(model: keras.Model) -> bool:
    return not model.run_eagerly and model.distribute_strategy.num_replicas_in_sync == 1


def _loop(step: Callable[[tuple], Means]) -> Callable[[Stack, tf.Tensor], Means]:
    """A step as a loop over the first `count` of stacked batches, which gives the last step's means."""

    def nth(stack: Stack, i: tf.Tensor | int) -> tuple:
        x, *sample_weight = tf.nest.map_structure(lambda values: values[i], stack)
        return (x, None, *sample_weight)

    def loop(stack: Stack, count: tf.Tensor) -> Means:
        traced = tf.function(lambda stack, i: step(nth(stack, i)), autograph=False).get_concrete_function(stack, count)
        nothing = tf.nest.map_structure(lambda value: tf.zeros(value.shape, value.dtype), traced.structured_outputs)
        _, means = tf.while_loop(
            lambda i, means: i < count,
            lambda i, means: (i + 1, traced(*tf.nest.flatten(stack), i)),
            (tf.constant(0), nothing),
            parallel_iterations=1,
        )
        return means

    return loop


def _tensor(value) -> tf.Tensor | None:
    return None if value is None or isinstance(value, tf.experimental.Optional) else tf.convert_to_tensor(value)


def _same_rows(value: tf.Tensor | None) -> tf.TensorSpec | None:
    return None if value is None else tf.TensorSpec(value.shape, value.dtype)


def _any_rows(value: tf.Tensor | None) -> tf.TensorSpec | None:
    return None if value is None else tf.TensorSpec([None, *value.shape[1:]] if value.shape.rank else [], value.dtype)


def _batch(data) -> Flat:
    """A batch out of what Keras's iterators give, without the targets; they say None in two ways.

    It is taken apart by hand: `tf.nest` takes three times as long, and a small model's step is short.
    """
    x, _, sample_weight = keras.utils.unpack_x_y_sample_weight(data)
    names = tuple(sorted(x)) if isinstance(x, Mapping) else None
    arrays = [x] if names is None else [x[name] for name in names]
    if sample_weight is not None and not isinstance(sample_weight, tf.experimental.Optional):
        check_weights(sample_weight)
        arrays.append(sample_weight)
    return names, tuple(tf.convert_to_tensor(values) for values in arrays)


def _signature(batch: Flat) -> Signature:
    names, arrays = batch
    return (names, *((tuple(values.shape), values.dtype) for values in arrays))


def _bytes(signature: Signature) -> int:
    return sum(math.prod(shape) * dtype.size for shape, dtype in signature[1:]) or 1


def _stacked(batches: list[Flat], rows: int) -> Stack:
    """Batches as one of `rows` rows; what is missing repeats the last, and is not run."""
    names, missing = batches[0][0], rows - len(batches)
    flat = [
        tf.stack([*values, *[values[-1]] * missing]) for values in zip(*(arrays for _, arrays in batches), strict=True)
    ]
    if names is None:
        return tuple(flat)
    return (dict(zip(names, flat, strict=False)), *flat[len(names) :])
