"""What a written version holds, read from its files."""

import pathlib
from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
import tensorflow as tf
from google.protobuf.message import DecodeError
from tensorflow.core.protobuf import meta_graph_pb2, saved_model_pb2, trackable_object_graph_pb2

from vae_tf.errors import InputError
from vae_tf.serving.contract import Interface

GRAPH = "saved_model.pb"  # in a version
CHECKPOINT = "variables/variables"  # the prefix of its files in a version


class Stored(NamedTuple):
    """A variable in the checkpoint.

    Attributes:
        name: what the model called it.
        value: as stored.
        is_read: whether a function of the graph reads it.
    """

    name: str
    value: np.ndarray
    is_read: bool


def meta_graph(version: pathlib.Path) -> meta_graph_pb2.MetaGraphDef:
    """The graph of a version.

    Raises:
        InputError: where its file is damaged.
    """
    saved_model = saved_model_pb2.SavedModel()
    try:
        saved_model.ParseFromString((version / GRAPH).read_bytes())
        return saved_model.meta_graphs[0]
    except (DecodeError, IndexError):
        raise InputError(f"{version / GRAPH} is damaged: export the model again.") from None


def interfaces(version: pathlib.Path) -> dict[str, Interface]:
    """The interface of each signature of a version, by its name."""
    return {
        name: Interface(_specs(signature.inputs), _specs(signature.outputs))
        for name, signature in meta_graph(version).signature_def.items()
        if not name.startswith("__")  # the graph's initialisation
    }


def compiled_functions(version: pathlib.Path) -> list[str]:
    """The functions of a version that XLA is to compile, by their names in the graph."""
    functions = meta_graph(version).graph_def.library.function
    return sorted(function.signature.name for function in functions if function.attr["_XlaMustCompile"].b)


def variables(version: pathlib.Path) -> list[Stored]:
    """The variables in the checkpoint of a version."""
    functions = meta_graph(version).object_graph_def.concrete_functions.values()
    read = {node for function in functions for node in function.bound_inputs}
    reader = tf.train.load_checkpoint(str(version / CHECKPOINT))
    graph = reader.get_tensor("_CHECKPOINTABLE_OBJECT_GRAPH")
    nodes = trackable_object_graph_pb2.TrackableObjectGraph.FromString(graph).nodes
    return [
        Stored(attribute.full_name, reader.get_tensor(attribute.checkpoint_key), number in read)
        for number, node in enumerate(nodes)
        for attribute in node.attributes
    ]


def _specs(tensors: Mapping[str, meta_graph_pb2.TensorInfo]) -> dict[str, tf.TensorSpec]:
    return {
        name: tf.TensorSpec(tf.TensorShape(tensor.tensor_shape), tf.as_dtype(tensor.dtype))
        for name, tensor in tensors.items()
    }
