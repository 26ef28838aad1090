"""What every class of every axis does; see `CASES` in conftest.py."""

import inspect

import keras
import numpy as np
import tensorflow as tf

from vae_tf import VAE, likelihoods, networks, objectives, posteriors, priors, random, schedules
from vae_tf.family import Given


def test_no_class_is_left_out(covered):
    public = {name for axis in (likelihoods, networks, objectives, posteriors, priors) for name in axis.__all__}
    public -= {"Likelihood", "Objective", "Posterior", "Prior", "Networks", "Inputs", "Conditions"}
    public -= {"Quantized", "RelativeNormal", "LadderNetworks", "ladder"}  # of ladders: tests/vae_tf/latents
    own = [
        name for name, kind in inspect.getmembers(schedules, inspect.isclass) if kind.__module__ == schedules.__name__
    ]
    public |= {name for name in own if not name.startswith("_")} - {"Schedule"}
    assert public - covered == set(), "add a line to CASES in tests/conformance/conftest.py"


def test_no_two_classes_share_a_name():
    # Keras finds the classes of saved models by their names, whatever their module.
    names = [name for axis in (likelihoods, objectives, posteriors, priors) for name in axis.__all__]
    assert len(names) == len(set(names))


def answers(vae: VAE, batch, few: dict[str, np.ndarray]) -> list[np.ndarray]:
    seeds = tf.stack([tf.fill([5], 7), tf.range(5)], axis=1)
    codes = vae.represent(batch).z
    return [value.numpy() for value in (codes, vae(batch), vae.draw(seeds, **few), vae.sample(5, seed=7, **few))]


def one_pass(vae: VAE, batch) -> dict[str, tf.Tensor]:
    """Every tensor of a pass and of its objective."""
    count = tf.shape(batch["x"] if vae.conditions else batch)[0]
    noise = tf.random.stateless_normal([vae.objective.samples, count, vae.noise_size], [1, 2])
    prior_noise = tf.random.stateless_normal([count, vae.prior_noise_size], [3, 4])
    terms = vae.terms(batch, noise, prior_noise=prior_noise)
    values = vae.objective(terms, tf.constant(1))
    inputs = [batch[value.name] for value in vae.encoder.inputs] if vae.conditions else [batch]
    features = vae.encoder(inputs if len(inputs) > 1 else inputs[0])
    parameters = vae.posterior.parameters(Given(features))
    return {**values, **parameters, "log_likelihood": terms.log_likelihood, "z": terms.latents[0].z, "mean": vae(batch)}


def test_it_builds_with_the_shapes_of_the_contract(case, x):
    vae = case.seeded()
    batch, three = case.batch(vae, x), case.conditions(vae, 3)
    q, p = vae.encode(batch), vae.decode(vae.draw(np.zeros((3, 2), np.int32), **three), **three)
    assert (q.batch_shape, q.event_shape) == ((20,), (vae.latent_size,))
    assert (p.batch_shape, p.event_shape) == ((3,), vae.event_shape)
    assert vae(batch).shape == x.shape
    assert vae.posterior.code(q).shape == (20, vae.latent_size)
    assert all(vars(type(part)).get("__doc__") for part in (vae.posterior, vae.prior, vae.likelihood, vae.objective))


def test_two_steps_change_every_weight_and_log_finite_values(trained):
    vae, before, history = trained.vae, trained.before, trained.history
    assert set(history) == set(vae.objective.directions)
    assert np.isfinite(list(history.values())).all()
    assert int(vae.optimizer.iterations) == 2
    for weight, old in zip(vae.trainable_weights, before, strict=True):
        assert not np.array_equal(weight, old), weight.path


def test_it_is_saved_and_loaded_in_safe_mode(trained, tmp_path):
    trained.vae.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    data = trained.batch, trained.few
    for one, other in zip(answers(loaded, *data), answers(trained.vae, *data), strict=True):
        np.testing.assert_array_equal(one, other)
    for one, other in zip(loaded.optimizer.variables, trained.vae.optimizer.variables, strict=True):
        np.testing.assert_array_equal(one, other)


def test_its_config_makes_it_again(case):
    vae = case.seeded()
    again = VAE.from_config(vae.get_config())
    assert (again.seed, again.name) == (vae.seed, vae.name)
    assert [weight.shape for weight in again.weights] == [weight.shape for weight in vae.weights]
    for part in ("posterior", "prior", "likelihood", "objective"):
        one, other = getattr(vae, part), getattr(again, part)
        assert type(one) is type(other)
        assert one is not other
        assert one.get_config() == other.get_config()


def test_it_computes_in_float32_under_mixed_precision(case, x):
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy("mixed_float16")
    try:
        vae = case.seeded()
        assert vae.encoder.outputs[0].dtype == vae.decoder.outputs[0].dtype == "float16"
        dtypes = {name: value.dtype for name, value in one_pass(vae, case.batch(vae, x)).items()}
        assert set(dtypes.values()) == {tf.float32}, dtypes
        assert {weight.dtype for weight in vae.trainable_weights} == {"float32"}
    finally:
        keras.config.set_dtype_policy(before)


def fixed_noise(shape, seed) -> tf.Tensor:
    """Numbers that XLA computes as TensorFlow does; each has a normal generator of its own."""
    count = tf.cast(tf.reduce_prod(shape), tf.float32)
    return tf.reshape(2 * tf.sin(1 + tf.range(count) + tf.cast(seed[1] % 100, tf.float32)), shape)


def test_xla_trains_as_tensorflow_does(case, x, monkeypatch):
    monkeypatch.setattr(random, "normal", fixed_noise)
    trained = []
    for options in ({"jit_compile": True}, {"run_eagerly": True}):
        vae = case.seeded()
        vae.compile(keras.optimizers.SGD(1e-3), **options)
        history = vae.fit(case.batch(vae, x), batch_size=10, shuffle=False, verbose=0).history
        trained.append((vae.trainable_weights, history))
    (weights, history), (expected_weights, expected_history) = trained
    for name, values in expected_history.items():
        np.testing.assert_allclose(history[name], values, rtol=1e-4, err_msg=name)
    for one, other in zip(weights, expected_weights, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-4, atol=1e-5, err_msg=one.path)


def test_it_computes_with_keras_weights_and_nothing_else(trained):
    vae = trained.vae
    # Keras neither trains nor saves a tf.Variable that it does not know.
    batch = tf.nest.map_structure(tf.constant, trained.batch)
    computed = tf.function(lambda batch: one_pass(vae, batch)).get_concrete_function(batch)
    known = {id(weight.value) for weight in vae.weights}
    assert [variable.name for variable in computed.variables if id(variable) not in known] == []
