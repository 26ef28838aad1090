"""The networks that a recipe can name, before the shape of the data is known."""

import abc
from typing import Any, Literal

from vae_tf import networks
from vae_tf.errors import InputError
from vae_tf.likelihoods import Likelihood

Inputs = Literal["auto", "log1p", "standardize"] | None
Size = int | tuple[int, ...]  # of what the decoder takes: D, or a shape such as (7, 7, 4)


class Network(abc.ABC):
    """An encoder and a decoder to be made.

    Args:
        inputs: what the encoder does with its data first: "log1p", "standardize" (learned from the training data), None
            for nothing, or "auto", what suits the likelihood.
    """

    def __init__(self, inputs: Inputs = "auto"):
        if inputs not in ("auto", "log1p", "standardize", None):
            raise InputError(
                f'{type(self).__name__} got inputs={inputs!r}: give "auto", "log1p", "standardize" or None.'
            )
        self.inputs = inputs

    @abc.abstractmethod
    def __call__(
        self, likelihood: Likelihood, latent_size: Size, conditions: networks.Conditions = None
    ) -> networks.Networks:
        """Makes the pair for data of the likelihood's shape, and for conditions, by name.

        Args:
            likelihood: of the data.
            latent_size: what the decoder takes: D numbers, or an array of a shape.
            conditions: what the networks take besides.
        """

    def _inputs(self, likelihood: Likelihood) -> networks.Inputs:
        return likelihood.encoder_inputs if self.inputs == "auto" else self.inputs


class MLP(Network):
    """`vae_tf.networks.mlp`: fully connected layers.

    Args:
        hidden: the encoder's layer widths, from x to z.
        activation: the name of a Keras activation.
        inputs: what the encoder does with its data first: "log1p", "standardize" (learned from the training data), null
            for nothing, or "auto", what suits the likelihood.
    """

    def __init__(self, hidden: tuple[int, ...] = (512, 256), activation: str = "relu", inputs: Inputs = "auto"):
        super().__init__(inputs)
        self.hidden, self.activation = hidden, activation

    def __call__(
        self, likelihood: Likelihood, latent_size: Size, conditions: networks.Conditions = None
    ) -> networks.Networks:
        """Makes the pair for data of the likelihood's shape, and for conditions, by name."""
        return networks.mlp(
            likelihood.event_shape,
            hidden=self.hidden,
            activation=self.activation,
            inputs=self._inputs(likelihood),
            conditions=conditions,
            **_size_or_shape(latent_size),
        )


class Conv(Network):
    """`vae_tf.networks.conv`: convolutions of stride 2.

    Args:
        filters: the filters of the encoder's convolutions, from x to z.
        hidden: the width of the dense layer between the convolutions and the features.
        activation: the name of a Keras activation.
        inputs: what the encoder does with its data first: "log1p", "standardize" (learned from the training data), null
            for nothing, or "auto", what suits the likelihood.
    """

    def __init__(
        self, filters: tuple[int, ...] = (32, 64), hidden: int = 128, activation: str = "relu", inputs: Inputs = "auto"
    ):
        super().__init__(inputs)
        self.filters, self.hidden, self.activation = filters, hidden, activation

    def __call__(
        self, likelihood: Likelihood, latent_size: Size, conditions: networks.Conditions = None
    ) -> networks.Networks:
        """Makes the pair for images of the likelihood's shape, and for conditions, by name."""
        return networks.conv(
            likelihood.event_shape,
            filters=self.filters,
            hidden=self.hidden,
            activation=self.activation,
            inputs=self._inputs(likelihood),
            conditions=conditions,
            **_size_or_shape(latent_size),
        )


class ResNet(Network):
    """`vae_tf.networks.resnet`: residual blocks between convolutions of stride 2.

    Args:
        filters: the filters of the encoder's stages, from x to z.
        blocks: the residual blocks of each stage.
        hidden: the width of the dense layer between the convolutions and the features.
        activation: the name of a Keras activation.
        inputs: what the encoder does with its data first: "log1p", "standardize" (learned from the training data), null
            for nothing, or "auto", what suits the likelihood.
    """

    def __init__(
        self,
        filters: tuple[int, ...] = (32, 64),
        blocks: int = 1,
        hidden: int = 128,
        activation: str = "relu",
        inputs: Inputs = "auto",
    ):
        super().__init__(inputs)
        self.filters, self.blocks, self.hidden, self.activation = filters, blocks, hidden, activation

    def __call__(
        self, likelihood: Likelihood, latent_size: Size, conditions: networks.Conditions = None
    ) -> networks.Networks:
        """Makes the pair for images of the likelihood's shape, and for conditions, by name."""
        return networks.resnet(
            likelihood.event_shape,
            filters=self.filters,
            blocks=self.blocks,
            hidden=self.hidden,
            activation=self.activation,
            inputs=self._inputs(likelihood),
            conditions=conditions,
            **_size_or_shape(latent_size),
        )


def _size_or_shape(latent_size: Size) -> dict[str, Any]:
    """The argument of a network that says what its decoder takes."""
    return {"latent_size": latent_size} if isinstance(latent_size, int) else {"latent_shape": latent_size}
