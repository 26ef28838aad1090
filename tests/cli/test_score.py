import csv
import io

import numpy as np
import pytest
from PIL import Image

from vae_tf import VAE, networks, objectives, posteriors, training
from vae_tf.training import datasets
from vae_tf_cli.main import main


@pytest.fixture
def new(here) -> str:
    """The name of a file of 30 new images."""
    np.save("new.npy", np.random.default_rng(5).integers(0, 256, (30, 6, 6), dtype=np.uint8))
    return "new.npy"


def table(path) -> dict[str, list[str]]:
    rows = list(csv.DictReader(io.StringIO(path.read_text(encoding="utf-8"))))
    return {name: [row[name] for row in rows] for name in rows[0]}


def test_each_row_of_an_array_has_its_score_in_order(finished, here, new, capsys):
    assert main(["score", str(finished), "--data", new, "--seed", "3", "--out", "out/scores.csv"]) == 0
    assert capsys.readouterr().out.splitlines()[-1] == "out/scores.csv"
    found = table(here / "out" / "scores.csv")
    assert list(found) == ["index", "elbo", "rate", "distortion"]
    assert found["index"] == [str(i) for i in range(30)]
    settings, vae = training.Run(finished).load()
    x = datasets.as_evaluated(np.load(new)[..., None], seed=settings.seed, binarization="dynamic")
    assert settings.binarization == "dynamic"
    for name, values in vae.score(x, seed=3)._asdict().items():
        np.testing.assert_allclose(np.float32(found[name]), values, rtol=1e-5)
    assert [path.name for path in (here / "out").iterdir()] == ["scores.csv"]


def test_it_repeats_and_the_seed_is_that_of_the_run(finished, here, new):
    for out, more in {"a.csv": [], "b.csv": ["--seed", "0"], "c.csv": ["--seed", "1"]}.items():
        assert main(["score", str(finished), "--data", new, "--out", out, *more]) == 0
    assert (here / "a.csv").read_bytes() == (here / "b.csv").read_bytes()
    assert (here / "a.csv").read_bytes() != (here / "c.csv").read_bytes()


def test_a_source_with_sets_says_from_which_each_is(finished, here, images):
    assert main(["score", str(finished), "--data", str(images), "--out", "scores.csv"]) == 0
    found = table(here / "scores.csv")
    assert found["set"] == ["train"] * 48 + ["test"] * 12
    assert found["index"] == [str(i) for i in range(60)]


def test_what_cannot_be_scored_is_refused(refused, run, finished, here, new):
    words = ["score", finished, "--data", new, "--out"]
    for out in ("scores", "scores.npy", "scores.csv/"):
        assert refused(*words, out) == f"--out got {out!r}: give a file that ends in .csv."
    (here / "taken.csv").mkdir()
    assert "which is a folder" in refused(*words, "taken.csv")
    np.save("small.npy", np.zeros((30, 5, 5), np.float32))
    line = refused("score", finished, "--data", "small.npy", "--out", "x.csv")
    assert line.startswith("small.npy has shape (30, 5, 5, 1); this model takes ('N', 6, 6, 1)")
    np.save("large.npy", np.full((30, 6, 6), 7, np.float32))
    line = refused("score", finished, "--data", "large.npy", "--out", "x.csv")
    assert line.startswith("large.npy is 7.0 in channel 0 (index (0, 0, 0, 0)); Bernoulli takes values in [0, 1]")
    assert "There is no data" in refused("score", finished, "--data", "nothing.npy", "--out", "x.csv")
    assert "is not a run" in refused("score", "nowhere", "--data", new, "--out", "x.csv")
    plain = {"posterior": posteriors.Deterministic(2), "objective": objectives.Reconstruction()}
    VAE(*networks.mlp((6, 6, 1), 2, hidden=(3,)), **plain).save(run / "model.keras")
    assert "is a plain autoencoder and has no elbo" in refused("score", run, "--data", new, "--out", "x.csv")
    assert not (here / "x.csv").exists()


def test_a_full_disk_is_said_with_the_path_and_loses_nothing(refused, finished, here, new, monkeypatch):
    (here / "x.csv").write_text("old")

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("vae_tf.atomic.sync", full)
    line = refused("score", finished, "--data", new, "--out", "x.csv")
    assert line.startswith("x.csv could not be written ([Errno 28] No space left on device): what was there before is")
    assert (here / "x.csv").read_text() == "old"
    assert sorted(path.name for path in here.iterdir()) == ["new.npy", "x.csv"]


def test_images_of_a_folder_are_named_and_others_are_counted(finished, here):
    rng = np.random.default_rng(5)
    (here / "pictures" / "more").mkdir(parents=True)
    for name in ("b.png", "a, b.jpg", "more/a.png"):
        Image.fromarray(rng.integers(0, 256, (6, 6), dtype=np.uint8)).save(here / "pictures" / name)
    (here / "pictures" / "notes.txt").write_text("no image")
    with pytest.warns(UserWarning, match=r"^pictures: files that are no images are skipped \(1 of them\)\.$"):
        assert main(["score", str(finished), "--data", "pictures", "--out", "x.csv"]) == 0
    found = table(here / "x.csv")
    assert list(found) == ["index", "file", "elbo", "rate", "distortion"]
    assert found["file"] == ["a, b.jpg", "b.png", "more/a.png"]
