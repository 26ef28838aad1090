"""Golden answers: the Keras model's own, in an archive without pickle."""

import numpy as np
import pytest

from vae_tf import InputError
from vae_tf.export.version import golden


def test_the_answers_are_the_keras_model_s(make):
    vae = make("conv", likelihood="Normal")
    answers = golden.exchanges(vae)
    seeds = answers["sample"].inputs["seed"]
    assert seeds.dtype == np.int32
    np.testing.assert_array_equal(answers["sample"].outputs["z"], vae.draw(seeds))
    np.testing.assert_allclose(answers["sample"].outputs["mean"], vae.sample(8, seed=0), atol=1e-6)
    z, x = answers["decode"].inputs["z"], answers["encode"].inputs["x"]
    np.testing.assert_allclose(answers["decode"].outputs["mean"], vae.decode(z).mean(), atol=1e-6)
    np.testing.assert_allclose(answers["encode"].outputs["z"], vae.encode(x).mean(), atol=1e-6)
    np.testing.assert_allclose(answers["encode"].outputs["stddev"], vae.encode(x).stddev(), atol=1e-6)
    np.testing.assert_allclose(answers["reconstruct"].outputs["mean"], vae(x), atol=1e-6)
    assert len(np.unique(z, axis=0)) == len(np.unique(x, axis=0)) == golden.ROWS


def test_the_archive_gives_back_what_was_written(vae, tmp_path):
    answers = golden.exchanges(vae)
    golden.write(tmp_path / "golden.npz", answers)
    read = golden.read(tmp_path / "golden.npz")
    assert read.keys() == answers.keys()
    for name, exchange in answers.items():
        for written, found in zip(exchange, read[name], strict=True):
            assert found.keys() == written.keys()
            for key, array in written.items():
                np.testing.assert_array_equal(found[key], array, strict=True)


def truncated(path):
    np.savez(path, **{"decode/inputs/z": np.zeros(100)})
    path.write_bytes(path.read_bytes()[:200])


def damaged(path):
    np.savez(path, **{"decode/inputs/z": np.zeros(100)})
    content = bytearray(path.read_bytes())
    content[300] ^= 1
    path.write_bytes(content)


def pickled(path):
    np.savez(path, **{"decode/inputs/z": np.array([{}])})


def other_names(path):
    np.savez(path, z=np.zeros(3))


def other_side(path):
    np.savez(path, **{"decode/count/z": np.zeros(3)})


def one_array(path):
    with open(path, "wb") as file:
        np.save(file, np.zeros(3))


def nothing(path):
    assert not path.exists()


@pytest.mark.parametrize("write", [nothing, truncated, damaged, pickled, other_names, other_side, one_array])
def test_an_archive_that_is_none_is_refused(write, tmp_path):
    path = tmp_path / "golden.npz"
    write(path)
    with pytest.raises(InputError, match=r"golden\.npz holds no golden answers \(.+\): export the model again"):
        golden.read(path)
