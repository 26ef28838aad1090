"""The names of Keras that are not public, all in one place: what breaks if a version of Keras drops one."""

from collections.abc import Callable

import keras
from keras.src.trainers import compile_utils

# Callbacks in mode "auto", such as EarlyStopping("val_elbo"), look for a metric's direction only inside this class.
MetricsList = compile_utils.MetricsList

WITHIN_FIT = "_use_cached_eval_dataset"  # an argument of `evaluate`, which `fit` has looked at the data for


class Model(keras.Model):
    """A Keras model that says itself which values `evaluate` and `..._on_batch` give without `return_dict`."""

    def values_in_order(self, logs: dict) -> list:
        """The values of the logs that are given, in their order."""
        raise NotImplementedError

    def _flatten_metrics_in_order(self, logs: dict) -> list:
        return self.values_in_order(logs)


def direct_metric(metric: keras.metrics.Metric, direction: str | None) -> None:
    """Says which way a metric should go: "up", "down" or None."""
    metric._direction = direction


def own_metrics(layer: keras.layers.Layer) -> list[keras.metrics.Metric]:
    """The metrics that are attributes of a layer."""
    return layer._metrics


def layers_within(layer: keras.layers.Layer) -> list[keras.layers.Layer]:
    """All layers within a layer, in the order in which it made them."""
    return layer._flatten_layers(include_self=False)


def made_by(value: keras.KerasTensor) -> tuple[keras.Operation, int]:
    """The operation that gave a value of a functional model, and which of its calls it was."""
    history = value._keras_history
    return history.operation, history.node_index


def taken_by(operation: keras.Operation) -> list[list[keras.KerasTensor]]:
    """The values that an operation of functional models took, call by call."""
    return [list(node.input_tensors) for node in operation._inbound_nodes]


def is_from_ops_nn(operation: keras.Operation) -> bool:
    """Whether an operation is a function of `keras.ops.nn`, such as `keras.ops.relu` or `keras.ops.one_hot`."""
    return type(operation).__module__ == "keras.src.ops.nn"


def function_of(model: keras.Model, step: Callable) -> Callable:
    """Keras's own function of an iterator that takes steps: eagerly, or on several replicas."""
    return model._make_function(step)
