"""The importance-sampled log-likelihood of a data set, with both of its standard errors."""

from typing import NamedTuple

import numpy as np
from rich import progress

from vae_tf import VAE, importance


class LogLikelihood(NamedTuple):
    """The estimate of the mean log p(x) over a data set, nats.

    In expectation the estimate is below log p(x), and rises with the number of samples.

    Attributes:
        mean: the mean over images of log 1/K sum_k w_k.
        standard_error_images: sd over images / sqrt(N): what another draw of images would change.
        standard_error_draws: sqrt(sum_i se_i^2) / N, se_i = sd(w_i) / (sqrt(K) mean(w_i)): what other draws of z
            would change.

    A standard error of one image, or of one draw, is None.
    """

    mean: float
    standard_error_images: float | None
    standard_error_draws: float | None


def log_likelihood(vae: VAE, x, samples: int, seed: int) -> LogLikelihood:
    """Estimates the mean log p(x) of examples x, float32 [N, *event], with a progress bar.

    Raises:
        InputError: for samples < 1, or a plain autoencoder.
    """
    log_probs, standard_errors = [], []
    with progress.Progress(*progress.Progress.get_default_columns(), transient=True) as bar:
        task = bar.add_task(f"log p(x), {samples} samples", total=len(x))
        for part in importance.estimates(vae, x, samples, seed):
            log_probs.append(part.log_prob)
            standard_errors.append(part.standard_error)
            bar.advance(task, len(part.log_prob))
    log_prob = np.concatenate(log_probs).astype(np.float64)
    squares = np.square(np.concatenate(standard_errors), dtype=np.float64)
    return LogLikelihood(
        mean=float(log_prob.mean()),
        standard_error_images=float(log_prob.std(ddof=1) / np.sqrt(len(x))) if len(x) > 1 else None,
        standard_error_draws=float(np.sqrt(squares.sum()) / len(x)) if samples > 1 else None,
    )
