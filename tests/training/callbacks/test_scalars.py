import keras
import numpy as np
import pytest
import tensorflow as tf

from vae_tf import objectives, posteriors, random, schedules
from vae_tf.training import callbacks
from vae_tf.training.callbacks import scalars

TAGS = {"loss", "elbo", "rate", "distortion", "beta"}
SETTINGS = {"learning_rate", "images_per_second"}


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
    assert set(train) == TAGS | SETTINGS
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
    assert set(read_events(tmp_path / "train")) == TAGS | SETTINGS
    assert read_events(tmp_path / "validation") == {}
    assert float(read_events(tmp_path / "train")["learning_rate"][3]) == pytest.approx(0.02)


def test_an_autoencoder_has_its_own_values(make_vae, bits, tmp_path, read_events):
    vae = make_vae(posterior=posteriors.Deterministic(2), objective=objectives.Reconstruction())
    fit(vae, bits, tmp_path, "sgd", validation_data=(bits,))
    assert set(read_events(tmp_path / "train")) == {"loss", "distortion"} | SETTINGS
    assert set(read_events(tmp_path / "validation")) == {"loss", "distortion"}


def test_a_later_start_goes_on_at_its_epoch(make_vae, bits, tmp_path, read_events):
    fit(make_vae(), bits, tmp_path, "sgd", epochs=2)
    fit(make_vae(), bits, tmp_path, "sgd", initial_epoch=2, epochs=4)
    assert list(read_events(tmp_path / "train")["loss"]) == [1, 2, 3, 4]


@pytest.mark.parametrize("together", [1, 4])
@pytest.mark.parametrize("validated", [True, False])
def test_the_speed_is_that_of_the_training_steps(
    make_vae, bits, tmp_path, read_events, monkeypatch, together, validated
):
    clock = iter(range(1_000))
    monkeypatch.setattr(scalars.time, "perf_counter", lambda: float(next(clock)))
    vae = make_vae()
    vae.compile("sgd", steps_per_execution=together)
    options = {"validation_data": (bits[:3],)} if validated else {}
    vae.fit(bits, batch_size=3, epochs=2, callbacks=[callbacks.Scalars(tmp_path)], verbose=0, **options)
    executions = -(-7 // together)  # 20 examples in batches of 3
    found = read_events(tmp_path / "train")["images_per_second"]
    assert [float(value) for value in found.values()] == pytest.approx([20 / executions] * 2)


def test_the_gradient_norm_is_that_of_the_loss_on_the_examples(make_vae, bits, tmp_path, read_events):
    vae = make_vae()
    vae.compile(keras.optimizers.SGD(0.0), run_eagerly=True)
    vae.fit(bits, epochs=2, callbacks=[callbacks.Scalars(tmp_path, bits[:6])], verbose=0)
    first, second = read_events(tmp_path / "train")["gradient_norm"].values()
    assert float(first) == float(second)
    noise = random.normal([1, 6, 2], random.pair(0, random.Purpose.EVALUATION, 0))
    with tf.GradientTape() as tape:
        loss = -tf.reduce_mean(vae.objective(vae.terms(bits[:6], noise), 0)["elbo"])
    gradients = np.concatenate([np.ravel(gradient) for gradient in tape.gradient(loss, vae.trainable_weights)])
    assert float(first) == pytest.approx(np.linalg.norm(gradients), rel=1e-5)


@pytest.mark.parametrize(
    "parts",
    [
        {"objective": objectives.MaximumMeanDiscrepancy()},
        {"objective": objectives.ImportanceWeighted(samples=3, gradient="dreg")},
        {"posterior": posteriors.Deterministic(2), "objective": objectives.Reconstruction()},
    ],
)
def test_every_objective_has_a_gradient_norm(make_vae, bits, tmp_path, read_events, parts):
    vae = make_vae(**parts)
    vae.compile("sgd", run_eagerly=True)
    vae.fit(bits, callbacks=[callbacks.Scalars(tmp_path, bits[:6])], verbose=0)
    assert float(read_events(tmp_path / "train")["gradient_norm"][1]) > 0
