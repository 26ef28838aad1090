"""What an encoder does with its data first."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from vae_tf import VAE, InputError, likelihoods, networks
from vae_tf.inputs import Log1p, Standardize


@pytest.fixture
def counts():
    """Counts of mean 30, as the documents describe them: raw."""
    return np.random.default_rng(0).negative_binomial(2, 2 / 32, size=(256, 50)).astype(np.float32)


@pytest.fixture
def table():
    """A table whose columns have standard deviations of about 50, and one that does not vary."""
    rng = np.random.default_rng(0)
    columns = rng.normal(size=(256, 4)) @ rng.normal(size=(4, 20)) * 25 + 1000 * rng.normal(size=20)
    columns[:, 3] = 1000.1
    return columns.astype(np.float32)


def test_counts_become_logarithms_of_either_sign():
    x = np.float32([[0, 1, 30, 1e6, -30, np.nan, np.inf]])
    np.testing.assert_allclose(Log1p()(x), np.sign(x) * np.log1p(np.abs(x)), rtol=1e-6)


@pytest.mark.parametrize("as_data", ["array", "data set", "pairs"])
def test_the_mean_and_the_deviation_are_those_of_the_data(table, as_data):
    layer = Standardize()
    layer.build((None, 20))
    np.testing.assert_array_equal(layer(table), table)  # nothing is learned yet
    data = tf.data.Dataset.from_tensor_slices(table).batch(100)
    data = {"array": table, "data set": data, "pairs": data.map(lambda x: (x, x))}[as_data]
    layer.adapt(data)
    np.testing.assert_allclose(layer.mean, table.mean(axis=0, dtype=np.float64), rtol=1e-6)
    expected = table.std(axis=0, dtype=np.float64)
    expected[3] = 1  # what does not vary is centred only
    np.testing.assert_allclose(layer.deviation, expected, rtol=1e-6)
    np.testing.assert_allclose(layer(table)[:, 3], 0, atol=1e-3)
    assert layer.trainable_weights == []


def test_each_channel_of_an_image_has_its_own(rng):
    images = (rng.normal(size=(30, 4, 5, 3)) * [1, 10, 100] + [0, 5, -7]).astype(np.float32)
    layer = Standardize()
    layer.build((None, 4, 5, 3))
    layer.adapt(images)
    found = layer(images).numpy()
    np.testing.assert_allclose(found.mean(axis=(0, 1, 2)), 0, atol=1e-5)
    np.testing.assert_allclose(found.std(axis=(0, 1, 2)), 1, rtol=1e-5)


@pytest.mark.parametrize(
    ("data", "what"), [(np.zeros((0, 2)), "no data"), (np.array([[1.0, np.nan]]), "data with NaN or infinite values")]
)
def test_what_no_mean_can_be_learned_from_is_refused(data, what):
    layer = Standardize()
    layer.build((None, 2))
    with pytest.raises(InputError, match=rf"Standardize.adapt got {what}: give the examples"):
        layer.adapt(data)


@pytest.mark.parametrize("inputs", [None, "log1p", "standardize"])
def test_raw_counts_train_to_finite_losses(counts, inputs):
    vae = VAE(*networks.mlp((50,), inputs=inputs), likelihood=likelihoods.NegativeBinomial((50,)))
    if inputs == "standardize":
        vae.encoder.get_layer("standardize").adapt(counts)
    vae.compile("adam")
    loss = vae.fit(counts, epochs=5, batch_size=32, verbose=0).history["loss"]
    assert np.isfinite(loss).all()
    assert loss[-1] < loss[0]
    if inputs:
        assert loss[0] < 1_000  # nats; of raw counts, the first epoch has millions


@pytest.mark.parametrize("inputs", [None, "standardize"])
@pytest.mark.parametrize("make", [likelihoods.Normal, likelihoods.Laplace])
def test_tables_of_large_values_train_to_finite_losses(table, make, inputs):
    vae = VAE(*networks.mlp((20,), inputs=inputs), likelihood=make((20,)))
    if inputs:
        vae.encoder.get_layer("standardize").adapt(table)
    vae.compile("adam")
    loss = vae.fit(table, epochs=3, verbose=0).history["loss"]
    assert np.isfinite(loss).all()
    assert np.isfinite(vae.encode(table).stddev()).all()


@pytest.mark.parametrize("inputs", ["log1p", "standardize"])
@pytest.mark.parametrize("policy", ["float32", "mixed_float16"])
def test_a_saved_model_does_the_same(table, inputs, policy, set_policy, tmp_path):
    set_policy(policy)
    vae = VAE(*networks.mlp((20,), 2, hidden=(4,), inputs=inputs), likelihood=likelihoods.Normal((20,)))
    if inputs == "standardize":
        vae.encoder.get_layer("standardize").adapt(table)
    assert vae.encoder.get_layer(inputs).compute_dtype == "float32"  # a half would overflow at 65,504
    vae.save(tmp_path / "model.keras")
    again = keras.saving.load_model(tmp_path / "model.keras")
    np.testing.assert_array_equal(again.encoder(1000 * table), vae.encoder(1000 * table))
    assert np.isfinite(vae.encoder(1000 * table)).all() or policy == "mixed_float16"
