"""The results of a run: every measure of a trained model on the test set."""

import math
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf
from rich import progress

from vae_tf import VAE, importance
from vae_tf.data import Batch, count, take
from vae_tf.errors import InputError
from vae_tf.training.datasets import Binarization, as_evaluated, spread_evenly, stored, x_of
from vae_tf.training.evaluation.active_units import active_units
from vae_tf.training.evaluation.aggregated_posterior import aggregated_posterior
from vae_tf.training.evaluation.code_usage import code_usage, dead_codes
from vae_tf.training.evaluation.codes import codes
from vae_tf.training.evaluation.features import Features
from vae_tf.training.evaluation.kl_per_dimension import kl_per_dimension
from vae_tf.training.evaluation.label_accuracy import label_accuracy
from vae_tf.training.evaluation.likelihood import LogLikelihood, density, log_likelihood
from vae_tf.training.evaluation.linear_probe import linear_probe
from vae_tf.training.evaluation.mutual_information_gap import mutual_information_gap
from vae_tf.training.evaluation.rate_by_rung import rate_by_rung
from vae_tf.training.evaluation.reconstruction_error import reconstruction_error
from vae_tf.training.evaluation.sample_quality import sample_quality

BATCH = 500
PROBED = 10_000  # training examples that the linear probe is fitted to
PROBED_VALUES = 2**25  # of their codes: there are fewer examples if codes are long
TRUSTED = 0.1  # nats that the importance-sampled estimate may be too low

GREY = "grey values under a Bernoulli: a cross-entropy, not a likelihood; it compares with no binarised result"
GIVEN = "log_likelihood and elbo are of {density}, not of p(x): they do not compare with those of a model of p(x)"
BELOW = "log_likelihood is biased low: in expectation it rises with importance_samples"
ONE = "log_likelihood is log p(x, z) of the one code that stands for x, a lower bound: importance samples add nothing"
WHOLE = "{what} left out: the codes are whole numbers, and perplexity says how many of them are in use"
RUNGS = "{what} left out: the codes are those of several layers, and rate_by_rung says which are used"


class Examples(NamedTuple):
    """Examples as a data set stores them, and what is known of them.

    Attributes:
        x: [N, *event]; uint8 becomes [0, 1] unless the likelihood is of whole numbers, as in every data set of
            `training`; the rest float32. For a model with conditions, a dictionary of "x" and of these.
        labels: [N], or None.
        factors: what each example was made with, name -> integers [N], or None.
    """

    x: Batch
    labels: np.ndarray | None = None
    factors: dict[str, np.ndarray] | None = None


def evaluate(
    vae: VAE,
    test: Examples | Batch,
    train: Examples | Batch | None = None,
    *,
    samples: int = 5_000,
    binarization: Binarization = "none",
    seed: int = 0,
    features: Features | None = None,
) -> dict[str, Any]:
    """Measures a trained, compiled model.

    Args:
        vae: the model.
        test: what is measured: an array [N, *event], or with conditions a dictionary, as the model takes it (see
            `vae_tf.data.Schema`); or `Examples`.
        train: what the linear probe is fitted to, if both are `Examples` with labels.
        samples: K, the importance samples of each example; not used for a plain autoencoder.
        binarization: where it is not "none", the images are drawn once.
        seed: of the binarisation and of all draws.
        features: the space in which samples are compared with the test images; they are not, where None.

    Returns:
        Means over examples, nats, and what is said of them in `notes`:

        - `log_likelihood`, its two standard errors, `importance_samples`, the effective sample size, and for a
          likelihood of discrete values `bits_per_dimension`: -log_likelihood / (values of an example x log 2);
        - `elbo`, `rate`, `distortion`, `kl_per_dimension`, `mutual_information` and `marginal_kl` of the aggregated
          posterior, with their standard errors, where the model has them; a plain autoencoder has none;
        - `reconstruction_error`, `active_units`, `linear_probe_accuracy` with labels, `mutual_information_gap` with
          factors, the distances of `sample_quality` with features;
        - for a ladder `rate_by_rung`, from the top down, in place of what is said of single dimensions;
        - for discrete codes `perplexity`, `codes_in_use`, `codes_in_use_share` and, with training examples,
          `dead_codes`, which none of these has; the linear probe then reads the codes' vectors;
        - `label_accuracy`, its standard error, and the examples and importance samples that it took, for a model whose
          condition is a label;
        - `examples`, `binarization`, `seed`; `conditions`, the names of those that p(x|conditions) depends on, if there
          are any: `log_likelihood` and the bound are then of p(x|conditions).

    Raises:
        InputError: for a model that is not compiled or whose measures are not finite, no examples, samples < 1, labels
            or factors that do not match, values outside the support, or examples that `features` does not take.
    """
    if not vae.compiled:
        raise InputError("The model is not compiled, and Keras evaluates none that is not: call vae.compile() first.")
    test = _stored(vae, test, "test")
    train = None if train is None else _stored(vae, train, "training")
    x = as_evaluated(test.x, seed=seed, binarization=binarization)
    vae.likelihood.check(x_of(x), "the test set")
    notes: list[str] = []
    # What may be refused comes first, and the importance samples, which take longest, last.
    of_test = codes(vae, x)
    _check_finite({"code": of_test}, x)
    found = {"reconstruction_error": reconstruction_error(vae, x)}
    found |= _usage(vae, of_test, train, seed, binarization, notes)
    found |= _probe(vae, of_test, test, train, seed, binarization, notes)
    found |= _gaps(vae, of_test, test, notes)
    found |= {} if features is None else sample_quality(vae, x, features, seed=seed)
    bound = _bound(vae, x, seed, notes)
    _check_finite({**bound, **found}, x)
    likelihood = _likelihood(vae, x, samples, seed, notes) if vae.has_density else {}
    found |= _labels(vae, x, samples, seed)
    _check_finite({**likelihood, **found}, x)
    if vae.likelihood.is_cross_entropy(x_of(x)):
        notes.append(GREY)
    about = {"examples": count(x), "binarization": binarization, "seed": seed, "notes": notes}
    if vae.generative_conditions:
        about["conditions"] = list(vae.generative_conditions)
        notes += [GIVEN.format(density=density(vae))] if vae.has_density else []
    return {**likelihood, **bound, **found, **about}


def _usage(
    vae: VAE, of_test: np.ndarray, train: Examples | None, seed: int, binarization: Binarization, notes: list[str]
) -> dict[str, Any]:
    """How much of the codes is used: dimensions, or codes of a codebook."""
    if vae.has_dimensions:
        return {"active_units": active_units(of_test)}
    notes.append(_left_out(vae, "active_units, mutual_information and marginal_kl are"))
    if vae.code_count is None:
        return {}
    usage = code_usage(of_test, vae.code_count)
    found = {"perplexity": usage.perplexity, "codes_in_use": usage.in_use, "codes_in_use_share": usage.share}
    if train is None:
        return found
    parts = [slice(first, first + BATCH) for first in range(0, count(train.x), BATCH)]
    seen = progress.track(parts, "codes of the training set", transient=True)
    batches = (as_evaluated(take(train.x, part), seed=seed, binarization=binarization) for part in seen)
    return {**found, "dead_codes": dead_codes(vae, batches)}


def _left_out(vae: VAE, what: str) -> str:
    """Why measures of one layer of real numbers are left out."""
    return (RUNGS if vae.code_count is None else WHOLE).format(what=what)


def _probe(
    vae: VAE,
    of_test: np.ndarray,
    test: Examples,
    train: Examples | None,
    seed: int,
    binarization: Binarization,
    notes: list[str],
) -> dict[str, Any]:
    """The linear probe, where test and training examples have labels."""
    if test.labels is None or train is None or train.labels is None:
        return {}
    read_test = vae.vectors(tf.constant(of_test)).numpy()
    part = spread_evenly(min(PROBED, max(2, PROBED_VALUES // read_test.shape[1])), count(train.x))
    labels = train.labels[part]
    if len(np.unique(labels)) < 2:
        notes.append("there is no linear probe: the training examples have one label alone")
        return {}
    of_train = codes(vae, as_evaluated(take(train.x, part), seed=seed, binarization=binarization))
    probe = linear_probe(vae.vectors(tf.constant(of_train)).numpy(), labels, read_test, test.labels)
    return {"linear_probe_accuracy": probe.accuracy, "linear_probe_accuracy_standard_error": probe.standard_error}


def _gaps(vae: VAE, of_test: np.ndarray, test: Examples, notes: list[str]) -> dict[str, Any]:
    """The mutual information gap, where the test examples have factors that vary."""
    factors = test.factors or {}
    varied = {name: values for name, values in factors.items() if len(np.unique(values)) > 1}
    for name in factors.keys() - varied.keys():
        notes.append(f"the mutual information gap leaves out {name}, which is the same for all examples")
    if varied and not vae.has_dimensions:
        notes.append(_left_out(vae, "mutual_information_gap is"))
    elif varied and of_test.shape[1] < 2:
        notes.append("there is no mutual information gap: it needs at least 2 latent dimensions")
    elif varied:
        gaps = mutual_information_gap(of_test, varied)
        return {
            "mutual_information_gap": float(np.mean(list(gaps.values()))),
            "mutual_information_gap_of_factors": gaps,
        }
    return {}


def _labels(vae: VAE, x: Batch, samples: int, seed: int) -> dict[str, Any]:
    """The accuracy of labels by Bayes' rule, if the model's condition is a label."""
    found = label_accuracy(vae, x, samples, seed)
    if found is None:
        return {}
    return {
        "label_accuracy": found.accuracy,
        "label_accuracy_standard_error": found.standard_error,
        "label_accuracy_examples": found.examples,
        "label_accuracy_importance_samples": found.importance_samples,
    }


def _likelihood(vae: VAE, x: Batch, samples: int, seed: int, notes: list[str]) -> dict[str, Any]:
    estimate = LogLikelihood(log_likelihood(vae, x, samples, seed))
    results = {
        "log_likelihood": estimate.mean,
        "log_likelihood_standard_error_images": estimate.standard_error_images,
        "log_likelihood_standard_error_draws": estimate.standard_error_draws,
        "importance_samples": importance.draws_of(vae, samples),
        "effective_sample_size": estimate.effective_sample_size,
        "effective_sample_size_lowest_tenth": estimate.effective_sample_size_lowest_tenth,
        "log_likelihood_shortfall": estimate.shortfall,
    }
    if vae.likelihood.is_discrete and not vae.likelihood.is_cross_entropy(x_of(x)):
        results["bits_per_dimension"] = -estimate.mean / (math.prod(vae.event_shape) * math.log(2))
    notes.append(BELOW if vae.noise_size else ONE)
    if estimate.shortfall > TRUSTED:
        notes.append(
            f"log_likelihood cannot be trusted: few of the {samples} importance samples decide it (see the effective "
            f"sample size), so it is too low by about {estimate.shortfall:.2f} nats, or more; take more samples"
        )
    return results


def _bound(vae: VAE, x: Batch, seed: int, notes: list[str]) -> dict[str, Any]:
    """The bound, its two terms, and what the rate is made of."""
    batches = tf.data.Dataset.from_tensor_slices(x).batch(BATCH)
    logs = vae.evaluate(batches, return_dict=True, verbose=0)
    results: dict[str, Any] = {name: float(logs[name]) for name in ("elbo", "rate", "distortion") if name in logs}
    rungs = rate_by_rung(vae, x)
    divergences = kl_per_dimension(vae, x) if rungs is None else None
    rates = {"rate_by_rung": rungs, "kl_per_dimension": divergences}
    results |= {name: [float(rate) for rate in found] for name, found in rates.items() if found is not None}
    parts = aggregated_posterior(vae, x, seed) if count(x) > 1 else None
    if parts is None:
        return results
    if parts.mutual_information_standard_error is None:
        notes.append(
            f"mutual_information is saturated: {count(x)} examples can show no more than log {count(x)} = "
            f"{math.log(count(x)):.2f} nats, so it may be larger; measure more examples"
        )
    return {**results, **parts._asdict()}


def _check_finite(results: dict[str, Any], x: Batch) -> None:
    """Refuses measures that are not finite, of which JSON has none."""
    for name, values in results.items():
        if isinstance(values, float | list | np.ndarray) and not np.isfinite(values).all():
            raise InputError(
                f"The {name.replace('_', ' ')} of this model on these {count(x)} examples is not finite: see whether "
                f"its training diverged, or the data are of another kind."
            )


def _stored(vae: VAE, given: Examples | Batch, name: str) -> Examples:
    """The examples as arrays; refuses none, and labels and factors that do not match."""
    if not isinstance(given, Examples):
        tensors = vae.schema.tensors(given, f"the {name} set")
        given = Examples(tf.nest.map_structure(lambda values: values.numpy(), tensors))
    x, conditions = vae.schema.split(given.x, f"the {name} set")
    x = stored(np.asarray(x), vae.likelihood)
    if not x.size:
        raise InputError(f"The {name} set has shape {x.shape}: give at least one example.")
    for key, values in conditions.items():
        condition = vae.conditions[key]
        conditions[key] = condition.as_tensor(condition.check(values, len(x), f"{key} of the {name} set")).numpy()
    labels = None if given.labels is None else np.asarray(given.labels)
    factors = {key: np.asarray(values) for key, values in (given.factors or {}).items()}
    known = {"labels": labels, **{f"factor {key!r}": values for key, values in factors.items()}}
    for what, values in known.items():
        if values is not None and values.shape != (len(x),):
            raise InputError(
                f"The {name} set has {what} of shape {values.shape} for {len(x)} examples: give one for each."
            )
    return Examples(vae.schema.join(x, conditions), labels, factors)
