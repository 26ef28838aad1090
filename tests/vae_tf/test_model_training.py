"""One step of training by hand, and what `fit` and `evaluate` do with it."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from vae_tf import VAE, likelihoods, networks, objectives, posteriors, priors, random, schedules
from vae_tf.random import Purpose


def step_noise(vae, batch: int, counter: int = 0, purpose: Purpose = Purpose.TRAINING) -> tf.Tensor:
    return random.normal([vae.objective.samples, batch, vae.latent_size], random.pair(vae.seed, purpose, counter))


def values_by_hand(vae, x, noise) -> tuple[tf.Tensor, tf.Tensor]:
    """Distortion and analytic rate of the mlp's Bernoulli VAE, [B] each, from its weights and plain TensorFlow."""
    dense = lambda layer, h: h @ layer.kernel.value + layer.bias.value  # noqa: E731
    h = tf.nn.relu(dense(vae.encoder.layers[-1], tf.constant(x)))
    loc, log_variance = dense(vae.posterior.loc, h), dense(vae.posterior.log_variance, h)
    z = tf.reshape(loc + tf.exp(log_variance / 2) * noise, [-1, vae.latent_size])
    logits = dense(vae.likelihood.linear, tf.nn.relu(dense(vae.decoder.layers[-1], z)))
    logits = tf.reshape(logits, [-1, *x.shape])
    log_likelihood = tf.reduce_sum(x * tf.math.log_sigmoid(logits) + (1 - x) * tf.math.log_sigmoid(-logits), axis=-1)
    rate = 0.5 * tf.reduce_sum(loc**2 + tf.exp(log_variance) - 1 - log_variance, axis=-1)
    return -tf.reduce_mean(log_likelihood, axis=0), rate


def weights(vae) -> list[np.ndarray]:
    return [weight.numpy() for weight in vae.trainable_weights]


def assert_same(ones, others, **tolerance) -> None:
    for one, other in zip(ones, others, strict=True):
        if tolerance:
            np.testing.assert_allclose(one, other, **tolerance)
        else:
            np.testing.assert_array_equal(one, other)


def differ(ones, others) -> list[bool]:
    return [not np.array_equal(one, other) for one, other in zip(ones, others, strict=True)]


# ----- one step


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize(("beta", "samples"), [(1.0, 1), (0.3, 3)])
def test_a_step_follows_the_gradient_of_the_weighted_mean(make_vae, binary, rng, beta, samples, weighted):
    vae = make_vae(objective=objectives.ELBO(beta=beta, samples=samples), seed=5)
    vae.compile(keras.optimizers.SGD(1.0), run_eagerly=True)
    x, w = binary[:20], rng.random(20).astype(np.float32) if weighted else np.ones(20, np.float32)
    before = weights(vae)

    with tf.GradientTape() as tape:
        distortion, rate = values_by_hand(vae, x, step_noise(vae, 20))
        loss = tf.reduce_mean(w * (distortion + beta * rate))  # Keras: the sum of w * l, over the number of examples
    gradients = tape.gradient(loss, [weight.value for weight in vae.trainable_weights])

    logs = vae.train_on_batch(x, sample_weight=w if weighted else None, return_dict=True)
    after = [value - gradient for value, gradient in zip(before, gradients, strict=True)]
    assert_same(weights(vae), after, rtol=1e-4, atol=1e-6)
    expected = {
        "loss": loss,
        "elbo": -np.average(distortion + rate, weights=w),
        "rate": np.average(rate, weights=w),
        "distortion": np.average(distortion, weights=w),
        "beta": beta,
    }
    assert set(logs) == set(expected)
    for name, value in expected.items():
        assert logs[name] == pytest.approx(float(value), rel=1e-4), name


def test_each_step_draws_noise_of_its_own(make_vae, binary):
    vae = make_vae(seed=5)
    vae.compile(keras.optimizers.SGD(0.0), run_eagerly=True)
    for step in range(3):
        distortion, _ = values_by_hand(vae, binary, step_noise(vae, 50, step))
        logs = vae.train_on_batch(binary, return_dict=True)
        assert logs["distortion"] == pytest.approx(float(tf.reduce_mean(distortion)), rel=1e-5)
        vae.reset_metrics()
    assert int(vae.training_steps) == 3


def test_beta_follows_the_optimizers_steps(make_vae, binary):
    vae = make_vae(objective=objectives.ELBO(beta=schedules.Linear(0, 1, 4)))
    vae.compile("sgd", run_eagerly=True)
    betas = []
    for _ in range(6):
        vae.reset_metrics()
        betas.append(vae.train_on_batch(binary[:20], return_dict=True)["beta"])
    assert betas == [0, 0.25, 0.5, 0.75, 1, 1]


def test_values_on_a_batch_come_in_the_order_of_evaluate(make_vae, binary):
    vae = make_vae()
    vae.compile("sgd", run_eagerly=True)
    logs = vae.test_on_batch(binary, return_dict=True)
    vae.reset_metrics()
    assert vae.test_on_batch(binary) == [logs[name] for name in ("loss", "elbo", "rate", "distortion")]


def user_networks(regularizer=None, dropout=0.0, batch_normalization=False, activity=None):
    """A Sequential encoder and a functional decoder that ends in logits, as a user writes them."""
    layers = keras.layers
    encoder = [
        keras.Input((6,)),
        layers.Dense(5, "relu", kernel_regularizer=regularizer, activity_regularizer=activity),
    ]
    encoder += [layers.BatchNormalization()] * batch_normalization + [layers.Dropout(dropout, seed=1)] * (dropout > 0)
    z = keras.Input((2,))
    h = layers.Dense(5, activation="relu")(z)
    if batch_normalization:
        h = layers.BatchNormalization()(h)
    if dropout:
        h = layers.Dropout(dropout, seed=2)(h)
    return keras.Sequential(encoder), keras.Model(z, layers.Dense(6, kernel_regularizer=regularizer)(h))


def user_vae(seed=0, **options) -> VAE:
    return VAE(*user_networks(**options), likelihood=likelihoods.Bernoulli((6,), projection=None), seed=seed)


def test_regularisers_of_the_networks_reach_the_loss_and_the_gradient(binary):
    plain, regularised = user_vae(), user_vae(regularizer=keras.regularizers.L2(0.1))
    regularised.set_weights(plain.get_weights())
    logs = []
    for vae in (plain, regularised):
        vae.compile(keras.optimizers.SGD(1.0), run_eagerly=True)
        logs.append(vae.train_on_batch(binary, return_dict=True))
    kernels = [plain.encoder.layers[0].kernel, plain.decoder.layers[-1].kernel]
    changed = [regularised.encoder.layers[0].kernel, regularised.decoder.layers[-1].kernel]
    fresh = user_vae()
    fresh.set_weights(plain.get_weights())
    penalty = logs[1]["loss"] - logs[1]["rate"] - logs[1]["distortion"]
    assert logs[1]["elbo"] == pytest.approx(logs[0]["elbo"])
    # before = regularised + g + 0.2 before = plain + g, so plain - regularised = 0.2 before
    before = [(one - other) / 0.2 for one, other in zip(kernels, changed, strict=True)]
    assert penalty == pytest.approx(sum(0.1 * np.square(kernel).sum() for kernel in before), rel=1e-3)
    assert penalty > 0.1


def test_regularisers_of_activities_reach_the_loss_once(binary):
    vae = user_vae(activity=keras.regularizers.L1(0.5))
    vae.compile("sgd", run_eagerly=True)
    features = vae.encoder(binary)
    for _ in range(2):
        logs = vae.evaluate(binary, batch_size=50, verbose=0, return_dict=True)
        penalty = logs["loss"] - logs["rate"] - logs["distortion"]
        assert penalty == pytest.approx(0.5 * np.abs(features).sum() / 50, rel=1e-4)  # Keras: over the batch


def test_dropout_and_batch_normalisation_see_training(binary):
    vae = user_vae(dropout=0.5, batch_normalization=True)
    vae.compile(keras.optimizers.SGD(0.0), run_eagerly=True)
    batch_normalization = vae.encoder.layers[1]
    assert isinstance(batch_normalization, keras.layers.BatchNormalization)
    start = batch_normalization.get_weights()

    np.testing.assert_array_equal(vae(binary), vae(binary))
    vae.evaluate(binary, verbose=0)
    vae.predict(binary, verbose=0)
    assert_same(batch_normalization.get_weights(), start)

    assert np.abs(vae(binary, training=True) - vae(binary)).max() > 0.01
    batch_normalization.set_weights(start)
    vae.train_on_batch(binary)
    assert differ(batch_normalization.get_weights(), start) == [False, False, True, True]  # the moving moments


@pytest.mark.parametrize("network", ["encoder", "decoder"])
def test_each_network_sees_training_in_every_pass(binary, network):
    vae = user_vae(dropout=0.5)
    other = {"encoder": "decoder", "decoder": "encoder"}[network]
    (dropout,) = (layer for layer in getattr(vae, other).layers if isinstance(layer, keras.layers.Dropout))
    dropout.rate = 0
    noise = tf.zeros([1, 50, 2])
    for run in (
        lambda training: vae(binary, training=training),
        lambda training: vae.terms(binary, noise, training).log_likelihood,
    ):
        np.testing.assert_array_equal(run(False), run(False))
        assert np.abs(run(True) - run(False)).max() > 0.01


def test_a_frozen_encoder_stays_frozen(binary):
    vae = user_vae(batch_normalization=True)
    vae.encoder.trainable = False
    vae.compile(keras.optimizers.Adam(0.1), run_eagerly=True)
    encoder, decoder = vae.encoder.get_weights(), vae.decoder.get_weights()
    vae.fit(binary, epochs=2, verbose=0)
    assert_same(vae.encoder.get_weights(), encoder)
    assert all(differ(vae.decoder.get_weights(), decoder))


@pytest.mark.parametrize("axis", ["posterior", "prior", "likelihood"])
def test_a_part_that_is_frozen_before_the_model_is_built_stays_so(binary, axis, tmp_path):
    part = {
        "posterior": posteriors.DiagonalNormal,
        "prior": priors.ConditionalNormal,
        "likelihood": lambda size: likelihoods.Bernoulli((6,)),
    }[axis](2)
    part.trainable = False
    given = {"label": networks.Label(2)}
    parts = {"prior": priors.ConditionalNormal(2), axis: part}
    vae = VAE(*networks.mlp((6,), latent_size=2, hidden=(5,), conditions=given), **parts)
    vae.compile(keras.optimizers.Adam(0.1), run_eagerly=True)
    before, frozen = weights(vae), part.get_weights()
    assert len(frozen) > 0
    vae.fit({"x": binary, "label": np.arange(50) % 2}, verbose=0)
    assert_same(part.get_weights(), frozen)
    assert all(differ(weights(vae), before))
    vae.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    assert [weight.shape for weight in loaded.trainable_weights] == [weight.shape for weight in vae.trainable_weights]


# ----- fit and evaluate


@pytest.mark.parametrize("targets", [False, True])
def test_weights_without_targets_count_in_training_and_validation(make_vae, binary, targets):
    # Keras itself drops the weights of data that has no targets.
    zeros, y = np.zeros(50, np.float32), binary if targets else None
    vae = make_vae()
    vae.compile(keras.optimizers.SGD(0.1), run_eagerly=True)
    before = weights(vae)
    validation = (binary, y, zeros)
    history = vae.fit(binary, y, sample_weight=zeros, validation_data=validation, verbose=0).history
    assert (history["loss"], history["val_loss"]) == ([0], [0])
    assert_same(weights(vae), before)
    assert vae.evaluate(binary, y, sample_weight=zeros, verbose=0)[0] == 0
    assert vae.test_on_batch(binary, y, sample_weight=zeros, return_dict=True)["loss"] == 0


@pytest.fixture(scope="module")
def deterministic(make_vae):
    vae = make_vae(posterior=posteriors.Deterministic(2), objective=objectives.Reconstruction())
    vae.compile("sgd", run_eagerly=True)
    return vae


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("batch_size", [50, 20, 7])
def test_logged_values_are_means_over_examples_whatever_the_last_batch(
    deterministic, binary, rng, batch_size, weighted
):
    w = rng.random(50).astype(np.float32) if weighted else None  # Keras itself drops the weights of data without y
    distortion = -deterministic.decode(deterministic.encode(binary).mean()).log_prob(binary).numpy()
    logs = deterministic.evaluate(binary, sample_weight=w, batch_size=batch_size, verbose=0, return_dict=True)
    assert set(logs) == {"loss", "distortion"}
    assert logs["loss"] == pytest.approx((distortion * (1 if w is None else w)).mean(), rel=1e-5)
    assert logs["distortion"] == pytest.approx(np.average(distortion, weights=w), rel=1e-5)


@pytest.mark.parametrize("shape", [(50,), (50, 1)])
def test_sample_weights_in_a_column_count_as_in_a_row(deterministic, binary, rng, shape):
    w = rng.random(50).astype(np.float32)
    data = tf.data.Dataset.from_tensor_slices((binary, binary, w.reshape(shape))).batch(20)
    logs = deterministic.evaluate(data, verbose=0, return_dict=True)
    expected = deterministic.evaluate(binary, binary, sample_weight=w, batch_size=20, verbose=0, return_dict=True)
    assert logs == pytest.approx(expected, rel=1e-6)


def test_evaluation_gives_a_list_or_a_dict_and_repeats_exactly(make_vae, binary):
    vae = make_vae()
    vae.compile("sgd")
    logs = vae.evaluate(binary, batch_size=25, verbose=0, return_dict=True)
    assert vae.evaluate(binary, batch_size=25, verbose=0) == [
        logs[name] for name in ("loss", "elbo", "rate", "distortion")
    ]
    assert vae.evaluate(binary, batch_size=25, verbose=0, return_dict=True) == logs
    parts = [values_by_hand(vae, binary[i : i + 25], step_noise(vae, 25, i // 25, Purpose.EVALUATION)) for i in (0, 25)]
    distortion, rate = np.concatenate(parts, axis=1)
    assert logs["elbo"] == pytest.approx(-(distortion + rate).mean(), rel=1e-5)


@pytest.fixture
def train(make_vae):
    """Trains a small model on what it is given; the same seeds whenever it is called."""

    def run(*data, optimizer=None, compile_options=(), **options) -> tuple[VAE, dict]:
        vae = make_vae()
        vae.compile(optimizer or keras.optimizers.Adam(0.03), **dict(compile_options))
        keras.utils.set_random_seed(9)
        history = vae.fit(*data, **{"verbose": 0, **options}).history
        return vae, history

    return run


def test_the_same_seeds_give_the_same_bits_with_and_without_validation(train, binary):
    one, history = train(binary[:40], batch_size=20, epochs=3)
    other, same = train(binary[:40], batch_size=20, epochs=3)
    assert history == same
    assert_same(one.get_weights(), other.get_weights())

    validated, logs = train(binary[:40], batch_size=20, epochs=3, validation_data=(binary[:30],))
    assert_same(weights(validated), weights(one))
    assert {name: logs[name] for name in history} == history
    assert set(logs) == {*history, *(f"val_{name}" for name in history)}


def test_another_seed_gives_other_noise(make_vae, binary):
    losses = []
    for seed in (0, 1):
        vae = make_vae(seed=seed)
        vae.compile("sgd", run_eagerly=True)
        losses.append(vae.train_on_batch(binary, return_dict=True)["distortion"])
    assert losses[0] != losses[1]


def test_arrays_data_sets_generators_and_targets_train_alike(train, binary):
    def generator(*rest):
        for first in (0, 20, 40):
            yield (binary[first : first + 20], *rest)

    options = {"shuffle": False, "compile_options": {"run_eagerly": True}}
    expected, history = train(binary, batch_size=20, **options)
    labels = np.arange(50)
    data_set = tf.data.Dataset.from_tensor_slices(binary).batch(20)
    labelled = tf.data.Dataset.from_tensor_slices((binary, labels)).batch(20)
    for case, (vae, logs) in {
        "tensor": train(tf.constant(binary), batch_size=20, **options),
        "x, x": train(binary, binary, batch_size=20, **options),
        "x, labels": train(binary, labels, batch_size=20, **options),
        "data set": train(data_set, **options),
        "labelled data set": train(labelled, **options),
        "generator": train(generator(), steps_per_epoch=3, **options),
    }.items():
        assert logs == history, case
        assert_same(vae.get_weights(), expected.get_weights())


def test_data_whose_shape_is_known_only_when_it_comes(make_vae, binary):
    # As after tf.io.decode_png: the rank is known, the sizes are not.
    any_size = tf.TensorSpec([None, None], tf.float32)
    data = tf.data.Dataset.from_generator(lambda: iter([binary]), output_signature=any_size)
    data = data.apply(tf.data.experimental.assert_cardinality(1))
    vae = make_vae()
    vae.compile("sgd")
    logs = vae.evaluate(data, verbose=0, return_dict=True)
    assert logs["loss"] == pytest.approx(vae.evaluate(binary, batch_size=50, verbose=0)[0], rel=1e-6)


def test_several_steps_per_execution_are_the_same_steps(train, binary):
    options = {"batch_size": 10, "epochs": 2, "shuffle": False}
    one, history = train(binary, **options)
    several, logs = train(binary, **options, compile_options={"steps_per_execution": 4})
    assert logs["loss"] == pytest.approx(history["loss"], rel=1e-5)
    assert_same(several.get_weights(), one.get_weights(), rtol=1e-5, atol=1e-6)
    assert int(several.training_steps) == int(several.optimizer.iterations) == 10


@pytest.mark.parametrize("jit_compile", [False, True])
def test_training_raises_the_bound_with_and_without_xla(train, binary, jit_compile):
    _, history = train(binary, batch_size=25, epochs=15, compile_options={"jit_compile": jit_compile})
    assert history["elbo"][-1] > history["elbo"][0] + 0.15
    assert history["loss"][-1] == pytest.approx(history["rate"][-1] + history["distortion"][-1], rel=1e-5)


def test_early_stopping_goes_on_while_the_bound_rises_and_stops_when_it_falls(train, binary):
    options = {"batch_size": 25, "epochs": 3, "validation_data": (binary,), "compile_options": {"run_eagerly": True}}
    _, history = train(binary, **options, callbacks=[keras.callbacks.EarlyStopping("val_elbo")])
    assert len(history["val_elbo"]) == 3
    assert history["val_elbo"] == sorted(history["val_elbo"])

    class Worsen(keras.callbacks.Callback):
        def on_epoch_begin(self, epoch, logs=None):
            self.model.likelihood.linear.bias.assign_add([3.0 * epoch] * 6)

    _, history = train(binary, **options, callbacks=[Worsen(), keras.callbacks.EarlyStopping("val_elbo")])
    assert len(history["val_elbo"]) == 2


@pytest.mark.parametrize("policy", ["mixed_float16", "mixed_bfloat16"])
def test_mixed_precision_computes_the_bound_in_float32_and_trains(train, binary, set_policy, policy):
    set_policy(policy)
    vae, history = train(binary, batch_size=25, epochs=5, compile_options={"run_eagerly": True})
    assert vae.encoder(binary).dtype == policy.removeprefix("mixed_")

    noise = step_noise(vae, 50)
    terms = vae.terms(binary, noise)
    (latent,) = terms.latents
    values = [terms.log_likelihood, latent.z, latent.posterior.mean(), latent.posterior.stddev(), vae(binary)]
    values += [*vae.objective(terms, 0).values(), vae.sample(3, seed=1), vae.log_prob(binary[:3], samples=2)]
    assert {value.dtype for value in values} == {tf.float32}
    assert {weight.dtype for weight in vae.trainable_weights} == {"float32"}
    assert history["elbo"][-1] > history["elbo"][0]
    distortion, _ = values_by_hand(vae, binary, noise)
    np.testing.assert_allclose(-terms.log_likelihood[0], distortion, rtol=0.05)  # half precision in the networks


def test_float16_scales_the_loss_and_a_loaded_model_goes_on_with_it(make_vae, binary, set_policy, tmp_path):
    set_policy("mixed_float16")
    vae = make_vae()
    vae.compile(keras.optimizers.Adam(0.03), run_eagerly=True)
    vae.train_on_batch(binary)
    assert isinstance(vae.optimizer, keras.optimizers.LossScaleOptimizer)
    assert float(vae.optimizer.inner_optimizer.learning_rate) == pytest.approx(0.03)

    vae.save(tmp_path / "model.keras")
    set_policy("float32")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    assert isinstance(loaded.optimizer, keras.optimizers.LossScaleOptimizer)
    assert_same([w.numpy() for w in loaded.optimizer.variables], [w.numpy() for w in vae.optimizer.variables])


def test_a_scaled_loss_has_the_gradient_of_the_loss(make_vae, binary, set_policy):
    set_policy("mixed_float16")
    vae = make_vae()
    vae.compile(keras.optimizers.LossScaleOptimizer(keras.optimizers.SGD(0.1), initial_scale=2.0), run_eagerly=True)
    before = weights(vae)
    vae.train_on_batch(binary)
    scaled = [(one - other) / 0.1 for one, other in zip(before, weights(vae), strict=True)]
    with tf.GradientTape() as tape:
        loss = tf.reduce_mean(tf.add(*values_by_hand(restored(vae, before), binary, step_noise(vae, 50))))
    gradients = tape.gradient(loss, [weight.value for weight in vae.trainable_weights])
    assert_same(scaled, gradients, rtol=0.05, atol=0.02)


def restored(vae, values):
    for weight, value in zip(vae.trainable_weights, values, strict=True):
        weight.assign(value)
    return vae


def test_a_convolutional_model_of_real_values_trains(rng):
    x = rng.normal(size=(20, 5, 5, 2)).astype(np.float32)
    vae = VAE(*networks.conv((5, 5, 2), 2, filters=(3,), hidden=4), likelihood=likelihoods.Normal((5, 5, 2)))
    vae.compile(keras.optimizers.Adam(0.02), run_eagerly=True)
    history = vae.fit(x, epochs=5, batch_size=10, verbose=0).history
    assert history["elbo"][-1] > history["elbo"][0]


def test_a_subclass_whose_values_know_no_weights_trains_without_them(binary):
    class Doubled(VAE):
        def values(self, x, seed, training=False):
            values = super().values(x, seed, training)
            return {**values, "loss": 2 * values["loss"]}

    losses = []
    for model in (VAE, Doubled):
        keras.utils.set_random_seed(1)
        vae = model(*networks.mlp((6,), latent_size=2, hidden=(5,)))
        vae.compile(keras.optimizers.SGD(0.0), run_eagerly=True)
        losses.append(vae.fit(binary, shuffle=False, validation_data=(binary,), verbose=0).history)
    for name in ("loss", "val_loss"):
        np.testing.assert_allclose(losses[1][name], 2 * np.array(losses[0][name]), rtol=1e-6)
    np.testing.assert_allclose(losses[1]["elbo"], losses[0]["elbo"], rtol=1e-6)
