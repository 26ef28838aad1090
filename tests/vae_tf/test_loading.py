"""Files that are damaged, or made to do harm: one sentence, and no memory."""

import io
import json
import resource
import zipfile

import h5py
import keras
import numpy as np
import pytest

from vae_tf import VAE, InputError, loading, networks, posteriors, priors


@pytest.fixture(scope="module")
def saved(make_vae, binary, tmp_path_factory):
    """A trained model and its file."""
    vae = make_vae(prior=priors.VampPrior(2, components=3))
    vae.compile("adam", run_eagerly=True)
    vae.fit(binary, verbose=0)
    path = tmp_path_factory.mktemp("saved") / "model.keras"
    vae.save(path)
    return vae, path


@pytest.fixture
def rewrite(saved, tmp_path):
    """Writes the file anew with another config or other weights; returns its path."""

    def write(config=lambda config: config, weights=lambda weights: weights):
        path = tmp_path / "other.keras"
        with zipfile.ZipFile(saved[1]) as before, zipfile.ZipFile(path, "w") as after:
            for name in before.namelist():
                content = before.read(name)
                if name == "config.json":
                    content = json.dumps(config(json.loads(content))).encode()
                if name.endswith(".h5"):
                    content = weights(content)
                after.writestr(name, content)
        return path

    return write


def test_a_good_file_gives_what_keras_loads_and_the_same_model_with_its_optimizer(saved, binary):
    vae, path = saved
    loaded, by_keras = loading.load(path), keras.saving.load_model(path)
    for one, other, third in zip(loaded.weights, by_keras.weights, vae.weights, strict=True):
        np.testing.assert_array_equal(one, other)
        np.testing.assert_array_equal(one, third)
    for one, other in zip(loaded.optimizer.variables, vae.optimizer.variables, strict=True):
        np.testing.assert_array_equal(one, other)
    np.testing.assert_array_equal(loaded(binary), vae(binary))
    assert not loading.load(path, compile=False).compiled


@pytest.mark.filterwarnings("ignore:Skipping variable loading for optimizer:UserWarning")
def test_a_file_of_little_content_may_have_an_optimizer_of_which_none_was_saved(make_vae, tmp_path):
    vae = make_vae(hidden=(2_000, 1_500))
    vae.compile(keras.optimizers.Adam(amsgrad=True, use_ema=True))
    vae.save(tmp_path / "model.keras")
    assert loading.load(tmp_path / "model.keras").compiled


def wide_networks(width):
    """Networks whose config says `width`, which they have not."""
    narrow = json.dumps(VAE(*networks.mlp((6,), latent_size=2, hidden=(77,))).get_config())
    return json.loads(narrow.replace("77", str(width)))


def wide_encoder(config):
    config["config"] |= {name: part for name, part in wide_networks(2**20).items() if name in ("encoder", "decoder")}
    return config


def of_a_million(part, key):
    """The part with a config that says a million, or a million times a million."""
    config = keras.saving.serialize_keras_object(part)
    config["config"][key] = [10**6, 10**6] if isinstance(config["config"][key], list) else 10**9
    return config


TOO_LARGE = {
    "encoder": wide_encoder,
    "pseudo-inputs": lambda config: change(config, "prior", of_a_million(priors.VampPrior(2, 5), "components")),
    "normals": lambda config: change(config, "prior", of_a_million(priors.MixtureOfNormals(2, 5), "components")),
    "prior flow": lambda config: change(config, "prior", of_a_million(priors.AutoregressiveFlow(2), "hidden")),
    "posterior flow": lambda config: change(
        change(config, "prior", keras.saving.serialize_keras_object(priors.StandardNormal(2))),
        "posterior",
        of_a_million(posteriors.InverseAutoregressiveFlow(2), "hidden"),
    ),
}


def change(config, axis, part):
    config["config"][axis] = part
    return config


@pytest.mark.parametrize("config", TOO_LARGE.values(), ids=TOO_LARGE)
def test_more_weights_than_the_file_can_hold_are_refused_before_they_take_memory(rewrite, config):
    path = rewrite(config)
    assert path.stat().st_size < 2**20
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(InputError, match=r"cannot be loaded: a file of .* bytes describes weights of more than"):
        loading.load(path)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 200_000  # kB


def emptied(weights):
    buffer = io.BytesIO()
    h5py.File(buffer, "w").close()
    return buffer.getvalue()


def of_words(weights):
    buffer = io.BytesIO(weights)
    with h5py.File(buffer, "a") as file:
        names = []
        file.visititems(lambda name, item: names.append(name) if isinstance(item, h5py.Dataset) else None)
        for name in names:
            shape = file[name].shape
            del file[name]
            file[name] = np.full(shape, b"x")
    return buffer.getvalue()


JUNK = {
    "bytes": lambda weights: b"junk" * 100,
    "nothing": lambda weights: b"",
    "half": lambda weights: weights[: len(weights) // 2],
    "no weights": emptied,
    "words": of_words,
}


@pytest.mark.parametrize("weights", JUNK.values(), ids=JUNK)
def test_weights_that_are_none_are_refused_in_one_sentence(rewrite, weights):
    with pytest.raises(InputError, match=r"other.keras (is damaged|cannot be loaded) \(") as caught:
        loading.load(rewrite(weights=weights))
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 700


CONFIGS = {
    "frozen": lambda config: {**config, "config": {**config["config"], "frozen": ["x"]}},
    "unknown key": lambda config: {**config, "config": {**config["config"], "nope": 1}},
    "no parts": lambda config: {**config, "config": {}},
    "a list": lambda config: [1],
    "nested": lambda config: json.loads("[" * 900 + "]" * 900),
    "unknown class": lambda config: {**config, "registered_name": "x>Y", "class_name": "Y", "module": "os"},
}


@pytest.mark.parametrize("config", CONFIGS.values(), ids=CONFIGS)
def test_a_config_that_is_none_is_refused_in_one_sentence(rewrite, config):
    with pytest.raises(InputError, match=r"other.keras cannot be loaded \(") as caught:
        loading.load(rewrite(config))
    assert "\n" not in str(caught.value)


def test_what_is_no_file_of_keras_is_refused(tmp_path):
    with pytest.raises(InputError, match=r"There is no file .*model.keras: give the path"):
        loading.load(tmp_path / "model.keras")
    (tmp_path / "model.keras").write_text("text")
    with pytest.raises(InputError, match=r"model.keras is damaged \(File is not a zip file\): restore it"):
        loading.load(tmp_path / "model.keras")
