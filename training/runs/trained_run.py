"""A trained run: its recipe, its model, its data, and what is measured of them."""

import json
import shlex
import warnings
from typing import Any

import tensorflow as tf

from vae_tf import VAE, importance, loading
from vae_tf.atomic import replacing
from vae_tf.data import Batch
from vae_tf.errors import InputError
from vae_tf.training import datasets, evaluation
from vae_tf.training.recipes import recipe
from vae_tf.training.runs import checkpoints
from vae_tf.training.runs.checkpoints import Checkpoints
from vae_tf.training.runs.directory import RunDirectory
from vae_tf.training.watching.hyperparameters import write_results

SAMPLES = 5_000  # importance samples of each example, where nothing else was asked for


class TrainedRun(RunDirectory):
    """Loads and measures what a run has trained."""

    def load(self) -> tuple[recipe.Recipe, VAE]:
        """The recipe and the trained model.

        Raises:
            InputError: where the directory is not that of a run, has no weights yet, or its files are damaged or do
                not belong together.
        """
        if not self.recipe.is_file():
            raise InputError(f"{self.directory} is not a run: give a directory that `vae-tf train` has made.")
        if not self.model.is_file():
            raise InputError(self._why_no_weights())
        settings, _ = recipe.read(str(self.recipe))
        vae = self._load_model()
        self._check_conditions(settings, vae)
        return settings, vae

    def data(self, settings: recipe.Recipe) -> datasets.Splits:
        """The data of a trained run, split as its recipe says.

        Warns:
            UserWarning: if the training data are not those that the run was trained on.
        """
        splits = self.splits(settings)
        changed = self._why_not_as_trained(settings, splits)
        if changed and settings.data == recipe.read(str(self.recipe))[0].data:
            warnings.warn(changed, stacklevel=2)
        return splits

    def splits(self, settings: recipe.Recipe) -> datasets.Splits:
        """The data that a recipe names, split as it says."""
        loaded = self.loaded(settings, settings.data)
        return datasets.validation_split(loaded, settings.validation, settings.seed)

    def condition(self, settings: recipe.Recipe) -> datasets.Labels | None:
        """The labels that the model of this recipe takes, by name; None if it takes none.

        Raises:
            InputError: if their file is missing or damaged.
        """
        return None if settings.model.condition is None else datasets.Labels.read(self.labels)

    def _why_not_as_trained(self, settings: recipe.Recipe, splits: datasets.Splits) -> str | None:
        """A note if the training data are not those of the newest checkpoint; None if they are, or it is not known."""
        trained_on = Checkpoints(self.checkpoint, "").last_data()
        if trained_on in (None, self._checksum(settings, splits)):
            return None
        return (
            f"the training data of {self.directory} are not those that it was trained on: they have changed, or an "
            f"earlier version read or split them otherwise, so the model may have seen test examples and its numbers "
            f"may be too good"
        )

    def _checksum(self, settings: recipe.Recipe, splits: datasets.Splits) -> str | None:
        """The checksum of the training data; None if they have no labels that the model knows."""
        try:
            return checkpoints.checksum(datasets.part(splits, "train", self.condition(settings)))
        except InputError:
            return None

    def loaded(self, settings: recipe.Recipe, source: str) -> datasets.StoredData:
        """The data of a source, in the size and the values of the run's recipe."""
        data = datasets.load(source, settings.image_size)
        likelihood = settings.model.likelihood(data.x_train.shape[1:])
        return datasets.each(data, lambda x: datasets.stored(x, likelihood))

    def test_examples(self, settings: recipe.Recipe) -> Batch:
        """The test set as the model is evaluated on it: x, float32 [N, *event], or with the labels that it takes."""
        examples = datasets.part(self.data(settings), "test", self.condition(settings))
        return datasets.as_evaluated(examples, seed=settings.seed, binarization=settings.binarization)

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
            UserWarning: if the test set is binarised otherwise than the training set was, or the training data are not
                those that the run was trained on.

        Raises:
            InputError: for a directory without a trained run, samples < 1 or of a plain autoencoder, labels that do
                not match, or data that the model does not take.
        """
        settings, vae = self.load()
        if samples is not None:
            importance.check(vae, samples)
        source = settings.data if data is None else data
        loaded = datasets.each(self.loaded(settings, source), lambda x: datasets.with_channel(x, vae.event_shape))
        datasets.check_shape(loaded.name, loaded.x_test, vae.event_shape)
        labels = self.condition(settings)
        binarization = settings.binarization if binarization is None else binarization
        space = None if features is None else evaluation.features.chosen(features, loaded, settings.seed)
        results = evaluation.evaluate(
            vae,
            evaluation.Examples(datasets.part(loaded, "test", labels), loaded.y_test, loaded.factors_test),
            evaluation.Examples(datasets.part(loaded, "train", labels), loaded.y_train),
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
        if source == settings.data:
            splits = datasets.validation_split(loaded, settings.validation, settings.seed)
            if changed := self._why_not_as_trained(settings, splits):
                warnings.warn(changed, stacklevel=2)
                results["notes"].append(changed)
        results["data"] = source
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

    def _why_no_weights(self) -> str:
        saved = Checkpoints(self.checkpoint, "").last_epoch()
        if saved is not None:
            return f"{self.model} is missing: bring it back, or copy that of the last checkpoint, {saved}."
        resume = f"`vae-tf train --run {shlex.quote(str(self.directory))} --resume`"
        return (
            f"The run {self.directory} has no weights yet, as none of its epochs has come to its end: go on with "
            f"{resume}, or, if its loss was not finite, begin anew with --overwrite and a smaller learning rate."
        )

    def _check_conditions(self, settings: recipe.Recipe, vae: VAE) -> None:
        """Refuses a model that takes other conditions than the recipe says, or another number of labels."""
        expected = [] if settings.model.condition is None else [settings.model.condition]
        if list(vae.conditions) != expected:
            takes, says = (" and ".join(names) or "no condition" for names in (vae.conditions, expected))
            raise InputError(
                f"{self.model} takes {takes}, and {self.recipe} says {says}: restore the files, or train the run again."
            )
        labels = self.condition(settings)
        if labels is not None and vae.conditions[datasets.CONDITION].count not in (None, len(labels.names)):
            raise InputError(
                f"{self.labels} has {len(labels.names)} names for the {vae.conditions[datasets.CONDITION].count} "
                f"labels of the model: restore the file, or train the run again."
            )

    def _load_model(self) -> VAE:
        vae = loading.load(self.model)
        if not isinstance(vae, VAE):
            raise InputError(
                f"{self.model} holds a {type(vae).__name__}, not a VAE: restore the file, or train the run again."
            )
        return vae
