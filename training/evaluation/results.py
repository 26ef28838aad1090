"""The results of a run: every measure of a trained model on the test set."""

import math
from typing import Any

import numpy as np
import tensorflow as tf

from vae_tf import VAE
from vae_tf.training.datasets import Binarization
from vae_tf.training.evaluation.active_units import active_units
from vae_tf.training.evaluation.likelihood import log_likelihood

GREY = "grey values under a Bernoulli: a cross-entropy, not a likelihood; it compares with no binarised result"
BELOW = "log_likelihood is biased low: in expectation it rises with importance_samples"


def evaluate(
    vae: VAE, examples: tf.data.Dataset, *, samples: int, binarization: Binarization, seed: int
) -> dict[str, Any]:
    """Measures a trained, compiled model.

    Args:
        vae: the model.
        examples: batches of x, float32 [B, *event], in one ordered pass.
        samples: K, the importance samples of each example; not used for a plain autoencoder.
        binarization: how the examples were binarised.
        seed: of the importance samples.

    Returns:
        `log_likelihood`, its two standard errors and `importance_samples`, `elbo`, `rate`, `distortion`,
        `active_units`, `examples`, `binarization`, `seed`, and `notes`; means over examples, nats. A plain
        autoencoder has neither likelihood, elbo nor rate. A likelihood of discrete values, such as 8-bit levels, has
        `bits_per_dimension`: -log_likelihood / (values of an example x log 2).

    Raises:
        InputError: for samples < 1.
    """
    x = np.concatenate(list(examples.as_numpy_iterator()))
    results: dict[str, Any] = {}
    notes = []
    is_cross_entropy = vae.likelihood.is_cross_entropy(x)
    if vae.posterior.has_density:
        estimate = log_likelihood(vae, x, samples, seed)
        results = {
            "log_likelihood": estimate.mean,
            "log_likelihood_standard_error_images": estimate.standard_error_images,
            "log_likelihood_standard_error_draws": estimate.standard_error_draws,
            "importance_samples": samples,
        }
        if vae.likelihood.is_discrete and not is_cross_entropy:
            results["bits_per_dimension"] = -estimate.mean / (math.prod(vae.event_shape) * math.log(2))
        notes.append(BELOW)
    logs = vae.evaluate(examples, return_dict=True, verbose=0)
    results |= {name: float(logs[name]) for name in ("elbo", "rate", "distortion") if name in logs}
    results |= {
        "active_units": active_units(vae, x),
        "examples": len(x),
        "binarization": binarization,
        "seed": seed,
    }
    if is_cross_entropy:
        notes.append(GREY)
    return {**results, "notes": notes}
