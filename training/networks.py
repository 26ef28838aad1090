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

    Attributes:
        is_ladder: whether it makes a ladder too, each rung of which has a posterior and a prior of its own.
    """

    is_ladder = False

    def __init__(self, inputs: Inputs = "auto"):
        if inputs not in ("auto", "log1p", "standardize", None):
            raise InputError(
                f'{type(self).__name__} got inputs={inputs!r}: give "auto", "log1p", "standardize" or None.'
            )
        self.inputs = inputs

    @abc.abstractmethod
    def __call__(
        self, likelihood: Likelihood, latent_size: Size | None, conditions: networks.Conditions = None
    ) -> networks.Networks | networks.LadderNetworks:
        """Makes the networks for data of the likelihood's shape, and for conditions, by name.

        Args:
            likelihood: of the data.
            latent_size: what the decoder takes: D numbers, or an array of a shape. A ladder gets None.
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
        self, likelihood: Likelihood, latent_size: Size | None, conditions: networks.Conditions = None
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
        self, likelihood: Likelihood, latent_size: Size | None, conditions: networks.Conditions = None
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
        self, likelihood: Likelihood, latent_size: Size | None, conditions: networks.Conditions = None
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


class Ladder(Network):
    """`vae_tf.networks.ladder`: residual blocks, and a ladder of codes in grids of growing resolution.

    Args:
        levels: (resolution, channels, rungs) of each level of the ladder, from the top down.
        filters: of the features, and of the state that comes down.
        blocks: the residual blocks of each rung, and of each resolution of the encoder and the decoder.
        activation: the name of a Keras activation.
        inputs: what the encoder does with its data first: "log1p", "standardize" (learned from the training data), null
            for nothing, or "auto", what suits the likelihood.
    """

    is_ladder = True

    def __init__(
        self,
        levels: tuple[tuple[int, int, int], ...] = ((1, 16, 2), (7, 8, 4), (14, 4, 6)),
        filters: int = 32,
        blocks: int = 1,
        activation: str = "gelu",
        inputs: Inputs = "auto",
    ):
        super().__init__(inputs)
        self.levels, self.filters, self.blocks, self.activation = levels, filters, blocks, activation

    def __call__(
        self, likelihood: Likelihood, latent_size: Size | None = None, conditions: networks.Conditions = None
    ) -> networks.LadderNetworks:
        """Makes the networks and the ladder for images of the likelihood's shape.

        Raises:
            InputError: for a latent size, or conditions.
        """
        if latent_size is not None:
            raise InputError(f"Ladder got latent_size={latent_size}, and its levels say the sizes: give None.")
        if conditions:
            raise InputError(
                f"Ladder got the condition {' and '.join(conditions)}, on which the prior of each rung would have to "
                f"depend, and it does not: leave model.condition out, or take other networks, such as ResNet."
            )
        return networks.ladder(
            likelihood.event_shape, self.levels, self.filters, self.blocks, self.activation, self._inputs(likelihood)
        )


def _size_or_shape(latent_size: Size | None) -> dict[str, Any]:
    """The argument of a network that says what its decoder takes."""
    return {"latent_size": latent_size} if isinstance(latent_size, int) else {"latent_shape": latent_size}
