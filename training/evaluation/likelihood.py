"""The importance-sampled log-likelihood of a data set, with both of its standard errors."""

import numpy as np
from rich import progress

from vae_tf import VAE, importance
from vae_tf.data import Batch, count
from vae_tf.importance import Estimate
from vae_tf.training.evaluation.asked import at_least


class LogLikelihood:
    """The estimate of the mean log p(x) over a data set, nats.

    In expectation the estimate is below log p(x), and rises with the number of samples.

    Args:
        estimate: that of each example.

    Attributes:
        mean: the mean over images of log 1/K sum_k w_k.
        standard_error_images: sd over images / sqrt(N): what another draw of images would change; None for one image.
        standard_error_draws: sqrt(sum_i se_i^2) / N, se_i = sd(w_i) / (sqrt(K) mean(w_i)): what other draws of z
            would change; None for one draw.
        effective_sample_size: the mean over images of ESS = (sum_k w_k)^2 / sum_k w_k^2, from 1 to K.
        effective_sample_size_lowest_tenth: what a tenth of the images stay below.
        shortfall: by how much the estimate is too low, to second order: the mean of (1/ESS - 1/K) / 2. Where ESS is
            small it says too little, as the weights that matter have not been drawn (Nowozin, 2018, proposition 1).
    """

    def __init__(self, estimate: Estimate):
        log_prob, effective, images = estimate.log_prob, estimate.effective_sample_size, len(estimate.log_prob)
        several = images > 1
        self.mean = float(log_prob.mean())
        self.standard_error_images = float(log_prob.std(ddof=1) / np.sqrt(images)) if several else None
        self.standard_error_draws = (
            float(np.sqrt(np.sum(estimate.standard_error**2)) / images) if estimate.samples > 1 else None
        )
        self.effective_sample_size = float(effective.mean())
        self.effective_sample_size_lowest_tenth = float(np.quantile(effective, 0.1))
        self.shortfall = float(np.mean(1 / effective - 1 / estimate.samples) / 2)


def density(vae: VAE) -> str:
    """What a log-likelihood is the logarithm of: "p(x)", or of a model with conditions such as "p(x|label)"."""
    given = ", ".join(vae.generative_conditions)
    return f"p(x|{given})" if given else "p(x)"


def log_likelihood(vae: VAE, x: Batch, samples: int, seed: int) -> Estimate:
    """Estimates log p(x) of each of the examples x [N, *event], with a progress bar.

    With conditions, x is a dictionary of the examples and of these, and the estimate is of log p(x|conditions).

    Raises:
        InputError: for no examples, samples < 1, or a plain autoencoder.
    """
    x = at_least(1, vae, x, "log-likelihood")
    parts = []
    with progress.Progress(*progress.Progress.get_default_columns(), transient=True) as bar:
        task = bar.add_task(f"log {density(vae)}, {importance.draws_of(vae, samples)} samples", total=count(x))
        for part in importance.estimates(vae, x, samples, seed):
            parts.append(part)
            bar.advance(task, len(part.log_prob))
    return Estimate(
        np.concatenate([part.log_prob for part in parts]),
        np.concatenate([part.log_second_moment for part in parts]),
        importance.draws_of(vae, samples),
    )
