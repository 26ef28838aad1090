"""The code as a Keras model."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from vae_tf import VAE, InputError, networks, objectives, posteriors, priors
from vae_tf.coder import Coder
from vae_tf.spaces import WholeNumbers

CHOICES = {
    "DiagonalNormal": lambda: {},
    "FullCovarianceNormal": lambda: {"posterior": posteriors.FullCovarianceNormal(2)},
    "InverseAutoregressiveFlow": lambda: {"posterior": posteriors.InverseAutoregressiveFlow(2, hidden=(4,))},
    "PowerSpherical": lambda: {"posterior": posteriors.PowerSpherical(2), "prior": priors.SphericalUniform(2)},
    "Deterministic": lambda: {"posterior": posteriors.Deterministic(2), "objective": objectives.Reconstruction()},
}


@pytest.mark.parametrize("name", CHOICES)
def test_it_answers_the_code_of_the_posterior(make_vae, binary, name):
    vae = make_vae(**CHOICES[name]())
    expected = vae.posterior.code(vae.encode(binary))
    np.testing.assert_allclose(vae.coder(binary), expected, rtol=1e-5, atol=1e-6)
    dataset = tf.data.Dataset.from_tensor_slices(binary).batch(15)
    for codes in (vae.coder.predict(binary, verbose=0), vae.coder.predict(dataset, verbose=0)):
        assert (codes.dtype, codes.shape) == (np.float32, (50, 2))
        np.testing.assert_allclose(codes, expected, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("name", CHOICES)
def test_it_is_saved_and_loaded_on_its_own(make_vae, binary, name, tmp_path):
    vae = make_vae(**CHOICES[name]())
    vae.posterior.trainable = False
    vae.coder.save(tmp_path / "coder.keras")
    loaded = keras.saving.load_model(tmp_path / "coder.keras")
    assert type(loaded) is Coder
    assert not loaded.posterior.trainable
    np.testing.assert_array_equal(loaded(binary), vae.coder(binary))


def test_it_shares_the_weights_of_the_model(make_vae, binary):
    vae = make_vae()
    coder, before = vae.coder, vae.coder(binary).numpy()
    assert {id(weight) for weight in coder.weights} <= {id(weight) for weight in vae.weights}
    vae.compile("adam")
    vae.fit(binary, verbose=0)
    assert vae.coder is coder
    assert np.abs(coder(binary) - before).max() > 0
    np.testing.assert_allclose(coder.predict(binary, verbose=0), vae.posterior.code(vae.encode(binary)), atol=1e-6)


def test_no_posterior_is_left_out():
    over_codes = {name for name in posteriors.__all__ if getattr(posteriors, name).space_class is WholeNumbers}
    assert set(CHOICES) == set(posteriors.__all__) - over_codes - {"Posterior", "RelativeNormal"}


def test_the_model_is_saved_as_if_nobody_had_asked_for_it(make_vae, tmp_path):
    vae = make_vae()
    counts = len(vae.weights), len(vae.layers)
    vae.save_weights(tmp_path / "before.weights.h5")
    assert isinstance(vae.coder, Coder)
    vae.save_weights(tmp_path / "after.weights.h5")
    assert (len(vae.weights), len(vae.layers)) == counts
    assert keys(tmp_path / "after.weights.h5") == keys(tmp_path / "before.weights.h5")
    assert not any(key.startswith("coder") for key in keys(tmp_path / "after.weights.h5"))


def keys(path) -> list[str]:
    import h5py

    found: list[str] = []
    with h5py.File(path) as file:
        file.visit(found.append)
    return found


def test_a_model_can_be_built_on_it(make_vae, binary, tmp_path):
    coder = make_vae().coder
    model = keras.Sequential([keras.Input((6,)), coder, keras.layers.Dense(3, "softmax")])
    model.compile("adam", "sparse_categorical_crossentropy")
    before = coder(binary).numpy()
    with pytest.warns(UserWarning, match="log_variance"):  # Keras: the code has no gradient in it
        model.fit(binary, np.arange(50) % 3, verbose=0)
    assert np.abs(coder(binary) - before).max() > 0
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    np.testing.assert_array_equal(loaded(binary), model(binary))


def test_its_output_is_float32_under_mixed_precision(set_policy):
    set_policy("mixed_float16")
    coder = VAE(*networks.mlp((6,), latent_size=2, hidden=(5,))).coder
    assert coder(np.zeros((3, 6), np.float32)).dtype == tf.float32


@pytest.mark.parametrize("dtype", [np.float64, np.float16, np.bool_])
def test_floats_of_any_width_and_bits_are_taken(make_vae, binary, dtype):
    coder = make_vae().coder
    np.testing.assert_allclose(coder.predict(binary.astype(dtype), verbose=0), coder(binary), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("dtype", [np.uint8, np.int64])
def test_integers_are_refused_because_their_scale_is_not_known(make_vae, binary, dtype):
    coder, x = make_vae().coder, binary.astype(dtype)
    for data in (x, tf.data.Dataset.from_tensor_slices(x).batch(15)):
        with pytest.raises(InputError, match=f"x is of dtype {np.dtype(dtype)}, and the coder takes floats"):
            coder.predict(data, verbose=0)


def test_it_takes_the_conditions_of_the_encoder_in_a_dictionary(binary, tmp_path):
    given = {"label": networks.Label(3), "angle": networks.Vector(2, encoder=False)}
    vae = VAE(*networks.mlp((6,), latent_size=2, hidden=(5,), conditions=given))
    label = np.arange(50) % 3
    codes = vae.coder.predict({"x": binary, "label": label}, verbose=0)
    np.testing.assert_allclose(codes, vae.represent(binary, label=label).z, rtol=1e-5, atol=1e-6)
    assert np.abs(codes - vae.represent(binary, label=(label + 1) % 3).z).min(axis=1).max() > 0.01
    vae.coder.save(tmp_path / "coder.keras")
    loaded = keras.saving.load_model(tmp_path / "coder.keras")
    np.testing.assert_array_equal(loaded({"x": binary, "label": label}), vae.coder({"x": binary, "label": label}))
    for x, missing in ((binary, "label"), ({"x": binary}, "label"), ({"label": label}, "x"), ({}, "x and label")):
        sentence = f"The encoder takes x and label, but {missing} was not given: give a dictionary of x and label"
        with pytest.raises(InputError, match=sentence):
            vae.coder(x)
