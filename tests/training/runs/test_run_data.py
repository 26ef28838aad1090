"""What a run makes of its data."""

import dataclasses
import os
import re
import shutil

import numpy as np
import pytest
import yaml
from PIL import Image

from vae_tf import InputError, training
from vae_tf.training import datasets
from vae_tf.training.datasets import image_folder
from vae_tf.training.runs.inputs import inputs
from vae_tf.training.watching import grids
from vae_tf_cli.main import main


@pytest.fixture
def folder(tmp_path, rng):
    """Forty colour images of two classes and several sizes, and a file of another kind."""
    for number in range(40):
        path = tmp_path / "pictures" / ("cat", "dog")[number % 2] / f"{number}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(rng.integers(0, 256, (8 + number % 3, 9, 3), dtype=np.uint8)).save(path)
    (tmp_path / "pictures" / "notes.txt").write_text("no picture")
    return tmp_path / "pictures"


def test_a_run_of_images_of_several_sizes_keeps_their_new_size_and_says_what_there_is(
    folder, read_recipe, tmp_path, capsys
):
    run = training.Run(tmp_path / "run")
    with pytest.raises(InputError, match=r"holds images of 3 sizes: .*\(--image_size 64\)"):
        run.train(*read_recipe(f"--data={folder}", "--epochs=1"))
    settings, decided = read_recipe(f"--data={folder}", "--epochs=1", "--image_size=6")
    vae = run.train(settings, decided)
    said = "40 images, 6 x 6 x 3, 2 classes, 1 skipped; 32 / 4 / 4 to train, validate and test"
    assert f"{folder}: {said}\n" in capsys.readouterr().out
    assert vae.event_shape == (6, 6, 3)
    assert yaml.safe_load(run.recipe.read_text())["image_size"] == 6
    again, _ = run.load()
    assert run.data(again).x_test.shape == (4, 6, 6, 3)
    assert run.data(again).class_names == ("cat", "dog")
    assert run.evaluate(2, data=str(folder))["examples"] == 4  # another source is resized, too
    with pytest.warns(UserWarning, match=r"skipped \(1 of them\)"):
        (batch,) = inputs(str(folder), again, vae).batches
    assert batch.shape == (40, 6, 6, 3)


def test_the_pictures_of_a_run_with_labels_have_the_names_of_the_classes(folder, read_recipe, tmp_path):
    overrides = [f"--data={folder}", "--epochs=1", "--image_size=6", "--model.condition=label"]
    run = training.Run(tmp_path / "run")
    vae = run.train(*read_recipe(*overrides))
    with Image.open(run.pictures / "samples-epoch-0001.png") as image:
        np.testing.assert_array_equal(np.asarray(image), grids.samples(vae, class_names=["cat", "dog"]))
    assert set((run.tensorboard / "projector" / "metadata.tsv").read_text().split()) == {"cat", "dog"}


def test_a_run_that_began_before_there_was_a_key_goes_on(read_recipe, tmp_path):
    settings, decided = read_recipe("--epochs=1")
    del decided["image_size"]  # as in the file of an earlier version
    run = training.Run(tmp_path / "run")
    run.train(settings, decided)
    run.train(*training.read(str(run.recipe), ["--epochs=2"]), existing="resume")
    assert len(run.history.read_text().splitlines()) == 1 + 2


@pytest.mark.parametrize("dtype", [np.uint8, np.int64])
def test_counts_are_not_scaled_for_a_likelihood_of_counts(save_npz, read_recipe, rng, tmp_path, dtype):
    x = rng.poisson(3.0, (60, 5)).astype(dtype)
    path = save_npz(x_train=x[:50], x_test=x[50:])
    settings, decided = read_recipe(f"--data={path}", "--epochs=1", "--model.likelihood=NegativeBinomial")
    run = training.Run(tmp_path / "run")
    vae = run.train(settings, decided)
    np.testing.assert_array_equal(run.test_examples(settings), x[50:])
    (batch,) = inputs(str(path), settings, vae).batches
    np.testing.assert_array_equal(batch, x)
    found = run.evaluate(10)
    np.testing.assert_allclose(
        found["reconstruction_error"],
        np.mean((vae.reconstruct(x[50:].astype(np.float32)).numpy() - x[50:]) ** 2),
        rtol=1e-4,
    )
    examples = training.evaluation.Examples(x[50:])
    assert training.evaluation.evaluate(vae, examples, samples=10, seed=0)["elbo"] == pytest.approx(found["elbo"])


def test_categories_of_uint8_are_numbers(save_npz, read_recipe, rng, tmp_path):
    x = rng.integers(0, 3, (60, 5), dtype=np.uint8)
    overrides = ["--model.likelihood=Categorical", "--model.likelihood.categories=3", "--epochs=1"]
    run = training.Run(tmp_path / "run")
    settings, decided = read_recipe(f"--data={save_npz(x_train=x)}", *overrides)
    run.train(settings, decided)
    assert set(np.unique(run.test_examples(settings))) == {0, 1, 2}
    x[:] = 7
    with pytest.raises(InputError, match=r"x_train is 7\.0 in channel .* takes whole numbers from 0 to 2"):
        run.train(*read_recipe(f"--data={save_npz(x_train=x)}", *overrides), existing="overwrite")


def test_whole_numbers_that_are_no_probabilities_are_refused_in_one_sentence(save_npz, read_recipe, tmp_path):
    path = save_npz(x_train=np.full((60, 5), 200))
    with pytest.raises(InputError, match=r"x_train is 200\.0 .* Bernoulli takes values in \[0, 1\]: scale the data"):
        training.Run(tmp_path / "run").train(*read_recipe(f"--data={path}", "--epochs=1"))


def test_a_series_is_trained_on_as_it_is(save_npz, read_recipe, rng, tmp_path):
    path = save_npz(x_train=rng.normal(size=(60, 12, 3)))
    settings, decided = read_recipe(f"--data={path}", "--epochs=1", "--model.likelihood=Normal")
    vae = training.Run(tmp_path / "run").train(settings, decided)
    assert vae.reconstruct(rng.normal(size=(2, 12, 3)).astype(np.float32)).shape == (2, 12, 3)


def test_a_validation_set_of_the_data_is_used(folder, read_recipe, tmp_path):
    for part in ("train", "val", "test"):
        (tmp_path / "parts" / part).mkdir(parents=True)
    for number, path in enumerate(sorted((folder / "cat").iterdir())):
        image = Image.open(path).resize((6, 6))
        image.save(tmp_path / "parts" / ("train", "val", "test", "train")[number % 4] / path.name)
    settings, _ = read_recipe(f"--data={tmp_path / 'parts'}")
    splits = training.Run(tmp_path / "run").data(settings)
    assert re.match("20 images, 6 x 6 x 3; 10 / 5 / 5 to train, validate and test", splits.counts())
    assert datasets.load(str(tmp_path / "parts")).x_validation is not None


@pytest.fixture
def run_of_version_0_1(folder, read_recipe, tmp_path, monkeypatch):
    """A run on a folder with train and test, which were two classes then, and the folder."""
    for number, path in enumerate(sorted((folder / "cat").iterdir())):
        part = tmp_path / "parts" / ("train", "test")[number % 2]
        part.mkdir(parents=True, exist_ok=True)
        Image.open(path).resize((6, 6)).save(part / path.name)
    run = training.Run(tmp_path / "run")
    with monkeypatch.context() as patched:
        patched.setattr(image_folder, "SPLITS", {})
        run.train(*read_recipe(f"--data={tmp_path / 'parts'}", "--epochs=1"))
    return run


def test_who_measures_on_data_that_are_split_otherwise_than_trained_on_is_told(run_of_version_0_1, folder, tmp_path):
    run = run_of_version_0_1
    settings, _ = run.load()
    message = r"^the training data of .*run are not those that it was trained on: .* may be too good$"
    with pytest.warns(UserWarning, match=message):
        results = run.evaluate(2)
    assert sum("not those that it was trained on" in note for note in results["notes"]) == 1
    with pytest.warns(UserWarning, match=message):
        run.test_examples(settings)
    (tmp_path / "others").mkdir()
    for number in range(20):
        Image.new("RGB", (6, 6), (number, 0, 0)).save(tmp_path / "others" / f"{number}.png")
    others = str(tmp_path / "others")
    run.test_examples(dataclasses.replace(settings, data=others))  # of other data, nothing is said
    assert not any("trained on:" in note for note in run.evaluate(2, data=others)["notes"])
    shutil.rmtree(run.checkpoint)
    run.test_examples(settings)  # nothing to compare with


def test_a_checkpoint_that_does_not_say_its_data_says_nothing(run_of_version_0_1):
    settings, _ = run_of_version_0_1.load()
    (progress,) = run_of_version_0_1.checkpoint.glob("*/progress.json")
    for damaged in ("[]", "{", '{"data": 3}'):
        progress.write_text(damaged)
        run_of_version_0_1.test_examples(settings)
    progress.unlink()
    os.mkfifo(progress)
    run_of_version_0_1.test_examples(settings)


def test_a_run_on_values_that_had_a_channel_in_version_0_1_is_asked_as_before(save_npz, read_recipe, rng, tmp_path):
    x = rng.random((60, 6, 4))
    with_channel = {"x_train": x[:50, ..., None], "x_test": x[50:, ..., None]}
    path = save_npz(**with_channel)
    run = training.Run(tmp_path / "run")
    run.train(*read_recipe(f"--data={path}", "--epochs=1"))
    results, (batch,) = run.evaluate(2), inputs(str(path), *run.load()).batches
    save_npz(x_train=x[:50], x_test=x[50:])
    settings, vae = run.load()
    assert datasets.load(str(path)).x_train.shape == (50, 6, 4)
    assert run.evaluate(2) == results
    (again,) = inputs(str(path), settings, vae).batches
    np.testing.assert_array_equal(again, batch)
    run.train(*read_recipe(f"--data={path}", "--epochs=2"), existing="resume")
    assert run.load()[1].event_shape == (6, 4, 1)
    assert main(["draw", str(run.directory), "--what", "reconstructions", "--out", str(tmp_path / "x.png")]) == 0


def test_convolutions_over_a_series_are_refused_with_the_way_to_grey_images(save_npz, read_recipe, rng, tmp_path):
    path = save_npz(x_train=rng.random((60, 16, 12)))
    with pytest.raises(InputError, match=r"channels\), which grey images have as x\[\.\.\., None\], or use mlp"):
        training.Run(tmp_path / "run").train(*read_recipe(f"--data={path}", "--model.networks=Conv"))
