"""The checks of the answers find each planted fault."""

import pytest
import tensorflow as tf

from vae_tf.export.version import card, golden
from vae_tf.export.version.check import check
from vae_tf.serving import signatures


def off(path):
    """The checks that find something off, with what they say."""
    return {finding.check: finding.detail for finding in check(path) if not finding.ok}


def both(name):
    return {f"{name}, tf.saved_model.load", f"{name}, TF1 session"}


def graph(function, name, *shape, dtype=tf.float32, **options):
    return tf.function(function, autograph=False, **options).get_concrete_function(
        **{name: tf.TensorSpec([None, *shape], dtype)}
    )


def test_a_weight_that_is_another(vae, graphs, write):
    bias = vae.decoder.weights[1]
    before = bias.numpy()
    bias.assign(before + 1e-3)
    try:
        found = off(write({}))
    finally:
        bias.assign(before)
    assert found.keys() == both("golden answers")
    for detail in found.values():
        assert {fault.partition(":")[0] for fault in detail.split("; ")} == {
            "decode",
            "decode_noise",
            "sample",
            "reconstruct",
            "score",
            "serving_default",
        }


def test_a_golden_answer_that_is_another(version):
    answers = golden.read(version / golden.PATH)
    answers["encode"].outputs["stddev"][3, 1] += 1e-4
    before = card.checksum(version / golden.PATH)
    golden.write(version / golden.PATH, answers)
    path = version / card.PATH
    path.write_text(path.read_text().replace(before, card.checksum(version / golden.PATH)))
    found = off(version)
    assert found.keys() == both("golden answers")
    assert set(found.values()) == {"encode: stddev differs by up to 0.0001 from that of the golden answer"}


@pytest.mark.parametrize("content", [None, b"", b"PK\x03\x04"])
def test_golden_answers_that_are_lost(version, content):
    (version / golden.PATH).unlink()
    if content is not None:
        (version / golden.PATH).write_bytes(content)
    assert "golden.npz holds no golden answers" in off(version)["golden answers kept"]


def test_rows_that_lean_on_each_other(write, vae):
    def decode(z):
        z = tf.ensure_shape(z, [None, 3])
        return signatures.decode(vae, z + 1e-3 * tf.reduce_mean(z, axis=0))

    assert off(write({"decode": graph(decode, "z", 3)})).keys() >= both("row independence")


def test_seeds_that_lean_on_each_other(write, vae):
    def sample(seed):
        seed = tf.ensure_shape(seed, [None, 2])
        z = tf.random.stateless_normal([tf.shape(seed)[0], 3], seed[0], alg="philox")
        return {"z": z, **signatures.decode(vae, z)}

    found = off(write({"sample": graph(sample, "seed", 2, dtype=tf.int32)}))
    assert found.keys() >= both("z of a seed") | both("row independence")


def test_nan_that_spreads(write, vae):
    def decode(z):
        z = tf.ensure_shape(z, [None, 3])
        return signatures.decode(vae, z + 0 * tf.reduce_sum(z))

    found = off(write({"decode": graph(decode, "z", 3)}))
    assert found.keys() == both("a bad value stays in its row")
    assert "decode: beside a bad row, mean differs by up to nan" in found["a bad value stays in its row, TF1 session"]


def test_nan_that_raises(write, vae):
    decode = lambda z: signatures.decode(vae, tf.debugging.check_numerics(tf.ensure_shape(z, [None, 3]), "no"))  # noqa: E731
    found = off(write({"decode": graph(decode, "z", 3)}))
    assert found.keys() == both("a bad value stays in its row")
    assert "InvalidArgumentError" in found["a bad value stays in its row, TF1 session"]


def test_nan_that_is_swallowed(write, vae):
    def decode(z):
        z = tf.ensure_shape(z, [None, 3])
        return signatures.decode(vae, tf.where(tf.math.is_nan(z), 0.0, z))

    found = off(write({"decode": graph(decode, "z", 3)}))
    assert set(found.values()) == {"decode: mean is good for a bad z"}


def test_a_wrong_shape_that_is_answered(write, vae):
    found = off(write({"decode": graph(lambda z: signatures.decode(vae, z[:, :3]), "z", 3)}))
    assert found.keys() == both("wrong shapes refused")
    assert set(found.values()) == {"decode: z of shape (8, 4) is answered"}


def test_a_wrong_shape_that_is_refused_without_a_word(write, vae):
    found = off(write({"decode": graph(lambda z: signatures.decode(vae, z), "z", 3)}))
    assert set(found.values()) == {"decode: z of shape (8, 4) is refused without the expected shape [?,3]"}
