"""The Laplace likelihood."""

import keras
from tensorflow_probability import distributions as tfd

from vae_tf.family import Parameters
from vae_tf.likelihoods.location_scale import LocationScale


@keras.saving.register_keras_serializable("vae_tf")
class Laplace(LocationScale):
    """The Laplace likelihood, for real values with outliers.

    log p(x|z) = sum_i -|x_i - loc_i(z)| / scale_i - log(2 scale_i)

    `scale` is a fixed number; or "shared", one learned value exp(weight) for all (it starts at 1); or "predicted",
    softplus(features) + 0.001 for each value.

    Source: Johnson, Kotz and Balakrishnan (1995), chapter 24; the shared scale is that of the sigma-VAE of Rybkin et
    al. (2021), section 3, for the normal likelihood.

    Args:
        event_shape: the shape of one example.
        scale: a number above 0, "shared" or "predicted".
        projection: "auto", or None for a decoder that ends in loc (then scale before softplus, along the last
            axis, where it is predicted); see `Likelihood`.
        name: the layer's name.
    """

    def distribution(self, parameters: Parameters) -> tfd.Distribution:
        """p(x|z) with event [*event]."""
        return tfd.Independent(tfd.Laplace(**parameters), len(self.event_shape), name="Laplace")
