"""What every contender does: the data, the networks' sizes, the steps of an epoch."""

import dataclasses
import os
import sys

import numpy as np


@dataclasses.dataclass(frozen=True)
class Work:
    """One job of the race; every contender trains the same networks on the same images with Adam 1e-3.

    Attributes:
        batch_size: images of a step.
        steps: of an epoch, the part that is timed.
        latent_size: D.
        hidden: the dense layers of the encoder, mirrored in the decoder; empty for the convolutional networks.
        activation: of the hidden layers.
        binarized: whether each batch draws its images' pixels anew.
    """

    batch_size: int
    steps: int
    latent_size: int
    hidden: tuple[int, ...]
    activation: str
    binarized: bool


WORKS = {
    "small": Work(20, 2_000, 50, (200, 200), "tanh", True),
    "mlp": Work(128, 200, 16, (512, 256), "relu", False),
    "conv": Work(128, 60, 16, (), "relu", False),
}


def chosen() -> tuple[Work, str]:
    """The work and the variant that the command line names."""
    work, variant = sys.argv[1:3]
    return WORKS[work], variant


def images(work: Work) -> np.ndarray:
    """MNIST's training images, uint8 [N, 28, 28, 1], as many as an epoch takes, 60,000 at most."""
    source = os.environ["BENCHMARK_DATA"]
    if source == "mnist":
        import keras

        x = keras.datasets.mnist.load_data()[0][0]
    else:
        x = np.load(source)["x_train"]
    return x[: work.batch_size * work.steps, ..., None]


def scaled(work: Work) -> np.ndarray:
    """The same in [0, 1], float32: how the peers' own examples keep them."""
    return images(work) / np.float32(255)
