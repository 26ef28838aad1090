"""The whole command line on a model that takes a label: images of three classes, in a folder."""

import contextlib
import csv
import io
import json
import pathlib
import shutil

import numpy as np
import pytest
from PIL import Image

from vae_tf import VAE, networks, training
from vae_tf.training.watching import grids
from vae_tf_cli.main import main

NAMES = ("ant", "bee", "cat")
RECIPE = """
data: {data}
epochs: 1
batch_size: 16
jit_compile: false
model:
  condition: label
  latent_size: 2
  networks:
    class_path: MLP
    init_args:
      hidden: [8]
"""


def save(folder: pathlib.Path, images: np.ndarray, names) -> pathlib.Path:
    """Writes images [N, height, width] to a folder, each in the sub-folder of its name."""
    for number, (image, name) in enumerate(zip(images, names, strict=True)):
        (folder / name).mkdir(parents=True, exist_ok=True)
        Image.fromarray(image).save(folder / name / f"{number:02d}.png")
    return folder


@pytest.fixture(scope="module")
def insects(tmp_path_factory) -> pathlib.Path:
    """A folder of 60 grey images of 6 x 6."""
    images = np.random.default_rng(1).integers(0, 256, (60, 6, 6), dtype=np.uint8)
    return save(tmp_path_factory.mktemp("data") / "insects", images, np.array(NAMES)[np.arange(60) % 3])


@pytest.fixture(scope="module")
def conditional(insects, tmp_path_factory) -> pathlib.Path:
    """The directory of a run of one epoch, which is only read."""
    folder = tmp_path_factory.mktemp("runs")
    (folder / "recipe.yaml").write_text(RECIPE.format(data=insects))
    with contextlib.redirect_stdout(io.StringIO()):
        assert main(["train", "--recipe", str(folder / "recipe.yaml"), "--run", str(folder / "run")]) == 0
    return folder / "run"


@pytest.fixture(scope="module")
def vae(conditional) -> VAE:
    return training.Run(conditional).load()[1]


@pytest.fixture
def run(conditional, tmp_path) -> pathlib.Path:
    """A copy of the run, to change."""
    return shutil.copytree(conditional, tmp_path / "run")


@pytest.fixture
def new(here) -> np.ndarray:
    """Five images [5, 6, 6, 1] in [0, 1]: in new.npy, and in the folder `new` as one bee and four cats."""
    images = np.random.default_rng(2).integers(0, 256, (5, 6, 6), dtype=np.uint8)
    save(here / "new", images, ["bee", "cat", "cat", "cat", "cat"])
    np.save("new.npy", images)
    return images[..., None] / np.float32(255)


def test_the_run_keeps_the_names_and_is_measured(conditional, here, capsys):
    assert json.loads((conditional / "labels.json").read_text()) == {"label": list(NAMES)}
    run = shutil.copytree(conditional, here / "run")
    assert main(["evaluate", str(run), "--samples", "2"]) == 0
    assert json.loads((run / "results.json").read_text())["conditions"] == ["label"]
    assert "not those that it was trained on" not in capsys.readouterr().err


@pytest.mark.parametrize("label", ["cat", "2"])
def test_samples_have_the_label_that_is_asked_for(conditional, vae, here, label):
    words = ["sample", str(conditional), "--count", "4", "--seed", "7", "--out", "samples.npy", "--label", label]
    assert main(words) == 0
    np.testing.assert_allclose(np.load("samples.npy"), vae.sample(4, seed=7, label=2), rtol=1e-5)


def test_samples_without_a_label_take_labels_in_turn(conditional, vae, here):
    words = ["sample", str(conditional), "--count", "503", "--seed", "7", "--out", "samples.npy"]  # two passes
    assert main(words) == 0
    expected = vae.sample(503, seed=7, label=np.arange(503) % 3)
    np.testing.assert_allclose(np.load("samples.npy"), expected, rtol=1e-5)


@pytest.mark.parametrize(("words", "label"), [(["new"], [1, 2, 2, 2, 2]), (["new.npy", "--label", "ant"], [0] * 5)])
def test_labels_are_those_of_the_data_by_their_names_or_one_for_all(conditional, vae, new, words, label):
    batch = {"x": new, "label": np.array(label)}
    for command, out in (("encode", "z.npy"), ("reconstruct", "x.npy"), ("score", "scores.csv")):
        assert main([command, str(conditional), "--out", out, "--data", *words]) == 0
    np.testing.assert_allclose(np.load("z.npy"), vae.coder(batch), rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(np.load("x.npy"), vae.reconstruct(batch), rtol=1e-5)
    with open("scores.csv", newline="", encoding="utf-8") as file:
        found = [float(row["elbo"]) for row in csv.DictReader(file)]
    np.testing.assert_allclose(found, vae.score(batch, seed=0).elbo, rtol=1e-5)


def picture(run, *words) -> np.ndarray:
    assert main(["draw", str(run), "--out", "x.png", "--what", *words]) == 0
    with Image.open("x.png") as image:
        return np.asarray(image)


def test_samples_are_drawn_a_row_a_label_or_of_one(conditional, vae, here):
    rows = picture(conditional, "samples", "--seed", "7")
    np.testing.assert_array_equal(rows, grids.samples(vae, seed=7, class_names=NAMES)[..., 0])
    cats = picture(conditional, "samples", "--seed", "7", "--label", "cat", "--count", "4")
    np.testing.assert_array_equal(cats, grids.samples(vae, 4, seed=7, label=2)[..., 0])


def test_a_manifold_is_that_of_a_label(refused, conditional, vae, here):
    bees = picture(conditional, "manifold", "--label", "bee")
    np.testing.assert_array_equal(bees, grids.manifold(vae, label=1)[..., 0])
    line = refused("draw", conditional, "--what", "manifold", "--out", "x.png")
    assert line == "A manifold is that of one label: give one, such as --label ant."


def test_test_images_are_drawn_under_their_own_labels(refused, conditional, vae, here):
    run = training.Run(conditional)
    x = run.test_examples(run.load()[0])
    assert sorted(x["label"]) == [0, 0, 1, 1, 2, 2]
    np.testing.assert_array_equal(picture(conditional, "reconstructions"), grids.reconstructions(vae, x)[..., 0])
    for kind, rows in (("traversal", 2), ("interpolation", 5)):
        assert picture(conditional, kind).shape == (8 * rows + 2, 8 * 11 + 2)
    line = refused("draw", conditional, "--what", "attribute", "--label", "bee", "--out", "x.png")
    assert line.endswith("no direction leads to a label: choose --what samples --label bee.")
    line = refused("draw", conditional, "--what", "search", "--label", "bee", "--out", "x.png")
    assert line.endswith("so it draws a label without a search: choose --what samples --label bee.")


def test_a_version_names_its_labels_and_passes_its_checks(conditional, here, capsys):
    assert main(["export", str(conditional), "--to", "serving", "--name", "insects"]) == 0
    printed = capsys.readouterr().out
    assert """-d '{"signature_name": "sample", "instances": [{"seed": [7, 0], "label": 0}]}'""" in printed
    assert '"insects").sample(1, seed=7, label=0)' in printed
    assert "label: 0 is 'ant', 1 is 'bee', 2 is 'cat'" in printed
    card = json.loads((here / "serving" / "insects" / "1" / "card.json").read_text())
    assert card["model"]["conditions"]["label"]["names"] == list(NAMES)
    assert main(["check", "serving/insects"]) == 0


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["encode", "--data", "new.npy"], "new.npy has no label for each example, which the model takes: give data"),
        (
            ["encode", "--data", "cows"],
            "cows holds the label 'cow', and the model was trained with 'ant', 'bee',",
        ),
        (
            ["encode", "--data", "new.npy", "--label", "ca"],
            "The label asked for is 'ca' (did you mean 'cat'?), and",
        ),
        (["sample", "--label", "cow"], "The label asked for is 'cow', and the model was trained with 'ant', 'bee',"),
        (["draw", "--what", "samples", "--label", "3"], "The label asked for is '3', and the model was trained with"),
        (["draw", "--what", "traversal", "--data", "bare.npz"], "y_test is missing, and the model takes a label for"),
        (["evaluate", "--data", "cows"], "y_test of cows holds the label 'cow', and the model was trained with"),
    ],
)
def test_labels_that_the_model_does_not_know_are_refused(refused, conditional, new, here, words, sentence):
    rng = np.random.default_rng(3)
    save(here / "cows", rng.integers(0, 256, (40, 6, 6), dtype=np.uint8), ["cat", "cow"] * 20)
    np.savez(here / "bare.npz", x_train=np.zeros((40, 6, 6), np.uint8))
    out = {"draw": ["--out", "x.png"], "evaluate": []}.get(words[0], ["--out", "x.npy"])
    assert refused(words[0], conditional, *words[1:], *out).startswith(sentence)
    assert not list(here.glob("x.*"))


def test_only_what_the_encoder_takes_is_asked_for(refused, run, new):
    parts = networks.mlp((6, 6, 1), 2, hidden=(3,), conditions={"label": networks.Label(3, encoder=False)})
    VAE(*parts).save(run / "model.keras")
    assert main(["encode", str(run), "--data", "new.npy", "--out", "z.npy"]) == 0
    assert np.load("z.npy").shape == (5, 2)
    line = refused("encode", run, "--data", "new.npy", "--out", "z.npy", "--label", "ant")
    assert line == "--label is 'ant', and the model takes no label for this: leave it out."
    assert "has no label" in refused("reconstruct", run, "--data", "new.npy", "--out", "x.npy")


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (None, "labels.json is missing: restore it, or train the run again"),
        ("{", "cannot be read"),
        ('{"label": ["ant", "bee"]}', "has 2 names for the 3 labels of the model: restore the file, or train"),
    ],
)
def test_a_run_without_its_labels_is_refused(refused, run, here, content, sentence):
    (run / "labels.json").unlink()
    if content is not None:
        (run / "labels.json").write_text(content)
    assert sentence in refused("sample", run, "--out", "x.npy")
    assert sentence in refused("export", run, "--to", "serving")
    assert not (here / "serving").exists()


def test_a_model_and_a_recipe_that_do_not_belong_together_are_refused(refused, run, finished, here):
    shutil.copy(finished / "model.keras", run / "model.keras")
    line = refused("sample", run, "--out", "x.npy")
    assert line.startswith(f"{run / 'model.keras'} takes no condition, and {run / 'recipe.yaml'} says label: restore")


def test_data_without_labels_are_refused_for_training(refused, here):
    np.save("x.npy", np.zeros((40, 6, 6), np.uint8))
    line = refused("train", "--recipe", "digits", "--model.condition", "label", "--data", "x.npy", "--run", "run")
    assert line.startswith("x.npy has no labels, and the recipe has model.condition: label.")
    assert not (here / "run").exists()
    line = refused("train", "--recipe", "digits", "--model.condition", "class", "--run", "run")
    assert line == "The recipe 'digits' cannot be used: model.condition got 'class': give label or null."


def test_a_run_does_not_go_on_with_other_labels(refused, run, insects, here, contents):
    before = contents(run)
    moved = insects / "cat" / "02.png"
    moved.rename(insects / "ant" / "02.png")
    try:
        line = refused("train", "--run", run, "--resume", "--epochs", "2")
    finally:
        (insects / "ant" / "02.png").rename(moved)
    assert line.startswith(f"The data {insects} have changed since the run {run} began")
    insects.joinpath("cat").rename(insects / "dog")
    try:
        line = refused("train", "--run", run, "--resume", "--epochs", "2")
    finally:
        insects.joinpath("dog").rename(insects / "cat")
    assert line.startswith(f"The labels of the data have other names than in {run / 'labels.json'}, with which the run")
    assert contents(run) == before
