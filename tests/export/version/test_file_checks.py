"""The checks of the files find each planted fault."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from vae_tf import VAE
from vae_tf.export import export
from vae_tf.export.version.check import check
from vae_tf.serving import signatures


def off(path):
    """The checks that find something off, with what they say."""
    return {finding.check: finding.detail for finding in check(path) if not finding.ok}


def graph(function, name, *shape, dtype=tf.float32, **options):
    return tf.function(function, autograph=False, **options).get_concrete_function(
        **{name: tf.TensorSpec([None, *shape], dtype)}
    )


def test_a_missing_signature(write):
    found = off(write({"reconstruct": None}))
    assert found == {
        "signatures": "reconstruct is missing",
        "golden answers kept": "reconstruct has golden answers, but is not served",
    }


def test_decode_noise_may_be_missing_as_in_version_0_1(write, answers, monkeypatch):
    monkeypatch.delitem(answers, "decode_noise")
    assert off(write({"decode_noise": None})) == {}


@pytest.mark.parametrize(("shape", "said"), [((), "no noise [B, N]"), ((3, 1), "has the inputs noise float32")])
def test_another_noise(write, shape, said):
    decode_noise = graph(lambda noise: {"mean": tf.zeros([1, 6, 6, 1])}, "noise", *shape)
    assert said in off(write({"decode_noise": decode_noise}))["signatures"]


def test_no_decode(write, graphs):
    assert "there is no decode" in off(write({"decode": graphs["encode"]}))["signatures"]


def test_a_signature_that_nobody_promised(write, graphs):
    found = off(write({"draw": graphs["sample"]}))
    assert found["signatures"] == "draw is none of the contract's signatures"
    assert found["golden answers kept"] == "draw has no golden answers"


@pytest.mark.parametrize(
    ("name", "function", "key", "shape", "dtype", "said"),
    [
        ("reconstruct", lambda x: {"image": x}, "x", (6, 6, 1), tf.float32, "has the outputs image float32"),
        ("reconstruct", lambda x: {"mean": x}, "x", (6, 6), tf.float32, "has the inputs x float32 (None, 6, 6);"),
        ("encode", lambda x: {"z": tf.cast(x[:, 0, :3, 0], tf.float64)}, "x", (6, 6, 1), tf.float32, "z float64"),
        ("sample", lambda seed: {"z": 0.0, "mean": 0.0}, "seed", (2,), tf.int64, "has the inputs seed int64"),
    ],
)
def test_another_interface(write, name, function, key, shape, dtype, said):
    found = off(write({name: graph(function, key, *shape, dtype=dtype)}))
    assert name in found["signatures"]
    assert said in found["signatures"]


def test_stddev_may_be_missing_but_nothing_else(make, tmp_path):
    assert off(export(make(posterior="Deterministic"), tmp_path)) == {}


def test_a_function_that_is_compiled(write, vae):
    def decode(z):
        return signatures.decode(vae, tf.ensure_shape(z, [None, 3]))

    found = off(write({"decode": graph(decode, "z", 3, jit_compile=True)}))
    assert "_decode_" in found["no XLA-compiled function"]


def test_a_function_that_is_compiled_inside_another(write, vae):
    inner = tf.function(lambda z: vae.likelihood.mean(vae.decode(z)), autograph=False, jit_compile=True)
    decode = lambda z: {"mean": inner(tf.ensure_shape(z, [None, 3]))}  # noqa: E731
    assert "no XLA-compiled function" in off(write({"decode": graph(decode, "z", 3)}))


def test_a_variable_that_is_stored_twice_and_read_once(write, vae):
    copy = tf.Variable(vae.likelihood.linear.kernel.value, name="copy")
    found = off(write({}, more=[copy]))
    assert found.keys() == {"variables stored once"}
    assert "copy is stored, but no function reads it" in found["variables stored once"]
    assert "bernoulli" in found["variables stored once"].split("; ")[1]


def test_a_variable_that_is_stored_twice_and_read_twice(write, vae):
    twin = keras.models.clone_model(vae.decoder)
    twin.set_weights(vae.decoder.get_weights())
    other = VAE(vae.encoder, twin, posterior=vae.posterior, likelihood=vae.likelihood)
    decode = lambda z: signatures.decode(other, tf.ensure_shape(z, [None, 3]))  # noqa: E731
    found = off(write({"decode": graph(decode, "z", 3)}))
    assert found.keys() == {"variables stored once"}
    assert "hold the same values" in found["variables stored once"]


def test_the_archive_of_keras_stores_twice(vae, answers, tmp_path):
    """The fault of keras-team/keras#23553, as it comes about."""
    archive = keras.export.ExportArchive()
    archive.track(vae)
    decode = lambda z: signatures.decode(vae, z)  # noqa: E731
    archive.add_endpoint("decode", decode, input_signature=[tf.TensorSpec([None, 3], tf.float32, name="z")])
    archive.write_out(str(tmp_path / "1"), verbose=False)
    assert "hold the same values" in off(tmp_path / "1")["variables stored once"]


def test_a_weight_that_is_not_finite(write, vae, make):
    spoilt = make()
    spoilt.decoder.weights[0].assign(spoilt.decoder.weights[0] * np.nan)
    found = off(write({"decode": signatures.trace(spoilt)["decode"]}))
    assert "kernel is not finite everywhere" in found["weights finite"]


@pytest.mark.parametrize("content", [None, b"", b"not a record", b"\0" * 100])
def test_a_warm_up_file_that_cannot_be_read(version, content):
    path = version / "assets.extra" / "tf_serving_warmup_requests"
    path.unlink()
    if content is not None:
        path.write_bytes(content)
    assert off(version).keys() >= {"warm-up requests", "checksums"}


def test_a_warm_up_record_that_is_no_request(version):
    path = version / "assets.extra" / "tf_serving_warmup_requests"
    with tf.io.TFRecordWriter(str(path)) as file:
        file.write(b"nothing")
    assert "holds something else than a request as record 0" in off(version)["warm-up requests"]


def test_files_that_are_others_than_on_the_card(version):
    (version / "fingerprint.pb").unlink()
    (version / "notes.txt").write_text("")
    with open(version / "assets.extra" / "golden.npz", "ab") as file:
        file.write(b"\0")
    assert set(off(version)["checksums"].split("; ")) == {
        "fingerprint.pb is missing",
        "notes.txt is not on the card",
        "assets.extra/golden.npz has changed since it was exported",
    }


def test_a_version_without_a_card(version):
    (version / "card.json").unlink()
    assert off(version).keys() == {"checksums", "answers"}  # which are not asked for then
