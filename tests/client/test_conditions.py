"""Conditions go to a server by their names: those that its metadata say, over REST and gRPC alike."""

import inspect

import keras
import numpy as np
import pytest
import tensorflow as tf

from vae_tf import VAE, networks, priors
from vae_tf.export import export
from vae_tf.export.server import configuration
from vae_tf_client import Client

WAYS = {"REST": lambda served: served.rest, "gRPC": lambda served: f"grpc://{served.grpc}"}
CODES, ANGLE, LABELS = 2, 2, 10
NUMBERS = {"z": [CODES], "noise": [CODES], "x": [3], "angle": [ANGLE]}


def _spec(name: str) -> tf.TensorSpec:
    if name in NUMBERS:
        return tf.TensorSpec([None, *NUMBERS[name]], tf.float32, name)
    kind, shape = {"seed": (tf.int32, [2]), "label": (tf.int32, []), "image_bytes": (tf.string, [])}[name]
    return tf.TensorSpec([None, *shape], kind, name)


def _values(label: tf.Tensor, first: tf.Tensor, angle: tf.Tensor | None = None) -> tf.Tensor:
    """float32 [B, 3]: the label, the sum of an input's row, and that of the angle; NaN for an unknown label."""
    columns = [tf.cast(label, tf.float32), tf.reduce_sum(tf.cast(first, tf.float32), axis=1)]
    columns.append(tf.zeros_like(columns[0]) if angle is None else tf.reduce_sum(angle, axis=1))
    return tf.where(((label >= 0) & (label < LABELS))[:, None], tf.stack(columns, axis=1), float("nan"))


def decode(z, label, angle):
    return {"mean": _values(label, z, angle)}


def decode_noise(noise, label, angle):
    return {"mean": _values(label, noise, angle)}


def decode_png(z, label, angle):
    return {"image_bytes": tf.strings.as_string(label)}


def sample(seed, label, angle):
    return {"z": tf.cast(seed, tf.float32), "mean": _values(label, seed, angle)}


def encode(x, label):
    return {"z": _values(label, x)[:, :CODES]}


def encode_png(image_bytes, label):
    return {"z": _values(label, tf.strings.length(image_bytes)[:, None])[:, :CODES]}


def reconstruct(x, label):
    return {"mean": _values(label, x)}


def score(x, seed, label):
    elbo, rate, distortion = tf.unstack(_values(label, x, tf.cast(seed, tf.float32)), axis=1)
    return {"elbo": elbo, "rate": rate, "distortion": distortion}


FUNCTIONS = (decode, decode_noise, decode_png, sample, encode, encode_png, reconstruct, score)


def graph(function):
    specs = {name: _spec(name) for name in inspect.signature(function).parameters}
    return tf.function(function, autograph=False).get_concrete_function(**specs)


@pytest.fixture(scope="module")
def served(serve, tmp_path_factory):
    """A server of what stands for a model with a label and, in what draws, an angle: it gives back what it is given."""
    directory = tmp_path_factory.mktemp("conditional")
    graphs = {function.__name__: graph(function) for function in FUNCTIONS}
    tf.saved_model.save(tf.Module(), str(directory / "shapes" / "1"), signatures=graphs)
    configuration.write(directory, "shapes", [1], None)
    with serve(directory) as running:
        yield running


@pytest.fixture(params=WAYS)
def client(request, served):
    with Client(WAYS[request.param](served), "shapes", timeout=30, batch_size=3) as client:
        yield client


@pytest.fixture
def z(rng) -> np.ndarray:
    return rng.normal(size=(4, CODES)).astype(np.float32)


@pytest.fixture
def x(rng) -> np.ndarray:
    return rng.normal(size=(4, 3)).astype(np.float32)


def close(found, *columns):
    np.testing.assert_allclose(found, np.stack(np.broadcast_arrays(*columns), axis=1), rtol=1e-5, atol=1e-6)


def test_one_value_is_for_all_rows(client, z):
    close(client.decode(z, label=3, angle=[1, 2]), 3, z.sum(1), 3)


def test_or_each_row_has_its_own_in_pieces_too(client, z, rng):
    angle = rng.normal(size=(4, ANGLE))
    close(client.decode(z, label=[3, 1, 4, 1], angle=angle), [3, 1, 4, 1], z.sum(1), angle.sum(1))


def test_every_function_takes_them(client, z, x):
    close(client.sample(4, seed=7, label=3, angle=(0.5, 0.5)).mean, 3, 7 + np.arange(4), 1)
    close(client.decode_noise(z, label=3, angle=(0.5, 0.5)), 3, z.sum(1), 1)
    assert client.decode_png(z, label=[0, 1, 2, 3], angle=np.ones((4, 2))) == [b"0", b"1", b"2", b"3"]
    close(client.encode(x, label=3).z, 3, x.sum(1))
    close(client.encode_png([b"a", b"bcd"], label=[3, 4]).z, [3, 4], [1, 3])
    close(client.reconstruct(x, label=3), 3, x.sum(1), 0)
    score = client.score(x, seed=2, label=3)
    close(np.stack(score, axis=1), 3, x.sum(1), 2 + np.arange(4))


def test_a_label_that_the_model_does_not_know_is_nan_in_its_own_row(client, z):
    mean = client.decode(z, label=[0, -1, 9, 10], angle=[0.0, 0.0])
    assert np.isnan(mean).all(axis=1).tolist() == [False, True, False, True]


@pytest.mark.parametrize("label", [np.uint8(3), np.int64(3), 3.0, [3, 3, 3, 3], np.full(4, 3, np.float32)])
def test_a_label_may_have_any_type_of_number(client, z, label):
    close(client.decode(z, label=label, angle=np.zeros(2, np.uint8)), 3, z.sum(1), 0)


@pytest.mark.parametrize(
    ("conditions", "refusal"),
    [
        ({}, r"^decode takes (\w+, ){2}\w+ here, and not z\.$"),
        ({"label": 3}, r"^decode takes (\w+, ){2}\w+ here, and not z, label\.$"),
        ({"label": 3, "angel": [0, 0]}, r"takes .*\bangle\b.* here, and not z, label, angel\.$"),
        ({"label": 3, "angle": [0, 0], "colour": 1}, r"here, and not z, label, angle, colour\.$"),
        (
            {"label": [1, 2], "angle": [0, 0]},
            r"^label of decode was given int64 \[2\] for 4 rows: give int32 \[B\], a ",
        ),
        ({"label": [[1]] * 4, "angle": [0, 0]}, r"label .* int64 \[4, 1\] for 4 rows"),
        ({"label": [], "angle": [0, 0]}, r"label .* float64 \[0\] for 4 rows"),
        (
            {"label": 3, "angle": 1.5},
            r"angle .* float64 \[\] for 4 rows: give float32 \[B, 2\], a value for each row, or",
        ),
        ({"label": 3, "angle": [[1, 2], [3]]}, r"angle of decode was given rows of several lengths: give float32"),
        ({"label": "seven", "angle": [0, 0]}, r"label of decode was given text: give int32 \[B\]"),
        ({"label": b"7", "angle": [0, 0]}, r"label of decode was given bytes: give int32 \[B\]"),
        ({"label": None, "angle": [0, 0]}, r"label of decode was given objects: give int32 \[B\]"),
        ({"label": 1j, "angle": [0, 0]}, r"label of decode was given complex128: give int32 \[B\]"),
        ({"label": 3.5, "angle": [0, 0]}, r"label .* 3\.5, which is no whole number of int32: give int32 \[B\]"),
        ({"label": [1, 2, np.nan, 3], "angle": [0, 0]}, r"label .* nan, which is no whole number of int32"),
        ({"label": 2**31, "angle": [0, 0]}, r"label .* 2147483648, which is no whole number of int32"),
        ({"label": 2**70, "angle": [0, 0]}, r"label .* was given objects"),
    ],
)
def test_what_the_model_does_not_take_is_not_sent(client, monkeypatch, z, conditions, refusal):
    monkeypatch.setattr(client._transport, "predict", lambda *_: pytest.fail("it was sent"))
    with pytest.raises(ValueError, match=refusal):
        client.decode(z, **conditions)


def test_a_condition_does_not_take_the_place_of_an_input(client):
    with pytest.raises(ValueError, match=r"encode_png takes .* here, and not image_bytes, label, image_bytes"):
        client.encode_png([b"a"], label=1, image_bytes=[b"b"])


def test_conditions_for_a_model_that_takes_none_are_refused(serve, directory):
    refusal = r"^sample takes seed here, and not seed, label\.$"
    with (
        serve(directory) as plain,
        Client(plain.rest, "digits", timeout=30) as client,
        pytest.raises(ValueError, match=refusal),
    ):
        client.sample(1, seed=7, label=3)


def test_a_condition_that_is_no_number_is_not_sent(client):
    """No model of this library has a text for a condition, but another may."""
    spec = client.signatures["encode_png"].inputs["image_bytes"]
    with pytest.raises(ValueError, match=r"takes bytes \[B\], which no condition of a model is"):
        spec.condition(b"a", 1)


@pytest.fixture(scope="module")
def conditional() -> VAE:
    """Its prior and networks take a label, and its decoder and prior an angle."""
    keras.utils.set_random_seed(0)
    label, angle = networks.Label(4), networks.Vector(2)
    encoder, _ = networks.mlp((4, 4, 1), CODES, hidden=(8,), conditions={"label": label})
    _, decoder = networks.mlp((4, 4, 1), CODES, hidden=(8,), conditions={"label": label, "angle": angle})
    vae = VAE(encoder, decoder, prior=priors.ConditionalNormal(CODES))
    rng = np.random.default_rng(0)
    for weight in vae.trainable_weights:  # biases start as zeros
        weight.assign(weight + rng.normal(0, 0.3, weight.shape))
    return vae


@pytest.fixture(scope="module")
def exported(conditional, serve, tmp_path_factory):
    directory = tmp_path_factory.mktemp("exported")
    export(conditional, directory, "sprites", names={"label": ["circle", "square", "star", "heart"]})
    with serve(directory) as running:
        yield running


@pytest.mark.parametrize("way", WAYS)
def test_the_functions_are_those_of_the_model(conditional, exported, way, rng):
    given = {"label": np.int32([0, 3, 1, 2]), "angle": rng.normal(size=(4, 2)).astype(np.float32)}
    x = rng.integers(0, 2, (4, 4, 4, 1)).astype(np.float32)
    seeds = np.int32([[7, i] for i in range(4)])
    with Client(WAYS[way](exported), "sprites", timeout=30) as client:
        drawn = client.sample(4, seed=7, **given)
        np.testing.assert_array_equal(drawn.z, conditional.draw(seeds, **given))
        np.testing.assert_allclose(drawn.mean, conditional.decode(drawn.z, **given).mean(), atol=1e-6)
        np.testing.assert_allclose(
            client.sample(4, seed=7, label=3, angle=[0, 1]).mean,
            conditional.sample(4, seed=7, label=3, angle=[0, 1]),
            atol=1e-6,
        )
        np.testing.assert_allclose(client.decode(drawn.z, **given), drawn.mean, atol=1e-6)
        np.testing.assert_allclose(
            client.encode(x, label=given["label"]).z, conditional.represent(x, label=given["label"]).z, atol=1e-5
        )
        np.testing.assert_allclose(client.reconstruct(x, **given), conditional.reconstruct(x, **given), atol=1e-6)
        expected = conditional.score(x, seed=7, **given)
        for name, values in client.score(x, seed=7, **given)._asdict().items():
            np.testing.assert_allclose(values, getattr(expected, name), rtol=1e-5)


@pytest.mark.parametrize("way", WAYS)
def test_an_unknown_label_spoils_its_own_row_of_every_function(exported, way, rng):
    label, x = [0, 4, 1, -1], np.zeros((4, 4, 4, 1), np.float32)
    given = {"label": label, "angle": [0, 1]}
    with Client(WAYS[way](exported), "sprites", timeout=30) as client:
        drawn, score = client.sample(4, seed=7, **given), client.score(x, **given)
        files = client.decode_png(np.zeros((4, CODES)), **given)
        for values in (
            *drawn, *score, *client.encode(x, label=label), client.reconstruct(x, **given),
            client.decode(np.zeros((4, CODES)), **given), client.decode_noise(np.zeros((4, CODES)), **given),
        ):  # fmt: skip
            assert np.isnan(values.reshape(4, -1)).all(axis=1).tolist() == [False, True, False, True]
            assert np.isfinite(values[[0, 2]]).all()
    assert [bool(file) for file in files] == [True, False, True, False]
