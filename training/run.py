"""One run: a recipe, its data, and the directory that holds all that comes of it."""

import contextlib
import errno
import hashlib
import json
import shlex
import sys
import warnings
from collections.abc import Iterator
from typing import Any

import numpy as np
import rich
import tensorflow as tf

from vae_tf import VAE, importance, loading
from vae_tf.atomic import replacing
from vae_tf.errors import DivergenceError, InputError
from vae_tf.priors import Prior
from vae_tf.training import callbacks, checkpoints, datasets, evaluation, interruption, machine, recipe, run_lock
from vae_tf.training.callbacks.hyperparameters import write_results
from vae_tf.training.checkpoints import Checkpoints, Progress
from vae_tf.training.ex_post import check_prior, fit_prior
from vae_tf.training.initialization import adapt, seeded
from vae_tf.training.run_directory import Existing, RunDirectory, identity
from vae_tf.training.tensorboard import MEASURED, tensorboard

SAMPLES = 5_000  # importance samples of each example, where nothing else was asked for
TOGETHER = 100  # steps that execute together where XLA compiles: more are not faster


class Run(RunDirectory):
    """Trains, watches and measures a model in a directory of its own."""

    def load(self) -> tuple[recipe.Recipe, VAE]:
        """The recipe and the trained model.

        Raises:
            InputError: where the directory is not that of a run, has no weights yet, or its file is damaged.
        """
        if not self.recipe.is_file():
            raise InputError(f"{self.directory} is not a run: give a directory that `vae-tf train` has made.")
        if not self.model.is_file():
            raise InputError(self._why_no_weights())
        settings, _ = recipe.read(str(self.recipe))
        return settings, self._load_model()

    def data(self, settings: recipe.Recipe) -> datasets.Splits:
        """The data of the run, split as its recipe says."""
        arrays = self._arrays(settings, settings.data)
        return datasets.validation_split(arrays, settings.validation, settings.seed)

    def _arrays(self, settings: recipe.Recipe, source: str) -> datasets.Arrays:
        """The data of a source, in the size and the values of the run's recipe."""
        arrays = datasets.load(source, settings.image_size)
        likelihood = settings.model.likelihood(arrays.x_train.shape[1:])
        parts = ("x_train", "x_validation", "x_test")
        given = {name: x for name in parts if (x := getattr(arrays, name)) is not None}
        stored: dict[str, Any] = {name: datasets.stored(x, likelihood) for name, x in given.items()}
        return arrays._replace(**stored)

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
            InputError: for a directory that is there, or in which another process trains; data that cannot be used; a
                resume under another recipe.
            DivergenceError: where the loss is no longer finite.
            Interrupted: where SIGTERM or Ctrl-C asked the run to stop; a checkpoint is written.
        """
        self.check(existing)
        with run_lock.alone(self.directory):
            self.check(existing)  # another process may have come first
            return self._train(settings, {**decided, "data": datasets.absolute(settings.data)}, existing)

    def _train(self, settings: recipe.Recipe, decided: dict[str, Any], existing: Existing) -> VAE:
        if existing == "resume":
            decided = self.as_begun(decided)
        splits = self.data(settings)
        rich.get_console().out(f"{settings.data}: {splits.counts()}", highlight=False)
        data = hashlib.sha256(np.ascontiguousarray(splits.x_train).data).hexdigest()
        steps = datasets.steps_per_epoch(len(splits.x_train), settings.batch_size)
        validation = self._evaluation_batches(splits.x_validation, settings, 500)
        vae, progress = None, Progress(data)
        if existing == "resume":
            vae, progress = self._resumed(decided, data, settings)
        is_new = vae is None
        if vae is None:
            vae = self._compiled(settings, splits.x_train.shape, steps)
            decided = {**decided, "jit_compile": vae.jit_compile, "steps_per_execution": vae.steps_per_execution}
        second = None
        if settings.model.ex_post_prior is not None:
            with seeded(settings.seed):
                second = settings.model.ex_post_prior(vae.latent_size)
            check_prior(vae, second)
        for name in ("x_train", "x_validation", "x_test"):
            datasets.check(getattr(splits, name), vae.likelihood, name)
        if is_new:
            adapt(vae, self._evaluation_batches(splits.x_train, settings, 500))
        batches = datasets.training_batches(
            splits.x_train,
            settings.batch_size,
            seed=settings.seed,
            binarization=settings.binarization,
            epoch=progress.epoch,
            step=progress.step,
        )
        part = datasets.evenly(MEASURED, len(splits.x_validation))
        watched = datasets.as_seen(splits.x_validation[part], seed=settings.seed, binarization=settings.binarization)
        labels = None if splits.y_validation is None else splits.y_validation[part]
        del splits  # the batches hold what they need
        with self._writing():
            self.prepare(existing, decided, progress.epoch)
            machine.record(self.machine, machine.machine(vae.jit_compile), progress.epoch, progress.step)
            with interruption.listening() as asked:
                watching = self._callbacks(settings, decided, watched, labels)
                kept = Checkpoints(self.checkpoint, identity(decided))
                minutes = settings.checkpoint_minutes
                watching.append(callbacks.Checkpoint(kept, self.model, progress, steps, minutes, asked))
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
            if isinstance(error, DivergenceError):
                done = watching[-1].progress.epoch
                saved = f"{self.model} holds those of the end of epoch {done}" if done else "No weights were saved"
                raise DivergenceError(f"{error} {saved}.") from error
            raise

    @contextlib.contextmanager
    def _writing(self) -> Iterator[None]:
        """Says where a file could not be written, and how to go on."""
        try:
            yield
        except OSError as error:
            full = error.errno in (errno.ENOSPC, errno.EDQUOT)
            begun = self.recipe.is_file()
            raise OSError(
                f"The run {self.directory} could not be written ({error}): "
                f"{'training stopped, and what is there is whole' if begun else 'nothing was trained'}; "
                f"{'make room' if full else 'mend that'}, and {'go on with --resume' if begun else 'start again'}."
            ) from error

    def evaluate(
        self,
        samples: int | None = None,
        *,
        data: str | None = None,
        binarization: datasets.Binarization | None = None,
        features: str | None = None,
    ) -> dict[str, Any]:
        """Measures the trained model on the test set and writes `results.json`; see `measure` and `keep`."""
        results = self.measure(samples, data=data, binarization=binarization, features=features)
        self.keep(results)
        return results

    def measure(
        self,
        samples: int | None = None,
        *,
        data: str | None = None,
        binarization: datasets.Binarization | None = None,
        features: str | None = None,
    ) -> dict[str, Any]:
        """Measures the trained model on the test set; see `evaluation.evaluate` for what is measured.

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
        arrays = self._arrays(settings, settings.data if data is None else data)
        datasets.check_shape(arrays.name, arrays.x_test, vae.event_shape)
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
        results["data"] = settings.data if data is None else data
        return results

    def keep(self, results: dict[str, Any]) -> None:
        """Writes what `measure` has measured to `results.json`, and to the run's row in TensorBoard.

        Raises:
            OSError: naming the file that could not be written.
        """
        settings, _ = recipe.read(str(self.recipe))
        try:
            with replacing(self.results) as partial:
                partial.write_text(json.dumps(results, indent=2, allow_nan=False) + "\n", encoding="utf-8")
            if (results["data"], results["binarization"]) == (settings.data, settings.binarization):
                write_results(self.tensorboard, results)  # of other data, the row would compare what does not
        except (OSError, tf.errors.OpError) as error:
            raise OSError(
                f"{self.results} could not be written ({' '.join(str(error).split())}): make room, or mend "
                f"that, and measure again."
            ) from error

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
        found = Checkpoints(self.checkpoint, identity(decided)).newest()
        if found is None:
            self._check_unfinished()
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
        return checkpoints.load(path, progress), progress

    def _check_unfinished(self) -> None:
        """Refuses to begin anew if the checkpoints of epochs that are done were taken away.

        The history and then the model are written before the first checkpoint, so a run that was killed may have
        either of its first epoch.
        """
        epochs = callbacks.history.read(self.history).keys()
        begun = self.model.is_file()
        if (begun and not self.checkpoint.is_dir()) or epochs - {0} or (begun and not epochs):
            raise InputError(
                f"The run {self.directory} has been trained, but its checkpoints, from which it would go on, are not "
                f"in {self.checkpoint}: bring them back, or begin anew with --overwrite."
            )

    def _why_no_weights(self) -> str:
        saved = Checkpoints(self.checkpoint, "").last_epoch()
        if saved is not None:
            return f"{self.model} is missing: bring it back, or copy that of the last checkpoint, {saved}."
        resume = f"`vae-tf train --run {shlex.quote(str(self.directory))} --resume`"
        return (
            f"The run {self.directory} has no weights yet, as none of its epochs has come to its end: go on with "
            f"{resume}, or, if its loss was not finite, begin anew with --overwrite and a smaller learning rate."
        )

    def _load_model(self) -> VAE:
        vae = loading.load(self.model)
        if not isinstance(vae, VAE):
            raise InputError(
                f"{self.model} holds a {type(vae).__name__}, not a VAE: restore the file, or train the run again."
            )
        return vae

    def _evaluation_batches(self, x: np.ndarray, settings: recipe.Recipe, batch_size: int) -> tf.data.Dataset:
        return datasets.evaluation_batches(x, batch_size, seed=settings.seed, binarization=settings.binarization)

    def _callbacks(self, settings: recipe.Recipe, decided: dict[str, Any], x: np.ndarray, labels) -> list:
        """Those before the checkpoints; x and its labels are of the validation set."""
        alarms, *others = tensorboard(
            self.tensorboard, x, labels, hyperparameters=decided, seed=settings.seed, pictures=self.pictures
        )
        return [
            alarms,
            callbacks.StopOnDivergence(),
            callbacks.History(self.history),
            *others,
            callbacks.Save(self.model),
        ]


def compiles(vae: VAE) -> bool:
    """Whether XLA makes this model faster here: always, except for convolutions on a CPU."""
    layers = vae.encoder._flatten_layers() + vae.decoder._flatten_layers()
    convolves = any("Conv" in type(layer).__name__ for layer in layers)
    return not convolves or bool(tf.config.list_physical_devices("GPU"))
