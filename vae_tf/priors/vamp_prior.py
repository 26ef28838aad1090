"""The variational mixture of posteriors."""

from collections.abc import Sequence
from typing import Literal

import keras
import tensorflow as tf
from tensorflow_probability import distributions as tfd

from vae_tf import random
from vae_tf.errors import InputError
from vae_tf.family import Given
from vae_tf.posteriors import Posterior
from vae_tf.priors.base import Prior
from vae_tf.sizes import size
from vae_tf.spaces import WholeNumbers


@keras.saving.register_keras_serializable("vae_tf")
class VampPrior(Prior):
    """The variational mixture of posteriors: a mixture of the posteriors of learned pseudo-inputs.

    p(z) = 1/M sum_m q(z|u_m),  u_m = activation(weights_m)

    Source: Tomczak and Welling (2018), equation 9.

    Args:
        latent_size: D, the number of latent dimensions, or the shape of a grid of them.
        components: M, the number of pseudo-inputs.
        activation: "sigmoid" for data in [0, 1], or "linear" for data of any value.
        name: the layer's name.

    Raises:
        InputError: for fewer than one component, or another activation.
    """

    def __init__(
        self,
        latent_size: int | Sequence[int],
        components: int = 500,
        activation: Literal["sigmoid", "linear"] = "sigmoid",
        name: str | None = None,
    ):
        super().__init__(latent_size, name=name)
        if activation not in ("sigmoid", "linear"):
            raise InputError(f'VampPrior got activation={activation!r}: give "sigmoid" or "linear".')
        self.components, self.activation = size("VampPrior", "components", components), activation
        self.noise_size = self.latent_size + 1

    def build(self, examples_shape):
        """Creates the weights of the pseudo-inputs, for examples [B, *event]."""
        self.weights_of_inputs = self.add_weight(
            name="pseudo_inputs",
            shape=(self.components, *examples_shape[1:]),
            initializer=keras.initializers.RandomNormal(stddev=1.0),
        )
        self.built = True

    def pseudo_inputs(self, chosen: tf.Tensor | None = None) -> tf.Tensor:
        """The pseudo-inputs u, float32 [M, *event], or those of the numbers `chosen` [B]."""
        weights = self.weights_of_inputs.value if chosen is None else tf.gather(self.weights_of_inputs, chosen)
        return tf.sigmoid(weights) if self.activation == "sigmoid" else tf.identity(weights)

    def parameters(self, given: Given) -> dict[str, tfd.Distribution]:
        """`posteriors`, those q(z|u_m) of all pseudo-inputs, batch [M]."""
        assert given.encode is not None  # a model gives it
        return {"posteriors": given.encode.posterior(self.pseudo_inputs())}

    def distribution(self, parameters: dict[str, tfd.Distribution]) -> tfd.Distribution:
        """p(z) with batch [] and event [D]."""
        alike = tfd.Categorical(tf.zeros([self.components]))
        return tfd.MixtureSameFamily(alike, parameters["posteriors"], name="VampPrior")

    def generate(self, given: Given, noise: tf.Tensor) -> tf.Tensor:
        """Draws, float32 [B, D], from standard normals [B, D + 1]; the first of a row chooses the pseudo-input.

        Only the pseudo-inputs that are chosen are encoded.
        """
        assert given.encode is not None
        m = random.choice(tf.fill([self.components], 1 / self.components), noise[:, 0])
        return given.encode.draw(given.encode.posterior(self.pseudo_inputs(m)), noise[None, :, 1:])[0]

    def check(self, posterior: Posterior) -> None:  # of any space: the mixture is of its own posteriors
        """Refuses a posterior of which no mixture has a density that can be computed.

        Raises:
            InputError: saying why, and what would fit.
        """
        name = type(posterior).__name__
        if not posterior.has_density:
            why = f"{name} has no density, so neither has a mixture of such posteriors"
        elif not posterior.scores_any_code:
            why = f"a VampPrior needs the density of every code under each q(z|u_m), and {name} gives that of its draws"
        elif isinstance(posterior.space, WholeNumbers):
            why = f"the codes of {name} are whole numbers, and a VampPrior is over real ones or the sphere"
        else:
            return
        raise InputError(
            f"VampPrior and {name} do not go together: {why}; use posteriors.DiagonalNormal, or a prior such as "
            f"MixtureOfNormals."
        )

    def check_conditions(self, encoder_conditions: Sequence[str], conditions: Sequence[str]) -> None:
        """Refuses an encoder that takes a condition: a pseudo-input has none, so its posterior is not defined.

        Raises:
            InputError: saying why, and what would fit.
        """
        del conditions
        if encoder_conditions:
            raise InputError(
                f"A VampPrior is made of posteriors of pseudo-inputs, which have no {encoder_conditions[0]}, but the "
                f"encoder takes it: leave it out of the encoder, or use priors.ConditionalNormal."
            )
