"""One run: a recipe, its data, and the directory that holds all that comes of it."""

import contextlib
import errno
import sys
from collections.abc import Iterator
from typing import Any

import rich
import tensorflow as tf

from vae_tf import VAE
from vae_tf.atomic import replacing
from vae_tf.data import Batch, take
from vae_tf.errors import DivergenceError, InputError
from vae_tf.keras_private import layers_within
from vae_tf.priors import Prior
from vae_tf.training import datasets
from vae_tf.training.datasets.scales import warn_if_apart
from vae_tf.training.recipes import recipe
from vae_tf.training.recipes.initialization import adapt, seeded
from vae_tf.training.runs import checkpoints, history, interruption, lock, machine
from vae_tf.training.runs.checkpointing import Checkpoint
from vae_tf.training.runs.checkpoints import Checkpoints, Progress
from vae_tf.training.runs.directory import Existing, identity
from vae_tf.training.runs.divergence import StopOnDivergence
from vae_tf.training.runs.ex_post import check_prior, fit_prior
from vae_tf.training.runs.history import History
from vae_tf.training.runs.save import Save
from vae_tf.training.runs.trained_run import TrainedRun
from vae_tf.training.watching.tensorboard import MEASURED, tensorboard

STEPS_TOGETHER = 100  # steps that execute together where XLA compiles: more are not faster


class Run(TrainedRun):
    """Trains, watches and measures a model in a directory of its own."""

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
        with lock.alone(self.directory):
            self.check(existing)  # another process may have come first
            return self._train(settings, {**decided, "data": datasets.absolute(settings.data)}, existing)

    def _train(self, settings: recipe.Recipe, decided: dict[str, Any], existing: Existing) -> VAE:
        if existing == "resume":
            decided = self.as_begun(decided)
        loaded = self.loaded(settings, settings.data)
        labels = None if settings.model.condition is None else datasets.Labels.of(loaded)
        splits = datasets.validation_split(loaded, settings.validation, settings.seed)
        del loaded
        rich.get_console().out(f"{settings.data}: {splits.counts()}", highlight=False)
        training = datasets.part(splits, "train", labels)
        data = checkpoints.checksum(training)
        steps = datasets.steps_per_epoch(len(splits.x_train), settings.batch_size)
        vae, progress = None, Progress(data)
        if existing == "resume":
            vae, progress = self._resumed(decided, data, settings)
            self._check_labels(labels)
        is_new = vae is None
        if vae is None:
            vae = self._compiled(settings, splits.x_train.shape, labels, steps)
            decided = {**decided, "jit_compile": vae.jit_compile, "steps_per_execution": vae.steps_per_execution}
        event_shape = vae.event_shape
        splits = datasets.each(splits, lambda x: datasets.with_channel(x, event_shape))
        validating = datasets.part(splits, "validation", labels)
        validation = self._evaluation_batches(validating, settings, 500)
        second = None
        if settings.model.ex_post_prior is not None:
            assert settings.model.latent_size is not None  # as checked
            with seeded(settings.seed):
                second = settings.model.ex_post_prior(settings.model.latent_size)
            check_prior(vae, second)
        for name in ("x_train", "x_validation", "x_test"):
            datasets.check(getattr(splits, name), vae.likelihood, name)
        warn_if_apart(splits.x_train, vae.likelihood)
        if is_new:
            adapt(vae, self._evaluation_batches(splits.x_train, settings, 500))
        batches = datasets.training_batches(
            datasets.with_x(training, lambda x: datasets.with_channel(x, event_shape)),
            settings.batch_size,
            seed=settings.seed,
            binarization=settings.binarization,
            epoch=progress.epoch,
            step=progress.step,
        )
        part = datasets.spread_evenly(MEASURED, len(splits.x_validation))
        watched = datasets.as_evaluated(take(validating, part), seed=settings.seed, binarization=settings.binarization)
        shown = None
        if splits.y_validation is not None:
            shown = datasets.label_names(splits.y_validation[part], splits.class_names)
        del splits, training, validating  # the batches hold what they need
        with self._writing():
            self.prepare(existing, decided, progress.epoch)
            if labels is not None:
                labels.write(self.labels)
            machine.record(self.machine, machine.machine(vae.jit_compile), progress.epoch, progress.step)
            with interruption.listening() as asked:
                watching = self._callbacks(settings, decided, watched, shown, labels)
                kept = Checkpoints(self.checkpoint, identity(decided))
                minutes = settings.checkpoint_minutes
                watching.append(Checkpoint(kept, self.model, progress, steps, minutes, asked))
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

    def _compiled(
        self, settings: recipe.Recipe, shape: tuple[int, ...], labels: datasets.Labels | None, steps: int
    ) -> VAE:
        vae = settings.build(shape[1:], examples=shape[0], labels=None if labels is None else len(labels.names))
        jit_compile = compiles(vae) if settings.jit_compile is None else settings.jit_compile
        together = min(STEPS_TOGETHER, steps) if jit_compile else 1
        vae.compile(
            optimizer=settings.optimizer(),
            jit_compile=jit_compile,
            steps_per_execution=settings.steps_per_execution or together,
        )
        return vae

    def _with_prior(self, vae: VAE, prior: Prior, settings: recipe.Recipe) -> VAE:
        """The model with its second prior, fitted and saved; the checkpoints keep that of training."""
        examples = datasets.part(self.splits(settings), "train", self.condition(settings))
        x = self._evaluation_batches(examples, settings, 500)
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
        epochs = history.read(self.history).keys()
        begun = self.model.is_file()
        if (begun and not self.checkpoint.is_dir()) or epochs - {0} or (begun and not epochs):
            raise InputError(
                f"The run {self.directory} has been trained, but its checkpoints, from which it would go on, are not "
                f"in {self.checkpoint}: bring them back, or begin anew with --overwrite."
            )

    def _check_labels(self, labels: datasets.Labels | None) -> None:
        """Refuses data whose labels have other names than those that the run began with."""
        if labels is not None and self.labels.is_file() and labels.names != datasets.Labels.read(self.labels).names:
            raise InputError(
                f"The labels of the data have other names than in {self.labels}, with which the run began: bring the "
                f"data back, or give another --run."
            )

    def _evaluation_batches(self, examples: Batch, settings: recipe.Recipe, batch_size: int) -> tf.data.Dataset:
        return datasets.evaluation_batches(examples, batch_size, seed=settings.seed, binarization=settings.binarization)

    def _callbacks(
        self, settings: recipe.Recipe, decided: dict[str, Any], x: Batch, shown, labels: datasets.Labels | None
    ) -> list:
        """Those before the checkpoints; x and the labels to show are of the validation set."""
        alarms, *others = tensorboard(
            self.tensorboard,
            x,
            shown,
            hyperparameters=decided,
            seed=settings.seed,
            pictures=self.pictures,
            class_names=None if labels is None else labels.names,
        )
        return [
            alarms,
            StopOnDivergence(),
            History(self.history),
            *others,
            Save(self.model),
        ]


def compiles(vae: VAE) -> bool:
    """Whether XLA makes this model faster here: always, except for convolutions on a CPU."""
    layers = layers_within(vae.encoder) + layers_within(vae.decoder)
    convolves = any("Conv" in type(layer).__name__ for layer in layers)
    return not convolves or bool(tf.config.list_physical_devices("GPU"))
