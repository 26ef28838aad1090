"""What runs are compared by on TensorBoard's HParams page."""

import math
import os
import pathlib
from collections.abc import Iterator
from typing import Any

import tensorflow as tf
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tensorboard.plugins.hparams import api

from vae_tf.training.watching.tensorboard_callback import Logs, TensorBoardCallback
from vae_tf.training.watching.writers import Writers

FOLDER = "hyperparameters"
RESULTS = ".results"  # ends the name of the file that holds what was measured on the test set
BETTER = {"elbo": max, "loss": min}


class Hyperparameters(TensorBoardCallback):
    """Writes a run's row of the table: what was decided, and the last and the best value on the validation set.

    `final/elbo` and `best/elbo`, nats; `final/loss` and `best/loss` for a model without a bound; none of them where
    nothing is validated. The columns are all that TensorBoard finds in the runs that it is opened on.

    Args:
        directory: the run's log directory; `hyperparameters` is written below it.
        values: what was decided, nested, as `recipe.read` gives it; the columns are named as on the command line.
    """

    def __init__(self, directory: str | os.PathLike[str] | Writers, values: dict[str, Any]):
        super().__init__(directory, FOLDER)
        self.values = dict(_flat(values))
        self.folder = self.directory / FOLDER

    def on_train_begin(self, logs=None):
        """Opens the file, with what was decided."""
        self._earlier = list(self.folder.glob("events.out.tfevents.*"))
        self._best: float | None = None
        super().on_train_begin(logs)
        with self.writers[FOLDER].as_default():
            api.hparams(self.values, trial_id="")  # the row is then named by its folder, and no other joins it
        self.writers[FOLDER].flush()

    def write(self, step: int, logs: Logs) -> None:
        """Writes the values of the epoch; at first those of the epochs before, and the file replaces the earlier."""
        name = next((name for name in BETTER if f"val_{name}" in logs), None)
        if name is None:
            return
        value = float(logs[f"val_{name}"])
        if not math.isfinite(value):
            raise ValueError(f"val_{name} is {value}")
        if self._best is None:
            for epoch, before in _values(self.folder, f"final/{name}"):
                if epoch < step:
                    self._write(name, epoch, before)
        self._write(name, step, value)
        self.writers[FOLDER].flush()
        while self._earlier:  # they also hold what was decided before, and what was measured on another model
            self._earlier.pop().unlink(missing_ok=True)

    def _write(self, name: str, epoch: int, value: float) -> None:
        self._best = value if self._best is None else BETTER[name](self._best, value)
        with self.writers[FOLDER].as_default(epoch):
            tf.summary.scalar(f"final/{name}", value)
            tf.summary.scalar(f"best/{name}", self._best)


def write_results(directory: str | os.PathLike[str], results: dict[str, Any]) -> None:
    """Adds the log-likelihood of the test set, where it was measured, to a run's row: `final/log_likelihood`, nats.

    No more: TensorBoard's table shows the first few metrics only.

    Args:
        directory: that of the run's `Hyperparameters`.
        results: those of `evaluation.evaluate`.
    """
    forget_results(directory)
    if "log_likelihood" not in results:
        return
    writer = tf.summary.create_file_writer(str(pathlib.Path(directory) / FOLDER), filename_suffix=RESULTS)
    with writer.as_default(0):
        tf.summary.scalar("final/log_likelihood", results["log_likelihood"])
    writer.close()


def forget_results(directory: str | os.PathLike[str]) -> None:
    """Takes out what `write_results` has written: it was measured on another model."""
    for path in (pathlib.Path(directory) / FOLDER).glob(f"*{RESULTS}"):
        path.unlink()


def _flat(values: dict[str, Any], path: tuple[str, ...] = ()) -> Iterator[tuple[str, bool | float | str]]:
    """Dotted keys, without the `class_path` and `init_args` of a class, and values that TensorBoard takes."""
    for key, value in values.items():
        here = path if key in ("class_path", "init_args") else (*path, key)
        if isinstance(value, dict):
            yield from _flat(value, here)
        elif value is None:
            yield ".".join(here), "none"  # a run without a value would have no line among the parallel coordinates
        elif key == "class_path":
            yield ".".join(here), value.rpartition(".")[2]
        else:
            yield ".".join(here), value if isinstance(value, bool | int | float | str) else str(value)


def _values(folder: pathlib.Path, tag: str) -> list[tuple[int, float]]:
    """The epochs and values of a scalar in the files of a folder."""
    events = EventAccumulator(str(folder), size_guidance={"tensors": 0}).Reload()
    found = events.Tensors(tag) if tag in events.Tags()["tensors"] else []
    return [(event.step, float(tf.make_ndarray(event.tensor_proto))) for event in found]
