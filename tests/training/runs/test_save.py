import keras
import numpy as np
import pytest

from vae_tf.training import callbacks


def fit(vae, bits, path, epochs: int = 1):
    vae.compile(keras.optimizers.Adam(0.01), run_eagerly=True)
    vae.fit(bits, batch_size=10, epochs=epochs, callbacks=[callbacks.Save(path)], verbose=0)


def test_the_model_and_its_optimizer_are_saved(make_vae, bits, tmp_path):
    vae = make_vae()
    fit(vae, bits, tmp_path / "run" / "model.keras", epochs=2)
    loaded = keras.saving.load_model(tmp_path / "run" / "model.keras")
    assert int(loaded.optimizer.iterations) == 4
    values = vae.get_weights() + [variable.numpy() for variable in vae.optimizer.variables]
    same = loaded.get_weights() + [variable.numpy() for variable in loaded.optimizer.variables]
    for one, other in zip(values, same, strict=True):
        np.testing.assert_array_equal(one, other)
    assert [path.name for path in (tmp_path / "run").iterdir()] == ["model.keras"]


def test_it_is_saved_at_each_epoch(make_vae, bits, tmp_path):
    class Count(keras.callbacks.Callback):
        found = ()

        def on_epoch_end(self, epoch, logs=None):
            loaded = keras.saving.load_model(tmp_path / "model.keras")
            self.found = (*self.found, int(loaded.optimizer.iterations))

    vae, count = make_vae(), Count()
    vae.compile(keras.optimizers.SGD(0.01), run_eagerly=True)
    save = callbacks.Save(tmp_path / "model.keras")
    vae.fit(bits, batch_size=10, epochs=3, callbacks=[save, count], verbose=0)
    assert count.found == (2, 4, 6)


def test_a_save_that_raises_leaves_the_old_file_whole_and_no_litter(make_vae, bits, tmp_path, monkeypatch):
    path = tmp_path / "model.keras"
    vae = make_vae()
    fit(vae, bits, path)
    before = path.read_bytes()

    def full(self, partial, *args, **kwargs):
        partial.write_bytes(before[: len(before) // 2])
        assert path.read_bytes() == before  # while it is written, too
        raise OSError("No space left on device")

    monkeypatch.setattr(type(vae), "save", full)
    with pytest.raises(OSError, match="No space left"):
        fit(vae, bits, path)
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]
    assert int(keras.saving.load_model(path).optimizer.iterations) == 2
