"""Whether a model uses its label: labels found by Bayes' rule."""

from typing import NamedTuple

import numpy as np
from rich import progress

from vae_tf import VAE, importance
from vae_tf.conditions import Condition
from vae_tf.data import Batch, count, take
from vae_tf.training.datasets import spread_evenly
from vae_tf.training.evaluation.asked import at_least

EXAMPLES = 1_000  # at most
SAMPLES = 100  # importance samples of an example with a label, at most
DRAWS = 2_000_000  # examples x labels x samples, at most


class LabelAccuracy(NamedTuple):
    """How often the likeliest label is the right one.

    Attributes:
        accuracy: the share of examples for which it is. If L labels are equally likely, and the right one is among
            them, an example counts as 1/L.
        standard_error: sd over examples / sqrt(N), which is sqrt(a (1 - a) / N) if no labels are equally likely.
        examples: N, how many were looked at.
        importance_samples: K, the draws for each example with each label.
    """

    accuracy: float
    standard_error: float
    examples: int
    importance_samples: int


def label_accuracy(vae: VAE, x: Batch, samples: int, seed: int) -> LabelAccuracy | None:
    """The accuracy of labels by Bayes' rule, a check that a model uses its label. By chance it is 1 / labels.

    argmax_label p(label|x) = argmax_label log p(x|label),  if p(label) is the same for all labels

    log p(x|label) is estimated by importance sampling, with the same noise for all labels of an example. The encoder
    has learned from right labels only: for a wrong one, its q(z|x, label) may be a bad proposal, and the estimate too
    low. So the accuracy may be too high if the encoder takes the label.

    The work is bounded: at most 1,000 examples, spread evenly over all; at most 100 importance samples; and at most
    2,000,000 draws, so there are fewer examples if there are many labels. With 100 samples these are 1,000 examples for
    20 labels, 200 for 100, and 20 for 1,000.

    Source: Li et al. (2019), "Are generative classifiers more robust to adversarial attacks?"; the estimate is that of
    Burda et al. (2016), equation 8.

    Args:
        vae: the model.
        x: a dictionary of examples [N, *event] and of their labels [N].
        samples: K, the importance samples of each example with each label; if more than 100, it is 100.
        seed: draw k of the n-th example is a function of (seed, n, k) alone.

    Returns:
        The accuracy, or None if there is no p(x|label) for each of a known number of labels: for a plain autoencoder,
        for conditions other than one label, or if neither the decoder nor the prior takes it; or if there are more
        labels than draws allow, 20,000 with 100 samples.

    Raises:
        InputError: for no examples, or samples < 1.
    """
    label = _label(vae)
    if label is None or label.count is None:
        return None
    importance.check(vae, samples)
    samples = importance.draws_of(vae, min(samples, SAMPLES))
    most = min(EXAMPLES, DRAWS // (samples * label.count))
    if not most:
        return None
    x = at_least(1, vae, x, "label accuracy")
    x = take(x, spread_evenly(most, count(x)))
    with progress.Progress(*progress.Progress.get_default_columns(), transient=True) as bar:
        task = bar.add_task(f"{label.name} by Bayes' rule, {samples} samples", total=label.count * count(x))
        log_prob = np.empty((label.count, count(x)))  # log p(x|label)
        for value in range(label.count):
            first = 0
            for part in importance.estimates(vae, {**x, label.name: np.full(count(x), value)}, samples, seed):
                last = first + len(part.log_prob)
                log_prob[value, first:last] = part.log_prob
                bar.advance(task, last - first)
                first = last
    is_likeliest = log_prob == log_prob.max(axis=0)
    with np.errstate(invalid="ignore"):  # 0 / 0 = NaN, if log p(x|label) is
        right = is_likeliest[x[label.name], np.arange(count(x))] / is_likeliest.sum(axis=0)
    return LabelAccuracy(float(right.mean()), float(right.std() / np.sqrt(count(x))), count(x), samples)


def _label(vae: VAE) -> Condition | None:
    """The one condition of a model, if it is a label on which p(x|label) depends."""
    if not vae.has_density or len(vae.conditions) != 1:
        return None
    (condition,) = vae.conditions.values()
    return condition if condition.is_label and condition.name in vae.generative_conditions else None
