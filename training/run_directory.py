"""The directory of a run: what is in it, and when it may be written."""

import csv
import json
import pathlib
import shutil
from typing import Any, Literal

import yaml

from vae_tf.atomic import replacing, sweep
from vae_tf.errors import InputError
from vae_tf.training import event_files, recipe
from vae_tf.training.callbacks.hyperparameters import forget_results

Existing = Literal["refuse", "resume", "overwrite"]
FREE = ("epochs", "checkpoint_minutes")  # what may change when a run is resumed


class RunDirectory:
    """The directory of a run.

    Args:
        directory: its path.

    Attributes:
        directory: holds `recipe.yaml` (all that was decided, defaults included), `model.keras`, `history.csv` (a
            row an epoch), `results.json`, `tensorboard/`, `pictures/` and `checkpoint/`.
    """

    def __init__(self, directory: str | pathlib.Path):
        self.directory = pathlib.Path(directory)
        self.recipe = self.directory / "recipe.yaml"
        self.model = self.directory / "model.keras"
        self.history = self.directory / "history.csv"
        self.results = self.directory / "results.json"
        self.tensorboard = self.directory / "tensorboard"
        self.pictures = self.directory / "pictures"
        self.checkpoint = self.directory / "checkpoint"

    def check(self, existing: Existing) -> None:
        """Refuses a directory that may not be written.

        Args:
            existing: what to do with one that is there.

        Raises:
            InputError: where it is there and was not expected, or is not that of a run.
        """
        there = self.directory.exists() and (not self.directory.is_dir() or any(self.directory.iterdir()))
        if existing == "resume":
            if not self.recipe.is_file():
                raise InputError(f"{self.directory} holds no run to resume: leave --resume out to start one there.")
        elif there and existing == "refuse":
            raise InputError(
                f"{self.directory} exists already: give another --run, --resume to go on with it, or --overwrite."
            )
        elif there and not self.recipe.is_file():
            raise InputError(f"{self.directory} is not a run, so it is not overwritten: give another --run.")

    def as_begun(self, decided: dict[str, Any]) -> dict[str, Any]:
        """The recipe of a run that is resumed, which is that with which it was begun.

        Raises:
            InputError: naming the keys in which they differ.
        """
        before = yaml.safe_load(self.recipe.read_text(encoding="utf-8"))
        open_before = {key: before[key] for key in ("jit_compile", "steps_per_execution") if decided[key] is None}
        decided = {**decided, **open_before}
        _, complete = recipe.read(str(self.recipe))  # an earlier version did not know every key
        changed = [key for key in recipe.differences(complete, decided) if key not in FREE]
        if changed:
            raise InputError(
                f"The run {self.directory} was begun with another recipe, which differs in {', '.join(changed)}: "
                f"resume it with the same (only {' and '.join(FREE)} may change), or give another --run."
            )
        return {**before, **{key: decided[key] for key in FREE}}

    def prepare(self, existing: Existing, decided: dict[str, Any], epochs: int) -> None:
        """Makes the directory, and takes out what is later than the epoch that training goes on from.

        Args:
            existing: what to do with one that is there.
            decided: the recipe as plain values.
            epochs: that are done.
        """
        if existing == "overwrite" and self.directory.exists():
            shutil.rmtree(self.directory)
        self.directory.mkdir(parents=True, exist_ok=True)
        sweep(self.directory, self.checkpoint, *self.tensorboard.glob("*/"))
        with replacing(self.recipe) as partial:
            partial.write_text(yaml.safe_dump(decided, sort_keys=False), encoding="utf-8")
        self._trim_history(epochs)
        event_files.trim(self.tensorboard, epochs)
        self.results.unlink(missing_ok=True)  # they were measured on another model
        forget_results(self.tensorboard)

    def _trim_history(self, epochs: int) -> None:
        """Drops the rows of epochs whose model was not saved any more."""
        if not epochs:
            self.history.unlink(missing_ok=True)
            return
        with open(self.history, newline="", encoding="utf-8") as file:
            header, *rows = csv.reader(file)
        with replacing(self.history) as partial, open(partial, "w", newline="", encoding="utf-8") as file:
            csv.writer(file, lineterminator="\n").writerows([header, *rows[:epochs]])


def identity(decided: dict[str, Any]) -> str:
    """What the checkpoints of a run share: its recipe, but for what may change."""
    return json.dumps({key: value for key, value in decided.items() if key not in FREE}, sort_keys=True)
