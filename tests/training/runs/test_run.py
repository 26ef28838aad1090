import csv
import json
import math
import os
import re
import shutil
import warnings
from unittest.mock import Mock

import keras
import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from vae_tf import InputError, priors, training
from vae_tf.export import export
from vae_tf.export.version import check
from vae_tf.training import datasets
from vae_tf.training.runs import checkpoints, lock
from vae_tf.training.watching import grids

TAGS = {"loss", "elbo", "rate", "distortion", "beta"}
WATCHED = {"train", "validation", "projector", "hyperparameters"}  # folders of TensorBoard
SHOWN = {"active_units", "kl_per_dimension", "kl_per_dimension_histogram", "aggregated_posterior"} | {
    "reconstructions",
    "samples",
    "draws",
    "traversal",
    "interpolation",
    "manifold",
}  # beside the curves
RESULTS = {
    "log_likelihood",
    "log_likelihood_standard_error_images",
    "log_likelihood_standard_error_draws",
    "importance_samples",
    "elbo",
    "rate",
    "distortion",
    "active_units",
    "examples",
    "binarization",
    "seed",
    "bits_per_dimension",
    "effective_sample_size",
    "effective_sample_size_lowest_tenth",
    "log_likelihood_shortfall",
    "kl_per_dimension",
    "mutual_information",
    "mutual_information_standard_error",
    "marginal_kl",
    "marginal_kl_standard_error",
    "reconstruction_error",
    "linear_probe_accuracy",
    "linear_probe_accuracy_standard_error",
    "data",
}


def history(run: training.Run) -> list[dict[str, str]]:
    with open(run.history, newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


# ----- the directory


def test_a_run_writes_what_the_contract_lists(finished, contents):
    names = {path.name for path in finished.run.directory.iterdir()}
    assert names == {
        "recipe.yaml",
        "model.keras",
        "history.csv",
        "machine.json",
        "tensorboard",
        "pictures",
        "checkpoint",
    }
    assert {path.name for path in finished.run.tensorboard.iterdir()} == WATCHED
    kinds = {f"{kind}-epoch-{epoch:04d}.png" for kind in ("reconstructions", "samples") for epoch in (1, 2)}
    assert {path.name for path in finished.run.pictures.iterdir()} == kinds
    assert not [name for name in contents(finished.run.directory) if "/." in f"/{name}"]  # nothing half-written


def test_the_history_has_one_row_an_epoch(finished):
    rows = history(finished.run)
    assert [row["epoch"] for row in rows] == ["0", "1"]
    assert set(rows[0]) == {"epoch"} | TAGS | {f"val_{name}" for name in TAGS}
    for row in rows:
        values = {name: float(value) for name, value in row.items()}
        assert all(math.isfinite(value) for value in values.values())
        assert values["loss"] == pytest.approx(values["rate"] + values["distortion"], rel=1e-5)
        assert values["val_elbo"] == pytest.approx(-(values["val_rate"] + values["val_distortion"]), rel=1e-5)


def test_the_curves_are_those_of_the_history(finished, read_events):
    rows = history(finished.run)
    train, validation = (read_events(finished.run.tensorboard / part) for part in ("train", "validation"))
    assert set(train) == TAGS | SHOWN | {"learning_rate", "images_per_second", "gradient_norm"}
    assert set(validation) == TAGS
    for name in TAGS:
        for values, key in ((train[name], name), (validation[name], f"val_{name}")):
            assert list(values) == [1, 2]
            assert [float(value) for value in values.values()] == pytest.approx(
                [float(row[key]) for row in rows], rel=1e-6
            )
    assert [float(value) for value in train["learning_rate"].values()] == pytest.approx([1e-3, 1e-3])


def test_the_pictures_are_of_the_validation_images_and_the_seed(finished, read_events, read_recipe):
    events = read_events(finished.run.tensorboard / "train")
    assert {"reconstructions", "samples", "traversal"} < set(events)
    assert all(list(steps) == [1, 2] for steps in events.values())
    with Image.open(finished.run.pictures / "samples-epoch-0002.png") as image:
        np.testing.assert_array_equal(np.asarray(image), grids.samples(finished.vae, seed=0)[..., 0])
    settings, _ = read_recipe("--binarization=dynamic")
    splits = finished.run.data(settings)
    (x,) = datasets.evaluation_batches(splits.x_validation, 100, seed=0, binarization="dynamic").as_numpy_iterator()
    with Image.open(finished.run.pictures / "reconstructions-epoch-0002.png") as image:
        np.testing.assert_array_equal(np.asarray(image), grids.reconstructions(finished.vae, x)[..., 0])


def test_the_recipe_says_all_that_was_decided(finished, read_recipe, yaml_of):
    _, decided = read_recipe("--binarization=dynamic")
    written = yaml_of(finished.run.recipe)
    assert decided.pop("steps_per_execution") is None  # left to the run
    assert written == {**decided, "steps_per_execution": 1}
    again, same = training.read(str(finished.run.recipe))
    assert same == written
    assert again.binarization == "dynamic"


def test_the_model_that_is_loaded_is_the_one_that_was_trained(finished):
    settings, loaded = finished.run.load()
    assert settings.epochs == 2
    weights = [weight.numpy() for weight in finished.vae.trainable_weights + finished.vae.optimizer.variables]
    same = [weight.numpy() for weight in loaded.trainable_weights + loaded.optimizer.variables]
    for one, other in zip(weights, same, strict=True):
        np.testing.assert_array_equal(one, other)
    assert int(loaded.optimizer.iterations) == 2 * 3  # 43 images in batches of 16


def test_the_validation_set_is_a_balanced_tenth_and_never_trains(finished, read_recipe):
    splits = finished.run.data(read_recipe()[0])
    assert (len(splits.x_train), len(splits.x_validation), len(splits.x_test)) == (42, 6, 12)
    assert np.bincount(splits.y_validation).tolist() == [2, 2, 2]
    train = {image.tobytes() for image in splits.x_train}
    assert not train & {image.tobytes() for image in splits.x_validation}
    assert not train & {image.tobytes() for image in splits.x_test}


def test_the_last_validation_of_the_history_can_be_measured_again(finished, read_recipe):
    settings, _ = read_recipe("--binarization=dynamic")
    x = finished.run.data(settings).x_validation
    batches = datasets.evaluation_batches(x, 500, seed=0, binarization="dynamic")
    logs = finished.vae.evaluate(batches, verbose=0, return_dict=True)
    assert float(history(finished.run)[-1]["val_loss"]) == pytest.approx(logs["loss"], rel=1e-6)


# ----- training


def test_vectors_train_without_pictures(read_recipe, tmp_path, rng):
    np.save(tmp_path / "x.npy", rng.normal(3, 2, (60, 5)))
    run = training.Run(tmp_path / "run")
    vae = run.train(*read_recipe(f"--data={tmp_path / 'x.npy'}", "--model.likelihood=Normal"))
    assert vae.event_shape == (5,)
    assert {path.name for path in run.directory.iterdir()} == {
        "recipe.yaml",
        "model.keras",
        "history.csv",
        "machine.json",
        "tensorboard",
        "checkpoint",
    }
    assert {path.name for path in run.tensorboard.iterdir()} == WATCHED
    assert math.isfinite(float(history(run)[-1]["val_elbo"]))
    results = run.evaluate(samples=5)
    assert results["examples"] == 6
    assert not any("cross-entropy" in note for note in results["notes"])  # nothing is grey under a normal


@pytest.mark.parametrize(
    ("overrides", "compiles", "together"),
    [
        (["--jit_compile=null"], True, 3),  # no more than an epoch has
        (["--jit_compile=null", "--batch_size=1"], True, 42),
        (["--jit_compile=null", "--model.networks=Conv", "--model.networks.filters=[3]"], False, 1),
        (["--jit_compile=false"], False, 1),
        (["--jit_compile=true", "--model.networks=Conv", "--model.networks.filters=[3]"], True, 3),
        (["--jit_compile=null", "--steps_per_execution=2"], True, 2),
    ],
)
@pytest.mark.skipif(bool(tf.config.list_physical_devices("GPU")), reason="convolutions are compiled there")
def test_how_steps_execute_is_decided_and_written_down(
    read_recipe, tmp_path, yaml_of, monkeypatch, overrides, compiles, together
):
    used = []
    monkeypatch.setattr(
        keras.Model, "fit", lambda self, *args, **kwargs: used.append((self.jit_compile, self.steps_per_execution))
    )
    run = training.Run(tmp_path / "run")
    run.train(*read_recipe(*overrides))
    assert used == [(compiles, together)]
    written = yaml_of(run.recipe)
    assert written["jit_compile"] is compiles
    assert written["steps_per_execution"] == together


@pytest.mark.parametrize("together", [2, 3, 5])
def test_steps_that_execute_together_leave_an_epoch_an_epoch(read_recipe, tmp_path, together):
    run = training.Run(tmp_path / "run")
    vae = run.train(*read_recipe(f"--steps_per_execution={together}"))
    assert int(vae.optimizer.iterations) == 2 * 3
    expected = training.Run(tmp_path / "expected").train(*read_recipe())
    for weight, same in zip(vae.trainable_weights, expected.trainable_weights, strict=True):
        np.testing.assert_array_equal(weight, same)


def test_a_prior_for_afterwards_takes_the_place_of_the_first(read_recipe, tmp_path):
    axes = {"posterior": "Deterministic", "objective": "Reconstruction", "ex_post_prior": "MixtureOfNormals"}
    chosen = [f"--model.{axis}={name}" for axis, name in axes.items()] + ["--model.ex_post_prior.components=3"]
    recipe, decided = read_recipe(*chosen)
    run = training.Run(tmp_path / "run")
    vae = run.train(recipe, decided)
    _, loaded = run.load()
    assert (type(vae.prior), vae.prior.components) == (priors.MixtureOfNormals, 3)
    np.testing.assert_array_equal(loaded.sample(5, seed=7), vae.sample(5, seed=7))
    assert loaded.prior.trainable_weights == []
    assert [finding for finding in check.check(export(loaded, tmp_path / "serving")) if not finding.ok] == []
    last = checkpoints.load(max(run.checkpoint.glob("epoch-*")))
    assert type(last.prior) is priors.StandardNormal
    for weight, same in zip(last.trainable_weights, loaded.trainable_weights, strict=True):
        np.testing.assert_array_equal(weight, same)

    recipe, decided = read_recipe("--epochs=3", *chosen)
    resumed = run.train(recipe, decided, "resume")  # from the checkpoint, which holds the first prior
    assert len(history(run)) == 3
    _, loaded = run.load()
    assert type(loaded.prior) is priors.MixtureOfNormals
    np.testing.assert_array_equal(loaded.sample(5, seed=7), resumed.sample(5, seed=7))
    assert run.evaluate()["examples"] == 12


@pytest.mark.parametrize(
    ("prior", "sentence"),
    [
        (["--model.ex_post_prior=VampPrior"], "fit_prior got VampPrior, which has no weights of its own"),
        (["--model.ex_post_prior=MixtureOfNormals", "--model.ex_post_prior.components=0"], "got components=0"),
    ],
)
def test_a_prior_for_afterwards_that_cannot_be_is_refused_before_training(read_recipe, tmp_path, prior, sentence):
    run = training.Run(tmp_path / "run")
    with pytest.raises(InputError, match=sentence):
        run.train(*read_recipe(*prior))
    assert not run.directory.exists()


def test_a_prior_whose_fit_was_interrupted_is_fitted_when_resumed(read_recipe, tmp_path, monkeypatch):
    recipe, decided = read_recipe("--model.ex_post_prior=MixtureOfNormals", "--model.ex_post_prior.components=3")
    run = training.Run(tmp_path / "run")
    with monkeypatch.context() as patched:
        patched.setattr("vae_tf.training.runs.run.fit_prior", Mock(side_effect=KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            run.train(recipe, decided)
    assert type(run.load()[1].prior) is priors.StandardNormal
    run.train(recipe, decided, "resume")
    assert type(run.load()[1].prior) is priors.MixtureOfNormals
    assert len(history(run)) == 2


# ----- a directory that is there


def test_a_run_that_exists_is_refused(copy_of_finished, read_recipe, contents):
    before = contents(copy_of_finished.directory)
    with pytest.raises(InputError, match=r"copy exists already: give another --run, --resume to go on with it, or --o"):
        copy_of_finished.train(*read_recipe())
    assert contents(copy_of_finished.directory) == before


def test_an_empty_directory_is_welcome(read_recipe, tmp_path, monkeypatch):
    monkeypatch.setattr(keras.Model, "fit", lambda self, *args, **kwargs: None)
    training.Run(tmp_path).train(*read_recipe())
    assert (tmp_path / "recipe.yaml").is_file()


def test_overwrite_replaces_a_run(copy_of_finished, read_recipe, yaml_of):
    copy_of_finished.results.write_text("{}")
    (copy_of_finished.pictures / "samples-epoch-0500.png").write_bytes(b"old")
    vae = copy_of_finished.train(*read_recipe("--epochs=1", "--model.latent_size=3"), existing="overwrite")
    assert yaml_of(copy_of_finished.recipe)["model"]["latent_size"] == 3
    assert len(history(copy_of_finished)) == 1
    assert not copy_of_finished.results.exists()
    assert {path.name for path in copy_of_finished.pictures.iterdir()} == {
        "reconstructions-epoch-0001.png",
        "samples-epoch-0001.png",
    }
    _, loaded = copy_of_finished.load()
    np.testing.assert_array_equal(loaded.sample(4, seed=1), vae.sample(4, seed=1))


def test_overwrite_starts_a_run_where_there_is_none(read_recipe, tmp_path, monkeypatch):
    monkeypatch.setattr(keras.Model, "fit", lambda self, *args, **kwargs: None)
    run = training.Run(tmp_path / "new" / "run")
    run.train(*read_recipe(), existing="overwrite")
    assert run.recipe.is_file()


@pytest.mark.parametrize("existing", ["refuse", "resume", "overwrite"])
@pytest.mark.parametrize("kind", ["a folder", "a file"])
def test_what_is_not_a_run_is_never_touched(read_recipe, tmp_path, contents, existing, kind):
    path = tmp_path / "thesis"
    if kind == "a folder":
        path.mkdir()
        (path / "chapter-1.tex").write_text("It was a dark and stormy night.")
    else:
        path.write_text("It was a dark and stormy night.")
    before = contents(tmp_path)
    with pytest.raises(InputError, match=r"thesis is not a run, as it has no recipe.yaml, and is left as it is"):
        training.Run(path).train(*read_recipe(), existing=existing)
    assert contents(tmp_path) == before


def test_what_a_killed_process_leaves_before_it_begins_is_no_run_and_no_hindrance(read_recipe, tmp_path, monkeypatch):
    monkeypatch.setattr(keras.Model, "fit", lambda self, *args, **kwargs: None)
    run = training.Run(tmp_path / "run")
    (run.directory / ".recipe.yaml-partial-x").mkdir(parents=True)
    (run.directory / ".lock").write_text("1")
    with pytest.raises(InputError, match="holds no run to resume: leave --resume out to start one there"):
        run.train(*read_recipe(), existing="resume")
    run.train(*read_recipe())
    assert {path.name for path in run.directory.iterdir()} == {"recipe.yaml", "machine.json", "checkpoint"}


@pytest.mark.parametrize("existing", ["refuse", "resume", "overwrite"])
def test_a_second_process_is_refused_while_one_trains(copy_of_finished, read_recipe, contents, existing):
    before = contents(copy_of_finished.directory)
    with lock.alone(copy_of_finished.directory), pytest.raises(InputError) as error:
        copy_of_finished.train(*read_recipe("--binarization=dynamic", "--epochs=4"), existing=existing)
    said = "exists already" if existing == "refuse" else f"is in use by the process {os.getpid()}: wait for its end"
    assert said in str(error.value)
    assert contents(copy_of_finished.directory) == before


def test_the_run_is_locked_while_it_trains(copy_of_finished, read_recipe, monkeypatch):
    def fit(*args, **kwargs):
        assert copy_of_finished.recipe.is_file()  # the old run is gone, the new one is there
        assert not copy_of_finished.model.exists()
        with pytest.raises(InputError, match="is in use by the process"), lock.alone(copy_of_finished.directory):
            pass
        raise MemoryError

    monkeypatch.setattr(keras.Model, "fit", fit)
    with pytest.raises(MemoryError):
        copy_of_finished.train(*read_recipe(), existing="overwrite")
    with lock.alone(copy_of_finished.directory):
        pass


def test_a_path_is_absolute_in_the_recipe_and_older_runs_with_another_go_on(
    images, read_recipe, tmp_path, monkeypatch, yaml_of
):
    shutil.copy(images, tmp_path / "mine.npz")
    monkeypatch.chdir(tmp_path)
    run = training.Run(tmp_path / "run")
    run.train(*read_recipe("--data=mine.npz", "--epochs=1"))
    assert yaml_of(run.recipe)["data"] == str(tmp_path / "mine.npz")
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    assert run.evaluate(samples=3)["data"] == str(tmp_path / "mine.npz")
    run.train(*training.read(str(run.recipe), ["--epochs=2"]), existing="resume")

    older = training.Run(tmp_path / "older")
    monkeypatch.chdir(tmp_path)
    with monkeypatch.context() as patch:
        patch.setattr(datasets, "absolute", lambda source: source)
        older.train(*read_recipe("--data=mine.npz", "--epochs=1"))
    assert yaml_of(older.recipe)["data"] == "mine.npz"
    for epochs, data in ((2, "mine.npz"), (3, str(tmp_path / "mine.npz"))):
        older.train(*training.read(str(older.recipe), [f"--epochs={epochs}", f"--data={data}"]), existing="resume")
        assert yaml_of(older.recipe)["data"] == "mine.npz"
        assert len(history(older)) == epochs


def test_what_was_computed_with_is_written_down_and_another_machine_is_warned_of(copy_of_finished, read_recipe):
    (part,) = json.loads(copy_of_finished.machine.read_text())
    assert (part["epoch"], part["step"], part["compiler"]) == (0, 0, "none")
    assert part["tensorflow"] == tf.__version__
    copy_of_finished.machine.write_text(json.dumps([{**part, "processors": 96, "compiler": "XLA"}]))
    resume = lambda epochs: read_recipe("--binarization=dynamic", f"--epochs={epochs}")  # noqa: E731
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        copy_of_finished.train(*resume(3), existing="resume")
        copy_of_finished.train(*resume(4), existing="resume")  # without a second warning
    (said,) = (str(each.message) for each in caught if "another" in str(each.message))
    assert re.search(
        r"another number of processors \(96, now \d+\), another compiler \(XLA, now none\): its last bits", said
    )
    first, second = json.loads(copy_of_finished.machine.read_text())
    assert (first["processors"], second) == (96, {**part, "epoch": 2})


# ----- evaluation


def test_evaluation_writes_the_results_of_the_contract(copy_of_finished):
    results = copy_of_finished.evaluate(samples=7)
    written = json.loads(copy_of_finished.results.read_text())
    assert written == results
    assert set(written) == RESULTS | {"notes"}
    numbers = {name: value for name, value in written.items() if name not in ("binarization", "data", "notes")}
    assert np.isfinite(np.hstack(list(numbers.values()))).all()
    assert (written["importance_samples"], written["examples"]) == (7, 12)  # the test set
    assert (written["binarization"], written["seed"]) == ("dynamic", 0)
    assert not any("cross-entropy" in note for note in written["notes"])  # the images were binarised
    assert written["log_likelihood"] > written["elbo"] - 0.1
    assert copy_of_finished.evaluate(samples=7) == results  # and it repeats


def test_the_test_set_is_binarised_once_as_the_recipe_says(finished, read_recipe):
    settings, _ = read_recipe("--binarization=dynamic")
    once, again = (finished.run.test_examples(settings) for _ in range(2))
    np.testing.assert_array_equal(once, again)
    assert set(np.unique(once)) == {0, 1}
    settings, _ = read_recipe()
    grey = finished.run.test_examples(settings)
    np.testing.assert_array_equal(grey, finished.run.data(settings).x_test / np.float32(255))


def test_a_test_set_that_is_binarised_otherwise_is_warned_of(copy_of_finished):
    with pytest.warns(UserWarning, match="binarization none and the model was trained with dynamic: .*do not compare"):
        results = copy_of_finished.evaluate(samples=3, binarization="none")
    assert results["binarization"] == "none"
    assert any("do not compare" in note for note in results["notes"])
    results = copy_of_finished.evaluate(samples=3, binarization="static")  # drawn once, as the run's own
    assert not any("do not compare" in note for note in results["notes"])


def test_another_test_set_can_be_measured(copy_of_finished, save_npz, rng):
    x = rng.integers(0, 256, (9, 6, 6), dtype=np.uint8)
    results = copy_of_finished.evaluate(samples=3, data=str(save_npz(x_train=x, x_test=x[:7])))
    assert results["examples"] == 7


def test_labels_are_probed_and_samples_compared(copy_of_finished, save_npz, rng):
    x, y = rng.integers(0, 256, (40, 6, 6), dtype=np.uint8), np.arange(40) % 2
    data = str(save_npz(x_train=x, y_train=y, x_test=x[:8], y_test=y[:8]))
    results = copy_of_finished.evaluate(samples=3, data=data, features="classifier")
    assert 0 <= results["linear_probe_accuracy"] <= 1
    assert results["features"].startswith("classifier trained on")
    assert results["compared_samples"] == 8
    assert json.loads(copy_of_finished.results.read_text()) == results


def test_a_plain_autoencoder_that_is_asked_for_its_likelihood_refuses(read_recipe, tmp_path):
    run = training.Run(tmp_path / "run")
    words = ["--epochs=1", "--model.posterior=Deterministic", "--model.objective=Reconstruction"]
    run.train(*read_recipe(*words))
    with pytest.raises(InputError, match="plain autoencoder and has no log p"):
        run.evaluate(samples=5)
    assert not run.results.exists()
    assert "log_likelihood" not in run.evaluate()


def test_a_classifier_needs_labels(copy_of_finished, save_npz, rng):
    x = rng.integers(0, 256, (40, 6, 6), dtype=np.uint8)
    with pytest.raises(InputError, match="has no labels for a classifier"):
        copy_of_finished.evaluate(samples=3, data=str(save_npz(x_train=x)), features="classifier")
    assert not copy_of_finished.results.exists()


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"data": "nowhere.npz"}, "There is no"),
        ({"features": "resnet"}, "There is no feature space 'resnet'"),
        ({"binarization": "twice"}, "binarization is 'twice': give none, static or dynamic"),
    ],
)
def test_what_cannot_be_measured_leaves_no_results(copy_of_finished, options, said):
    with pytest.raises(InputError, match=said):
        copy_of_finished.evaluate(samples=3, **options)
    assert not copy_of_finished.results.exists()


def test_one_sample_gives_results_too(copy_of_finished):
    copy_of_finished.evaluate(samples=1)
    written = json.loads(copy_of_finished.results.read_text())
    assert written["log_likelihood_standard_error_draws"] is None
    assert math.isfinite(written["log_likelihood"])


@pytest.mark.parametrize("samples", [0, -3])
def test_no_samples_are_refused_and_nothing_is_written(copy_of_finished, samples):
    with pytest.raises(InputError, match=f"samples={samples}: give a whole number of at least 1"):
        copy_of_finished.evaluate(samples=samples)
    assert not copy_of_finished.results.exists()


def test_results_stay_where_others_cannot_be_measured(copy_of_finished):
    copy_of_finished.results.write_text("old")
    with pytest.raises(InputError):
        copy_of_finished.evaluate(samples=0)
    assert copy_of_finished.results.read_text() == "old"


def test_what_is_not_a_run_has_nothing_to_load(tmp_path):
    for path in (tmp_path, tmp_path / "nowhere"):
        with pytest.raises(InputError, match="is not a run: give a directory that `vae-tf train` has made"):
            training.Run(path).load()


def test_a_run_without_weights_is_refused(copy_of_finished):
    copy_of_finished.model.unlink()
    last = copy_of_finished.checkpoint / "epoch-0002-step-00000" / "model.keras"
    with pytest.raises(InputError, match=rf"model\.keras is missing: bring it back, or copy .* checkpoint, {last}\."):
        copy_of_finished.evaluate()
    shutil.rmtree(copy_of_finished.checkpoint)
    with pytest.raises(InputError, match="has no weights yet, as none of its epochs has come to its end: go on with"):
        copy_of_finished.evaluate()


@pytest.mark.parametrize("share", [0, 0.5])
def test_a_damaged_model_is_refused_by_name(copy_of_finished, share):
    content = copy_of_finished.model.read_bytes()
    copy_of_finished.model.write_bytes(content[: int(share * len(content))])
    with pytest.raises(InputError, match=r"copy/model\.keras"):
        copy_of_finished.load()


def test_counts_and_tables_are_trained_on_as_they_are(read_recipe, save_npz, tmp_path, rng):
    counts = rng.negative_binomial(2, 2 / 32, size=(80, 12))  # of mean 30
    table = (50 * rng.normal(size=(80, 5)) + 1000).astype(np.float32)
    for likelihood, x, layer in (("NegativeBinomial", counts, "log1p"), ("Normal", table, "standardize")):
        data = save_npz(f"{likelihood}.npz", x_train=x.astype(np.float32), x_test=x[:20].astype(np.float32))
        run = training.Run(tmp_path / likelihood)
        run.train(*read_recipe(f"--data={data}", f"--model.likelihood={likelihood}"))
        with open(run.history, encoding="utf-8", newline="") as file:
            for row in csv.DictReader(file):
                assert all(math.isfinite(float(value)) for value in row.values())
                assert float(row["rate"]) < 100  # nats; hundreds of millions where the encoder gets them raw
        _, vae = run.load()
        first = vae.encoder.get_layer(layer)
        if layer == "standardize":
            trained_on = run.data(read_recipe(f"--data={data}")[0]).x_train
            np.testing.assert_allclose(first.mean, trained_on.mean(axis=0, dtype=np.float64), rtol=1e-6)
            np.testing.assert_allclose(first.deviation, trained_on.std(axis=0, dtype=np.float64), rtol=1e-6)


def test_what_was_measured_is_not_lost_where_it_cannot_be_written(copy_of_finished, monkeypatch):
    results = copy_of_finished.measure(samples=3)
    assert not copy_of_finished.results.exists()

    def full(path):
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr("vae_tf.atomic.sync", full)
        with pytest.raises(OSError, match=r"results\.json could not be written \(.* No space left on device\)"):
            copy_of_finished.keep(results)
    assert not copy_of_finished.results.exists()
    copy_of_finished.keep(results)
    assert json.loads(copy_of_finished.results.read_text()) == results


def test_a_full_disk_at_the_start_is_said_with_the_path(read_recipe, tmp_path, monkeypatch):
    def full(path):
        raise OSError(28, "No space left on device")

    run = training.Run(tmp_path / "run")
    monkeypatch.setattr("vae_tf.atomic.sync", full)
    with pytest.raises(OSError, match=r"The run .*run could not be written \(.*\): nothing was trained; make room"):
        run.train(*read_recipe())
    monkeypatch.undo()
    monkeypatch.setattr(keras.Model, "fit", lambda self, *args, **kwargs: None)
    run.train(*read_recipe())  # which is what it says
