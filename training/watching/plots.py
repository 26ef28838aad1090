"""What a person looks at: plots, as uint8 arrays [height, width, 3]."""

from collections.abc import Sequence

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure


def kl_per_dimension(divergences: np.ndarray) -> np.ndarray:
    """The rate of each latent dimension, the largest first.

    Args:
        divergences: those of `evaluation.kl_per_dimension`, float32 [D], nats.
    """
    figure, axes = _figure()
    axes.bar(np.arange(len(divergences)), np.sort(divergences)[::-1])
    axes.set(xlabel="latent dimension, the largest first", ylabel="KL[ q(z_d|x) || p(z_d) ], nats")
    return _pixels(figure)


def rate_by_rung(rates: np.ndarray, shapes: Sequence[Sequence[int]]) -> np.ndarray:
    """The rate of each rung of a ladder, the top rung at the top.

    Args:
        rates: those of `evaluation.rate_by_rung`, float32 [L], nats.
        shapes: of the codes of each rung.
    """
    figure, axes = _figure(height=max(4.0, 1 + len(rates) / 4))
    names = [f"{number}: {' x '.join(map(str, shape))}" for number, shape in enumerate(shapes, 1)]
    bars = axes.barh(names, rates)
    axes.bar_label(bars, fmt="%.2f", padding=3)
    axes.margins(x=0.12)
    axes.invert_yaxis()
    axes.set(xlabel="KL[ q(z_l|z_<l, x) || p(z_l|z_<l) ], nats", ylabel="rung l, from the top down: shape of z_l")
    return _pixels(figure)


def code_frequencies(frequencies: np.ndarray) -> np.ndarray:
    """How often each code of a codebook is used, the most frequent first.

    Args:
        frequencies: those of `evaluation.code_frequencies`, float64 [codes].
    """
    figure, axes = _figure()
    axes.fill_between(np.arange(len(frequencies) + 1), [*np.sort(frequencies)[::-1], 0], step="post")
    axes.axhline(1 / len(frequencies), color="black", linestyle="--", label="all used alike")
    axes.set(
        xlabel="code, the most frequent first", ylabel="share of all places", xlim=(0, len(frequencies)), ylim=(0, None)
    )
    axes.legend(loc="upper right")
    return _pixels(figure)


def aggregated_posterior(codes: np.ndarray, prior: np.ndarray) -> np.ndarray:
    """Draws of the aggregated posterior over draws of the prior, in the two dimensions that vary most.

    Args:
        codes: z ~ q(z|x), one of each example, float32 [N, D].
        prior: z ~ p(z), float32 [N, D].
    """
    figure, axes = _figure()
    first, second = (*np.argsort(-codes.var(axis=0)), 0)[:2]
    for z, name, size in ((prior, "p(z)", 14), (codes, "q(z)", 4)):
        axes.scatter(z[:, first], z[:, second], s=size, alpha=0.5, linewidths=0, label=name)
    axes.set(xlabel=f"z[{first}]", ylabel=f"z[{second}]")
    axes.set_aspect("equal", "datalim")
    axes.legend(loc="upper right")
    return _pixels(figure)


def _figure(height: float = 4):
    figure = Figure(figsize=(6, height), dpi=100, layout="constrained")
    return figure, figure.add_subplot()


def _pixels(figure: Figure) -> np.ndarray:
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    return np.asarray(canvas.buffer_rgba())[..., :3].copy()
