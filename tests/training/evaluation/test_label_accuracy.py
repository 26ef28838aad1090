import importlib

import numpy as np
import pytest

from vae_tf import VAE, InputError, likelihoods, networks, objectives, posteriors
from vae_tf.training import evaluation

module = importlib.import_module("vae_tf.training.evaluation.label_accuracy")  # of one name with its function


@pytest.mark.parametrize("places", [{"decoder": True}, {"prior": True}, {"decoder": False, "prior": True}], ids=str)
@pytest.mark.parametrize("samples", [1, 7])
def test_it_is_that_of_the_exact_log_likelihoods(linear_normal, places, samples):
    model = linear_normal(**places)  # the proposal is the exact posterior, so that each weight is p(x|label)
    right = model.log_prob.argmax(axis=0) == model.label
    found = evaluation.label_accuracy(model.vae, model.batch, samples, seed=3)
    assert 0.3 < right.mean() < 1
    assert found.accuracy == right.mean()
    assert found.standard_error == pytest.approx(np.sqrt(right.mean() * (1 - right.mean()) / 60))
    assert (found.examples, found.importance_samples) == (60, samples)


def test_a_proposal_that_is_not_the_posterior_changes_little(linear_normal):
    model = linear_normal(widened=1.5)
    right = model.log_prob.argmax(axis=0) == model.label
    found = evaluation.label_accuracy(model.vae, model.batch, 100, seed=3)
    assert found.accuracy == pytest.approx(right.mean(), abs=2 / 60)


def test_labels_that_change_nothing_are_found_by_chance(linear_normal):
    model = linear_normal(encoder=False, widened=2.0)
    kernel, bias = model.vae.likelihood.linear.get_weights()
    kernel[2:] = 0  # of the label
    model.vae.likelihood.linear.set_weights([kernel, bias])
    # The noise is the same for all labels, and so is the estimate.
    found = evaluation.label_accuracy(model.vae, model.batch, 5, seed=3)
    assert (found.accuracy, found.standard_error) == (0.25, 0)


def test_the_work_is_bounded(linear_normal, monkeypatch):
    model = linear_normal()
    right = model.log_prob.argmax(axis=0) == model.label
    monkeypatch.setattr(module, "SAMPLES", 3)
    monkeypatch.setattr(module, "EXAMPLES", 9)
    found = evaluation.label_accuracy(model.vae, model.batch, 5_000, seed=3)
    assert (found.examples, found.importance_samples) == (9, 3)
    assert found.accuracy == pytest.approx(right[np.linspace(0, 59, 9).astype(int)].mean())
    monkeypatch.setattr(module, "DRAWS", 4 * 3 * 7 + 5)
    assert evaluation.label_accuracy(model.vae, model.batch, 5_000, seed=3).examples == 7
    monkeypatch.setattr(module, "DRAWS", 4 * 3 - 1)
    assert evaluation.label_accuracy(model.vae, model.batch, 5_000, seed=3) is None


def test_the_bounds_are_those_of_the_docstring():
    of_labels = {labels: min(module.EXAMPLES, module.DRAWS // (module.SAMPLES * labels)) for labels in (20, 100, 1_000)}
    assert of_labels == {20: 1_000, 100: 200, 1_000: 20}
    assert (module.DRAWS // (module.SAMPLES * 20_000), module.DRAWS // (module.SAMPLES * 20_001)) == (1, 0)
    for bound in (module.EXAMPLES, module.SAMPLES, module.DRAWS):
        assert f"{bound:,}" in evaluation.label_accuracy.__doc__


def test_a_model_that_is_not_finite_has_no_accuracy(linear_normal):
    model = linear_normal()
    kernel, bias = model.vae.likelihood.linear.get_weights()
    kernel[-1] = np.nan  # of the last label
    model.vae.likelihood.linear.set_weights([kernel, bias])
    with np.errstate(invalid="ignore"):
        assert np.isnan(evaluation.label_accuracy(model.vae, model.batch, 5, seed=3).accuracy)


def small(**parts) -> VAE:
    conditions = parts.pop("conditions", None)
    return VAE(*networks.mlp((3,), 2, hidden=(4,), conditions=conditions), likelihood=likelihoods.Normal([3]), **parts)


VECTOR, LABEL = networks.Vector(2), networks.Label(4)
NONE = {
    "no condition": small,
    "a vector": lambda: small(conditions={"label": VECTOR}),
    "two conditions": lambda: small(conditions={"label": LABEL, "angle": VECTOR}),
    "a label for the encoder alone": lambda: small(conditions={"label": networks.Label(4, decoder=False)}),
    "a plain autoencoder": lambda: small(
        conditions={"label": LABEL}, posterior=posteriors.Deterministic(2), objective=objectives.Reconstruction()
    ),
}


@pytest.mark.parametrize("make", NONE.values(), ids=NONE)
def test_there_is_none_without_a_likelihood_of_one_label(make, linear_normal):
    assert evaluation.label_accuracy(make(), linear_normal().batch, 5, seed=3) is None


def test_there_is_none_for_an_unknown_number_of_labels(linear_normal):
    model = linear_normal(known=False)
    assert model.vae.conditions["label"].count is None
    assert evaluation.label_accuracy(model.vae, model.batch, 5, seed=3) is None


def test_what_cannot_be_measured_is_refused(linear_normal):
    model = linear_normal()
    with pytest.raises(InputError, match="samples=0: give a whole number of at least 1"):
        evaluation.label_accuracy(model.vae, model.batch, 0, seed=3)
    with pytest.raises(InputError, match="The label accuracy was asked for of 0 examples: give at least 1"):
        evaluation.label_accuracy(model.vae, {"x": model.x[:0], "label": model.label[:0]}, 5, seed=3)
    with pytest.raises(InputError, match=r"x is a ndarray; this model takes a dictionary of 'x' .* and 'label'"):
        evaluation.label_accuracy(model.vae, model.x, 5, seed=3)
