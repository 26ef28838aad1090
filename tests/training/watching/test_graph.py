import numpy as np
import pytest
import tensorflow as tf
from tensorboard.compat.proto import event_pb2

from vae_tf import VAE, likelihoods, networks, objectives, posteriors, priors
from vae_tf.training import callbacks

BOXES = {"noise", "posterior", "prior", "likelihood", "objective"}


def graphs(folder) -> list[tf.compat.v1.GraphDef]:
    found = []
    for path in folder.glob("events.out.tfevents.*"):
        for record in tf.data.TFRecordDataset(str(path)).as_numpy_iterator():
            event = event_pb2.Event.FromString(record)
            if event.HasField("graph_def"):
                found.append(tf.compat.v1.GraphDef.FromString(event.graph_def))
    return found


def boxes(graph) -> set[str]:
    return {node.name.split("/")[0].rstrip("_0123456789") for node in graph.node if "/" in node.name}


def fit(vae, x, *callbacks, epochs=2, **options):
    vae.compile("sgd", **options)
    vae.fit(x, batch_size=10, epochs=epochs, callbacks=list(callbacks), verbose=0)


@pytest.mark.parametrize("together", [1, 2])
def test_the_graph_of_a_pass_is_written_once_in_boxes_of_the_parts(make_vae, bits, tmp_path, together):
    fit(make_vae(), bits, callbacks.Graph(tmp_path), epochs=3, steps_per_execution=together, jit_compile=False)
    (graph,) = graphs(tmp_path / "graph")
    assert boxes(graph) >= BOXES | {"encoder", "decoder"}
    loose = [node.name for node in graph.node if "/" not in node.name]
    assert len(loose) < 20  # a page that can be read
    layers = {name for node in graph.node for name in node.name.split("/")[:-1]}
    assert any(name.startswith("dense") for name in layers)


def test_a_run_that_goes_on_leaves_one_graph(make_vae, bits, tmp_path):
    watch = callbacks.Graph(tmp_path)
    fit(make_vae(), bits, watch, run_eagerly=True)
    fit(make_vae(), bits, watch, run_eagerly=True)
    assert len(graphs(tmp_path / "graph")) == 1
    fit(make_vae(), bits, callbacks.Graph(tmp_path), run_eagerly=True)
    assert len(graphs(tmp_path / "graph")) == 1


@pytest.mark.parametrize(
    "parts",
    [
        {"prior": priors.VampPrior(2, components=3)},
        {"posterior": posteriors.Deterministic(2), "objective": objectives.Reconstruction()},
        {"objective": objectives.ImportanceWeighted(samples=3, gradient="dreg")},
        {"objective": objectives.MaximumMeanDiscrepancy()},
    ],
)
def test_every_kind_of_model_has_one(make_vae, bits, tmp_path, parts):
    fit(make_vae(**parts), bits, callbacks.Graph(tmp_path), epochs=1, run_eagerly=True)
    (graph,) = graphs(tmp_path / "graph")
    assert boxes(graph) >= {"encoder", "decoder", "posterior", "likelihood"}


def test_a_subclass_has_its_own(bits, tmp_path):
    class Doubled(VAE):
        def terms(self, x, noise, training=False, prior_noise=None):
            with tf.name_scope("doubled/"):
                noise = 2.0 * noise
            return super().terms(x, noise, training, prior_noise)

    fit(Doubled(*networks.mlp((4, 4, 1), latent_size=2)), bits, callbacks.Graph(tmp_path), run_eagerly=True)
    assert "doubled" in boxes(graphs(tmp_path / "graph")[0])


def test_vectors_have_one(make_vae, tmp_path, rng):
    x = rng.normal(size=(20, 5)).astype(np.float32)
    vae = make_vae((5,), likelihood=likelihoods.Normal((5,)))
    fit(vae, x, callbacks.Graph(tmp_path), run_eagerly=True)
    assert len(graphs(tmp_path / "graph")) == 1


def test_conditions_are_inputs_of_the_graph(make_vae, bits, tmp_path):
    vae = make_vae(conditions={"label": networks.Label(3), "angle": networks.Vector(2)})
    x = {"x": bits, "label": np.arange(20) % 3, "angle": np.zeros((20, 2), np.float32)}
    fit(vae, x, callbacks.Graph(tmp_path), epochs=1, run_eagerly=True)
    (graph,) = graphs(tmp_path / "graph")
    assert {node.name for node in graph.node if node.op == "Placeholder"} >= {"x", "label", "angle", "seed"}
    assert boxes(graph) >= BOXES | {"encoder", "decoder"}
