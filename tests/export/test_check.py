"""The check: nothing on a good bundle, and each planted fault by its rule."""

import shutil

import keras
import numpy as np
import pytest
import tensorflow as tf

from vae_tf import InputError
from vae_tf.export import bundle, export, golden, signatures
from vae_tf.export.check import check

RULES = [
    "signatures",
    "no XLA-compiled function",
    "variables stored once",
    "weights finite",
    "golden answers kept",
    *(
        f"{rule}, {way}"
        for way in ("tf.saved_model.load", "TF1 session")
        for rule in (
            "golden answers",
            "row independence",
            "z of a seed",
            "NaN stays in its row",
            "wrong shapes refused",
        )
    ),
]


def off(path):
    """The rules that find something off, with what they say."""
    return {finding.rule: finding.detail for finding in check(path) if not finding.ok}


def both(rule):
    return {f"{rule}, tf.saved_model.load", f"{rule}, TF1 session"}


@pytest.fixture(scope="module")
def graphs(vae):
    return signatures.trace(vae)


@pytest.fixture(scope="module")
def answers(vae):
    return golden.exchanges(vae)


@pytest.fixture(scope="module")
def exported(vae, tmp_path_factory):
    return export(vae, tmp_path_factory.mktemp("serving"))


@pytest.fixture
def version(exported, tmp_path):
    """A good version, to spoil."""
    return shutil.copytree(exported, tmp_path / "model" / "1")


@pytest.fixture
def write(graphs, answers, tmp_path):
    """(graphs that take the place of good ones, weights beyond those that are read) -> a version."""

    def write(spoilt, more=()):
        served = {name: graph for name, graph in {**graphs, **spoilt}.items() if graph is not None}
        holder = tf.Module()
        holder.weights = [*bundle.served_weights(served), *more]
        version = tmp_path / "spoilt" / "1"
        tf.saved_model.save(holder, str(version), signatures=served)
        (version / golden.PATH).parent.mkdir()
        golden.write(version / golden.PATH, answers)
        return version

    return write


def graph(function, name, *shape, dtype=tf.float32, **options):
    return tf.function(function, autograph=False, **options).get_concrete_function(
        **{name: tf.TensorSpec([None, *shape], dtype)}
    )


def test_a_good_bundle(exported):
    findings = check(exported)
    assert [finding.rule for finding in findings] == RULES
    assert [finding.detail for finding in findings if not finding.ok or finding.detail] == []


def test_the_newest_version_is_checked(vae, exported, version):
    (shutil.copytree(exported, version.parent / "10") / golden.PATH).unlink()
    assert "golden answers kept" in off(version.parent)
    assert off(version) == {}


@pytest.mark.parametrize("case", ["nothing", "an empty folder", "no graph", "a file"])
def test_a_path_that_is_no_bundle_is_refused(version, case):
    path = version.parent.parent / "other"
    if case == "a file":
        path.write_text("")
    elif case != "nothing":
        path.mkdir()
    if case == "no graph":
        (path / "3").mkdir()
    with pytest.raises(InputError, match=r"other is no bundle: give DIR/NAME or DIR/NAME/<version>"):
        check(path)


# ----- The files


def test_a_missing_signature(write):
    found = off(write({"reconstruct": None}))
    assert found == {
        "signatures": "reconstruct is missing",
        "golden answers kept": "reconstruct has golden answers, but is not served",
    }


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

    def decode(z):
        return {"mean": vae.likelihood.mean(vae.likelihood.distribution(vae.likelihood.parameters(twin(z))))}

    found = off(write({"decode": graph(lambda z: decode(tf.ensure_shape(z, [None, 3])), "z", 3)}))
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


# ----- The answers


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
            "sample",
            "reconstruct",
            "serving_default",
        }


def test_a_golden_answer_that_is_another(version):
    answers = golden.read(version / golden.PATH)
    answers["encode"].outputs["stddev"][3, 1] += 1e-4
    golden.write(version / golden.PATH, answers)
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
    assert found.keys() == both("NaN stays in its row")
    assert "decode: beside a row of NaN, mean differs by up to nan" in found["NaN stays in its row, TF1 session"]


def test_nan_that_raises(write, vae):
    decode = lambda z: signatures.decode(vae, tf.debugging.check_numerics(tf.ensure_shape(z, [None, 3]), "no"))  # noqa: E731
    found = off(write({"decode": graph(decode, "z", 3)}))
    assert found.keys() == both("NaN stays in its row")
    assert "InvalidArgumentError" in found["NaN stays in its row, TF1 session"]


def test_nan_that_is_swallowed(write, vae):
    def decode(z):
        z = tf.ensure_shape(z, [None, 3])
        return signatures.decode(vae, tf.where(tf.math.is_nan(z), 0.0, z))

    found = off(write({"decode": graph(decode, "z", 3)}))
    assert set(found.values()) == {"decode: mean is finite for NaN"}


def test_a_wrong_shape_that_is_answered(write, vae):
    found = off(write({"decode": graph(lambda z: signatures.decode(vae, z[:, :3]), "z", 3)}))
    assert found.keys() == both("wrong shapes refused")
    assert set(found.values()) == {"decode: z of shape (8, 4) is answered"}


def test_a_wrong_shape_that_is_refused_without_a_word(write, vae):
    found = off(write({"decode": graph(lambda z: signatures.decode(vae, z), "z", 3)}))
    assert set(found.values()) == {"decode: z of shape (8, 4) is refused without the expected shape [?,3]"}


# ----- Damage


@pytest.mark.parametrize("content", [b"", b"not a graph"])
def test_a_graph_that_is_damaged(version, content):
    (version / "saved_model.pb").write_bytes(content)
    assert "saved_model.pb is damaged: export the model again." in off(version)["signatures"]


def test_a_graph_that_is_cut_off(version):
    whole = (version / "saved_model.pb").read_bytes()
    (version / "saved_model.pb").write_bytes(whole[: len(whole) // 2])
    assert off(version)


def test_weights_that_are_damaged(version):
    data = version / "variables" / "variables.data-00000-of-00001"
    content = bytearray(data.read_bytes())
    content[100] ^= 1
    data.write_bytes(content)
    found = off(version)
    assert found.keys() == {
        "variables stored once",
        "weights finite",
        "loads, tf.saved_model.load",
        "loads, TF1 session",
    }


def test_weights_that_are_lost(version):
    shutil.rmtree(version / "variables")
    assert {"loads, tf.saved_model.load", "loads, TF1 session"} <= off(version).keys()
