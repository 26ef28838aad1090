"""Two ways to ask a version: as Python loads it, and as the server does."""

import contextlib
import functools
import pathlib
from collections.abc import Callable, Iterator

import numpy as np
import tensorflow as tf
from tensorflow.core.protobuf import config_pb2

from vae_tf.export.version import contents
from vae_tf.export.version.golden import NamedArrays

Ask = Callable[[str, NamedArrays], NamedArrays]  # (signature, inputs by name) -> outputs by name


@contextlib.contextmanager
def loaded(version: pathlib.Path) -> Iterator[Ask]:
    """A version through `tf.saved_model.load`."""
    model = tf.saved_model.load(str(version))

    def ask(signature: str, inputs: NamedArrays) -> NamedArrays:
        outputs = model.signatures[signature](**{name: tf.constant(value) for name, value in inputs.items()})
        return {name: tensor.numpy() for name, tensor in outputs.items()}

    yield ask


@contextlib.contextmanager
def session(version: pathlib.Path) -> Iterator[Ask]:
    """A version through a TF1 session, as the server restores it and feeds it: with no look at the shapes."""
    meta_graph = contents.meta_graph(version)
    graph = tf.Graph()
    with contextlib.closing(tf.compat.v1.Session(graph=graph)) as running:
        with graph.as_default():
            saver = tf.compat.v1.train.import_meta_graph(meta_graph)
            saver.restore(running, str(version / contents.CHECKPOINT))

        @functools.cache
        def endpoint(signature: str) -> tuple[Callable[..., list[np.ndarray]], list[str]]:
            tensors = meta_graph.signature_def[signature]
            ends = config_pb2.CallableOptions()
            ends.feed.extend(tensors.inputs[name].name for name in sorted(tensors.inputs))
            ends.fetch.extend(tensors.outputs[name].name for name in sorted(tensors.outputs))
            # Session.run would refuse a wrong shape in Python, before the graph can.
            return running._make_callable_from_options(ends), sorted(tensors.outputs)

        def ask(signature: str, inputs: NamedArrays) -> NamedArrays:
            run, names = endpoint(signature)
            return dict(zip(names, run(*(inputs[name] for name in sorted(inputs))), strict=True))

        yield ask


WAYS = {"tf.saved_model.load": loaded, "TF1 session": session}
