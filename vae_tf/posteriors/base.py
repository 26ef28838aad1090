"""What every posterior is."""

import tensorflow as tf
from tensorflow_probability import distributions as tfd

from vae_tf.bounds import bounded
from vae_tf.family import Family, Given, Parameters

LOG_VARIANCES = (-30.0, 20.0)  # what float32 and the next steps can bear


class Posterior(Family):
    """q(z|x): from the encoder's features to a distribution over codes.

    A posterior that is a product over the dimensions has `marginals(q)`, and one whose covariance has a closed form and
    can be the identity has `covariance(q)`; objectives ask for them.

    Args:
        latent_size: D, the number of latent dimensions, or the shape of a grid of them.
        name: the layer's name.

    Attributes:
        has_density: whether q(z|x) has a density, without which there is no rate and no elbo.
        scores_any_code: whether log q(z|x) is cheap for every z, not only for the draws themselves.
        is_reparameterised: whether a gradient reaches its weights through the draws, or q(z|x) is one code.
    """

    has_density = True
    scores_any_code = True
    is_reparameterised = True

    def parameters(self, given: Given) -> Parameters:
        """The parameters of q(z|x) for features [B, *] as the context, each float32 [B, *]."""
        raise NotImplementedError

    def distribution(self, parameters: Parameters) -> tfd.Distribution:
        """q(z|x) with batch [B] and event [D]."""
        raise NotImplementedError

    def draw(self, distribution: tfd.Distribution, noise: tf.Tensor) -> tf.Tensor:
        """Draws z ~ q(z|x), float32 [K, B, D], from standard normals [K, B, noise_size]."""
        raise NotImplementedError

    def check_alone(self) -> None:
        """Refuses to be the posterior of the only stochastic layer.

        Raises:
            InputError: saying why, and what would fit.
        """

    def check_prior(self, prior: Family) -> None:
        """Refuses a prior beside which this posterior has no meaning.

        Raises:
            InputError: saying why, and what would fit.
        """
        del prior

    @property
    def value_shape(self) -> tuple[int, ...]:
        """The shape of what goes down the walk for one code: that of the code, if it stands for itself."""
        return self.space.shape

    def value(self, z: tf.Tensor, q: tfd.Distribution | None = None, noise: tf.Tensor | None = None) -> tf.Tensor:
        """What goes down the walk for codes [*, D], flat: they themselves, if they stand for themselves.

        Args:
            z: the codes.
            q: what they were drawn from, in a pass whose gradient has to reach its parameters.
            noise: what they were drawn by, in a pass that trains, [*, noise_size].
        """
        del q, noise
        return z

    def penalty(self, q: tfd.Distribution) -> tf.Tensor | None:
        """What training adds to the loss of each example besides the objective, float32 [B], nats, if anything."""
        del q
        return None

    def learn(self, q: tfd.Distribution) -> None:
        """Takes in the posteriors of a training step, for weights that no gradient reaches."""
        del q

    def code(self, q: tfd.Distribution) -> tf.Tensor:
        """The code that stands for x where one is shown or served, float32 [B, D]."""
        return q.mean()

    def stddev(self, q: tfd.Distribution) -> tf.Tensor | None:
        """The standard deviation of each dimension, float32 [B, D], or None if it has no closed form."""
        return q.stddev()


def bounded_log_scale(log_scale: tf.Tensor) -> tf.Tensor:
    """log scale with the log variance within `LOG_VARIANCES`, which are those of diffusers, too."""
    low, high = LOG_VARIANCES
    return bounded(log_scale, low / 2, high / 2)
