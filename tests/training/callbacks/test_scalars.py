import keras
import pytest

from vae_tf import objectives, posteriors, schedules
from vae_tf.training import callbacks

TAGS = {"loss", "elbo", "rate", "distortion", "beta"}


def fit(vae, bits, folder, optimizer, **options):
    vae.compile(optimizer, run_eagerly=True)
    options = {"batch_size": 10, "epochs": 3, "verbose": 0, **options}
    return vae.fit(bits, callbacks=[callbacks.Scalars(folder)], **options).history


def test_training_and_validation_are_written_at_each_epoch_from_1(make_vae, bits, tmp_path, read_events):
    vae = make_vae(objective=objectives.ELBO(beta=schedules.Linear(0, 1, 4)))
    decay = keras.optimizers.schedules.ExponentialDecay(0.01, decay_steps=2, decay_rate=0.5)
    history = fit(vae, bits, tmp_path, keras.optimizers.Adam(decay), validation_data=(bits[:8],))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["train", "validation"]
    train, validation = read_events(tmp_path / "train"), read_events(tmp_path / "validation")
    assert set(train) == TAGS | {"learning_rate"}
    assert set(validation) == TAGS
    for name in TAGS:
        for values, key in ((train[name], name), (validation[name], f"val_{name}")):
            assert list(values) == [1, 2, 3]
            assert [float(value) for value in values.values()] == pytest.approx(history[key], rel=1e-6)
    # Two steps an epoch, so the rate is halved at each.
    assert [float(value) for value in train["learning_rate"].values()] == pytest.approx([0.005, 0.0025, 0.00125])
    assert len({float(value) for value in train["beta"].values()}) == 3


def test_without_validation_there_is_training_alone(make_vae, bits, tmp_path, read_events):
    fit(make_vae(), bits, tmp_path, keras.optimizers.SGD(0.02))
    assert set(read_events(tmp_path / "train")) == TAGS | {"learning_rate"}
    assert read_events(tmp_path / "validation") == {}
    assert float(read_events(tmp_path / "train")["learning_rate"][3]) == pytest.approx(0.02)


def test_an_autoencoder_has_its_own_values(make_vae, bits, tmp_path, read_events):
    vae = make_vae(posterior=posteriors.Deterministic(2), objective=objectives.Reconstruction())
    fit(vae, bits, tmp_path, "sgd", validation_data=(bits,))
    assert set(read_events(tmp_path / "train")) == {"loss", "distortion", "learning_rate"}
    assert set(read_events(tmp_path / "validation")) == {"loss", "distortion"}


def test_a_later_start_goes_on_at_its_epoch(make_vae, bits, tmp_path, read_events):
    fit(make_vae(), bits, tmp_path, "sgd", epochs=2)
    fit(make_vae(), bits, tmp_path, "sgd", initial_epoch=2, epochs=4)
    assert list(read_events(tmp_path / "train")["loss"]) == [1, 2, 3, 4]
