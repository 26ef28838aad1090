"""The checkpoints of a run: all that training needs to go on exactly where it stood.

    checkpoint/epoch-0003-step-00120/
        model.keras      weights, the optimizer's state, schedules by the optimizer's step, the counters of the noise
        progress.json    where in the data, the means of the unfinished epoch, the random states of layers such as
                         Dropout, the best epoch so far, the checksum

A folder is written beside and renamed, so it is whole or not there; the last two and the best are kept.
"""

import dataclasses
import hashlib
import json
import os
import pathlib
import re
import shutil
import warnings
from collections.abc import Callable
from typing import Any

import keras
import numpy as np

from vae_tf import VAE, loading
from vae_tf.atomic import beside, sync
from vae_tf.data import Batch
from vae_tf.errors import InputError

KEPT = 2
MODEL, PROGRESS = "model.keras", "progress.json"


@dataclasses.dataclass(frozen=True)
class Best:
    """The best epoch so far, from 1, by a validation value."""

    metric: str
    value: float
    epoch: int


@dataclasses.dataclass(frozen=True)
class Progress:
    """Where a run stands.

    Attributes:
        data: the checksum of the training data.
        epoch: whole epochs done.
        step: steps done of the next one.
        means: the state of the logged means, where an epoch is unfinished.
        best: the best epoch so far.
        random_states: those of the layers that draw, such as Dropout: Keras saves none.
    """

    data: str
    epoch: int = 0
    step: int = 0
    means: tuple[float, ...] = ()
    best: Best | None = None
    random_states: tuple[tuple[int, ...], ...] = ()


class Checkpoints:
    """The folder of a run's checkpoints.

    Args:
        directory: where they are.
        run: what only this run has; a part of each checksum, so that those of another run are refused.
    """

    def __init__(self, directory: str | os.PathLike[str], run: str):
        self.directory = pathlib.Path(directory)
        self.run = run

    def write(self, save: Callable[[pathlib.Path], Any], progress: Progress) -> None:
        """Writes a checkpoint, then drops what is older than the last two, except the best.

        Args:
            save: writes the model to a path.
            progress: where the run stands.

        Raises:
            OSError: where it cannot be written; those that are there stay.
        """
        self.directory.mkdir(parents=True, exist_ok=True)
        path = self.directory / _name(progress.epoch, progress.step)
        with beside(path) as folder:
            save(folder / MODEL)
            content = dataclasses.asdict(progress)
            content["checksum"] = self._checksum(content, folder / MODEL)
            (folder / PROGRESS).write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")
            for written in (folder / MODEL, folder / PROGRESS, folder):
                sync(written)
            if path.exists():  # one that was refused
                shutil.rmtree(path)
            os.rename(folder, path)
        sync(self.directory)
        self._drop(path, progress.best)

    def newest(self) -> tuple[pathlib.Path, Progress] | None:
        """The newest checkpoint that is whole, and where it stands; None where there is none at all.

        Warns:
            UserWarning: where a newer one is damaged, or of another run.

        Raises:
            InputError: where all are.
        """
        refused = []
        for path in reversed(self._all()):
            progress = self._read(path)
            if progress is None:
                refused.append(str(path))
                continue
            if refused:
                warnings.warn(
                    f"{_are(refused)} damaged, or of another run (the checksum is off): training goes on from the "
                    f"one before, {path}.",
                    stacklevel=2,
                )
            return path, progress
        if refused:
            raise InputError(
                f"{_are(refused)} damaged, or of another run (the checksum is off): restore one, or train anew with "
                f"--overwrite."
            )
        return None

    def last_epoch(self) -> pathlib.Path | None:
        """The model of the newest checkpoint at an epoch's end, whole or not; None where there is none."""
        ends = [path / MODEL for path in self._all() if path.name.endswith("-step-00000")]
        return ends[-1] if ends else None

    def last_data(self) -> str | None:
        """The checksum of the data that the newest checkpoint was trained on, whole or not; None if it says none."""
        paths = [path / PROGRESS for path in self._all() if (path / PROGRESS).is_file()]
        try:
            data = json.loads(paths[-1].read_text(encoding="utf-8"))["data"] if paths else None
        except (OSError, ValueError, KeyError, TypeError):  # no JSON, or JSON of something else
            return None
        return data if isinstance(data, str) else None

    def _all(self) -> list[pathlib.Path]:
        """From the oldest to the newest."""
        found = {path: _position(path.name) for path in self.directory.glob("epoch-*")}
        return sorted((path for path in found if found[path]), key=lambda path: found[path] or ())

    def _read(self, path: pathlib.Path) -> Progress | None:
        if not all((path / name).is_file() for name in (MODEL, PROGRESS)):  # a named pipe would be waited for
            return None
        try:
            content = json.loads((path / PROGRESS).read_text(encoding="utf-8"))
            if content.pop("checksum") != self._checksum(content, path / MODEL):
                return None
            best = content["best"] and Best(**content["best"])
            states = tuple(tuple(state) for state in content.get("random_states", ()))  # version 0.1 kept none
            return Progress(**{**content, "best": best, "means": tuple(content["means"]), "random_states": states})
        except (OSError, ValueError, KeyError, TypeError, AttributeError):  # no JSON, or JSON of something else
            return None

    def _checksum(self, content: dict[str, Any], model: pathlib.Path) -> str:
        digest = hashlib.sha256(self.run.encode())
        digest.update(json.dumps(content, sort_keys=True).encode())
        digest.update(model.read_bytes())
        return digest.hexdigest()

    def _drop(self, newest: pathlib.Path, best: Best | None) -> None:
        paths = self._all()
        older = paths[: paths.index(newest) + 1][:-KEPT]
        for path in older:
            if best is None or path.name != _name(best.epoch, 0):
                shutil.rmtree(path)


def load(path: pathlib.Path, progress: Progress | None = None) -> VAE:
    """The model of a checkpoint, compiled as it was, and with the random states of its layers where it stood.

    Raises:
        InputError: if its layers have other random states than were written: training would not go on bit for bit.
    """
    vae = loading.load(path / MODEL)
    if progress is None or not progress.random_states:  # version 0.1 kept none
        return vae
    variables, states = random_variables(vae), progress.random_states
    if [tuple(variable.shape) for variable in variables] != [(len(state),) for state in states]:
        raise InputError(
            f"{_are([str(path)])} of a model with {len(states)} random states, and the layers have "
            f"{len(variables)} now, or others: bring the classes back that the run began with, or train anew with "
            f"--overwrite."
        )
    for variable, state in zip(variables, states, strict=True):
        variable.assign(state)
    return vae


def checksum(examples: Batch) -> str:
    """The checksum of training data [N, ...], of their bytes alone: of x, then of the conditions beside it."""
    digest = hashlib.sha256()
    for values in [examples] if not isinstance(examples, dict) else examples.values():
        digest.update(np.ascontiguousarray(values).data)
    return digest.hexdigest()


def random_variables(vae: VAE) -> list[keras.Variable]:
    """The states of the layers that draw; they are no weights, so a `.keras` file has none."""
    weights = {id(weight) for weight in vae.weights}
    return [variable for variable in vae.variables if id(variable) not in weights]


def _name(epoch: int, step: int) -> str:
    return f"epoch-{epoch:04d}-step-{step:05d}"


def _position(name: str) -> tuple[int, int] | None:
    match = re.fullmatch(r"epoch-(\d+)-step-(\d+)", name)
    return match and (int(match[1]), int(match[2]))


def _are(paths: list[str]) -> str:
    return f"The checkpoint {paths[0]} is" if len(paths) == 1 else f"The checkpoints {', '.join(paths)} are"
