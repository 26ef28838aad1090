"""The served functions as a SavedModel that holds each weight that they need once."""

import os

import tensorflow as tf

from vae_tf.serving.signatures import Graph


def write(path: str | os.PathLike[str], graphs: dict[str, Graph], weights: list[tf.Variable]) -> None:
    """Writes a SavedModel.

    Args:
        path: its folder.
        graphs: those of the signatures, by name; see `signatures.trace`.
        weights: those that the graphs read.
    """
    holder = tf.Module()
    holder.weights = weights  # no more than these is saved
    tf.saved_model.save(holder, str(path), signatures=graphs)


def served_weights(graphs: dict[str, Graph]) -> list[tf.Variable]:
    """The variables that the graphs read, each once, by name."""
    read = {id(variable): variable for graph in graphs.values() for variable in graph.graph.variables}
    return sorted(read.values(), key=lambda variable: variable.name)
