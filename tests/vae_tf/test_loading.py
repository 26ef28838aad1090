"""Files that are damaged, or made to do harm: one sentence, and no memory."""

import contextlib
import io
import json
import re
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
    """Writes the file anew with another config, with spaces after it, or with other weights; returns its path."""

    def write(config=lambda config: config, weights=lambda weights: weights, spaces=0, name="other"):
        path = tmp_path / f"{name}.keras"
        with zipfile.ZipFile(saved[1]) as before, zipfile.ZipFile(path, "w") as after:
            for member in before.namelist():
                content = before.read(member)
                if member == "config.json":
                    content = json.dumps(config(json.loads(content))).encode() + b" " * spaces
                if member.endswith(".h5"):
                    content = weights(content)
                after.writestr(member, content, zipfile.ZIP_DEFLATED if spaces else zipfile.ZIP_STORED)
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


def of_millions(part, key):
    """The part with a config that says thirty millions, or their square."""
    config = keras.saving.serialize_keras_object(part)
    config["config"][key] = [3 * 10**7] * 2 if isinstance(config["config"][key], list) else 3 * 10**7
    return config


def change(config, axis, part):
    config["config"][axis] = part
    return config


def of_posterior_flow(config):
    config = change(config, "prior", keras.saving.serialize_keras_object(priors.StandardNormal(2)))
    return change(config, "posterior", of_millions(posteriors.InverseAutoregressiveFlow(2), "hidden"))


def first_set(weights, **arguments):
    """The weights with another data set in the place of the first."""
    buffer = io.BytesIO(weights)
    with h5py.File(buffer, "a") as file:
        name = sets_of(file)[0]
        del file[name]
        file.create_dataset(name, **arguments)
    return buffer.getvalue()


def sets_of(file):
    names = []
    file.visititems(lambda name, item: names.append(name) if isinstance(item, h5py.Dataset) else None)
    return names


def unwritten(weights):
    return first_set(weights, shape=(4, 5 * 10**7), dtype="float32", chunks=(4, 1000))


def one_chunk(weights):
    chunk = {"maxshape": (None,), "chunks": (5 * 10**7,), "compression": "gzip"}
    return first_set(weights, data=np.zeros(4, "float32"), **chunk)


WEIGHTS = r"a file of .* bytes describes weights of more than"
TOO_LARGE = {  # what is written, and what is said
    "encoder": ({"config": wide_encoder}, WEIGHTS),
    "pseudo-inputs": (
        {"config": lambda config: change(config, "prior", of_millions(priors.VampPrior(2, 5), "components"))},
        WEIGHTS,
    ),
    "normals": (
        {"config": lambda config: change(config, "prior", of_millions(priors.MixtureOfNormals(2, 5), "components"))},
        WEIGHTS,
    ),
    "prior flow": (
        {"config": lambda config: change(config, "prior", of_millions(priors.AutoregressiveFlow(2), "hidden"))},
        WEIGHTS,
    ),
    "prior flows": (
        {"config": lambda config: change(config, "prior", of_millions(priors.AutoregressiveFlow(2), "steps"))},
        r"\(",
    ),
    "posterior flow": ({"config": of_posterior_flow}, WEIGHTS),
    "a data set of which nothing is stored": ({"weights": unwritten}, WEIGHTS),
    "a chunk that is larger than its data set": ({"weights": one_chunk}, WEIGHTS),
    "an archive": ({"spaces": 2 * 10**8}, r"\(it unpacks to 200,.* bytes, and a file of its size may to"),
    "a config": ({"spaces": 3 * 10**7}, r"\(its config.json unpacks to 30,.* bytes, and in a file of its size may"),
}


def test_what_is_larger_than_the_file_can_hold_is_refused_before_it_takes_memory(rewrite, fresh_process):
    paths = [rewrite(name=str(number), **written) for number, (written, _) in enumerate(TOO_LARGE.values())]
    assert all(path.stat().st_size < 2**20 for path in paths)
    code = f"""
        import json, resource
        from vae_tf import InputError, loading
        peak = lambda: resource.getrusage(resource.RUSAGE_SELF).ru_maxrss  # kB, the most so far
        loading.load({str(rewrite())!r})
        for path in {[str(path) for path in paths]}:
            before = peak()
            try:
                loading.load(path)
                said = "loaded"
            except InputError as error:
                said = str(error)
            print(json.dumps([said, peak() - before]))
    """
    done = fresh_process(code)
    assert done.returncode == 0, done.stderr
    for (name, (_, expected)), line in zip(TOO_LARGE.items(), done.stdout.splitlines(), strict=True):
        said, taken = json.loads(line)
        assert re.search(rf"\d.keras cannot be loaded:? {expected}", said), (name, said)
        assert taken < 200_000, (name, taken)


@pytest.mark.parametrize("limit", [3 * 4 * 5 + loading.EACH, 3 * 4 * 5 + loading.EACH - 1])
def test_a_variable_is_refused_before_its_first_value_is_made(limit):
    calls = []

    def start(shape, dtype):
        calls.append(shape)
        return keras.ops.ones(shape, dtype)

    refusal = pytest.raises(loading.TooLargeError) if limit < 3 * 4 * 5 + loading.EACH else contextlib.nullcontext()
    with refusal, loading.weights_of_at_most(limit):
        keras.Variable(start, shape=(3, 5), dtype="float32")
    assert len(calls) == (limit == 3 * 4 * 5 + loading.EACH)


def test_an_initializer_that_has_a_state_loads_as_keras_loads_it(tmp_path):
    start = keras.initializers.GlorotUniform(seed=keras.random.SeedGenerator(3))
    x = keras.Input((4,))
    keras.Model(x, keras.layers.Dense(3, kernel_initializer=start)(x)).save(tmp_path / "model.keras")
    loaded, by_keras = (load(tmp_path / "model.keras") for load in (loading.load, keras.saving.load_model))
    for one, other in zip(loaded.get_weights(), by_keras.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)


def emptied(weights):
    buffer = io.BytesIO()
    h5py.File(buffer, "w").close()
    return buffer.getvalue()


def of_words(weights):
    buffer = io.BytesIO(weights)
    with h5py.File(buffer, "a") as file:
        for name in sets_of(file):
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
    "texts": lambda weights: first_set(weights, data=["x" * 100] * 3),
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
