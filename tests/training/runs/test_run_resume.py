"""A run that is resumed equals the uninterrupted one, bit for bit."""

import csv
import dataclasses
import functools
import re
import shutil
import signal
import unittest.mock
import warnings

import keras
import numpy as np
import pytest
import yaml

from vae_tf import InputError, training
from vae_tf.training import callbacks, datasets
from vae_tf.training.networks import Network


def state(vae) -> dict[str, np.ndarray]:
    """All that training changes, the optimizer's state and the counters of the noise among it."""
    weights = {weight.path: weight.numpy() for weight in vae.weights if "evaluation" not in weight.path}
    return weights | {f"optimizer/{i}": value.numpy() for i, value in enumerate(vae.optimizer.variables)}


def assert_same(vae, other):
    one, same = state(vae), state(other)
    assert len(one) == len(same) > 10
    for value, (name, expected) in zip(one.values(), same.items(), strict=True):
        np.testing.assert_array_equal(value, expected, err_msg=name)


def rows(run: training.Run) -> list[list[str]]:
    with open(run.history, newline="", encoding="utf-8") as file:
        return list(csv.reader(file))


@pytest.fixture(scope="module")
def uninterrupted(read_recipe, tmp_path_factory):
    """Four epochs of the run whose first two are `finished`."""
    run = training.Run(tmp_path_factory.mktemp("runs") / "uninterrupted")
    return run, run.train(*read_recipe("--binarization=dynamic", "--epochs=4"))


def test_a_resumed_run_is_the_uninterrupted_one(finished, copy_of_finished, uninterrupted, read_recipe, read_events):
    expected, vae = uninterrupted
    resumed = copy_of_finished.train(*read_recipe("--binarization=dynamic", "--epochs=4"), existing="resume")
    assert_same(resumed, vae)
    with pytest.raises(AssertionError):  # epochs do change what is compared
        assert_same(finished.vae, vae)
    assert_same(copy_of_finished.load()[1], expected.load()[1])
    assert rows(copy_of_finished) == rows(expected)
    assert [row[0] for row in rows(copy_of_finished)] == ["epoch", "0", "1", "2", "3"]
    for part in ("train", "validation"):
        curves, same = (read_events(run.tensorboard / part) for run in (copy_of_finished, expected))
        speeds = [found.pop("images_per_second", None) for found in (curves, same)]
        assert part == "validation" or list(speeds[0]) == list(speeds[1])
        assert curves.keys() == same.keys()
        for tag, steps in same.items():
            assert list(steps) == list(curves[tag]) == [1, 2, 3, 4]
            for step, value in steps.items():
                np.testing.assert_array_equal(curves[tag][step], value)


def test_each_epoch_makes_the_loss_fall(uninterrupted):
    header, *values = rows(uninterrupted[0])
    for name in ("loss", "val_loss"):
        losses = [float(row[header.index(name)]) for row in values]
        assert losses[-1] == min(losses) < losses[0] - 0.1


def test_with_xla_and_static_images_too(read_recipe, tmp_path):
    x = np.random.default_rng(0).uniform(size=(40, 5)).astype(np.float32)
    np.save(tmp_path / "x.npy", x)
    overrides = [
        f"--data={tmp_path / 'x.npy'}",
        "--binarization=static",
        "--jit_compile=null",
        "--batch_size=8",
    ]
    expected = training.Run(tmp_path / "uninterrupted").train(*read_recipe(*overrides, "--epochs=3"))
    assert expected.jit_compile
    run = training.Run(tmp_path / "run")
    run.train(*read_recipe(*overrides, "--epochs=1"))
    resumed = run.train(*read_recipe(*overrides, "--epochs=3"), existing="resume")
    assert resumed.jit_compile
    assert_same(resumed, expected)
    assert len(rows(run)) == 1 + 3


def test_a_run_killed_while_it_saves_goes_on_without_gap_or_overlap(
    finished, uninterrupted, read_recipe, tmp_path, fresh_process
):
    # The third epoch is in the history already, and half of its model lies beside that of the second.
    run = training.Run(tmp_path / "killed")
    shutil.copytree(finished.run.directory, run.directory)
    process = fresh_process(
        f"""
        import os, signal
        from vae_tf import VAE, training

        def save(self, path, *args, **kwargs):
            path.write_bytes(b"half")
            os.kill(os.getpid(), signal.{signal.SIGKILL.name})

        VAE.save = save
        run = training.Run({str(run.directory)!r})
        run.train(*training.read(str(run.recipe), ["--epochs=4"]), existing="resume")
        """
    )
    assert process.returncode == -signal.SIGKILL, process.stderr
    assert len(rows(run)) == 1 + 3
    assert int(run.load()[1].optimizer.iterations) == 2 * 3

    expected, vae = uninterrupted
    resumed = run.train(*read_recipe("--binarization=dynamic", "--epochs=4"), existing="resume")
    assert_same(resumed, vae)
    assert rows(run) == rows(expected)


@pytest.fixture
def stop_after(monkeypatch):
    """Makes the next runs stop after some steps."""
    make = callbacks.Checkpoint.__init__

    def stop(steps: int) -> None:
        def wrapped(self, *arguments):
            make(self, *arguments)
            self.on_train_batch_begin = functools.partial(ask, self)

        def ask(self, batch, logs=None):
            self.interruption.asked = int(self.model.training_steps) + 1 >= steps

        monkeypatch.setattr(callbacks.Checkpoint, "__init__", wrapped)

    return stop


@pytest.mark.parametrize("together", [1, 2])
def test_a_run_stopped_at_any_step_goes_on_exactly(read_recipe, tmp_path, stop_after, together):
    overrides = ("--binarization=dynamic", "--batch_size=9", f"--steps_per_execution={together}")
    expected = training.Run(tmp_path / "expected")
    vae = expected.train(*read_recipe(*overrides, "--epochs=3"))  # five steps an epoch, the last of six images
    run, existing, positions = training.Run(tmp_path / "run"), "refuse", []
    for steps in (3, 4, 5, 7, 11):
        stop_after(steps)
        with pytest.raises(training.Interrupted, match="Stopped after"):
            run.train(*read_recipe(*overrides, "--epochs=3"), existing=existing)
        existing = "resume"
        positions.append(sorted(path.name for path in run.checkpoint.iterdir())[-1])
    stop_after(1000)
    resumed = run.train(*read_recipe(*overrides, "--epochs=3"), existing="resume")
    assert_same(resumed, vae)
    assert rows(run) == rows(expected)
    assert_same(run.load()[1], vae)
    if together == 1:
        assert positions == [
            f"epoch-000{at}" for at in ("0-step-00003", "0-step-00004", "1-step-00000", "1-step-00002", "2-step-00001")
        ]


def test_a_run_killed_before_its_first_checkpoint_begins_anew(uninterrupted, read_recipe, tmp_path, monkeypatch):
    run = training.Run(tmp_path / "run")
    with monkeypatch.context() as patch:
        patch.setattr(keras.Model, "fit", unittest.mock.Mock(side_effect=MemoryError))
        with pytest.raises(MemoryError):
            run.train(*read_recipe("--binarization=dynamic", "--epochs=4"))
    assert not list(run.checkpoint.iterdir())
    expected, vae = uninterrupted
    assert_same(run.train(*read_recipe("--binarization=dynamic", "--epochs=4"), existing="resume"), vae)
    assert rows(run) == rows(expected)


def test_a_damaged_checkpoint_is_left_for_the_one_before(copy_of_finished, uninterrupted, read_recipe):
    newest = copy_of_finished.checkpoint / "epoch-0002-step-00000"
    model = newest / "model.keras"
    model.write_bytes(model.read_bytes()[:-100])
    expected, vae = uninterrupted
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        resumed = copy_of_finished.train(*read_recipe("--binarization=dynamic", "--epochs=4"), existing="resume")
    (said,) = (str(warning.message) for warning in caught if "checkpoint" in str(warning.message))
    assert re.search("epoch-0002-step-00000 is damaged, .* from the one before, .*epoch-0001-step-00000", said)
    assert_same(resumed, vae)
    assert rows(copy_of_finished) == rows(expected)


class Drops(Network):
    """Networks with layers that draw."""

    def __call__(self, likelihood, latent_size):
        x, z = keras.Input(likelihood.event_shape), keras.Input([latent_size])
        hidden = keras.layers.Dropout(0.5)(keras.layers.Dense(8, "relu")(keras.layers.Flatten()(x)))
        return keras.Model(x, hidden), keras.Model(z, keras.layers.GaussianNoise(1.0)(keras.layers.Dense(8)(z)))


@pytest.mark.parametrize("together", [1, 2])
def test_layers_that_draw_go_on_where_they_stood(read_recipe, tmp_path, stop_after, together):
    recipe, decided = read_recipe("--epochs=3", f"--steps_per_execution={together}")  # three steps an epoch
    recipe = dataclasses.replace(recipe, model=dataclasses.replace(recipe.model, networks=Drops))
    vae = training.Run(tmp_path / "expected").train(recipe, decided)
    run, existing = training.Run(tmp_path / "run"), "refuse"
    for steps in (3, 5):
        stop_after(steps)
        with pytest.raises(training.Interrupted):
            run.train(recipe, decided, existing)
        existing = "resume"
        keras.utils.set_random_seed(99)  # as another process has
    stop_after(1000)
    assert_same(run.train(recipe, decided, existing), vae)


@pytest.mark.parametrize("prior", ["MixtureOfNormals", "AutoregressiveFlow"])
def test_a_prior_for_afterwards_is_that_of_the_uninterrupted_run(read_recipe, tmp_path, stop_after, prior):
    recipe, decided = read_recipe(f"--model.ex_post_prior={prior}")
    vae = training.Run(tmp_path / "expected").train(recipe, decided)
    run = training.Run(tmp_path / "run")
    stop_after(4)
    with pytest.raises(training.Interrupted):
        run.train(recipe, decided)
    stop_after(1000)
    keras.utils.set_random_seed(99)
    resumed = run.train(recipe, decided, "resume")
    assert_same(resumed, vae)
    assert len(resumed.prior.weights) >= 3


# ----- a history that was damaged


@pytest.mark.parametrize("damage", ["UTF-16", "missing"])
def test_a_damaged_history_stops_no_run(copy_of_finished, uninterrupted, read_recipe, damage):
    content = copy_of_finished.history.read_text(encoding="utf-8")
    copy_of_finished.history.unlink()
    if damage == "UTF-16":
        copy_of_finished.history.write_text(content, encoding="utf-16")
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        resumed = copy_of_finished.train(*read_recipe("--binarization=dynamic", "--epochs=4"), existing="resume")
    assert sum("history.csv has no readable row for 2 of the 2 epochs" in str(each.message) for each in caught) == 1
    expected, vae = uninterrupted
    assert_same(resumed, vae)
    assert rows(copy_of_finished) == [row for row in rows(expected) if row[0] not in ("0", "1")]


# ----- what is refused


@pytest.fixture(autouse=True)
def _no_training(request, monkeypatch):
    """Fails a test of this section that begins to train."""
    if "refused" in request.node.name:
        monkeypatch.setattr(keras.Model, "fit", lambda *args, **kwargs: pytest.fail("training began"))


@pytest.mark.parametrize(
    ("overrides", "keys"),
    [
        (["--batch_size=8"], ["batch_size"]),
        (["--seed=1", "--optimizer.learning_rate=0.1"], ["seed", "optimizer.init_args.learning_rate"]),
        (["--model.networks.hidden=[9]"], ["model.networks.init_args.hidden"]),
        (["--jit_compile=true"], ["jit_compile"]),
        (["--binarization=none", "--validation=test"], ["binarization", "validation"]),
    ],
    ids=lambda value: value[0],
)
def test_resuming_under_another_recipe_is_refused_with_the_keys(
    copy_of_finished, read_recipe, contents, overrides, keys
):
    before = contents(copy_of_finished.directory)
    with pytest.raises(InputError, match=r"copy was begun with another recipe") as error:
        copy_of_finished.train(*read_recipe("--binarization=dynamic", "--epochs=4", *overrides), existing="resume")
    named = str(error.value).partition("differs in ")[2].partition(":")[0].split(", ")
    assert sorted(named) == sorted(keys)
    assert "only epochs and checkpoint_minutes may change" in str(error.value)
    assert contents(copy_of_finished.directory) == before


def test_a_key_that_an_earlier_version_did_not_know_is_no_difference(copy_of_finished, read_recipe):
    _, decided = read_recipe("--binarization=dynamic")
    before = yaml.safe_load(copy_of_finished.recipe.read_text())
    del before["model"]["networks"]["init_args"]["inputs"]
    copy_of_finished.recipe.write_text(yaml.safe_dump(before))
    assert copy_of_finished.as_begun({**decided, "epochs": 9}) == {**before, "epochs": 9}


@pytest.mark.parametrize("gone", ["checkpoint", "all in it", "with the model"])
def test_resuming_where_the_checkpoints_were_taken_away_is_refused(copy_of_finished, read_recipe, contents, gone):
    shutil.rmtree(copy_of_finished.checkpoint)
    if gone == "all in it":
        copy_of_finished.checkpoint.mkdir()
    if gone == "with the model":
        copy_of_finished.model.unlink()
    before = contents(copy_of_finished.directory)
    with pytest.raises(InputError, match="has been trained, but its checkpoints, from which it would go on, are not"):
        copy_of_finished.train(*read_recipe("--binarization=dynamic", "--epochs=4"), existing="resume")
    assert contents(copy_of_finished.directory) == before


@pytest.mark.parametrize("epochs", [1, 2])
def test_no_more_epochs_than_there_are_are_refused(copy_of_finished, read_recipe, contents, epochs):
    before = contents(copy_of_finished.directory)
    with pytest.raises(InputError, match=f"has 2 epochs already and {epochs} were asked for: give more --epochs"):
        copy_of_finished.train(*read_recipe("--binarization=dynamic", f"--epochs={epochs}"), existing="resume")
    assert contents(copy_of_finished.directory) == before


def test_resuming_is_refused_where_there_is_no_run(copy_of_finished, read_recipe):
    shutil.rmtree(copy_of_finished.directory)
    with pytest.raises(InputError, match="copy holds no run to resume"):
        copy_of_finished.train(*read_recipe("--binarization=dynamic"), existing="resume")
    assert not copy_of_finished.directory.exists()


@pytest.mark.parametrize("change", ["another shape", "another pixel"])
def test_resuming_with_other_data_under_the_same_name_is_refused(
    copy_of_finished, read_recipe, contents, images, monkeypatch, change
):
    with np.load(images) as file:
        arrays = dict(file)
    if change == "another shape":
        arrays = {key: value[:, :5] if "x" in key else value for key, value in arrays.items()}
    else:
        arrays["x_train"][:, 3, 3] ^= 1
    other = copy_of_finished.directory.parent / "other.npz"
    np.savez(other, **arrays)
    load = datasets.load
    monkeypatch.setattr(datasets, "load", lambda *_: load(str(other)))  # as where it was replaced
    before = contents(copy_of_finished.directory)
    with pytest.raises(InputError, match=r"images\.npz have changed since the run .*copy began: bring them back"):
        copy_of_finished.train(*read_recipe("--binarization=dynamic", "--epochs=4"), existing="resume")
    assert contents(copy_of_finished.directory) == before
