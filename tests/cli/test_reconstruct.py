import numpy as np
import pytest
from PIL import Image

from vae_tf import VAE, likelihoods, networks, training
from vae_tf.training import datasets
from vae_tf_cli.main import main


@pytest.fixture
def new(here) -> np.ndarray:
    """Eleven new images, which are in the file new.npy."""
    x = np.random.default_rng(5).random((11, 6, 6), np.float32)
    np.save("new.npy", x)
    return x


@pytest.fixture
def means(finished, new) -> np.ndarray:
    settings, vae = training.Run(finished).load()
    x = datasets.as_evaluated(new[..., None], seed=settings.seed, binarization=settings.binarization)
    return vae.reconstruct(x).numpy()


def test_an_array_is_reconstructed_row_by_row(finished, here, means):
    assert main(["reconstruct", str(finished), "--data", "new.npy", "--out", "means.npy"]) == 0
    found = np.load(here / "means.npy", allow_pickle=False)
    assert (found.shape, found.dtype) == ((11, 6, 6, 1), np.float32)
    np.testing.assert_allclose(found, means, rtol=1e-5)


@pytest.mark.parametrize("out", ["new/means", "means/", "means.v2/"])
def test_images_go_to_a_new_folder_as_png_files(finished, here, means, out, capsys):
    assert main(["reconstruct", str(finished), "--data", "new.npy", "--out", out]) == 0
    assert capsys.readouterr().out.splitlines()[-1] == out
    assert sorted(path.name for path in (here / out).iterdir()) == [f"{i:02d}.png" for i in range(11)]
    assert [path.name for path in (here / out).parent.iterdir() if path.name.startswith(".")] == []
    for i, mean in enumerate(means):
        with Image.open(here / out / f"{i:02d}.png") as image:
            assert (image.format, image.mode) == ("PNG", "L")
            np.testing.assert_allclose(np.asarray(image), 255 * mean[..., 0], atol=0.51)


def test_what_cannot_be_written_is_refused(refused, finished, run, here, new):
    words = ["reconstruct", finished, "--data", "new.npy", "--out"]
    for out in ("means.png", "means.npz"):
        assert refused(*words, out).startswith(f"--out got {out!r}: give a file that ends in .npy, or a new folder")
    (here / "there").mkdir()
    assert refused(*words, "there") == "--out got 'there', which exists already: give a new folder."
    likelihood = likelihoods.Normal((5,))
    VAE(*networks.mlp((5,), 2, hidden=(3,)), likelihood=likelihood).save(run / "model.keras")
    line = refused("reconstruct", run, "--data", "new.npy", "--out", "means")
    assert line.startswith("PNG files are of images (height, width, 1 or 3) with values in [0, 1], but the model's")
    assert "(5,) under Normal: give --out a file that ends in .npy." in line
    assert not (here / "means").exists()


def test_what_fails_midway_leaves_no_folder(refused, finished, here, new, monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("vae_tf.training.runs.outputs.sync", full)
    line = refused("reconstruct", finished, "--data", "new.npy", "--out", "means")
    assert line.startswith("means could not be written ([Errno 28]")
    assert [path.name for path in here.iterdir()] == ["new.npy"]


def test_images_of_a_folder_keep_their_names(finished, here):
    rng = np.random.default_rng(5)
    (here / "pictures" / "more").mkdir(parents=True)
    for name in ("a.png", "a.jpg", "more/a.png"):
        Image.fromarray(rng.integers(0, 256, (6, 6), dtype=np.uint8)).save(here / "pictures" / name)
    assert main(["reconstruct", str(finished), "--data", "pictures", "--out", "means"]) == 0
    found = sorted(str(path.relative_to(here / "means")) for path in (here / "means").rglob("*.png"))
    assert found == ["a.jpg.png", "a.png", "more/a.png"]
