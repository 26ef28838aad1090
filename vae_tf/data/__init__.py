"""The data of a model: what its examples are, the look at what it is given, and slices of many."""

from vae_tf.data import by_name
from vae_tf.data.batch_check import BatchCheck
from vae_tf.data.given import arrays_for_keras
from vae_tf.data.schema import Batch, Schema
from vae_tf.data.slicing import batches, count, rows_of, slices, take
from vae_tf.data.weights import check_class_weights, check_weights, targets

__all__ = [
    "Batch",
    "BatchCheck",
    "Schema",
    "arrays_for_keras",
    "batches",
    "by_name",
    "check_class_weights",
    "check_weights",
    "count",
    "rows_of",
    "slices",
    "take",
    "targets",
]
