"""One run: a recipe, its data, and the directory that holds all that comes of it."""

import csv
import hashlib
import json
import pathlib
import shutil
import sys
import warnings
import zipfile
from typing import Any, Literal

import keras
import numpy as np
import tensorflow as tf
import yaml

from vae_tf import VAE, importance
from vae_tf.atomic import replacing, sweep
from vae_tf.errors import InputError
from vae_tf.priors import Prior
from vae_tf.training import callbacks, checkpoints, datasets, evaluation, interruption, pictures, recipe
from vae_tf.training.checkpoints import Checkpoints, Progress
from vae_tf.training.ex_post import check_prior, fit_prior

Existing = Literal["refuse", "resume", "overwrite"]
PICTURED = 32  # inputs that are reconstructed at each epoch
SAMPLES = 5_000  # importance samples of each example, where nothing else was asked for
TOGETHER = 100  # steps that execute together where XLA compiles: more are not faster
FREE = ("epochs", "checkpoint_minutes")  # what may change when a run is resumed


class Run:
    """The directory of a run.

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

    def test_examples(self, settings: recipe.Recipe) -> np.ndarray:
        """The test set as the model is evaluated on it, float32 [N, *event]."""
        return datasets.as_seen(self.data(settings).x_test, seed=settings.seed, binarization=settings.binarization)

    def train(self, settings: recipe.Recipe, decided: dict[str, Any], existing: Existing = "refuse") -> VAE:
        """Trains, watches and saves a model.

        Args:
            settings: the recipe.
            decided: the same as plain values, for `recipe.yaml`; both from `recipe.read`.
            existing: what to do with a directory that is there.

        Raises:
            InputError: for a directory that is there, data that cannot be used, or a resume under another recipe.
            DivergenceError: where the loss is no longer finite.
            Interrupted: where SIGTERM or Ctrl-C asked the run to stop; a checkpoint is written.
        """
        self._check_directory(existing)
        if existing == "resume":
            decided = self._as_begun(decided)
        splits = self.data(settings)
        data = hashlib.sha256(np.ascontiguousarray(splits.x_train).data).hexdigest()
        steps = datasets.steps_per_epoch(len(splits.x_train), settings.batch_size)
        validation = self._evaluation_batches(splits.x_validation, settings, 500)
        vae, progress = None, Progress(data)
        if existing == "resume":
            vae, progress = self._resumed(decided, data, settings)
        if vae is None:
            vae = self._compiled(settings, splits.x_train.shape, steps)
            decided = {**decided, "jit_compile": vae.jit_compile, "steps_per_execution": vae.steps_per_execution}
        second = None if settings.model.ex_post_prior is None else settings.model.ex_post_prior(vae.latent_size)
        if second is not None:
            check_prior(vae, second)
        for name in ("x_train", "x_validation", "x_test"):
            x = getattr(splits, name)
            # uint8 becomes [0, 1], so one image tells; other values are looked at one and all
            vae.likelihood.check(x if x.dtype != np.uint8 else x[:1] / np.float32(255), name)
        batches = datasets.training_batches(
            splits.x_train,
            settings.batch_size,
            seed=settings.seed,
            binarization=settings.binarization,
            epoch=progress.epoch,
            step=progress.step,
        )
        del splits  # the batches hold what they need
        self._prepare_directory(existing, decided, progress.epoch)
        with interruption.listening() as asked:
            watching = self._callbacks(vae, settings, validation)
            kept = Checkpoints(self.checkpoint, _identity(decided))
            watching.append(callbacks.Checkpoint(kept, self.model, progress, steps, settings.checkpoint_minutes, asked))
            self._fit(vae, batches, steps, validation, progress, settings.epochs, watching)
        return vae if second is None else self._with_prior(vae, second, settings)

    def _fit(self, vae, batches, steps: int, validation, progress: Progress, epochs: int, watching: list) -> None:
        rest = -progress.step % steps  # of an epoch that was interrupted; whole ones follow
        whole = progress.epoch + (rest > 0)
        stages = [(batches, progress.epoch, whole, rest), (batches.skip(rest), whole, epochs, steps)]
        try:
            for stream, first, last, steps_per_epoch in stages:
                if first == last:
                    continue
                vae.fit(
                    stream,
                    shuffle=False,  # it is shuffled already
                    steps_per_epoch=steps_per_epoch,
                    validation_data=validation,
                    initial_epoch=first,
                    epochs=last,
                    callbacks=watching,
                    verbose=1 if sys.stdout.isatty() else 2,
                )
        except BaseException as error:
            for callback in watching:
                callback.on_train_end()  # they close their files
            if isinstance(error, OSError):
                raise OSError(
                    f"The run {self.directory} could not be written ({error}): training stopped, and what is there is "
                    f"whole; make room, and go on with --resume."
                ) from error
            raise

    def evaluate(
        self,
        samples: int | None = None,
        *,
        data: str | None = None,
        binarization: datasets.Binarization | None = None,
        features: str | None = None,
    ) -> dict[str, Any]:
        """Measures the trained model on the test set and writes `results.json`.

        Args:
            samples: the importance samples of each example; 5,000 where not given.
            data: the source whose test set is measured; that of the run where not given.
            binarization: of the test set; that of the run where not given.
            features: where samples are compared with the test images: "inception", "classifier", "auto" or a .keras
                file; see `evaluation.features`. Where not given, they are not.

        Warns:
            UserWarning: where the test set is binarised otherwise than the training set was.

        Raises:
            InputError: for a directory without a trained run, samples < 1 or of a plain autoencoder, labels that do
                not match, or data that the model does not take.
        """
        settings, vae = self.load()
        if samples is not None:
            importance.check(vae, samples)
        arrays = datasets.load(settings.data if data is None else data)
        binarization = settings.binarization if binarization is None else binarization
        space = None if features is None else evaluation.features.chosen(features, arrays, settings.seed)
        results = evaluation.evaluate(
            vae,
            evaluation.Examples(arrays.x_test, arrays.y_test, arrays.factors_test),
            evaluation.Examples(arrays.x_train, arrays.y_train),
            samples=SAMPLES if samples is None else samples,
            binarization=binarization,
            seed=settings.seed,
            features=space,
        )
        if (binarization == "none") != (settings.binarization == "none"):
            note = (
                f"the test set has binarization {binarization} and the model was trained with "
                f"{settings.binarization}: these numbers do not compare with those of the run's own test set"
            )
            warnings.warn(note, stacklevel=2)
            results["notes"].append(note)
        with replacing(self.results) as partial:
            partial.write_text(json.dumps(results, indent=2, allow_nan=False) + "\n", encoding="utf-8")
        return results

    def _compiled(self, settings: recipe.Recipe, shape: tuple[int, ...], steps: int) -> VAE:
        vae = settings.build(shape[1:], examples=shape[0])
        jit_compile = compiles(vae) if settings.jit_compile is None else settings.jit_compile
        together = min(TOGETHER, steps) if jit_compile else 1
        vae.compile(
            optimizer=settings.optimizer(),
            jit_compile=jit_compile,
            steps_per_execution=settings.steps_per_execution or together,
        )
        return vae

    def _with_prior(self, vae: VAE, prior: Prior, settings: recipe.Recipe) -> VAE:
        """The model with its second prior, fitted and saved; the checkpoints keep that of training."""
        x = self._evaluation_batches(self.data(settings).x_train, settings, 500)
        fitted = fit_prior(vae, x, prior, seed=settings.seed, verbose=1 if sys.stdout.isatty() else 2)
        fitted.compile(settings.optimizer(), jit_compile=vae.jit_compile, steps_per_execution=vae.steps_per_execution)
        fitted.optimizer.build(fitted.trainable_variables)  # they are saved, too
        with replacing(self.model) as partial:
            fitted.save(partial)
        return fitted

    def _resumed(self, decided: dict[str, Any], data: str, settings: recipe.Recipe) -> tuple[VAE | None, Progress]:
        """The model and where it stands; None where the run had begun, but had no checkpoint yet."""
        found = Checkpoints(self.checkpoint, _identity(decided)).newest()
        if found is None:
            return None, Progress(data)
        path, progress = found
        if progress.data != data:
            raise InputError(
                f"The data {decided['data']} have changed since the run {self.directory} began: bring them back, or "
                f"give another --run."
            )
        # A second prior is fitted after the last epoch, and again where that was interrupted.
        last = settings.epochs if settings.model.ex_post_prior is None else settings.epochs + 1
        if progress.epoch >= last:
            raise InputError(
                f"The run {self.directory} has {progress.epoch} epochs already and {settings.epochs} were asked for: "
                f"give more --epochs."
            )
        return checkpoints.load(path), progress

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
            if not self.recipe.is_file():
                raise InputError(f"{self.directory} holds no run to resume: leave --resume out to start one there.")
        elif there and existing == "refuse":
            raise InputError(
                f"{self.directory} exists already: give another --run, --resume to go on with it, or --overwrite."
            )
        elif there and not self.recipe.is_file():
            raise InputError(f"{self.directory} is not a run, so it is not overwritten: give another --run.")

    def _as_begun(self, decided: dict[str, Any]) -> dict[str, Any]:
        """The recipe of a run that is resumed, which is that with which it was begun."""
        before = yaml.safe_load(self.recipe.read_text(encoding="utf-8"))
        open_before = {key: before[key] for key in ("jit_compile", "steps_per_execution") if decided[key] is None}
        decided = {**decided, **open_before}
        changed = [key for key in recipe.differences(before, decided) if key not in FREE]
        if changed:
            raise InputError(
                f"The run {self.directory} was begun with another recipe, which differs in {', '.join(changed)}: "
                f"resume it with the same (only {' and '.join(FREE)} may change), or give another --run."
            )
        return decided

    def _prepare_directory(self, existing: Existing, decided: dict[str, Any], epochs: int) -> None:
        if existing == "overwrite" and self.directory.exists():
            shutil.rmtree(self.directory)
        self.directory.mkdir(parents=True, exist_ok=True)
        sweep(self.directory, self.checkpoint)
        with replacing(self.recipe) as partial:
            partial.write_text(yaml.safe_dump(decided, sort_keys=False), encoding="utf-8")
        self._trim_history(epochs)
        self.results.unlink(missing_ok=True)  # they were measured on another model

    def _trim_history(self, epochs: int) -> None:
        """Drops the rows of epochs whose model was not saved any more."""
        if not epochs:
            self.history.unlink(missing_ok=True)
            return
        with open(self.history, newline="", encoding="utf-8") as file:
            header, *rows = csv.reader(file)
        with replacing(self.history) as partial, open(partial, "w", newline="", encoding="utf-8") as file:
            csv.writer(file, lineterminator="\n").writerows([header, *rows[:epochs]])


def _identity(decided: dict[str, Any]) -> str:
    """What the checkpoints of a run share: its recipe, but for what may change."""
    return json.dumps({key: value for key, value in decided.items() if key not in FREE}, sort_keys=True)


def compiles(vae: VAE) -> bool:
    """Whether XLA makes this model faster here: always, except for convolutions on a CPU."""
    layers = vae.encoder._flatten_layers() + vae.decoder._flatten_layers()
    convolves = any("Conv" in type(layer).__name__ for layer in layers)
    return not convolves or bool(tf.config.list_physical_devices("GPU"))
