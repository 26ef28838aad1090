"""Several steps as one XLA loop over stacked batches: small models spend their time between steps, not in them."""

import itertools
import math
from collections.abc import Callable, Iterator
from typing import Any

import keras
import tensorflow as tf

Logs = dict[str, tf.Tensor]
Batch = tuple[tf.Tensor, ...]  # (x,) or (x, sample weights)
Signature = tuple[tuple[tuple[int, ...], tf.DType], ...]  # of a batch: each part's shape and type

STACK = 2**24  # bytes: more than this is not stacked at once


def fuses(model: keras.Model) -> bool:
    """Whether a model's steps run as one loop: several to an execution, on one device."""
    several = model.steps_per_execution > 1 and not model.run_eagerly
    return several and model.distribute_strategy.num_replicas_in_sync == 1


class Loop:
    """Takes the place of the function that Keras calls with an iterator, and runs several steps at each call.

    Batches of one shape are stacked and go through one compiled loop, whatever their number, so the numbers do not
    depend on how many steps a call runs; a batch of another shape, such as a smaller last one, begins a stack of its
    own.

    Args:
        step: one step on (x, None) or (x, None, sample weights): updates weights and metrics, and returns the logs
            so far.
        steps: of one call.
        jit_compile: whether XLA compiles the loop.
        check: refuses the first of some stacked batches; called before they are run, and with none at the end.
    """

    def __init__(
        self,
        step: Callable[[tuple], Logs],
        steps: int,
        jit_compile: bool,
        check: Callable[[Any, int], None],
    ):
        self.steps, self.check = steps, check
        self.begin(None)
        self._loop = tf.function(_loop(step), jit_compile=jit_compile, autograph=False)
        self._traced: dict[Signature, Callable] = {}

    def begin(self, steps_per_epoch: int | None) -> None:
        """Begins an epoch, and says where it ends; None if the data end by themselves."""
        self._left = math.inf if steps_per_epoch is None else steps_per_epoch

    def __call__(self, iterator: Iterator) -> Logs:
        """Runs the steps of the next batches.

        Raises:
            StopIteration: if there is none.
        """
        logs = None
        batches = (_batch(data) for data in itertools.islice(iterator, int(min(self.steps, self._left))))
        for signature, alike in itertools.groupby(batches, key=_signature):
            rows = max(1, min(self.steps, STACK // _bytes(signature)))
            while stack := list(itertools.islice(alike, rows)):
                stacked = _stacked(stack, rows)
                self.check(stacked[0], len(stack))
                logs = self._run(signature, stacked, tf.constant(len(stack)))
                self._left -= len(stack)
        if logs is None:
            self.check((), 0)
            raise StopIteration
        return logs

    def _run(self, signature: Signature, stack: Batch, count: tf.Tensor) -> Logs:
        if signature not in self._traced:
            self._traced[signature] = self._loop.get_concrete_function(stack, count)
        return self._traced[signature](stack, count)


def one_graph(model: keras.Model, step: Callable[[Any], Logs]) -> Callable[[Iterator], Logs]:
    """Steps on batches by a graph that does not depend on which batch came first.

    Keras's own traces a graph for the shape of the first batch and another for those of other shapes, whose last bits
    may differ: a run that is resumed at a smaller batch would not be the one that was never stopped. Here one graph
    takes any number of rows, or each number has its own if XLA compiles it, which knows no tensor of unknown shape.
    """
    compiled = tf.function(step, jit_compile=model.jit_compile, autograph=False)
    spec = _same_rows if model.jit_compile else _any_rows
    traced: dict[str, Callable] = {}

    def run(iterator: Iterator) -> Logs:
        logs: Logs = {}
        for data in iterator:
            batch = tf.nest.map_structure(_tensor, data)
            specs = tf.nest.map_structure(spec, batch)
            key = repr(specs)
            if key not in traced:
                traced[key] = compiled.get_concrete_function(specs)
            logs = traced[key](batch)
        return logs

    return run


def has_one_graph(model: keras.Model) -> bool:
    """Whether a model's steps run one by one in a graph, on one device."""
    return not model.run_eagerly and model.distribute_strategy.num_replicas_in_sync == 1


def checked(model: keras.Model, function: Callable[[Iterator], Logs], check: Callable) -> Callable[[Iterator], Logs]:
    """Keras's own function of an iterator, with a look at its batches before they are run; see `Loop`."""

    def run(iterator: Iterator) -> Logs:
        batches = list(itertools.islice(iterator, model.steps_per_execution))
        if not batches:
            check((), 0)
            raise StopIteration
        return run_list(batches)

    run_list = checked_list(model, lambda batches: function(iter(batches)), check)
    return run


def checked_list(model: keras.Model, function: Callable[[list], Any], check: Callable) -> Callable[[list], Any]:
    """Keras's own function of a list of batches, with a look at each before they are run."""

    def run(batches: list) -> Any:
        for data in batches:
            x, _, _ = keras.utils.unpack_x_y_sample_weight(data)
            check([model.distribute_strategy.experimental_local_results(x)], 1)
        return function(batches)

    return run


def _loop(step: Callable[[tuple], Logs]) -> Callable[[Batch, tf.Tensor], Logs]:
    """A step as a loop over the first `count` of stacked batches, which gives the last step's logs."""

    def nth(stack: Batch, i: tf.Tensor | int) -> tuple:
        x, *sample_weight = (values[i] for values in stack)
        return (x, None, *sample_weight)

    def loop(stack: Batch, count: tf.Tensor) -> Logs:
        traced = tf.function(lambda stack, i: step(nth(stack, i)), autograph=False).get_concrete_function(stack, count)
        nothing = tf.nest.map_structure(lambda value: tf.zeros(value.shape, value.dtype), traced.structured_outputs)
        _, logs = tf.while_loop(
            lambda i, logs: i < count,
            lambda i, logs: (i + 1, traced(*stack, i)),
            (tf.constant(0), nothing),
            parallel_iterations=1,
        )
        return logs

    return loop


def _tensor(value) -> tf.Tensor | None:
    return None if value is None or isinstance(value, tf.experimental.Optional) else tf.convert_to_tensor(value)


def _same_rows(value: tf.Tensor | None) -> tf.TensorSpec | None:
    return None if value is None else tf.TensorSpec(value.shape, value.dtype)


def _any_rows(value: tf.Tensor | None) -> tf.TensorSpec | None:
    return None if value is None else tf.TensorSpec([None, *value.shape[1:]] if value.shape.rank else [], value.dtype)


def _batch(data) -> Batch:
    """A batch out of what Keras's iterators give, without the targets; they say None in two ways."""
    x, _, sample_weight = keras.utils.unpack_x_y_sample_weight(data)
    if sample_weight is None or isinstance(sample_weight, tf.experimental.Optional):
        return (tf.convert_to_tensor(x),)
    return tf.convert_to_tensor(x), tf.convert_to_tensor(sample_weight)


def _signature(batch: Batch) -> Signature:
    return tuple((tuple(values.shape), values.dtype) for values in batch)


def _bytes(signature: Signature) -> int:
    return sum(math.prod(shape) * dtype.size for shape, dtype in signature) or 1


def _stacked(batches: list[Batch], rows: int) -> Batch:
    """Batches as one of `rows` rows; what is missing repeats the last, and is not run."""
    missing = rows - len(batches)
    return tuple(tf.stack([*values, *[values[-1]] * missing]) for values in zip(*batches, strict=True))
