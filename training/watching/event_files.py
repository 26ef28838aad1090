"""TensorBoard's files of a run that goes on from an earlier epoch."""

import pathlib

import tensorflow as tf
from tensorboard.compat.proto import event_pb2

from vae_tf.atomic import replacing


def trim(folder: pathlib.Path, epochs: int) -> None:
    """Drops what was written after an epoch, and a record that was cut off: the epochs are trained again.

    Args:
        folder: the files are in it and below.
        epochs: the last that stays.
    """
    for path in sorted(folder.rglob("events.out.tfevents.*")):
        kept, whole = [], True
        try:
            for record in tf.data.TFRecordDataset(str(path)).as_numpy_iterator():
                event = event_pb2.Event.FromString(record)
                if event.step <= epochs and not event.graph_def:  # the graph is written anew
                    kept.append(record)
                else:
                    whole = False
        except tf.errors.DataLossError:
            whole = False
        if not whole:
            with replacing(path) as partial, tf.io.TFRecordWriter(str(partial)) as writer:
                for record in kept:
                    writer.write(record)
