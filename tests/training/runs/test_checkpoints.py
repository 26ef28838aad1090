"""What is kept, what is refused, and what survives a full disk."""

import json
import shutil

import keras
import numpy as np
import pytest

from vae_tf import VAE, InputError
from vae_tf.training.runs import checkpoints
from vae_tf.training.runs.checkpoints import Best, Checkpoints, Progress


@pytest.fixture(scope="module")
def vae(make_vae):
    vae = make_vae()
    vae.compile("adam")
    return vae


@pytest.fixture
def kept(tmp_path):
    return Checkpoints(tmp_path / "checkpoint", run="a run")


def names(kept: Checkpoints) -> list[str]:
    return sorted(path.name for path in kept.directory.iterdir())


def test_what_is_written_is_read_back(vae, kept, bits):
    vae.train_on_batch(bits)
    progress = Progress("data", 3, 7, (1.5, float(np.float32(0.1))), Best("val_elbo", -101.25, 2))
    kept.write(vae.save, progress)
    path, found = kept.newest()
    assert found == progress
    loaded = checkpoints.load(path)
    for one, other in zip(vae.variables, loaded.variables, strict=True):
        np.testing.assert_array_equal(one, other, err_msg=one.path)
    assert int(loaded.optimizer.iterations) == int(vae.optimizer.iterations) > 0


@pytest.mark.parametrize("states", [((1, 2),) * 2, ((1, 2, 3),), ((1, 2),) * 3])
def test_other_random_states_than_the_layers_have_are_refused(make_vae, kept, states):
    vae = make_vae()
    x = keras.Input((4, 4, 1))
    vae = VAE(keras.Model(x, keras.layers.Dropout(0.5)(keras.layers.Flatten()(x))), vae.decoder)
    vae.compile("sgd")
    kept.write(vae.save, Progress("data", 1, random_states=states))
    with pytest.raises(
        InputError, match=rf"The checkpoint .*epoch-0001-step-00000 is of a model with {len(states)} ra"
    ):
        checkpoints.load(*kept.newest())
    kept.write(vae.save, Progress("data", 2))
    checkpoints.load(*kept.newest())
    kept.write(vae.save, Progress("data", 3, random_states=((1, 2),)))
    (variable,) = checkpoints.random_variables(checkpoints.load(*kept.newest()))
    np.testing.assert_array_equal(variable, (1, 2))


def test_where_nothing_was_written_there_is_nothing(kept):
    assert kept.newest() is None


def test_the_last_two_and_the_best_are_kept(vae, kept):
    best = Best("val_elbo", -1.0, 1)
    for epoch, step in ((0, 5), (1, 0), (1, 5), (2, 0), (2, 5), (3, 0)):
        kept.write(vae.save, Progress("data", epoch, step, best=best if epoch else None))
    assert names(kept) == ["epoch-0001-step-00000", "epoch-0002-step-00005", "epoch-0003-step-00000"]
    assert kept.newest()[1].epoch == 3
    kept.write(vae.save, Progress("data", 10, 0, best=Best("val_elbo", -0.5, 3)))
    assert names(kept) == ["epoch-0003-step-00000", "epoch-0010-step-00000"]


def truncate(path):
    model = path / "model.keras"
    model.write_bytes(model.read_bytes()[: model.stat().st_size // 2])


def change_a_bit(path):
    model = path / "model.keras"
    content = bytearray(model.read_bytes())
    content[len(content) // 2] ^= 1
    model.write_bytes(content)


def change_the_position(path):
    content = json.loads((path / "progress.json").read_text())
    (path / "progress.json").write_text(json.dumps({**content, "step": 4}))


def lose_the_position(path):
    (path / "progress.json").unlink()


def lose_the_model(path):
    (path / "model.keras").unlink()


def write_nonsense(path):
    (path / "progress.json").write_text("[1, 2]")


DAMAGES = [truncate, change_a_bit, change_the_position, lose_the_position, lose_the_model, write_nonsense]


@pytest.mark.parametrize("damage", DAMAGES)
def test_what_is_damaged_is_left_for_the_one_before(vae, kept, damage):
    for epoch in (1, 2):
        kept.write(vae.save, Progress("data", epoch))
    damage(kept.directory / "epoch-0002-step-00000")
    with pytest.warns(UserWarning, match=r"The checkpoint .*epoch-0002-step-00000 is damaged, or of another run"):
        path, progress = kept.newest()
    assert (path.name, progress.epoch) == ("epoch-0001-step-00000", 1)


def test_what_is_of_another_run_is_refused(vae, kept, tmp_path):
    kept.write(vae.save, Progress("data", 1))
    other = Checkpoints(tmp_path / "other", run="another run")
    other.write(vae.save, Progress("data", 2))
    shutil.copytree(tmp_path / "other" / "epoch-0002-step-00000", kept.directory / "epoch-0002-step-00000")
    with pytest.warns(UserWarning, match="of another run"):
        assert kept.newest()[1].epoch == 1


def test_where_all_are_damaged_nothing_is_used(vae, kept):
    for epoch in (1, 2):
        kept.write(vae.save, Progress("data", epoch))
        truncate(kept.directory / f"epoch-000{epoch}-step-00000")
    with pytest.raises(InputError, match=r"The checkpoints .*epoch-0002-.*, .*epoch-0001-.* are damaged.*--overwrite"):
        kept.newest()


def test_training_past_a_damaged_one_replaces_it(vae, kept):
    for epoch in (1, 2):
        kept.write(vae.save, Progress("data", epoch))
    truncate(kept.directory / "epoch-0002-step-00000")
    for progress in (Progress("data", 1, 5), Progress("data", 2)):
        kept.write(vae.save, progress)
        assert (kept.directory / "epoch-0001-step-00000").is_dir() == (progress.epoch == 1)
    assert kept.newest()[1] == Progress("data", 2)


def test_a_full_disk_leaves_the_last_one(vae, kept):
    kept.write(vae.save, Progress("data", 1))

    def full(path):
        path.write_bytes(b"half")
        raise OSError(28, "No space left on device")

    with pytest.raises(OSError, match="No space left"):
        kept.write(full, Progress("data", 2))
    assert names(kept) == ["epoch-0001-step-00000"]
    assert kept.newest()[1].epoch == 1


def test_other_files_are_not_checkpoints(vae, kept):
    kept.write(vae.save, Progress("data", 1))
    for name in (".epoch-0009-step-00000-partial-x", "epoch-0009", "notes"):
        (kept.directory / name).mkdir()
    assert kept.newest()[1].epoch == 1
