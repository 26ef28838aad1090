"""Runs of models with a label, measured."""

import json

import numpy as np
import pytest

from vae_tf import InputError, training
from vae_tf.priors import MixtureOfNormals
from vae_tf.training import evaluation


@pytest.fixture(scope="module")
def labelled(read_recipe, tmp_path_factory) -> training.Run:
    """A run of two epochs of a model that takes the label, with a prior that was fitted after training."""
    run = training.Run(tmp_path_factory.mktemp("runs") / "labelled")
    words = ["--model.condition=label", "--binarization=static"]
    run.train(*read_recipe(*words, "--model.ex_post_prior=MixtureOfNormals", "--model.ex_post_prior.components=2"))
    return run


def test_it_is_measured_with_its_labels(labelled):
    results = labelled.evaluate(samples=20)
    assert results == json.loads(labelled.results.read_text())
    settings, vae = labelled.load()
    assert isinstance(vae.prior, MixtureOfNormals)
    x = labelled.test_examples(settings)
    np.testing.assert_array_equal(x["label"], np.arange(48, 60) % 3)
    found = evaluation.LogLikelihood(evaluation.log_likelihood(vae, x, 20, settings.seed))
    assert results["log_likelihood"] == found.mean
    accuracy = evaluation.label_accuracy(vae, x, 20, settings.seed)
    assert (results["label_accuracy"], results["label_accuracy_examples"]) == (accuracy.accuracy, 12)
    assert results["conditions"] == ["label"]
    assert "linear_probe_accuracy" in results


def test_other_data_are_measured_by_the_names_of_their_labels(labelled, images, tmp_path):
    with np.load(images) as file:
        x, y = file["x_test"], file["y_test"]
    expected = labelled.measure(5)
    names = np.array(["0", "1", "2"])
    np.savez(tmp_path / "names.npz", x_train=x, y_train=names[y], x_test=x, y_test=names[y])
    results = labelled.measure(5, data=str(tmp_path / "names.npz"))
    for name in ("log_likelihood", "elbo", "label_accuracy"):
        assert results[name] == pytest.approx(expected[name], rel=1e-6)


def test_data_without_labels_or_with_others_are_refused(labelled, images, tmp_path):
    with np.load(images) as file:
        x = file["x_test"]
    np.savez(tmp_path / "none.npz", x_train=x, x_test=x)
    with pytest.raises(InputError, match=r"y_test of .* is missing, and the model takes a label for each example"):
        labelled.measure(5, data=str(tmp_path / "none.npz"))
    np.savez(tmp_path / "other.npz", x_train=x, y_train=np.arange(12) % 4, x_test=x, y_test=np.arange(12) % 4)
    with pytest.raises(
        InputError, match=r"y_test of .* holds the label '3'.*, and the model was trained with '0', '1'"
    ):
        labelled.measure(5, data=str(tmp_path / "other.npz"))


def test_a_prior_for_each_label_is_measured(read_recipe, tmp_path):
    run = training.Run(tmp_path / "run")
    run.train(*read_recipe("--model.condition=label", "--model.prior=ConditionalNormal", "--epochs=1"))
    results = run.measure(5)
    assert np.isfinite(results["log_likelihood"])
    assert "marginal_kl" not in results


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["--model.ex_post_prior=ConditionalNormal"], "fit_prior got ConditionalNormal, which depends on a condition"),
        (
            ["--model.prior=ConditionalNormal", "--model.ex_post_prior=MixtureOfNormals"],
            "The model's prior is ConditionalNormal, so where codes lie depends on label",
        ),
    ],
)
def test_a_prior_that_cannot_be_fitted_is_refused_before_training(read_recipe, tmp_path, words, sentence):
    run = training.Run(tmp_path / "run")
    with pytest.raises(InputError, match=sentence):
        run.train(*read_recipe("--model.condition=label", *words))
    assert not run.directory.exists()
