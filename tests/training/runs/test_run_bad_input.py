"""Bad input leaves all as it was; a loss that diverges leaves the last good weights."""

import csv
import dataclasses
import math

import keras
import numpy as np
import pytest
import tensorflow as tf

from vae_tf import InputError, training
from vae_tf.errors import DivergenceError

GREY = np.random.default_rng(0).uniform(size=(60, 6, 6)).astype(np.float32)


def late(value: float) -> np.ndarray:
    """Data of 600 examples, few of which hold a wrong value: other batches than the first."""
    x = np.tile(GREY, (10, 1, 1))
    x[500:520, 2, 3] = value
    return x


BAD = {
    "0..255 under a Bernoulli": ({"x_train": 255 * GREY}, [], r"Bernoulli takes values in \[0, 1\]: scale the data"),
    "a wrong value in a later batch": (
        {"x_train": late(1.5)},
        [],
        r"is 1\.5 in channel 0 \(index .*Bernoulli takes values in",
    ),
    "a wrong value in the test set": (
        {"x_train": GREY, "x_test": -GREY},
        [],
        r"is -0\.\d+ in channel 0 \(index .*Bernoulli takes values in",
    ),
    "what cannot be binarised": (
        {"x_train": late(1.5)},
        ["--binarization=dynamic"],
        "binarisation takes probabilities",
    ),
    "what cannot be drawn": ({"x_train": late(-1)}, ["--binarization=static"], "binarisation takes probabilities"),
    "what cannot be binarised in the training data alone": (
        {"x_train": np.concatenate([GREY, GREY[:1] + 7]), "x_test": GREY},
        ["--model.likelihood=Normal", "--binarization=dynamic"],
        "binarisation takes probabilities",
    ),
    "NaN": ({"x_train": late(np.nan)}, [], r"x_train is nan at index \(500, 2, 3, 0\)"),
    "infinity": ({"x_train": GREY, "x_test": late(np.inf)}, [], r"x_test is inf at index \(500, 2, 3, 0\)"),
    "a shape that convolutions do not take": (
        {"x_train": GREY.reshape(60, 36)},
        ["--model.networks=Conv"],
        r"event_shape=\(36,\): give \(height, width, channels\), or use mlp",
    ),
    "no data": ({"images": GREY}, [], "has no array x_train"),
    "few data": (
        {"x_train": GREY[:6], "x_test": GREY},
        ["--validation=0.01"],
        "leaves 6 to train on and 0 to validate",
    ),
    "a share": ({"x_train": GREY}, ["--validation=1.5"], "validation is 1.5: give a share between 0 and 1"),
    "parts that do not meet": ({"x_train": GREY}, ["--model.posterior=Deterministic"], "has no density"),
    "no latent size": ({"x_train": GREY}, ["--model.latent_size=0"], "give a whole number of at least 1"),
    "no batch": ({"x_train": GREY}, ["--batch_size=0"], "batch_size is 0: give at least 1"),
    "a batch of less than nothing": ({"x_train": GREY}, ["--batch_size=-4"], "batch_size is -4: give at least 1"),
    "no epochs": ({"x_train": GREY}, ["--epochs=0"], "epochs is 0: give at least 1"),
}


@pytest.mark.parametrize("existing", ["refuse", "overwrite"])
@pytest.mark.parametrize("case", BAD)
def test_bad_input_is_refused_before_anything_is_written_or_removed(
    request, read_recipe, save_npz, tmp_path, contents, existing, case
):
    arrays, overrides, message = BAD[case]
    overrides = [f"--data={save_npz(**arrays)}", *overrides]
    run = training.Run(tmp_path / "run")
    if existing == "overwrite":
        run = request.getfixturevalue("copy_of_finished")
        before = contents(run.directory)
    with pytest.raises(InputError, match=message) as error:
        run.train(*read_recipe(*overrides), existing=existing)
    assert "\n" not in str(error.value)
    if existing == "overwrite":
        assert contents(run.directory) == before
    else:
        assert not run.directory.exists()


def test_an_empty_test_set_is_refused_where_it_validates(read_recipe, save_npz, tmp_path):
    run = training.Run(tmp_path / "run")
    with pytest.raises(InputError):
        run.train(*read_recipe(f"--data={save_npz(x_train=GREY[:4])}", "--validation=test"))
    assert not run.directory.exists()


# ----- divergence


class GoodUntil(keras.optimizers.schedules.LearningRateSchedule):
    """A good learning rate for `steps` steps, then one that no model survives."""

    def __init__(self, steps: int):
        self.steps = steps

    def __call__(self, step):
        return tf.where(step < self.steps, 1e-3, 1e30)

    def get_config(self):
        return {"steps": self.steps}


@pytest.mark.parametrize("good_steps", [7, 8], ids=["within an epoch", "at its last step"])
@pytest.mark.filterwarnings("ignore:In epoch 3, .* no longer finite")
def test_a_loss_that_diverges_leaves_the_model_of_the_last_good_epoch(
    finished, read_recipe, tmp_path, good_steps, monkeypatch
):
    # Three steps an epoch: the weights are ruined in the middle of epoch 3, or by its last step.
    monkeypatch.setattr(keras.saving, "load_model", load_with_schedule(keras.saving.load_model))
    settings, decided = read_recipe("--binarization=dynamic", "--epochs=9")
    settings = dataclasses.replace(settings, optimizer=lambda: keras.optimizers.Adam(GoodUntil(good_steps)))
    run = training.Run(tmp_path / "run")
    with pytest.raises(
        DivergenceError, match=r"not finite at step \d+ \(epoch 3, means so far: .*loss = .*rate = "
    ) as error:
        run.train(settings, decided)
    assert str(error.value).endswith(f"`clipnorm`. {run.model} holds those of the end of epoch 2.")
    _, loaded = run.load()
    assert int(loaded.optimizer.iterations) == 6
    # The first six steps are those of `finished`.
    for one, other in zip(loaded.trainable_weights, finished.vae.trainable_weights, strict=True):
        np.testing.assert_array_equal(one.numpy(), other.numpy())
    with open(run.history, newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert [row["epoch"] for row in rows] == ["0", "1"]
    assert all(math.isfinite(float(value)) for row in rows for value in row.values())
    assert {path.name for path in run.directory.iterdir()} == {path.name for path in finished.run.directory.iterdir()}


def load_with_schedule(load_model):
    return lambda path, **options: load_model(path, {"GoodUntil": GoodUntil}, **options)
