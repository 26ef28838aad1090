"""A Keras callback that publishes a model whenever it has become better."""

import math
import os
import warnings

import keras

from vae_tf.errors import InputError
from vae_tf.export.bundle import check_arguments, export
from vae_tf.export.version.conditions import Names, check_names


class Publish(keras.callbacks.Callback):
    """Exports the model as the next version after each epoch in which a validated value was the best so far.

    A version that cannot be written, or must not be because of what models.config says, is a warning that names the
    cause, and training goes on; the next best is tried.

    Args:
        directory: the folder of served models; see `export`.
        name: of the model in the server's URLs.
        monitor: a logged value, of those that have a direction.
        keep: how many versions stay, the newest.
        mount: where the server sees the directory.
        names: of the labels of conditions.

    Raises:
        InputError: where `export` would never succeed; from `fit`, where no such value is logged or it has no
            direction, and for names that are not one for each label.
    """

    def __init__(
        self,
        directory: str | os.PathLike[str],
        name: str = "model",
        monitor: str = "val_elbo",
        *,
        keep: int | None = None,
        mount: str | None = None,
        names: Names | None = None,
    ):
        super().__init__()
        check_arguments(directory, name, keep, mount)
        self.directory, self.name, self.monitor = directory, name, monitor
        self.keep, self.mount, self.names = keep, mount, names
        self.best: float | None = None

    def on_train_begin(self, logs=None):
        """Looks up which way is better."""
        directions = {name: way for name, way in self.model.directions.items() if way is not None}
        direction = directions.get(self.monitor.removeprefix("val_"))
        if direction is None:
            raise InputError(
                f"Publish was told to monitor {self.monitor!r}: give one of {', '.join(directions)}, or the same with "
                f"val_."
            )
        check_names(self.model.conditions, self.names or {})
        self._sign = 1 if direction == "up" else -1

    def on_epoch_end(self, epoch, logs=None):
        """Publishes where this is the best epoch so far."""
        if self.monitor not in (logs or {}):
            raise InputError(
                f"Publish monitors {self.monitor}, but the epoch logged {', '.join(logs or {})}: give fit() "
                f"validation_data, or another monitor."
            )
        value = float(logs[self.monitor])
        if not math.isfinite(value) or (self.best is not None and self._sign * value <= self._sign * self.best):
            return
        about = {"results": {"epoch": epoch + 1, **{key: float(each) for key, each in logs.items()}}}
        try:
            export(
                self.model, self.directory, self.name, keep=self.keep, mount=self.mount, names=self.names, about=about
            )
            self.best = value
        except (InputError, OSError) as error:
            warnings.warn(f"{error} Training goes on.", stacklevel=2)
