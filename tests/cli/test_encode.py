import numpy as np
import pytest

from vae_tf import training
from vae_tf.training import datasets
from vae_tf_cli.main import main


@pytest.mark.parametrize("count", [1, 30, 700])  # 700 are two passes
def test_each_row_of_an_array_has_its_code_in_order(finished, here, count, capsys):
    x = np.random.default_rng(5).random((count, 6, 6), np.float32)
    np.save("new.npy", x)
    assert main(["encode", str(finished), "--data", "new.npy", "--out", "out/codes.npy"]) == 0
    assert capsys.readouterr().out.splitlines()[-1] == "out/codes.npy"
    codes = np.load(here / "out" / "codes.npy", allow_pickle=False)
    assert (codes.shape, codes.dtype) == ((count, 2), np.float32)
    settings, vae = training.Run(finished).load()
    seen = datasets.as_evaluated(x[..., None], seed=settings.seed, binarization=settings.binarization)
    np.testing.assert_allclose(codes, vae.coder.predict(seen, verbose=0), rtol=1e-5, atol=1e-6)


def test_a_source_with_sets_is_encoded_training_set_first(finished, here, images):
    assert main(["encode", str(finished), "--data", str(images), "--out", "codes.npy"]) == 0
    assert np.load("codes.npy").shape == (60, 2)


def test_what_cannot_be_written_is_refused(refused, finished, images, here):
    for out in ("codes.csv", "codes", "codes.npy/"):
        line = refused("encode", finished, "--data", images, "--out", out)
        assert line == f"--out got {out!r}: give a file that ends in .npy."
    assert list(here.iterdir()) == []


def test_what_fails_midway_leaves_the_old_file(refused, finished, images, here, monkeypatch):
    (here / "codes.npy").write_bytes(b"old")

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("vae_tf.atomic.sync", full)
    assert refused("encode", finished, "--data", images, "--out", "codes.npy").startswith("codes.npy could not be")
    assert (here / "codes.npy").read_bytes() == b"old"
    assert [path.name for path in here.iterdir()] == ["codes.npy"]
