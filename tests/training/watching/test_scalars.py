import keras
import numpy as np
import pytest
import tensorflow as tf

from vae_tf import VAE, networks, objectives, posteriors, random, schedules
from vae_tf.training import callbacks
from vae_tf.training.watching import scalars

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


def norm(vae, x, folder, read_events, callback=None) -> float:
    callback = callbacks.Scalars(folder, x) if callback is None else callback
    vae.compile(keras.optimizers.SGD(0.0), run_eagerly=True)
    vae.fit(x, callbacks=[callback], verbose=0)
    return float(read_events(folder / "train")["gradient_norm"][1])


def test_the_gradient_is_that_of_the_regularisers_too(bits, tmp_path, read_events):
    encoder, decoder = networks.mlp((4, 4, 1), latent_size=2, hidden=(5,))
    plain = norm(VAE(encoder, decoder), bits, tmp_path / "plain", read_events)
    kernel = encoder.layers[2].kernel
    kernel.regularizer = keras.regularizers.L2(100.0)
    penalised = norm(VAE(encoder, decoder), bits, tmp_path / "penalised", read_events)
    penalty = 200 * float(tf.norm(kernel))  # |d 100 |W|^2 / d W|
    assert abs(penalised - penalty) <= plain * 1.01
    assert penalised > 2 * plain


def test_another_model_or_other_weights_have_their_own_gradient(make_vae, bits, tmp_path, read_events):
    first, second = make_vae(), make_vae(hidden=(7,))
    second.posterior.loc.kernel.assign(9 * second.posterior.loc.kernel)
    fresh = [norm(vae, bits, tmp_path / f"fresh-{i}", read_events) for i, vae in enumerate((first, second))]
    callback = callbacks.Scalars(tmp_path / "a", bits)
    assert norm(first, bits, tmp_path / "a", read_events, callback) == pytest.approx(fresh[0], rel=1e-5)
    callback.directory = tmp_path / "b"
    assert norm(second, bits, tmp_path / "b", read_events, callback) == pytest.approx(fresh[1], rel=1e-5)
    second.decoder.trainable = False
    callback.directory = tmp_path / "c"
    assert norm(second, bits, tmp_path / "c", read_events, callback) < fresh[1]


def test_the_speed_leaves_out_what_was_counted_before_an_interruption(
    make_vae, bits, tmp_path, read_events, monkeypatch
):
    clock = iter(range(1_000))
    monkeypatch.setattr(scalars.time, "perf_counter", lambda: float(next(clock)))

    class Resumed(keras.callbacks.Callback):
        def on_epoch_begin(self, epoch, logs=None):
            self.model.logged_means.metrics[0].count.assign(1_000.0)

    vae = make_vae()
    vae.compile("sgd", jit_compile=False)
    vae.fit(bits, batch_size=5, callbacks=[callbacks.Scalars(tmp_path), Resumed()], verbose=0)
    assert float(read_events(tmp_path / "train")["images_per_second"][1]) == pytest.approx(20 / 4)


def test_the_gradient_norm_is_of_the_loss_with_the_conditions(make_vae, bits, tmp_path, read_events):
    vae = make_vae(conditions={"label": networks.Label(3)})
    x = {"x": bits[:6], "label": np.arange(6) % 3}
    found = norm(vae, x, tmp_path, read_events)
    with tf.GradientTape() as tape:
        loss = tf.reduce_mean(vae.values(x, random.pair(0, random.Purpose.EVALUATION, 0))["loss"])
    gradients = [tf.convert_to_tensor(gradient) for gradient in tape.gradient(loss, vae.trainable_weights)]
    assert found == pytest.approx(float(tf.linalg.global_norm(gradients)), rel=1e-5)
    other = norm(vae, {**x, "label": (x["label"] + 1) % 3}, tmp_path / "other", read_events)
    assert other != pytest.approx(found, rel=1e-5)
