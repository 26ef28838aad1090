"""Sprites of a shape at an angle: two conditions, from training to a TF1 session that serves them."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from vae_tf import VAE, InputError, networks, priors, random
from vae_tf.export import export
from vae_tf.export.version import runners
from vae_tf.export.version.check import check
from vae_tf.training import datasets

SHAPES, D, ROWS = 3, 4, 6
STEP = np.pi / 20  # 9 degrees, between two rotations
CONDITIONS = {"label": networks.Label(SHAPES), "angle": networks.Vector(2)}
CODES = {"z", "stddev"}
SIGNATURES = {  # what each takes besides the conditions, and gives
    "decode": ({"z"}, {"mean"}),
    "serving_default": ({"z"}, {"mean"}),
    "decode_noise": ({"noise"}, {"mean"}),
    "decode_png": ({"z"}, {"image_bytes"}),
    "sample": ({"seed"}, {"z", "mean"}),
    "encode": ({"x"}, CODES),
    "encode_png": ({"image_bytes"}, CODES),
    "reconstruct": ({"x"}, {"mean"}),
    "score": ({"x", "seed"}, {"elbo", "rate", "distortion"}),
}


@pytest.fixture(scope="module")
def data() -> dict[str, np.ndarray]:
    """Sprites with their shape, and the angle as its sine and cosine."""
    sprites = datasets.load("sprites")
    angle = sprites.factors_test["rotation"][:500] * STEP
    return {
        "x": sprites.x_test[:500].astype(np.float32) / 255,
        "label": sprites.factors_test["shape"][:500],
        "angle": np.stack([np.sin(angle), np.cos(angle)], axis=1),
    }


@pytest.fixture(scope="module")
def trained(data):
    keras.utils.set_random_seed(0)
    networks_of = networks.mlp((32, 32, 1), D, hidden=(32,), conditions=CONDITIONS)
    vae = VAE(*networks_of, prior=priors.ConditionalNormal(D))
    vae.compile(keras.optimizers.Adam(0.005), jit_compile=False)
    return vae, vae.fit(data, batch_size=100, epochs=6, shuffle=False, verbose=0).history


@pytest.fixture(scope="module")
def vae(trained) -> VAE:
    return trained[0]


@pytest.fixture(scope="module")
def version(vae, tmp_path_factory):
    names = {"label": ["square", "ellipse", "heart"]}
    return export(vae, tmp_path_factory.mktemp("serving"), name="sprites", names=names)


@pytest.fixture(scope="module")
def ask(version):
    with runners.session(version) as ask:
        yield ask


@pytest.fixture(scope="module")
def given(data) -> dict[str, np.ndarray]:
    """Six rows of each input."""
    rng = np.random.default_rng(1)
    x = data["x"][:ROWS]
    files = [tf.io.encode_png(np.uint8(255 * image)).numpy() for image in x]
    return {
        "x": x,
        "z": rng.normal(size=(ROWS, D)).astype(np.float32),
        "noise": rng.normal(size=(ROWS, D)).astype(np.float32),
        "seed": np.stack([np.full(ROWS, 11), np.arange(ROWS)], axis=1).astype(np.int32),
        "image_bytes": np.array(files, object),
        "label": data["label"][:ROWS].astype(np.int32),
        "angle": data["angle"][:ROWS].astype(np.float32),
    }


def inputs(given: dict[str, np.ndarray], name: str) -> dict[str, np.ndarray]:
    return {key: given[key] for key in (*SIGNATURES[name][0], "label", "angle")}


def close(found, expected) -> None:
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-4)


def test_the_loss_falls_in_a_few_steps(trained):
    vae, history = trained
    assert int(vae.optimizer.iterations) == 30
    assert np.isfinite(list(history.values())).all()
    assert history["loss"][-1] < 0.6 * history["loss"][0]
    for weight in (vae.prior.loc.kernel, vae.encoder.get_layer("label_embedding").embeddings):
        assert np.abs(weight).max() > 0


def test_it_is_saved_and_loaded_with_equal_answers(vae, data, tmp_path):
    vae.save(tmp_path / "sprites.keras")
    loaded = keras.saving.load_model(tmp_path / "sprites.keras")
    assert loaded.conditions == vae.conditions
    few = {name: values[:8] for name, values in data.items()}
    asked = {name: few[name] for name in ("label", "angle")}
    for one, other in (
        (loaded.represent(few), vae.represent(few)),
        (loaded.score(few, seed=2), vae.score(few, seed=2)),
        ((loaded.sample(8, seed=3, **asked),), (vae.sample(8, seed=3, **asked),)),
    ):
        for found, expected in zip(one, other, strict=True):
            np.testing.assert_array_equal(found, expected)
    assert loaded.evaluate(few, verbose=0) == vae.evaluate(few, verbose=0)


def test_nothing_is_off_in_what_is_exported(version):
    assert [finding for finding in check(version) if not finding.ok] == []


def test_a_tf1_session_answers_as_the_model_does(vae, ask, given):
    asked = {name: given[name] for name in ("label", "angle")}
    x, z, seed = given["x"], given["z"], given["seed"]
    codes, drawn = vae.represent(x, **asked), vae.draw(seed, **asked)
    noise = vae.from_noise(given["noise"], **asked)
    expected = {
        "decode": {"mean": vae.mean(z, **asked)},
        "serving_default": {"mean": vae.mean(z, **asked)},
        "decode_noise": {"mean": vae.mean(noise, **asked)},
        "sample": {"z": drawn, "mean": vae.mean(drawn, **asked)},
        "encode": codes._asdict(),
        "encode_png": codes._asdict(),
        "reconstruct": {"mean": vae.reconstruct(x, **asked)},
        "score": vae.score(x, seed=11, **asked)._asdict(),
    }
    close(expected["sample"]["mean"], vae.sample(ROWS, seed=11, **asked))
    for name, outputs in expected.items():
        found = ask(name, inputs(given, name))
        assert found.keys() == outputs.keys() == SIGNATURES[name][1]
        for key, value in outputs.items():
            close(found[key], value)
    (files,) = ask("decode_png", inputs(given, "decode_png")).values()
    for file, mean in zip(files, expected["decode"]["mean"].numpy(), strict=True):
        assert np.abs(tf.io.decode_png(file).numpy() - 255 * mean).max() <= 0.5 + 0.05


BAD = {
    "a label above the range": ("label", 3),
    "a label below the range": ("label", -1),
    "NaN in the angle": ("angle", [0.0, np.nan]),
    "infinity in the angle": ("angle", [-np.inf, 0.0]),
}


@pytest.mark.parametrize("kind", BAD)
@pytest.mark.parametrize("name", SIGNATURES)
def test_a_bad_condition_gives_nan_in_its_own_row_alone(ask, given, name, kind):
    right, row = ask(name, inputs(given, name)), 2
    key, value = BAD[kind]
    spoilt = inputs(given, name)
    spoilt[key] = spoilt[key].copy()
    spoilt[key][row] = value
    for output, values in ask(name, spoilt).items():
        if output == "image_bytes":
            assert values[row] == b""
            assert (np.delete(values, row) == np.delete(right[output], row)).all()
            continue
        assert np.isnan(values[row]).all()
        assert np.isfinite(np.delete(values, row, 0)).all()
        close(np.delete(values, row, 0), np.delete(right[output], row, 0))


def test_each_condition_changes_what_is_served(ask, given):
    right = ask("decode", inputs(given, "decode"))["mean"]
    for key, other in (("label", (given["label"] + 1) % SHAPES), ("angle", -given["angle"])):
        found = ask("decode", {**inputs(given, "decode"), key: other.astype(given[key].dtype)})["mean"]
        assert np.abs(found - right).reshape(ROWS, -1).max(axis=1).min() > 0.01


def test_python_refuses_what_a_server_answers_by_nan(vae, given):
    asked = {name: given[name] for name in ("label", "angle")}
    for name, value, sentence in (
        ("label", 3, r"^label is 3 in row 2: give whole numbers from 0 to 2\."),
        ("angle", [np.nan, 0.0], r"^angle is nan in row 2: give finite numbers"),
    ):
        spoilt = asked[name].copy()
        spoilt[2] = value
        with pytest.raises(InputError, match=sentence):
            vae.reconstruct(given["x"], **{**asked, name: spoilt})
        with pytest.raises(InputError, match=sentence):
            vae.draw(random.pair(11, random.Purpose.SAMPLE, tf.range(ROWS)), **{**asked, name: spoilt})
