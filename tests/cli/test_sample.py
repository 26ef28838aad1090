import numpy as np
import pytest
from PIL import Image

from vae_tf import training
from vae_tf_cli.main import main


@pytest.mark.parametrize("count", [3, 700])  # 700 are two passes
def test_samples_are_those_of_the_model_and_the_seed(finished, here, count, capsys):
    words = ["sample", str(finished), "--count", str(count), "--seed", "7", "--out", "samples.npy"]
    assert main(words) == 0
    assert capsys.readouterr().out.splitlines()[-1] == "samples.npy"
    found = np.load(here / "samples.npy", allow_pickle=False)
    assert (found.shape, found.dtype) == ((count, 6, 6, 1), np.float32)
    _, vae = training.Run(finished).load()
    np.testing.assert_allclose(found, vae.sample(count, seed=7), rtol=1e-5)


def test_there_are_64_of_the_seed_of_the_run_where_nothing_is_said(finished, here):
    assert main(["sample", str(finished), "--out", "samples"]) == 0
    assert sorted(path.name for path in (here / "samples").iterdir()) == [f"{i:02d}.png" for i in range(64)]
    settings, vae = training.Run(finished).load()
    with Image.open(here / "samples" / "63.png") as image:
        np.testing.assert_allclose(np.asarray(image), 255 * vae.sample(64, settings.seed)[63, ..., 0], atol=0.51)


def test_what_cannot_be_written_is_refused(refused, finished, here):
    (here / "there").write_text("a file")
    assert refused("sample", finished, "--out", "there").startswith("--out got 'there', which exists already")
    assert refused("sample", finished, "--out", "x.jpg").startswith("--out got 'x.jpg': give a file that ends in .npy")
    assert refused("sample", "nowhere", "--out", "x.npy").startswith("nowhere is not a run")
    assert [path.name for path in here.iterdir()] == ["there"]
