"""What is served: the Keras model's own numbers, row by row, in the shapes of the contract."""

import functools

import keras
import numpy as np
import pytest
import tensorflow as tf

from vae_tf import VAE, InputError, likelihoods, networks, random
from vae_tf.export import export
from vae_tf.export.version import runners
from vae_tf.serving import contract, signatures

CASES = [
    ("mlp", "DiagonalNormal", "Bernoulli"),
    ("mlp", "DiagonalNormal", "ContinuousBernoulli"),
    ("mlp", "DiagonalNormal", "predicted"),
    ("mlp", "Deterministic", "Normal"),
    ("conv", "DiagonalNormal", "Bernoulli"),
    ("conv", "DiagonalNormal", "Normal"),
    ("conv", "Deterministic", "Bernoulli"),
]


def tf1(version, signature, **inputs):
    """What a TF1 session answers, loaded as TensorFlow's documents say."""
    with tf.Graph().as_default(), tf.compat.v1.Session() as session:
        ends = tf.compat.v1.saved_model.load(session, ["serve"], str(version)).signature_def[signature]
        feeds = {ends.inputs[name].name: value for name, value in inputs.items()}
        return session.run({name: end.name for name, end in ends.outputs.items()}, feeds)


def close(found, expected):
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-5)


@pytest.fixture(scope="module")
def version(vae, tmp_path_factory):
    return export(vae, tmp_path_factory.mktemp("serving"))


@pytest.fixture(scope="module")
def served(version):
    return tf.saved_model.load(str(version)).signatures


@pytest.fixture
def seeds():
    return np.random.default_rng(3).integers(-(2**31), 2**31, (64, 2)).astype(np.int32)


@pytest.mark.parametrize("case", CASES, ids="-".join)
def test_the_served_answers_are_the_keras_model_s(make, case, tmp_path):
    vae = make(*case)
    version = export(vae, tmp_path)
    served = tf.saved_model.load(str(version)).signatures
    rng = np.random.default_rng(1)
    x = rng.random((5, 6, 6, 1), np.float32)
    z = rng.normal(size=(5, 3)).astype(np.float32)
    noise = rng.normal(size=(5, 3)).astype(np.float32)
    seed = np.array([[11, row] for row in range(5)], np.int32)

    mean = vae.likelihood.mean(vae.decode(z))
    q = vae.encode(x)
    code = {"z": q.mean()} if case[1] == "Deterministic" else {"z": q.mean(), "stddev": q.stddev()}
    expected = {
        "serving_default": ({"z": z}, {"mean": mean}),
        "decode": ({"z": z}, {"mean": mean}),
        "decode_noise": ({"noise": noise}, {"mean": vae.likelihood.mean(vae.decode(noise))}),
        "sample": ({"seed": seed}, {"z": vae.draw(seed), "mean": vae.sample(5, seed=11)}),
        "encode": ({"x": x}, code),
        "reconstruct": ({"x": x}, {"mean": vae(x)}),
    }
    if case[1] != "Deterministic":
        drawn = tf.stack([random.normal([3], tf.cast(row, tf.int64)) for row in seed])
        terms = vae.terms(x, drawn[None])
        rate = q.kl_divergence(vae.prior.distribution(vae.encode))
        distortion = -vae.decode(terms.latents[0].z[0]).log_prob(x)
        score = {"elbo": -(rate + distortion), "rate": rate, "distortion": distortion}
        expected["score"] = ({"x": x, "seed": seed}, score)
    with_files = {"decode_png", "encode_png"}
    assert served.keys() == expected.keys() | with_files
    for name, (inputs, outputs) in expected.items():
        tensors = {key: tf.constant(value) for key, value in inputs.items()}
        for answers in (served[name](**tensors), tf1(version, name, **inputs)):
            assert answers.keys() == outputs.keys()
            for key, value in outputs.items():
                assert answers[key].dtype == np.float32
                np.testing.assert_allclose(answers[key], value, rtol=1e-5, atol=1e-5)


def test_the_tensors_are_those_that_a_real_server_showed(served):
    """As in the metadata recorded from TF Serving 2.21, but for the sizes."""
    shown = {
        name: {key: (spec.dtype.name, spec.shape.as_list()) for key, spec in specs.items()}
        for name, signature in served.items()
        for specs in [signature.structured_input_signature[1] | signature.structured_outputs]
    }
    z, mean, x = ("float32", [None, 3]), ("float32", [None, 6, 6, 1]), ("float32", [None, 6, 6, 1])
    noise = ("float32", [None, 3])
    image_bytes, scalar = ("string", [None]), ("float32", [None])
    assert shown == {
        "serving_default": {"z": z, "mean": mean},
        "decode": {"z": z, "mean": mean},
        "decode_noise": {"noise": noise, "mean": mean},
        "sample": {"seed": ("int32", [None, 2]), "z": z, "mean": mean},
        "encode": {"x": x, "z": z, "stddev": z},
        "reconstruct": {"x": x, "mean": mean},
        "decode_png": {"z": z, "image_bytes": image_bytes},
        "encode_png": {"image_bytes": image_bytes, "z": z, "stddev": z},
        "score": {"x": x, "seed": ("int32", [None, 2]), **dict.fromkeys(("elbo", "rate", "distortion"), scalar)},
    }


def test_a_seed_has_one_z(vae, served, seeds):
    batch = served["sample"](seed=tf.constant(seeds))["z"].numpy()
    for row, seed in enumerate(seeds):
        alone = served["sample"](seed=tf.constant([seed]))["z"].numpy()
        assert alone.tobytes() == batch[row : row + 1].tobytes()
    assert len(np.unique(batch, axis=0)) == 64
    assert vae.draw(seeds).numpy().tobytes() == batch.tobytes()


def test_vae_sample_is_the_served_sample(vae, served):
    answers = served["sample"](seed=tf.constant([[5, row] for row in range(9)]))
    close(answers["mean"], vae.sample(9, seed=5))
    assert answers["z"].numpy().std() > 0.5


def test_noise_is_decoded_as_the_sample_of_the_seed_that_it_is_drawn_from(served, seeds):
    noise = random.normal_rows([3], tf.constant(seeds))
    close(served["decode_noise"](noise=noise)["mean"], served["sample"](seed=tf.constant(seeds))["mean"])


def test_a_seed_has_one_z_in_another_process_without_this_library(version, served, fresh_process):
    found = fresh_process(f"""
        import sys, tensorflow as tf
        sample = tf.saved_model.load({str(version)!r}).signatures["sample"]
        assert "vae_tf" not in sys.modules
        print(sample(seed=tf.constant([[7, 2]]))["z"].numpy().tobytes().hex())
    """)
    assert found.stdout.strip() == served["sample"](seed=tf.constant([[7, 2]]))["z"].numpy().tobytes().hex()


@pytest.mark.parametrize("network", ["mlp", "conv"])
def test_rows_do_not_depend_on_their_neighbours(make, network):
    reconstruct = signatures.trace(make(network))["reconstruct"]
    x = np.random.default_rng(0).random((64, 6, 6, 1), np.float32)
    batch = reconstruct(x=tf.constant(x))["mean"].numpy()
    for row in (0, 31, 63):
        close(reconstruct(x=tf.constant(x[row : row + 1]))["mean"][0], batch[row])


@pytest.mark.parametrize("way", runners.WAYS)
@pytest.mark.parametrize("network", ["mlp", "conv"])
def test_nan_stays_in_its_row(make, network, way, tmp_path):
    version = export(make(network), tmp_path)
    rng = np.random.default_rng(0)
    z, noise = rng.normal(size=(2, 6, 3)).astype(np.float32)
    values = {"z": z, "noise": noise, "x": rng.random((6, 6, 6, 1), np.float32)}
    with runners.WAYS[way](version) as ask:
        keys = {"decode": "z", "decode_noise": "noise", "encode": "x", "reconstruct": "x"}
        for name, key in keys.items():
            right = ask(name, {key: values[key]})
            spoilt = values[key].copy()
            for bad in (np.nan, np.inf, -np.inf):
                spoilt[2].flat[0] = bad
                for output, value in ask(name, {key: spoilt}).items():
                    assert np.isnan(value[2]).all()
                    close(np.delete(value, 2, 0), np.delete(right[output], 2, 0))


def test_nan_that_the_networks_swallow_is_still_nan():
    """As a ReLU that oneDNN has fused with its product does, on some processors."""

    swallow = keras.layers.Lambda(lambda x: tf.where(tf.math.is_finite(x), x, 0.0))
    encoder = keras.Sequential([keras.Input((6,)), swallow, keras.layers.Dense(4, "relu")])
    decoder = keras.Sequential([keras.Input((3,)), swallow, keras.layers.Dense(4, "relu")])
    graphs = signatures.trace(VAE(encoder, decoder, likelihood=likelihoods.Normal((6,))))
    rows, seed = {"z": np.zeros((3, 3), np.float32), "x": np.zeros((3, 6), np.float32)}, np.zeros((3, 2), np.int32)
    for name, key in {"decode": "z", "encode": "x", "reconstruct": "x", "score": "x"}.items():
        for bad in (np.nan, np.inf, -np.inf):
            spoilt = rows[key].copy()
            spoilt[1, 2] = bad
            inputs = {key: tf.constant(spoilt), **({"seed": tf.constant(seed)} if name == "score" else {})}
            for value in graphs[name](**inputs).values():
                assert np.isnan(value[1]).all(), (name, bad)
                assert np.isfinite(np.delete(value, 1, 0)).all()


@pytest.mark.parametrize(
    ("name", "key", "shape", "expected"),
    [
        ("decode", "z", (2, 4), "[?,3]"),
        ("decode", "z", (3,), "[?,3]"),
        ("serving_default", "z", (2, 1), "[?,3]"),
        ("sample", "seed", (2, 3), "[?,2]"),
        ("sample", "seed", (), "[?,2]"),
        ("encode", "x", (1, 36), "[?,6,6,1]"),
        ("reconstruct", "x", (6, 6, 2), "[?,6,6,1]"),
        ("decode_png", "z", (2, 4), "[?,3]"),
        ("score", "x", (1, 36), "[?,6,6,1]"),
        ("score", "seed", (1, 3), "[?,2]"),
        ("encode_png", "image_bytes", (1, 1), "[?]"),
        ("encode_png", "image_bytes", (), "[?]"),
    ],
)
def test_the_graph_refuses_a_wrong_shape(version, name, key, shape, expected):
    inputs = {
        "seed": np.zeros((1, 2), np.int32), "x": np.zeros((1, 6, 6, 1), np.float32), "z": np.zeros((1, 3), np.float32),
        "noise": np.zeros((1, 3), np.float32), "image_bytes": np.array([b""]),
    }  # fmt: skip
    wrong = {key: np.zeros(shape, inputs[key].dtype)}
    taken = {
        other: inputs[other]
        for other in contract.interfaces(3, (6, 6, 1), 3)["decode" if name == "serving_default" else name].inputs
    }
    with runners.session(version) as ask, pytest.raises(tf.errors.InvalidArgumentError) as refusal:
        ask(name, taken | wrong)
    given = ",".join(map(str, shape))
    assert f"[{given}] is not compatible with expected shape {expected}." in refusal.value.message
    assert f"{name}_{key}" in refusal.value.message


def test_no_rows_are_no_fault(served):
    """A server may pass them on; the answer is of no rows."""
    assert served["decode"](z=tf.zeros([0, 3]))["mean"].shape == (0, 6, 6, 1)
    assert served["sample"](seed=tf.zeros([0, 2], tf.int32))["z"].shape == (0, 3)


def test_layers_are_served_as_they_predict():
    """Dropout is off, and batch normalisation takes its moving averages, so that rows stay apart."""
    keras.utils.set_random_seed(0)
    x = keras.Input((6,))
    features = keras.layers.Dropout(0.5)(keras.layers.BatchNormalization()(keras.layers.Dense(8)(x)))
    encoder = keras.Model(x, features)
    vae = VAE(encoder, networks.mlp((6,), 3, hidden=(8,)).decoder)
    vae.compile(keras.optimizers.Adam(0.01))
    data = np.random.default_rng(0).random((64, 6)).astype(np.float32)
    vae.fit(data, epochs=2, verbose=0)
    encode = signatures.trace(vae)["encode"]
    answers = [encode(x=tf.constant(part))["z"].numpy() for part in (data[:1], data[:64], data[:64])]
    close(answers[0], answers[1][:1])
    np.testing.assert_array_equal(answers[1], answers[2])
    assert not np.allclose(vae.posterior.code(vae.encode(data, training=True)), answers[1], atol=1e-2)


def test_nothing_is_compiled_with_xla(make):
    vae = make()
    vae.compile("adam", jit_compile=True)
    for graph in signatures.trace(vae).values():
        assert "_XlaMustCompile" not in str(graph.graph.as_graph_def())


def test_every_function_is_in_the_contract(vae):
    assert signatures.functions(vae).keys() == contract.interfaces(3, (6, 6, 1), 3).keys()


@pytest.mark.parametrize(
    ("event_shape", "likelihood", "with_files"),
    [
        ((6, 6, 1), likelihoods.Bernoulli, True),
        ((6, 6, 3), likelihoods.Normal, True),
        ((6, 6, 3), likelihoods.DiscretizedLogisticMixture, True),
        ((6, 6, 2), likelihoods.Normal, False),
        ((6,), likelihoods.Bernoulli, False),
        ((6, 6, 1), likelihoods.NegativeBinomial, False),
        ((6, 6, 1), functools.partial(likelihoods.Categorical, categories=5), False),
    ],
)
def test_files_are_served_by_models_of_images_with_values_from_0_to_1(event_shape, likelihood, with_files):
    vae = VAE(*networks.mlp(event_shape, 3, hidden=(4,)), likelihood=likelihood(event_shape))
    assert ({"decode_png", "encode_png"} <= signatures.functions(vae).keys()) == with_files


@pytest.mark.parametrize("value", [np.nan, np.inf, -1.0, 3.0])
@pytest.mark.parametrize(
    "likelihood", [functools.partial(likelihoods.Categorical, categories=3), likelihoods.Bernoulli]
)
def test_what_no_density_is_defined_for_scores_nan_in_its_own_row(likelihood, value):
    vae = VAE(*networks.mlp((4, 1), 3, hidden=(4,)), likelihood=likelihood((4, 1)))
    score = signatures.trace(vae)["score"]
    x, seed = np.zeros((3, 4, 1), np.float32), np.zeros((3, 2), np.int32)
    right = score(x=tf.constant(x), seed=tf.constant(seed))
    x[1, 2] = value
    for name, found in score(x=tf.constant(x), seed=tf.constant(seed)).items():
        assert np.isnan(found[1])
        close(np.delete(found, 1), np.delete(right[name], 1))


@pytest.mark.parametrize("value", [0.5, 1e-3, 1.001])
@pytest.mark.parametrize(
    "likelihood",
    [
        functools.partial(likelihoods.Categorical, categories=3),
        likelihoods.NegativeBinomial,
        likelihoods.DiscretizedLogisticMixture,
    ],
)
def test_what_lies_between_the_values_that_are_taken_scores_nan_in_its_own_row(likelihood, value):
    vae = VAE(*networks.mlp((2,), 3, hidden=(4,)), likelihood=likelihood((2,)))
    score = signatures.trace(vae)["score"]
    x, seed = np.array([[0, 1], [1, 0], [1, 1]], np.float32), np.zeros((3, 2), np.int32)
    right = score(x=tf.constant(x), seed=tf.constant(seed))
    x[1, 1] = value
    for name, found in score(x=tf.constant(x), seed=tf.constant(seed)).items():
        assert np.isfinite(right[name]).all()
        assert np.isnan(found[1])
        close(np.delete(found, 1), np.delete(right[name], 1))


def test_the_scores_of_many_seeds_have_the_model_s_elbo_as_their_mean(vae, served):
    x = np.random.default_rng(0).integers(0, 2, (1, 6, 6, 1)).astype(np.float32)
    seeds = np.stack([np.full(2_000, 5), np.arange(2_000)], axis=1).astype(np.int32)
    scores = served["score"](x=tf.constant(np.repeat(x, 2_000, 0)), seed=tf.constant(seeds))
    expected = vae.terms(x, random.normal([2_000, 1, 3], tf.constant([1, 2], tf.int64)))
    q = vae.encode(x)
    rate = q.kl_divergence(vae.prior.distribution(vae.encode))[0]
    error = np.std(scores["elbo"]) / np.sqrt(1_000)
    assert float(tf.reduce_mean(scores["elbo"])) == pytest.approx(-float(expected.distortion[0] + rate), abs=4 * error)
    np.testing.assert_allclose(scores["rate"], rate, rtol=1e-5)


def test_keras_s_own_export_serves_the_same(vae, version, tmp_path, capsys):
    vae.export(tmp_path / "plain", verbose=True)
    assert capsys.readouterr().out.startswith(
        f"{tmp_path / 'plain'} serves decode, decode_noise, decode_png, encode, encode"
    )
    plain, whole = (tf.saved_model.load(str(path)).signatures for path in (tmp_path / "plain", version))
    assert plain.keys() == whole.keys()
    seed = tf.constant([[3, 4]])
    for name, value in plain["sample"](seed=seed).items():
        np.testing.assert_array_equal(value, whole["sample"](seed=seed)[name])
    size = (version / "variables" / "variables.data-00000-of-00001").stat().st_size
    assert (tmp_path / "plain" / "variables" / "variables.data-00000-of-00001").stat().st_size == size


def test_keras_s_own_export_takes_no_other_signature(vae, tmp_path):
    with pytest.raises(InputError, match=r"export.. was given an input_signature, but this model's signatures are"):
        vae.export(tmp_path / "plain", input_signature=[tf.TensorSpec([None, 6, 6, 1])])
    assert not (tmp_path / "plain").exists()
