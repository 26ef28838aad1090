import shutil

import numpy as np
import pytest
import yaml
from PIL import Image

from vae_tf import VAE, likelihoods, networks, posteriors, priors, training
from vae_tf.training.evaluation import classifier
from vae_tf.training.watching import grids
from vae_tf_cli.main import main

# Grids of 6 x 6 pixels with gaps of 2: n images take 8 n + 2 pixels.
SIZES = {
    "samples": (8, 8),
    "reconstructions": (3, 8),  # 12 test images: rows of 8 inputs, of their reconstructions, of the differences
    "traversal": (2, 11),
    "interpolation": (8, 11),
    "manifold": (20, 20),
}


@pytest.mark.parametrize("kind", SIZES)
def test_each_kind_is_a_png_file(finished, here, capsys, kind):
    assert main(["draw", str(finished), "--what", kind, "--out", f"new/{kind}.png"]) == 0
    assert capsys.readouterr().out.splitlines()[-1] == f"new/{kind}.png"
    with Image.open(here / "new" / f"{kind}.png") as image:
        assert (image.format, image.mode) == ("PNG", "L")
        rows, columns = SIZES[kind]
        assert (image.height, image.width) == (8 * rows + 2, 8 * columns + 2)
        assert len(np.unique(np.asarray(image))) > 2
    assert [path.name for path in (here / "new").iterdir()] == [f"{kind}.png"]


def test_a_picture_repeats_and_replaces_the_old_one(finished, here):
    (here / "x.png").write_bytes(b"old")
    words = ["draw", str(finished), "--what", "samples", "--out"]
    assert main([*words, "x.png"]) == 0
    assert main([*words, "y.png"]) == 0
    assert (here / "x.png").read_bytes() == (here / "y.png").read_bytes()
    settings, vae = training.Run(finished).load()
    with Image.open(here / "x.png") as image:
        np.testing.assert_array_equal(np.asarray(image), grids.samples(vae, seed=settings.seed)[..., 0])


@pytest.mark.parametrize(
    ("kind", "count", "size"), [("samples", 6, (3, 2)), ("reconstructions", 4, (3, 4)), ("interpolation", 3, (2, 11))]
)
def test_as_many_images_are_drawn_as_are_asked_for(finished, here, kind, count, size):
    assert main(["draw", str(finished), "--what", kind, "--count", str(count), "--out", "x.png"]) == 0
    with Image.open(here / "x.png") as image:
        assert (image.height, image.width) == (8 * size[0] + 2, 8 * size[1] + 2)


def test_samples_are_those_of_the_seed(finished, here):
    assert main(["draw", str(finished), "--what", "samples", "--seed", "5", "--count", "9", "--out", "x.png"]) == 0
    _, vae = training.Run(finished).load()
    with Image.open(here / "x.png") as image:
        np.testing.assert_array_equal(np.asarray(image), grids.samples(vae, 9, seed=5)[..., 0])


@pytest.mark.parametrize(
    ("kind", "option", "kinds"),
    [
        ("traversal", "count", "samples or reconstructions or interpolation or attribute or search"),
        ("manifold", "count", "samples or reconstructions or interpolation or attribute or search"),
        ("traversal", "seed", "samples or rungs or search"),
    ],
)
def test_an_option_that_a_kind_does_not_have_is_refused(refused, finished, here, kind, option, kinds):
    line = refused("draw", finished, "--what", kind, f"--{option}", "2", "--out", "x.png")
    assert line == f"--{option} was given for {kind}: leave it out, or choose --what {kinds}."


def test_a_folder_in_the_place_of_the_picture_is_refused_before_the_work(refused, finished, here, monkeypatch):
    (here / "old.png").mkdir()
    monkeypatch.setattr(grids, "samples", lambda *_: pytest.fail("drawn"))
    assert refused("draw", finished, "--what", "samples", "--out", "old.png") == (
        "--out got 'old.png', which is a folder: give the name of a file."
    )


@pytest.mark.parametrize("out", ["picture.jpg", "picture", "png", "picture.png/"])
def test_another_format_is_refused(refused, finished, here, out):
    assert refused("draw", finished, "--what", "samples", "--out", out) == (
        f"--out got {out!r}: give a file that ends in .png."
    )
    assert list(here.iterdir()) == []


def test_what_is_not_a_run_is_refused(refused, here):
    line = refused("draw", "nowhere", "--what", "samples", "--out", "x.png")
    assert line == "nowhere is not a run: give a directory that `vae-tf train` has made."
    assert list(here.iterdir()) == []


@pytest.fixture
def labelled(finished, images, tmp_path_factory):
    """A run whose data have labels: 0 and 1."""
    run = tmp_path_factory.mktemp("labelled") / "run"
    shutil.copytree(finished, run, ignore=shutil.ignore_patterns("checkpoint"))  # it says of other data
    with np.load(images) as file:
        y = {name: np.arange(len(file[f"x_{name}"])) % 2 for name in ("train", "test")}
        data = run / "labelled.npz"
        np.savez(data, **file, y_train=y["train"], y_test=y["test"])
    decided = yaml.safe_load((run / "recipe.yaml").read_text())
    (run / "recipe.yaml").write_text(yaml.safe_dump({**decided, "data": str(data)}))
    return run


def test_an_attribute_is_drawn_on_images_without_the_label(labelled, here):
    assert main(["draw", str(labelled), "--what", "attribute", "--label", "1", "--out", "x.png"]) == 0
    with Image.open(here / "x.png") as image:
        assert (image.height, image.width) == (8 * 6 + 2, 8 * 11 + 2)  # 6 of 12 test images have the other label
    assert main(["draw", str(labelled), "--what", "attribute", "--label", "1", "--count", "2", "--out", "y.png"]) == 0
    with Image.open(here / "y.png") as image:
        assert image.height == 8 * 2 + 2


def test_an_attribute_of_image_folders_is_a_class_by_its_name(refused, finished, images, here):
    run = here / "run"
    shutil.copytree(finished, run)
    with np.load(images) as file:
        for i, pixels in enumerate(file["x_train"]):
            path = here / "pictures" / ("cat", "dog")[i % 2] / f"{i}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(pixels).save(path)
    words = ["draw", str(run), "--data", "pictures", "--what", "attribute", "--out", "x.png", "--label"]
    assert main([*words, "cat"]) == 0
    with Image.open(here / "x.png") as image:
        assert image.height == 8 * 2 + 2  # of 24 dogs, 2 are test images
    line = refused(*words, "cow")
    assert "give one of cat, dog" in line


def test_an_attribute_that_cannot_be_drawn_is_refused(refused, labelled, finished, here):
    words = ["--what", "attribute", "--out", "x.png"]
    assert "give one, such as --label 7" in refused("draw", labelled, *words)
    line = refused("draw", labelled, *words, "--label", "4")
    assert line.startswith("No example has the label 4: give one of ")
    assert "have no labels" in refused("draw", finished, *words, "--label", "1")
    words[1] = "samples"
    line = refused("draw", labelled, *words, "--label", "1")
    assert line == "--label is '1', and the model takes no label for this: leave it out."
    words[1] = "traversal"
    line = refused("draw", labelled, *words, "--label", "1")
    kinds = "samples or manifold or rungs or attribute or search"
    assert line.endswith(f"for traversal: leave it out, or choose --what {kinds}.")
    assert list(here.iterdir()) == []


def test_an_attribute_that_all_test_images_have_is_refused(refused, labelled, here):
    decided = yaml.safe_load((labelled / "recipe.yaml").read_text())
    with np.load(decided["data"]) as file:
        np.savez(here / "ones.npz", **{**file, "y_test": np.ones_like(file["y_test"])})
    run = here / "run"
    shutil.copytree(labelled, run)
    (run / "recipe.yaml").write_text(yaml.safe_dump({**decided, "data": str(here / "ones.npz")}))
    line = refused("draw", run, "--what", "attribute", "--label", "1", "--out", "x.png")
    assert line == "All test images have the label 1, so none could be given it: give another label."
    assert not (here / "x.png").exists()


@pytest.fixture
def one_epoch(monkeypatch):
    """A classifier that learns for one epoch."""
    monkeypatch.setattr(classifier, "EPOCHS", 1)


def test_a_search_draws_what_it_began_with_and_what_it_found(labelled, here, capsys, one_epoch, monkeypatch):
    drawn = []
    draw = grids.before_and_after
    monkeypatch.setattr(grids, "before_and_after", lambda *given: drawn.append(given) or draw(*given))
    words = ["draw", str(labelled), "--what", "search", "--label", "1", "--out", "x.png"]
    assert main(words) == 0
    assert main([*words, "--count", "3", "--seed", "5"]) == 0
    assert capsys.readouterr().out.splitlines()[-2].startswith("classifier trained on ")
    _, vae = training.Run(labelled).load()
    for (before, after, below), (count, seed) in zip(drawn, [(8, 0), (3, 5)], strict=True):
        np.testing.assert_allclose(before, vae.sample(count, seed), atol=1e-5)
        assert np.abs(after - before).max() > 0.01
        assert below.startswith("logit of 1: ")
    with Image.open(here / "x.png") as image:
        np.testing.assert_array_equal(np.asarray(image), draw(*drawn[1])[..., 0])


def test_a_search_that_cannot_be_is_refused(refused, labelled, finished, here, one_epoch):
    words = ["--what", "search", "--out", "x.png"]
    assert "give one, such as --label 7" in refused("draw", labelled, *words)
    assert refused("draw", labelled, *words, "--label", "4") == "No example has the label 4: give one of 0, 1."
    assert "has no labels for a classifier to learn" in refused("draw", finished, *words, "--label", "1")
    np.savez(here / "other.npz", x_train=np.zeros((40, 5, 5), np.uint8), y_train=np.arange(40) % 2)
    line = refused("draw", labelled, *words, "--label", "1", "--data", "other.npz")
    assert line.startswith("other.npz has examples of shape (5, 5, 1), but the model takes (6, 6, 1)")
    assert not (here / "x.png").exists()


def with_model(run, event_shape, latent_size) -> None:
    """Puts another model into a run."""
    likelihood = likelihoods.Normal(event_shape)
    VAE(*networks.mlp(event_shape, latent_size, hidden=(3,)), likelihood=likelihood).save(run / "model.keras")


def test_a_manifold_of_three_dimensions_is_refused(refused, run, here):
    with_model(run, (6, 6, 1), 3)
    line = refused("draw", run, "--what", "manifold", "--out", "x.png")
    assert line.startswith("A manifold needs 2 latent dimensions and the model has 3: draw a traversal, or train with")
    assert not (here / "x.png").exists()


def test_the_rungs_of_a_ladder_are_drawn_by_the_seed(refused, run, finished, here):
    encoder, decoder, ladder = networks.ladder((6, 6, 1), levels=[(1, 2, 1), (3, 1, 1)], filters=4)
    vae = VAE(encoder, decoder, latents=ladder)
    vae.save(run / "model.keras")
    assert main(["draw", str(run), "--what", "rungs", "--seed", "5", "--out", "x.png"]) == 0
    with Image.open(here / "x.png") as image:
        np.testing.assert_array_equal(np.asarray(image), grids.rungs(vae, seed=5)[..., 0])
    line = refused("draw", finished, "--what", "rungs", "--out", "y.png")
    assert line == "A picture of rungs needs a ladder, and this model has one layer of codes: draw samples."
    assert not (here / "y.png").exists()


@pytest.mark.parametrize("kind", ["traversal", "interpolation", "manifold"])
def test_between_discrete_codes_nothing_is_drawn(refused, run, here, kind):
    encoder, decoder = networks.conv((6, 6, 1), filters=(4,), latent_shape=(3, 3, 2))
    codes = {"posterior": posteriors.FiniteScalarQuantized((3, 3), (3, 2)), "prior": priors.UniformCodes((3, 3), 6)}
    VAE(encoder, decoder, **codes).save(run / "model.keras")
    line = refused("draw", run, "--what", kind, "--out", "x.png")
    assert line.endswith("between which lies nothing: draw samples or reconstructions.")
    assert not (here / "x.png").exists()
    assert main(["draw", str(run), "--what", "reconstructions", "--out", "y.png"]) == 0


@pytest.mark.parametrize("kind", ["samples", "manifold", "rungs"])
def test_what_is_no_image_is_refused(refused, run, here, kind):
    with_model(run, (5,), 2)
    line = refused("draw", run, "--what", kind, "--out", "x.png")
    assert line == "Pictures need images (height, width, 1 or 3), but the model's data is (5,)."
    assert not (here / "x.png").exists()


def test_an_interpolation_of_one_image_is_refused(refused, run, images, here):
    with np.load(images) as file:
        np.savez(here / "one.npz", x_train=file["x_train"], x_test=file["x_test"][:1])
    decided = yaml.safe_load((run / "recipe.yaml").read_text())
    (run / "recipe.yaml").write_text(yaml.safe_dump({**decided, "data": str(here / "one.npz")}))
    refused("draw", run, "--what", "interpolation", "--out", "x.png")
    assert not (here / "x.png").exists()


def test_a_picture_that_cannot_be_written_leaves_the_old_one(refused, finished, here, monkeypatch):
    (here / "x.png").write_bytes(b"old")

    def full(self, file, *args, **kwargs):
        file.write_bytes(b"half")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Image.Image, "save", full)
    assert "No space left on device" in refused("draw", finished, "--what", "samples", "--out", "x.png")
    assert (here / "x.png").read_bytes() == b"old"
    assert [path.name for path in here.iterdir()] == ["x.png"]


def test_a_damaged_model_is_refused(refused, run, here):
    shutil.copy(run / "recipe.yaml", run / "model.keras")
    assert "model.keras" in refused("draw", run, "--what", "samples", "--out", "x.png")
    assert not (here / "x.png").exists()


def test_the_data_may_be_given(finished, images, here):
    with np.load(images) as file:
        np.savez(here / "black.npz", x_train=file["x_train"], x_test=np.zeros_like(file["x_test"]))
    words = ["draw", str(finished), "--what", "reconstructions", "--out"]
    assert main([*words, "own.png"]) == 0
    assert main([*words, "given.png", "--data", "black.npz"]) == 0
    own, given = (np.asarray(Image.open(here / name))[2:8, 2:8] for name in ("own.png", "given.png"))
    assert own.max() == 255
    assert given.max() == 0


@pytest.mark.parametrize("kind", ["reconstructions", "traversal", "interpolation", "attribute"])
def test_data_of_another_shape_are_refused(refused, finished, here, kind):
    np.savez(here / "other.npz", x_train=np.zeros((40, 5, 5), np.uint8), y_train=np.arange(40) % 2)
    label = ["--label", "1"] if kind == "attribute" else []
    line = refused("draw", finished, "--what", kind, "--data", "other.npz", "--out", "x.png", *label)
    assert line == (
        "other.npz has examples of shape (5, 5, 1), but the model takes (6, 6, 1): give data of that shape."
    )
    assert not (here / "x.png").exists()
