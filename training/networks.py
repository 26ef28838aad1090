"""The networks that a recipe can name, before the shape of the data is known."""

import abc
from collections.abc import Sequence

from vae_tf import networks


class Network(abc.ABC):
    """An encoder and a decoder to be made."""

    @abc.abstractmethod
    def __call__(self, event_shape: Sequence[int], latent_size: int) -> networks.Networks:
        """Makes the pair for data of `event_shape`."""


class MLP(Network):
    """`vae_tf.networks.mlp`: fully connected layers.

    Args:
        hidden: the encoder's layer widths, from x to z.
        activation: the name of a Keras activation.
    """

    def __init__(self, hidden: tuple[int, ...] = (512, 256), activation: str = "relu"):
        self.hidden, self.activation = hidden, activation

    def __call__(self, event_shape: Sequence[int], latent_size: int) -> networks.Networks:
        """Makes the pair for data of `event_shape`."""
        return networks.mlp(event_shape, latent_size, self.hidden, self.activation)


class Conv(Network):
    """`vae_tf.networks.conv`: convolutions of stride 2.

    Args:
        filters: the filters of the encoder's convolutions, from x to z.
        hidden: the width of the dense layer between the convolutions and the features.
        activation: the name of a Keras activation.
    """

    def __init__(self, filters: tuple[int, ...] = (32, 64), hidden: int = 128, activation: str = "relu"):
        self.filters, self.hidden, self.activation = filters, hidden, activation

    def __call__(self, event_shape: Sequence[int], latent_size: int) -> networks.Networks:
        """Makes the pair for images of `event_shape`."""
        return networks.conv(event_shape, latent_size, self.filters, self.hidden, self.activation)


class ResNet(Network):
    """`vae_tf.networks.resnet`: residual blocks between convolutions of stride 2.

    Args:
        filters: the filters of the encoder's stages, from x to z.
        blocks: the residual blocks of each stage.
        hidden: the width of the dense layer between the convolutions and the features.
        activation: the name of a Keras activation.
    """

    def __init__(
        self, filters: tuple[int, ...] = (32, 64), blocks: int = 1, hidden: int = 128, activation: str = "relu"
    ):
        self.filters, self.blocks, self.hidden, self.activation = filters, blocks, hidden, activation

    def __call__(self, event_shape: Sequence[int], latent_size: int) -> networks.Networks:
        """Makes the pair for images of `event_shape`."""
        return networks.resnet(event_shape, latent_size, self.filters, self.blocks, self.hidden, self.activation)
