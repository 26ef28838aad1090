"""What is served, in the formats of others; see `CASES` in conftest.py."""

import numpy as np
import pytest
import tensorflow as tf

from vae_tf import VAE, posteriors, priors
from vae_tf.serving import saved_model, signatures

NAMES = ("encode", "decode", "reconstruct", "decode_noise")
CONVERTED = (  # each posterior, prior and network once, and the means that are written from parameters
    "conv",
    "DiagonalNormal, AutoregressiveFlow, NegativeBinomial",
    "PowerSpherical, VampPrior",
    "FullCovarianceNormal, VampPrior, DIP ii",
    "FullCovarianceNormal, AutoregressiveFlow, DiscretizedLogisticMixture",
    "InverseAutoregressiveFlow, MixtureOfNormals, Categorical",
    "PowerSpherical, SphericalUniform",
    "Deterministic, MixtureOfNormals",
    "ContinuousBernoulli",
    "Laplace, predicted",
)
TOLERANCE = 1e-5  # of the largest value, where that is above 1


@pytest.fixture
def chosen(case) -> VAE:
    """The model of a line in `CONVERTED`, of others none."""
    if case.name not in CONVERTED:
        pytest.skip("others stand for it")
    return case.seeded()


def converted(vae: VAE) -> dict:
    """The graphs that convert, by name."""
    graphs = signatures.trace(vae)
    needs_tables = isinstance(vae.prior, priors.VampPrior) and isinstance(vae.posterior, posteriors.PowerSpherical)
    return {name: graphs[name] for name in NAMES if not (needs_tables and name == "decode_noise")}


def inputs(graph, rows: int) -> dict[str, np.ndarray]:
    """Bits as examples, normals as codes and noise."""
    ((name, spec),) = graph.structured_input_signature[1].items()
    values = np.random.default_rng(rows).normal(size=(rows, *spec.shape[1:])).astype(np.float32)
    return {name: np.float32(values > 0) if name == "x" else values}


def close(found: dict, graph, given: dict) -> None:
    expected = {name: value.numpy() for name, value in graph(**{k: tf.constant(v) for k, v in given.items()}).items()}
    assert found.keys() == expected.keys()
    for name, value in expected.items():
        np.testing.assert_allclose(found[name], value, rtol=0, atol=TOLERANCE * max(1, np.abs(value).max()))


@pytest.mark.filterwarnings(r"ignore:\s*Warning. tf.lite.Interpreter is deprecated:UserWarning")
def test_tflite_answers_as_the_model_does_with_built_in_operations_alone(chosen, tmp_path):
    graphs = converted(chosen)
    saved_model.write(tmp_path, graphs, saved_model.served_weights(graphs))
    converter = tf.lite.TFLiteConverter.from_saved_model(str(tmp_path), signature_keys=list(graphs))
    interpreter = tf.lite.Interpreter(model_content=converter.convert())
    for name, graph in graphs.items():
        for rows in (1, 5):
            given = inputs(graph, rows)
            close(interpreter.get_signature_runner(name)(**given), graph, given)


def test_onnx_answers_as_the_model_does(chosen):
    tf2onnx, onnxruntime = pytest.importorskip("tf2onnx"), pytest.importorskip("onnxruntime")
    for graph in converted(chosen).values():
        ((name, spec),) = graph.structured_input_signature[1].items()
        function = tf.function(lambda value, graph=graph, name=name: graph(**{name: value}))
        signature = [tf.TensorSpec(spec.shape, spec.dtype, name)]
        model, _ = tf2onnx.convert.from_function(function, signature, opset=18)
        session = onnxruntime.InferenceSession(model.SerializeToString())
        names = [output.name for output in session.get_outputs()]
        for rows in (1, 5):
            given = inputs(graph, rows)
            close(dict(zip(names, session.run(names, given), strict=True)), graph, given)
