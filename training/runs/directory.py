"""The directory of a run: what is in it, and when it may be written."""

import json
import pathlib
import shutil
from typing import Any, Literal

import yaml

from vae_tf.atomic import MARK, replacing, sweep
from vae_tf.errors import InputError
from vae_tf.training import datasets
from vae_tf.training.recipes import recipe, safety
from vae_tf.training.runs import history, lock
from vae_tf.training.watching import event_files
from vae_tf.training.watching.hyperparameters import forget_results

Existing = Literal["refuse", "resume", "overwrite"]
FREE = ("epochs", "checkpoint_minutes")  # what may change when a run is resumed


class RunDirectory:
    """The directory of a run.

    Args:
        directory: its path.

    Attributes:
        directory: holds `recipe.yaml` (all that was decided, defaults included), `labels.json` (what the labels are
            called, if the model takes them), `model.keras`, `history.csv` (a row an epoch), `machine.json` (what it was
            computed with), `results.json`, `tensorboard/`, `pictures/` and `checkpoint/`.
    """

    def __init__(self, directory: str | pathlib.Path):
        self.directory = pathlib.Path(directory)
        self.recipe = self.directory / "recipe.yaml"
        self.labels = self.directory / "labels.json"
        self.model = self.directory / "model.keras"
        self.history = self.directory / "history.csv"
        self.machine = self.directory / "machine.json"
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
        there = self._holds_something()
        if existing == "resume" and not there:
            raise InputError(f"{self.directory} holds no run to resume: leave --resume out to start one there.")
        if there and not self.recipe.is_file():
            raise InputError(
                f"{self.directory} is not a run, as it has no recipe.yaml, and is left as it is: give another --run."
            )
        if there and existing == "refuse":
            raise InputError(
                f"{self.directory} exists already: give another --run, --resume to go on with it, or --overwrite."
            )

    def _holds_something(self) -> bool:
        """Whether there is more than what a run leaves that was killed before it began."""
        if not self.directory.is_dir():
            return self.directory.exists()
        return any(path.name != lock.NAME and MARK not in path.name for path in self.directory.iterdir())

    def as_begun(self, decided: dict[str, Any]) -> dict[str, Any]:
        """The recipe of a run that is resumed, which is that with which it was begun.

        Raises:
            InputError: naming the keys in which they differ.
        """
        before = safety.load_yaml(self.recipe)
        _, complete = recipe.read(str(self.recipe))  # an earlier version did not know every key
        open_before = {key: complete[key] for key in ("jit_compile", "steps_per_execution") if decided[key] is None}
        decided = {**decided, **open_before}
        if datasets.absolute(complete["data"]) == decided["data"]:
            decided["data"] = complete["data"]  # version 0.1 wrote a path as it was given
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
        if existing == "overwrite":
            self._clear()
        self.directory.mkdir(parents=True, exist_ok=True)
        sweep(self.directory, self.checkpoint, *self.tensorboard.glob("*/"))
        with replacing(self.recipe) as partial:
            partial.write_text(yaml.safe_dump(decided, sort_keys=False), encoding="utf-8")
        self.checkpoint.mkdir(exist_ok=True)
        history.trim(self.history, epochs)
        event_files.trim(self.tensorboard, epochs)
        self.results.unlink(missing_ok=True)  # they were measured on another model
        forget_results(self.tensorboard)

    def _clear(self) -> None:
        """Removes all but the lock; the recipe last, as without it the rest would be no run."""
        for path in sorted(self.directory.iterdir(), key=lambda path: path == self.recipe):
            if path.name == lock.NAME:
                continue
            if path.is_dir() and not path.is_symlink():
                shutil.rmtree(path)
            else:
                path.unlink()


def identity(decided: dict[str, Any]) -> str:
    """What the checkpoints of a run share: its recipe, except what may change."""
    return json.dumps({key: value for key, value in decided.items() if key not in FREE}, sort_keys=True)
