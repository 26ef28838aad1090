"""What a file says of the layers that an axis makes when it is built: all, or it is not written."""

import keras
import numpy as np
import pytest

from vae_tf import VAE, InputError, posteriors, priors


def reloaded(vae, tmp_path) -> VAE:
    vae.save(tmp_path / "model.keras")
    return keras.saving.load_model(tmp_path / "model.keras")


@pytest.fixture
def fresh(make_vae):
    """A small model that no other test has."""
    return make_vae(hidden=(8,))


@pytest.mark.parametrize("mode", ["int8", "int4", "float8"])
@pytest.mark.parametrize("compiled", [True, False])
@pytest.mark.filterwarnings("ignore:Layer .* does not have a `quantize` method:UserWarning")
@pytest.mark.filterwarnings("ignore:Skipping variable loading for optimizer:UserWarning")  # it was made for others
def test_a_quantized_model_gives_the_same_when_it_is_loaded(fresh, binary, tmp_path, mode, compiled):
    if compiled:
        fresh.compile("adam", jit_compile=False)
        fresh.fit(binary, verbose=0)
    before = fresh.log_prob(binary, samples=2).numpy(), fresh.sample(3).numpy()
    fresh.quantize(mode)
    after = fresh.log_prob(binary, samples=2).numpy(), fresh.sample(3).numpy()
    assert fresh.encoder.layers[-1].quantization_mode == mode
    if mode != "float8":  # whose scales are still those of float32
        assert (before[0] != after[0]).any()
        assert (before[1] != after[1]).any()
    loaded = reloaded(fresh, tmp_path)
    np.testing.assert_array_equal(loaded(binary), fresh(binary))
    np.testing.assert_array_equal(loaded.log_prob(binary, samples=2), after[0])
    np.testing.assert_array_equal(loaded.sample(3), after[1])


@pytest.mark.filterwarnings("ignore:Layer .* does not have a `quantize` method:UserWarning")
def test_what_the_axes_compute_stays_float32(fresh):
    fresh.quantize("int8")
    for part in (fresh.posterior, fresh.likelihood):
        assert {weight.dtype for weight in part.weights} == {"float32"}


def test_lora_is_saved_merged(fresh, binary, tmp_path):
    for layer in (fresh.posterior.loc, fresh.encoder.layers[-1]):
        layer.enable_lora(2)
        layer.lora_kernel_b.assign(np.ones(layer.lora_kernel_b.shape))
    np.testing.assert_allclose(reloaded(fresh, tmp_path)(binary), fresh(binary), rtol=1e-6)


PARTS = {
    "posterior": lambda: posteriors.DiagonalNormal(2),
    "flow": lambda: posteriors.InverseAutoregressiveFlow(2, hidden=(4,)),
}


@pytest.mark.parametrize("posterior", PARTS.values(), ids=PARTS)
def test_each_frozen_layer_within_a_part_stays_frozen(make_vae, tmp_path, posterior):
    count = len(make_vae(posterior=posterior()).posterior._flatten_layers(include_self=False))
    for number in range(count):
        vae = make_vae(posterior=posterior())
        vae.posterior._flatten_layers(include_self=False)[number].trainable = False
        loaded = reloaded(vae, tmp_path)
        trained = [weight.shape for weight in vae.trainable_weights]
        assert [weight.shape for weight in loaded.trainable_weights] == trained
        assert len(trained) < len(make_vae(posterior=posterior()).trainable_weights)
        assert loaded.get_config()["frozen"] == vae.get_config()["frozen"]
        assert f"posterior/{number}" in vae.get_config()["frozen"]


@pytest.mark.parametrize("axis", ["posterior", "prior", "likelihood"])
def test_a_frozen_part_stays_frozen_with_all_within(make_vae, tmp_path, axis):
    vae = make_vae(prior=priors.MixtureOfNormals(2, components=3))
    getattr(vae, axis).trainable = False
    loaded = reloaded(vae, tmp_path)
    assert not any(weight.trainable for weight in getattr(loaded, axis).weights)
    assert [weight.shape for weight in loaded.trainable_weights] == [weight.shape for weight in vae.trainable_weights]


@pytest.mark.parametrize("name", ["x", "posterior/7", 3, {"axis": "prior"}, ["prior"], None])
def test_a_frozen_name_that_the_model_has_not_is_refused(fresh, name):
    with pytest.raises(
        InputError, match=r"says that .* is frozen, but it has posterior, prior, likelihood, posterior/0"
    ):
        VAE.from_config({**fresh.get_config(), "frozen": [name]})


def quantized(vae):
    vae.posterior.loc.quantize("int8")


def activated(vae):
    vae.likelihood.linear.activation = keras.activations.tanh


def regularised(vae):
    vae.posterior.log_variance.kernel_regularizer = keras.regularizers.L2(0.1)


def of_another_precision(vae):
    vae.posterior.loc.dtype_policy = keras.DTypePolicy("mixed_bfloat16")


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (
            quantized,
            "The layer 'loc' within the posterior has another dtype and quantization_config than when it was built",
        ),
        (activated, "within the likelihood has another activation than when"),
        (regularised, "The layer 'log_variance' within the posterior has another kernel_regularizer"),
        (of_another_precision, "The layer 'loc' within the posterior has another dtype"),
    ],
)
def test_a_change_that_a_file_would_not_say_is_refused_and_the_file_stays(fresh, tmp_path, change, words):
    fresh.save(tmp_path / "model.keras")
    before = (tmp_path / "model.keras").read_bytes()
    change(fresh)
    for save in (fresh.save, lambda path: keras.saving.save_model(fresh, path.with_name("other.keras"))):
        with pytest.raises(InputError, match=words):
            save(tmp_path / "model.keras")
    assert (tmp_path / "model.keras").read_bytes() == before


@pytest.mark.parametrize("name", ["model.h5", "model.hdf5"])
def test_a_format_that_does_not_load_is_refused(fresh, tmp_path, name):
    with pytest.raises(InputError, match=r"in that old format does not load: give a path that ends in \.keras"):
        fresh.save(tmp_path / name)
    assert not list(tmp_path.iterdir())
