"""One run: a recipe, its data, and the directory that holds all that comes of it."""

import csv
import json
import pathlib
import shutil
import sys
import zipfile
from typing import Any, Literal

import keras
import numpy as np
import tensorflow as tf
import yaml

from vae_tf import VAE
from vae_tf.atomic import replacing
from vae_tf.errors import InputError
from vae_tf.training import callbacks, datasets, evaluation, pictures, recipe

Existing = Literal["refuse", "resume", "overwrite"]
PICTURED = 32  # inputs that are reconstructed at each epoch


class Run:
    """The directory of a run.

    Attributes:
        directory: holds `recipe.yaml` (all that was decided, defaults included), `model.keras`, `history.csv` (a
            row an epoch), `results.json`, `tensorboard/` and `pictures/`.
    """

    def __init__(self, directory: str | pathlib.Path):
        self.directory = pathlib.Path(directory)
        self.recipe = self.directory / "recipe.yaml"
        self.model = self.directory / "model.keras"
        self.history = self.directory / "history.csv"
        self.results = self.directory / "results.json"
        self.tensorboard = self.directory / "tensorboard"
        self.pictures = self.directory / "pictures"

    def load(self) -> tuple[recipe.Recipe, VAE]:
        """The recipe and the trained model.

        Raises:
            InputError: where the directory is not that of a run, has no weights yet, or its file is damaged.
        """
        if not self.recipe.is_file():
            raise InputError(f"{self.directory} is not a run: give a directory that `vae-tf train` has made.")
        if not self.model.is_file():
            raise InputError(f"The run {self.directory} has no weights yet: train it for at least one epoch.")
        settings, _ = recipe.read(str(self.recipe))
        return settings, self._load_model()

    def data(self, settings: recipe.Recipe) -> datasets.Splits:
        """The data of the run, split as its recipe says."""
        arrays = datasets.load(settings.data)
        return datasets.validation_split(arrays, settings.validation, settings.seed)

    def test_batches(self, settings: recipe.Recipe, batch_size: int = 500) -> tf.data.Dataset:
        """The test set, in order, binarised as the recipe says."""
        return self._evaluation_batches(self.data(settings).x_test, settings, batch_size)

    def train(self, settings: recipe.Recipe, decided: dict[str, Any], existing: Existing = "refuse") -> VAE:
        """Trains, watches and saves a model.

        Args:
            settings: the recipe.
            decided: the same as plain values, for `recipe.yaml`; both from `recipe.read`.
            existing: what to do with a directory that is there.

        Raises:
            InputError: for a directory that is there, data that cannot be used, or a resume under another recipe.
            DivergenceError: where the loss is no longer finite.
        """
        self._check_directory(existing)
        if existing == "resume":
            self._check_recipe(decided)
        splits = self.data(settings)
        steps = datasets.steps_per_epoch(len(splits.x_train), settings.batch_size)
        if steps % settings.steps_per_execution:
            raise InputError(
                f"steps_per_execution is {settings.steps_per_execution}, which does not divide the {steps} steps of an "
                f"epoch: give a divisor of {steps}, or 1."
            )
        validation = self._evaluation_batches(splits.x_validation, settings, 500)
        vae = self._model(settings, existing, validation)
        for name in ("x_train", "x_validation", "x_test"):
            x = getattr(splits, name)
            # uint8 becomes [0, 1], so one image tells; other values are looked at one and all
            vae.likelihood.check(x if x.dtype != np.uint8 else x[:1] / np.float32(255), name)
        decided = {**decided, "jit_compile": bool(vae.jit_compile)}
        epoch = int(vae.optimizer.iterations) // steps
        if epoch >= settings.epochs:
            raise InputError(
                f"The run {self.directory} has {epoch} epochs already and {settings.epochs} were asked for: give more "
                f"--epochs."
            )
        batches = datasets.training_batches(
            splits.x_train,
            settings.batch_size,
            seed=settings.seed,
            binarization=settings.binarization,
            epoch=epoch,
        )
        self._prepare_directory(existing)
        with replacing(self.recipe) as partial:
            partial.write_text(yaml.safe_dump(decided, sort_keys=False), encoding="utf-8")
        self._trim_history(epoch)
        self.results.unlink(missing_ok=True)  # they were measured on another model
        watching = self._callbacks(vae, settings, validation)
        try:
            vae.fit(
                batches,
                shuffle=False,  # the stream is shuffled already
                steps_per_epoch=steps,
                validation_data=validation,
                initial_epoch=epoch,
                epochs=settings.epochs,
                callbacks=watching,
                verbose=1 if sys.stdout.isatty() else 2,
            )
        except BaseException:
            for callback in watching:
                callback.on_train_end()  # they close their files
            raise
        return vae

    def evaluate(self, samples: int = 5000) -> dict[str, Any]:
        """Measures the trained model on the test set and writes `results.json`.

        Raises:
            InputError: for a directory without a trained run, or samples < 1.
        """
        settings, vae = self.load()
        results = evaluation.evaluate(
            vae,
            self.test_batches(settings),
            samples=samples,
            binarization=settings.binarization,
            seed=settings.seed,
        )
        with replacing(self.results) as partial:
            partial.write_text(json.dumps(results, indent=2, allow_nan=False) + "\n", encoding="utf-8")
        return results

    def _model(self, settings: recipe.Recipe, existing: Existing, validation: tf.data.Dataset) -> VAE:
        if existing == "resume":
            return self._load_model()
        vae = settings.build(validation.element_spec.shape[1:])
        vae.compile(
            optimizer=settings.optimizer(),
            jit_compile=compiles(vae) if settings.jit_compile is None else settings.jit_compile,
            steps_per_execution=settings.steps_per_execution,
        )
        return vae

    def _load_model(self) -> VAE:
        try:
            zipfile.ZipFile(self.model).close()  # load_model takes a file of another kind for an older format
            return keras.saving.load_model(self.model)
        except (zipfile.BadZipFile, OSError) as error:
            raise InputError(f"{self.model} is damaged ({error}): restore the file, or train the run again.") from error
        except (TypeError, ValueError) as error:  # a class that Keras does not know, or does not trust
            raise InputError(f"{self.model} cannot be loaded: {error}") from error

    def _evaluation_batches(self, x: np.ndarray, settings: recipe.Recipe, batch_size: int) -> tf.data.Dataset:
        return datasets.evaluation_batches(x, batch_size, seed=settings.seed, binarization=settings.binarization)

    def _callbacks(self, vae: VAE, settings: recipe.Recipe, validation: tf.data.Dataset) -> list:
        chosen = [
            callbacks.StopOnDivergence(),
            keras.callbacks.CSVLogger(str(self.history), append=True),
            callbacks.Scalars(self.tensorboard),
            callbacks.Save(self.model),
        ]
        if pictures.are_images(vae):
            x = np.concatenate(list(validation.as_numpy_iterator()))
            x = x[pictures.evenly(PICTURED, len(x))]
            chosen.insert(3, callbacks.Pictures(self.tensorboard, x, settings.seed, self.pictures))
        return chosen

    # ----- The directory

    def _check_directory(self, existing: Existing) -> None:
        there = self.directory.exists() and (not self.directory.is_dir() or any(self.directory.iterdir()))
        if existing == "resume":
            if not self.model.is_file():
                raise InputError(f"{self.directory} holds no run to resume: leave --resume out to start one there.")
        elif there and existing == "refuse":
            raise InputError(
                f"{self.directory} exists already: give another --run, --resume to go on with it, or --overwrite."
            )
        elif there and not self.recipe.is_file():
            raise InputError(f"{self.directory} is not a run, so it is not overwritten: give another --run.")

    def _check_recipe(self, decided: dict[str, Any]) -> None:
        before = yaml.safe_load(self.recipe.read_text(encoding="utf-8"))
        if decided["jit_compile"] is None:
            decided = {**decided, "jit_compile": before["jit_compile"]}
        changed = [key for key in recipe.differences(before, decided) if key != "epochs"]
        if changed:
            raise InputError(
                f"The run {self.directory} was begun with another recipe, which differs in {', '.join(changed)}: "
                f"resume it with the same (only `epochs` may change), or give another --run."
            )

    def _prepare_directory(self, existing: Existing) -> None:
        if existing == "overwrite" and self.directory.exists():
            shutil.rmtree(self.directory)
        self.directory.mkdir(parents=True, exist_ok=True)

    def _trim_history(self, epochs: int) -> None:
        """Drops the rows of epochs whose model was not saved any more."""
        if not self.history.is_file():
            return
        with open(self.history, newline="", encoding="utf-8") as file:
            header, *rows = csv.reader(file)
        with replacing(self.history) as partial, open(partial, "w", newline="", encoding="utf-8") as file:
            csv.writer(file, lineterminator="\n").writerows([header, *rows[:epochs]])


def compiles(vae: VAE) -> bool:
    """Whether XLA makes this model faster here: always, except for convolutions on a CPU."""
    layers = vae.encoder._flatten_layers() + vae.decoder._flatten_layers()
    convolves = any("Conv" in type(layer).__name__ for layer in layers)
    return not convolves or bool(tf.config.list_physical_devices("GPU"))
