"""A model with conditions as a version: exported, described and checked."""

import json

import keras
import numpy as np
import pytest
import tensorflow as tf
from tensorflow_serving.apis import prediction_log_pb2

from vae_tf import VAE, InputError, networks, priors
from vae_tf.export import export
from vae_tf.export.version import card, golden, runners, warmup
from vae_tf.export.version.check import check
from vae_tf.serving import signatures

WRONG = '{"model": {"conditions": {"label": {"dtype": "resource", "shape": [], "count": 4}}}}'
NAMES = ["circle", "square", "star", "heart"]
DRAWN = {"label", "angle"}
TAKEN = {  # the conditions of each signature, if the encoder takes the label alone, and the prior all
    "decode": DRAWN, "decode_noise": DRAWN, "decode_png": DRAWN, "sample": DRAWN, "encode": {"label"},
    "encode_png": {"label"}, "reconstruct": DRAWN, "score": DRAWN, "serving_default": DRAWN,
}  # fmt: skip


@pytest.fixture(scope="module")
def vae() -> VAE:
    keras.utils.set_random_seed(0)
    label, angle = networks.Label(4), networks.Vector(2)
    encoder, _ = networks.mlp((6, 6, 1), 3, hidden=(8,), conditions={"label": label})
    _, decoder = networks.mlp((6, 6, 1), 3, hidden=(8,), conditions={"label": label, "angle": angle})
    vae = VAE(encoder, decoder, prior=priors.ConditionalNormal(3))
    rng = np.random.default_rng(0)
    for weight in vae.trainable_weights:  # biases start as zeros
        weight.assign(weight + rng.normal(0, 0.3, weight.shape))
    return vae


@pytest.fixture(scope="module")
def exported(vae, tmp_path_factory):
    return export(vae, tmp_path_factory.mktemp("serving"), names={"label": NAMES})


def off(path):
    """The checks that find something off, with what they say."""
    return {finding.check: finding.detail for finding in check(path) if not finding.ok}


def test_nothing_is_off(exported):
    assert off(exported) == {}


def test_the_card_says_what_they_are_and_names_the_labels(exported):
    described = json.loads((exported / "card.json").read_text())
    assert described["model"]["conditions"] == {
        "label": {"dtype": "int32", "shape": [], "count": 4, "names": NAMES},
        "angle": {"dtype": "float32", "shape": [2], "count": None},
    }
    for name, taken in TAKEN.items():
        assert described["signatures"][name]["inputs"].keys() & DRAWN == taken, name
    assert described["signatures"]["decode"]["inputs"]["label"] == {"dtype": "int32", "shape": [None]}


def test_each_label_has_a_golden_answer_which_is_the_models(vae, exported):
    answers = golden.read(exported / golden.PATH)
    for name, exchange in answers.items():
        assert exchange.inputs.keys() & DRAWN == TAKEN[name]
        assert set(exchange.inputs["label"]) == {0, 1, 2, 3}
    inputs, outputs = answers["sample"]
    given = {name: inputs[name] for name in DRAWN}
    np.testing.assert_array_equal(outputs["z"], vae.draw(inputs["seed"], **given))
    np.testing.assert_allclose(outputs["mean"], vae.decode(outputs["z"], **given).mean(), atol=1e-6)
    other = vae.decode(outputs["z"], **{**given, "label": (given["label"] + 1) % 4}).mean()
    assert np.abs(outputs["mean"] - other).max() > 0.01  # the condition is used


def test_the_warm_up_asks_with_conditions_and_has_numbers_for_an_answer(exported):
    with runners.session(exported) as ask:
        for record in tf.data.TFRecordDataset(str(exported / warmup.PATH)).as_numpy_iterator():
            request = prediction_log_pb2.PredictionLog.FromString(record).predict_log.request
            inputs = {name: tf.make_ndarray(tensor) for name, tensor in request.inputs.items()}
            assert inputs.keys() & DRAWN == TAKEN[request.model_spec.signature_name]
            for value in ask(request.model_spec.signature_name, inputs).values():
                assert (value != b"").all() if value.dtype == object else np.isfinite(value).all()


def test_names_of_another_count_are_refused_before_anything_is_written(vae, tmp_path):
    with pytest.raises(InputError, match="There are 2 names for 'label', and its labels are 0 to 3: give a name for"):
        export(vae, tmp_path / "serving", names={"label": ["circle", "square"]})
    assert not (tmp_path / "serving").exists()


def graph(function, **specs):
    return tf.function(function, autograph=False).get_concrete_function(**specs)


def specs(version, name: str) -> dict[str, tf.TensorSpec]:
    of_card = json.loads((version / "card.json").read_text())["signatures"][name]["inputs"]
    return {key: tf.TensorSpec(given["shape"], given["dtype"]) for key, given in of_card.items()}


def test_an_unknown_label_that_is_taken_for_another_is_found(vae, exported, write):
    def decode(z, label, angle):
        z, angle = tf.ensure_shape(z, [None, 3]), tf.ensure_shape(angle, [None, 2])
        return signatures.decode(vae, z, label=tf.clip_by_value(tf.ensure_shape(label, [None]), 0, 3), angle=angle)

    found = off(write({"decode": graph(decode, **specs(exported, "decode"))}))
    assert set(found.values()) == {"decode: mean is good for a bad label"}
    assert all(name.startswith("a bad value stays in its row, ") for name in found)


def test_labels_that_lean_on_those_of_other_rows_are_found(vae, exported, write):
    def decode(z, label, angle):
        z, label = tf.ensure_shape(z, [None, 3]), tf.ensure_shape(label, [None])
        return signatures.decode(vae, z, label=tf.minimum(label, label[:1]), angle=tf.ensure_shape(angle, [None, 2]))

    assert any(
        name.startswith("row independence")
        for name in off(write({"decode": graph(decode, **specs(exported, "decode"))}))
    )


def test_an_input_that_is_no_condition_of_the_card_is_found(vae, exported, write):
    def encode(x, label, colour):
        return signatures.encode(vae, x, label=label + 0 * colour)

    taken = specs(exported, "encode")
    found = off(write({"encode": graph(encode, **taken, colour=tf.TensorSpec([None], tf.int32))}))
    assert "encode has the inputs colour int32 (None,), label int32 (None,), x float32" in found["signatures"]


@pytest.mark.parametrize("content", ["", "{}", "[]", '{"model": {"conditions": {"label": {}}}}', WRONG])
def test_a_card_that_is_damaged_is_said(version, content):
    (version / "card.json").write_text(content)
    assert {"checksums", "answers", "signatures"} <= off(version).keys()
    with pytest.raises(InputError, match=r"card\.json cannot be read .*: export the model again"):
        card.conditions(version)
