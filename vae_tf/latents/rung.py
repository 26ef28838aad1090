"""One stochastic layer of several."""

import keras
import tensorflow as tf

from vae_tf.errors import InputError
from vae_tf.posteriors import Posterior, RelativeNormal
from vae_tf.priors import Prior
from vae_tf.rows import beside
from vae_tf.settled import Settled


@keras.saving.register_keras_serializable("vae_tf")
class Rung(Settled, keras.layers.Layer):
    """One stochastic layer of a ladder.

    q(z_l|z_<l, x): the posterior of the features of x and of the state that came down, beside each other
    p(z_l|z_<l): the prior of the state; that of the top rung stands alone, or depends on the condition

    Args:
        posterior: q(z_l|z_<l, x).
        prior: p(z_l|z_<l), for all rungs but the top one a prior that depends on a context, such as ConditionalNormal.
        down: a Keras model of the state that came down and z to the state that goes on; of the top rung, of z alone.
        name: the layer's name.

    Raises:
        InputError: if the shapes of posterior, prior and `down` do not meet, or they do not fit each other.
    """

    def __init__(self, posterior: Posterior, prior: Prior, down: keras.Model, name: str | None = None):
        super().__init__(name=name, dtype="float32")
        self.posterior, self.prior, self.down = posterior, prior, down
        shapes = {
            "the posterior": posterior.space.shape,
            "the prior": prior.space.shape,
            "the last input of `down`": tuple(down.inputs[-1].shape[1:]),
        }
        if len(set(shapes.values())) > 1:
            named = ", ".join(f"{name} has {shape}" for name, shape in shapes.items())
            raise InputError(f"The shapes of a rung's codes do not meet: {named}; make them equal.")
        prior.check(posterior)
        posterior.check_prior(prior)

    def build_for(self, features: tuple, state: tuple | None, prior_shape: tuple, name: str) -> None:
        """Builds the posterior for features [B, ..., F] beside a state [B, ..., S], and the prior for the state.

        Args:
            features: the shape of the encoder's features for this rung.
            state: the shape of the state that comes down, or None at the top.
            prior_shape: what the prior of the top rung is built for.
            name: what a message calls this rung.
        """
        if state is None:
            if self.prior.is_conditional and isinstance(self.posterior, RelativeNormal):
                raise InputError(
                    f"The prior of {name} depends on the condition, and the encoder's codes may not: use "
                    f"posteriors.DiagonalNormal there, or priors.StandardNormal."
                )
        else:
            if features[1:-1] != state[1:-1]:
                raise InputError(
                    f"The shapes of {name} do not meet: the encoder's features for it are {features[1:]}, and the "
                    f"state that comes down is {state[1:]}: make all but the last size equal."
                )
            taken = tuple(self.down.inputs[0].shape[1:])
            if taken != state[1:]:
                raise InputError(
                    f"The shapes of {name} do not meet: its `down` takes a state {taken}, and {state[1:]} comes down: "
                    f"make them equal."
                )
            if not self.prior.is_conditional:
                raise InputError(
                    f"The prior of {name} is {type(self.prior).__name__}, which does not depend on what is above it: "
                    f"give priors.ConditionalNormal."
                )
            self._rank = len(state) - 1
            features, prior_shape = (*features[:-1], features[-1] + state[-1]), state
        for family, shape in ((self.posterior, features), (self.prior, prior_shape)):
            if not family.built:
                family.build(shape)
        self.built = True

    def context(self, features: tf.Tensor, state: tf.Tensor | None) -> tf.Tensor:
        """What the posterior depends on: features [B, ..., F], and below the top the state [*, ..., S] beside them."""
        return features if len(self.down.inputs) == 1 else beside(features, state, self._rank)
