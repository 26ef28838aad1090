"""A `.keras` file holds all of a model: what it computes, and how it goes on training."""

import pathlib

import keras
import numpy as np
import pytest
import tensorflow as tf

import vae_tf
from vae_tf import VAE, likelihoods, networks, objectives, priors, schedules


def answers(vae, x) -> dict[str, np.ndarray]:
    q, p = vae.encode(x), vae.decode(x[:, : vae.latent_size])
    return {
        "encoded_mean": q.mean().numpy(),
        "encoded_stddev": q.stddev().numpy(),
        "decoded_mean": p.mean().numpy(),
        "decoded_log_prob": p.log_prob(x).numpy(),
        "codes": vae.draw(tf.stack([tf.fill([64], 7), tf.range(64)], axis=1)).numpy(),
        "samples": vae.sample(64, seed=7).numpy(),
    }


def assert_same(one: dict, other: dict) -> None:
    assert one.keys() == other.keys()
    for name, value in one.items():
        np.testing.assert_array_equal(value, other[name], err_msg=name)


@pytest.fixture(scope="module")
def train(make_vae, binary):
    """Trains a model for two epochs."""

    def run(**options) -> VAE:
        objective = objectives.ELBO(beta=schedules.Linear(0, 1, 8), samples=2)
        vae = make_vae(objective=objective, seed=11, name="digits")
        vae.compile(keras.optimizers.Adam(0.01), **options)
        vae.fit(binary, batch_size=25, epochs=2, shuffle=False, verbose=0)
        return vae

    return run


@pytest.fixture(scope="module")
def trained(train):
    return train(run_eagerly=True)


def test_a_fresh_process_gives_the_same_bits_and_trains_on_as_if_nothing_had_been(
    train, binary, fresh_process, tmp_path
):
    trained = train()
    trained.save(tmp_path / "model.keras")
    np.savez(tmp_path / "expected.npz", x=binary, **answers(trained, binary))
    process = fresh_process(
        """
        import keras, numpy as np, tensorflow as tf
        import vae_tf

        vae = keras.saving.load_model("model.keras")
        expected = dict(np.load("expected.npz"))
        x = expected.pop("x")
        q, p = vae.encode(x), vae.decode(x[:, : vae.latent_size])
        found = {
            "encoded_mean": q.mean(), "encoded_stddev": q.stddev(),
            "decoded_mean": p.mean(), "decoded_log_prob": p.log_prob(x),
            "codes": vae.draw(tf.stack([tf.fill([64], 7), tf.range(64)], axis=1)),
            "samples": vae.sample(64, seed=7),
        }
        assert found.keys() == expected.keys()
        for name in expected:
            np.testing.assert_array_equal(found[name], expected[name], err_msg=name)
        vae.fit(x, batch_size=25, epochs=2, shuffle=False, verbose=0)
        variables = [*vae.weights, *vae.optimizer.variables]
        np.savez("continued.npz", *[variable.numpy() for variable in variables])
        """
    )
    assert process.returncode == 0, process.stderr
    trained.fit(binary, batch_size=25, epochs=2, shuffle=False, verbose=0)
    variables = [*trained.weights, *trained.optimizer.variables]
    continued = np.load(tmp_path / "continued.npz")
    assert len(continued.files) == len(variables)
    for number, variable in enumerate(variables):
        np.testing.assert_array_equal(continued[f"arr_{number}"], variable.numpy(), err_msg=variable.path)


def test_weights_alone_can_be_saved_and_loaded(trained, binary, make_vae, tmp_path):
    trained.save_weights(tmp_path / "digits.weights.h5")
    other = make_vae()
    other.set_weights([weight + 1 for weight in other.get_weights()])
    other.load_weights(tmp_path / "digits.weights.h5")
    assert_same(answers(other, binary), answers(trained, binary))


def test_the_config_makes_the_model_again(trained):
    again = VAE.from_config(trained.get_config())
    assert again.seed == 11
    assert again.name == "digits"
    assert again.objective.samples == 2
    assert again.objective.beta(tf.constant(2)) == 0.25
    assert [weight.shape for weight in again.weights] == [weight.shape for weight in trained.weights]
    assert not any(one is other for one in again.weights for other in trained.weights)


def test_a_frozen_prior_stays_frozen(make_vae, binary, tmp_path):
    prior = priors.MixtureOfNormals(2, components=3)
    prior.trainable = False
    vae = make_vae(prior=prior)
    vae.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    assert not loaded.prior.trainable
    assert loaded.posterior.trainable
    assert loaded.likelihood.trainable
    before = loaded.posterior.get_weights()
    loaded.compile(keras.optimizers.Adam(0.01), run_eagerly=True)
    loaded.fit(binary, batch_size=25, epochs=1, verbose=0)
    for one, other in zip(vae.prior.get_weights(), loaded.prior.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)
    assert all((one != other).any() for one, other in zip(before, loaded.posterior.get_weights(), strict=True))


def test_a_prior_that_is_trained_is_trained_on(make_vae, tmp_path):
    make_vae(prior=priors.MixtureOfNormals(2, components=3)).save(tmp_path / "model.keras")
    assert len(keras.saving.load_model(tmp_path / "model.keras").prior.trainable_weights) == 3


def test_the_best_model_by_the_bound_is_kept(make_vae, binary, tmp_path):
    vae = make_vae()
    vae.compile(keras.optimizers.Adam(0.05), run_eagerly=True)
    path = tmp_path / "best.keras"
    callback = keras.callbacks.ModelCheckpoint(path, monitor="val_elbo", save_best_only=True)
    history = vae.fit(binary, epochs=3, validation_data=(binary,), callbacks=[callback], verbose=0).history
    best = keras.saving.load_model(path)
    best.compile("sgd", run_eagerly=True)
    assert best.evaluate(binary, verbose=0, return_dict=True)["elbo"] == pytest.approx(max(history["val_elbo"]))


# ----- a user's own networks


def keras_io_networks():
    """A Sequential encoder, and a decoder that ends in logits."""
    layers = keras.layers
    encoder = keras.Sequential([keras.Input((6, 6, 1)), layers.Conv2D(3, 3, strides=2, activation="relu")])
    decoder = keras.Sequential(
        [
            keras.Input((2,)),
            layers.Dense(9 * 3, activation="relu"),
            layers.Reshape((3, 3, 3)),
            layers.Conv2DTranspose(1, 3, strides=2, padding="same"),
        ]
    )
    return encoder, decoder


def functional_networks():
    """Functional networks with batch normalisation, dropout and a second branch."""
    layers = keras.layers
    x = keras.Input((6, 6, 1))
    h = layers.Dropout(0.2)(layers.BatchNormalization()(layers.Dense(4, activation="relu")(layers.Flatten()(x))))
    encoder = keras.Model(x, layers.Concatenate()([h, layers.Flatten()(x)]))
    z = keras.Input((2,))
    h = layers.BatchNormalization()(layers.Dense(36, activation="relu")(z))
    return encoder, keras.Model(z, layers.Reshape((6, 6, 1))(h))


@pytest.mark.parametrize("user_networks", [keras_io_networks, functional_networks])
def test_a_users_own_networks_train_save_and_load(user_networks, rng, tmp_path):
    x = rng.integers(0, 2, (20, 6, 6, 1)).astype(np.float32)
    vae = VAE(*user_networks(), likelihood=likelihoods.Bernoulli((6, 6, 1), projection=None))
    vae.compile("adam", run_eagerly=True)
    vae.fit(x, epochs=2, batch_size=10, verbose=0)
    vae.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    np.testing.assert_array_equal(loaded(x), vae(x))
    np.testing.assert_array_equal(loaded.sample(5, seed=1), vae.sample(5, seed=1))
    loaded.compile("adam", run_eagerly=True)
    loaded.fit(x, epochs=1, batch_size=10, verbose=0)


def test_a_users_own_layer_is_found_by_its_name(rng, tmp_path):
    class Double(keras.layers.Layer):
        def call(self, x):
            return 2 * x

    encoder, decoder = networks.mlp((6,), latent_size=2, hidden=(5,))
    x = keras.Input((6,))
    vae = VAE(keras.Model(x, Double()(encoder(x))), decoder)
    vae.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras", custom_objects={"Double": Double})
    data = rng.random((5, 6)).astype(np.float32)
    np.testing.assert_array_equal(loaded(data), vae(data))


def test_code_inside_a_file_is_not_run_in_safe_mode(make_vae, tmp_path):
    x = keras.Input((6,))
    encoder = keras.Model(x, keras.layers.Lambda(lambda x: 2 * x)(x))
    _, decoder = networks.mlp((6,), latent_size=2, hidden=(5,))
    VAE(encoder, decoder).save(tmp_path / "model.keras")
    with pytest.raises(ValueError, match="safe_mode=False"):
        keras.saving.load_model(tmp_path / "model.keras")


# ----- one's own classes, by the interface


@keras.saving.register_keras_serializable("test_model_saving")
class Shifted(priors.StandardNormal):
    """N(z; shift, I), with a learned shift."""

    def build(self, codes_shape):
        self.shift = self.add_weight(name="shift", shape=(self.latent_size,), initializer="ones")
        super().build(codes_shape)

    def from_noise(self, noise, encode):
        return noise + self.shift


def test_a_part_of_a_users_own_keeps_its_weights(make_vae, tmp_path):
    vae = make_vae(prior=Shifted(2))
    vae.prior.shift.assign([3.0, 4.0])
    vae.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    assert type(loaded.prior) is Shifted
    np.testing.assert_array_equal(loaded.prior.shift, [3.0, 4.0])
    np.testing.assert_array_equal(loaded.sample(3, seed=1), vae.sample(3, seed=1))


# ----- the golden file, made once by tests/golden/make.py

GOLDEN = pathlib.Path(__file__).parents[1] / "golden"


def test_a_file_of_an_earlier_version_gives_what_it_gave():
    vae = keras.saving.load_model(GOLDEN / "model.keras")
    golden = dict(np.load(GOLDEN / "answers.npz"))
    x = golden.pop("x")
    found = {**answers(vae, x), "log_prob": vae.log_prob(x, samples=10, seed=3).numpy()}
    assert found.keys() == golden.keys()
    for name, value in golden.items():
        np.testing.assert_allclose(found[name], value, rtol=1e-5, atol=1e-5, err_msg=name)
    assert int(vae.training_steps) == int(vae.optimizer.iterations) == 4
    assert vae.seed == 11


def test_the_version_is_a_version():
    assert all(part.isdigit() for part in vae_tf.__version__.split(".")[:2])
