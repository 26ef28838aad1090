"""What a person looks at: plots, as uint8 arrays [height, width, 3]."""

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


def _figure():
    figure = Figure(figsize=(6, 4), dpi=100, layout="constrained")
    return figure, figure.add_subplot()


def _pixels(figure: Figure) -> np.ndarray:
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    return np.asarray(canvas.buffer_rgba())[..., :3].copy()
