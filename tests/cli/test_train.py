import csv
import shutil

import keras
import numpy as np
import pytest
import yaml
from PIL import Image

from vae_tf import training
from vae_tf_cli.main import main


@pytest.fixture
def asked(monkeypatch):
    """Stands in for the training itself; returns what was asked for."""
    calls = []
    monkeypatch.setattr(training.Run, "train", lambda self, *rest: calls.append((self.directory, *rest)))
    return calls


# ----- what it does


def test_classes_of_ones_own_are_trained_and_measured_if_their_package_is_trusted(process, recipe, tmp_path):
    (tmp_path / "mine.py").write_text(
        "import keras\n"
        "from vae_tf.posteriors import DiagonalNormal\n"
        "@keras.saving.register_keras_serializable('mine')\n"
        "class OfMine(DiagonalNormal): pass\n"
    )
    words = ["train", "--recipe", recipe, "--run", "run", "--epochs", "1", "--model.posterior", "mine.OfMine"]
    refused = process(*words)
    assert refused.returncode == 2
    assert "model.posterior got 'mine.OfMine': give one of " in refused.stderr
    assert "at the command line by --trust" in refused.stderr
    assert not (tmp_path / "run").exists()
    assert process(*words, "--trust", "mine").returncode == 0
    assert process("evaluate", "run", "--samples", "2").returncode == 2
    assert process("evaluate", "run", "--samples", "2", "--trust", "mine").returncode == 0


def test_a_trusted_package_that_is_not_there_is_refused(refused, recipe):
    line = refused("train", "--recipe", recipe, "--trust", "not_there")
    assert line == "--trust not_there: No module named 'not_there'; give a package that Python can import from here."


def test_a_run_of_a_stranger_runs_nothing(refused, run, here):
    recipe = yaml.safe_load((run / "recipe.yaml").read_text())
    popen = {"class_path": "subprocess.Popen", "init_args": {"args": "touch pwned", "shell": True}}
    recipe["optimizer"]["init_args"]["name"] = popen
    (run / "recipe.yaml").write_text(yaml.safe_dump(recipe))
    for words in (
        ["evaluate", run],
        ["draw", run, "--what", "samples", "--out", "x.png"],
        ["export", run, "--to", "serving"],
        ["train", "--run", run, "--resume", "--epochs", "9"],
    ):
        assert "optimizer.name got 'subprocess.Popen': give a plain value, or one of" in refused(*words)
    assert not (here / "pwned").exists()


def test_it_trains_and_says_where_to_look(trained):
    names = {path.name for path in trained.directory.iterdir()}
    assert names == {
        "recipe.yaml",
        "model.keras",
        "history.csv",
        "machine.json",
        "tensorboard",
        "checkpoint",
        "pictures",
    }
    decided = yaml.safe_load((trained.directory / "recipe.yaml").read_text())
    assert (decided["epochs"], decided["binarization"]) == (2, "dynamic")
    assert f"{trained.directory} holds the model" in trained.printed.splitlines()[-1]
    assert "Epoch 2/2" in trained.printed


def test_it_resumes_with_the_run_s_own_recipe(run):
    assert main(["train", "--resume", "--run", str(run), "--epochs", "3"]) == 0
    with open(run / "history.csv", newline="", encoding="utf-8") as file:
        assert [row["epoch"] for row in csv.DictReader(file)] == ["0", "1", "2"]
    assert yaml.safe_load((run / "recipe.yaml").read_text())["epochs"] == 3
    assert int(keras.saving.load_model(run / "model.keras").optimizer.iterations) == 9


@pytest.mark.parametrize(
    ("words", "existing"), [([], "refuse"), (["--resume"], "resume"), (["--overwrite"], "overwrite")]
)
def test_what_to_do_with_a_run_that_is_there_is_handed_on(asked, recipe, run, words, existing):
    run = run if words else run.parent / "new"
    assert main(["train", "--recipe", recipe, "--run", str(run), *words]) == 0
    ((directory, settings, decided, what),) = asked
    assert (directory, what) == (run, existing)
    assert settings.epochs == decided["epochs"] == 2


def test_settings_are_handed_on(asked, recipe, images):
    words = ["--data", "mnist", "--validation", "0.2", "--epochs", "7", "--seed", "3", "--model.latent_size", "5"]
    assert main(["train", "--recipe", recipe, *words, "--model.posterior", "DiagonalNormal"]) == 0
    ((_, settings, decided, _),) = asked
    assert (settings.data, settings.validation, settings.epochs, settings.seed) == ("mnist", 0.2, 7, 3)
    assert settings.model.latent_size == decided["model"]["latent_size"] == 5


@pytest.mark.parametrize("validation", ["test", "0.25"])
def test_validation_is_a_share_or_the_test_set(asked, recipe, validation):
    assert main(["train", "--recipe", recipe, "--validation", validation]) == 0
    assert asked[0][1].validation == {"test": "test", "0.25": 0.25}[validation]


@pytest.mark.parametrize(("source", "directory"), [("digits", "runs/digits"), (None, "runs/small")])
def test_without_a_directory_it_is_named_after_the_recipe(asked, recipe, source, directory):
    assert main(["train", "--recipe", source or recipe]) == 0
    assert str(asked[0][0]) == directory


# ----- what it refuses: one line, status 2, nothing half-written


def grey() -> np.ndarray:
    return np.random.default_rng(0).uniform(size=(60, 6, 6)).astype(np.float32)


def truncated(folder):
    np.savez(folder / "x.npz", x_train=grey())
    content = (folder / "x.npz").read_bytes()
    (folder / "x.npz").write_bytes(content[: len(content) // 2])
    return "x.npz"


def pickled(folder):
    np.savez(folder / "x.npz", x_train=np.array([{"a": 1}], dtype=object))
    return "x.npz"


def beyond_the_support(folder):
    np.savez(folder / "x.npz", x_train=255 * grey())
    return "x.npz"


def not_finite(folder):
    x = grey()
    x[50, 2, 3] = np.nan
    np.save(folder / "x.npy", x)
    return "x.npy"


def two_shapes(folder):
    np.savez(folder / "x.npz", x_train=grey(), x_test=grey()[:, :5])
    return "x.npz"


def corrupt_image(folder):
    (folder / "pictures").mkdir()
    for i in range(30):
        Image.fromarray(np.uint8(255 * grey()[i])).save(folder / "pictures" / f"{i:02d}.png")
    (folder / "pictures" / "17.png").write_bytes(b"no picture")
    return "pictures"


def no_images(folder):
    (folder / "pictures").mkdir()
    return "pictures"


def misspelt(folder):
    return "minst"


def missing(folder):
    return "missing.npz"


BAD_DATA = {
    truncated: "x.npz: the file cannot be read",
    pickled: "x.npz: x_train holds pickled objects, which are refused",
    beyond_the_support: "values in [0, 1]: scale the data (uint8 images: x / 255), or take another likelihood.",
    not_finite: "x.npy: x_train is nan at index (50, 2, 3, 0): remove or replace what is not finite.",
    two_shapes: "an example of x_train has shape (6, 6, 1), one of x_test (5, 6): make them equal.",
    corrupt_image: "pictures: 1 of 30 images cannot be used: 17.png (it is no PNG",
    no_images: "pictures holds no image: give a folder of .png",
    misspelt: "There is no data 'minst' (did you mean 'mnist'?)",
    missing: "There is no data 'missing.npz': give one of digits-5k, mnist",
}


@pytest.mark.parametrize("existing", [[], ["--overwrite"]], ids=["new", "overwrite"])
@pytest.mark.parametrize("make", BAD_DATA, ids=lambda make: make.__name__)
def test_bad_data_is_refused(refused, recipe, finished, here, contents, make, existing):
    if existing:
        shutil.copytree(finished, here / "run")
    source = make(here)
    before = contents(here)
    line = refused("train", "--recipe", recipe, "--run", "run", "--data", source, "--binarization", "none", *existing)
    assert BAD_DATA[make] in line
    assert contents(here) == before
    assert (here / "run").exists() == bool(existing)


def test_data_that_cannot_be_downloaded_names_those_that_need_no_network(refused, recipe, here, monkeypatch):
    import importlib

    def fail():
        raise Exception("URL fetch failure on https://x/cifar-10.tar.gz: None -- [Errno -2] Name or service not known")

    monkeypatch.setattr(importlib.import_module("keras.datasets.cifar10"), "load_data", fail)
    line = refused("train", "--recipe", recipe, "--data", "cifar10", "--run", "run")
    assert line.startswith("cifar10 could not be downloaded (URL fetch failure")
    assert "choose data that needs none: digits-5k, an .npz or .npy file, or a folder of images" in line
    assert list(here.iterdir()) == []


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--recipe", "digit"], "There is no recipe 'digit' (did you mean 'digits'?): give one of annealed-vae, "),
        ([], "No recipe was given: add --recipe with one of annealed-vae, autoencoder, "),
        (["--resume"], "No recipe was given"),
        (["--recipe", "small", "--epochz", "3"], "there is no key 'epochz' (did you mean 'epochs'?)."),
        (["--recipe", "small", "--model.priors", "StandardNormal"], "(did you mean 'model.prior'?)."),
        (["--recipe", "small", "--model.prior", "StandardNorm"], "model.prior got 'StandardNorm' (did you mean 'Stand"),
        (["--recipe", "small", "--epochs", "many"], "epochs got 'many': give "),
        (["--recipe", "small", "--validation", "most"], "validation got 'most': give "),
        (["--recipe", "small", "--validation", "2"], "validation is 2.0: give a share between 0 and 1"),
        (["--recipe", "small", "--epochs", "0"], "epochs is 0: give at least 1"),
        (["--recipe", "small", "--batch_size", "0"], "batch_size is 0: give at least 1"),
        (["--recipe", "small", "--seed", "-1"], "seed is -1: give "),
        (["--recipe", "small", "words"], "there is no key 'words'"),
        (["--recipe", "small", "--model.likelihood", "Normal", "--model.likelihood.scale", "0"], "Normal got scale=0"),
        (["--recipe", "small", "--model.posterior", "Deterministic"], "has no density, so ELBO has no rate"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_a_bad_recipe_is_refused(refused, recipe, here, words, said):
    words = [recipe if word == "small" else word for word in words]
    assert said in refused("train", *words)
    assert list(here.iterdir()) == []


@pytest.mark.parametrize("text", ["epochs: [", "- epochs", "epoch: 3", "model: {prior: Vamp}"])
def test_a_bad_recipe_file_is_refused_by_name(refused, here, text):
    (here / "mine.yaml").write_text(text)
    assert "mine.yaml" in refused("train", "--recipe", "mine.yaml")
    assert [path.name for path in here.iterdir()] == ["mine.yaml"]


def test_a_run_that_exists_is_refused(refused, recipe, run, contents):
    before = contents(run)
    line = refused("train", "--recipe", recipe, "--run", run)
    assert "run exists already: give another --run, --resume to go on with it, or --overwrite." in line
    assert contents(run) == before


def test_a_folder_that_is_no_run_is_not_overwritten(refused, recipe, here, contents):
    (here / "thesis").mkdir()
    (here / "thesis" / "chapter-1.tex").write_text("It was a dark and stormy night.")
    before = contents(here)
    for words in ([], ["--overwrite"], ["--resume"]):
        line = refused("train", "--recipe", recipe, "--run", "thesis", *words)
        assert line == "thesis is not a run, as it has no recipe.yaml, and is left as it is: give another --run."
        assert contents(here) == before


def test_resuming_under_another_recipe_is_refused_with_the_keys(refused, recipe, run, contents):
    before = contents(run)
    words = ["--resume", "--binarization", "dynamic", "--batch_size", "8", "--epochs", "3"]
    line = refused("train", "--recipe", recipe, "--run", run, *words)
    assert "was begun with another recipe, which differs in batch_size: resume it with the same" in line
    assert contents(run) == before


@pytest.mark.parametrize("with_recipe", [True, False])
def test_resuming_nothing_is_refused(refused, recipe, here, with_recipe):
    words = ["--recipe", recipe] if with_recipe else []
    line = refused("train", *words, "--run", "nowhere", "--resume")
    assert line.startswith("nowhere holds no run to resume")
    assert list(here.iterdir()) == []


def test_a_loss_that_diverges_ends_with_the_step_and_the_terms(refused, recipe, here):
    line = refused("train", "--recipe", recipe, "--run", "run", "--optimizer.learning_rate", "1e30")
    assert line.startswith("The loss is not finite at step ")
    for term in ("epoch 1", "beta = 1", "distortion = ", "elbo = ", "loss = nan", "rate = ", "smaller learning rate"):
        assert term in line
    assert line.endswith("No weights were saved.")
    assert not (here / "run" / "model.keras").exists()
    line = refused("evaluate", "run")
    assert "has no weights yet" in line
    assert "if its loss was not finite, begin anew with --overwrite and a smaller learning rate" in line


def test_a_directory_that_cannot_be_made_is_refused(refused, recipe, here):
    (here / "file").write_text("in the way")
    assert "file/run" in refused("train", "--recipe", recipe, "--run", "file/run")
    assert (here / "file").read_text() == "in the way"


# ----- hints that can be pasted


def test_hints_are_quoted(recipe, here, monkeypatch, capsys, refused):
    def stop(*_):
        raise training.Interrupted("Stopped after 1 epochs.")

    monkeypatch.setattr(training.Run, "train", stop)
    assert main(["train", "--recipe", recipe, "--run", "my run"]) == 0
    assert capsys.readouterr().out.endswith("Go on: vae-tf train --run 'my run' --resume\n")
    monkeypatch.setattr(training.Run, "train", lambda *_: None)
    assert main(["train", "--recipe", recipe, "--run", "my run"]) == 0
    assert capsys.readouterr().out.endswith("vae-tf watch 'my run'\n")
    (here / "my run").mkdir()
    shutil.copy(recipe, here / "my run" / "recipe.yaml")
    assert "vae-tf train --run 'my run' --resume" in refused("evaluate", "my run")
