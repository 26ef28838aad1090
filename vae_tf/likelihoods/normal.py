"""The normal likelihood."""

import keras
from tensorflow_probability import distributions as tfd

from vae_tf.family import Parameters
from vae_tf.likelihoods.location_scale import LocationScale


@keras.saving.register_keras_serializable("vae_tf")
class Normal(LocationScale):
    """The normal likelihood, for real values.

    log p(x|z) = sum_i log N(x_i; loc_i(z), scale_i^2)

    `scale` is a fixed number; or "shared", one learned value exp(weight) for all (it starts at 1); or "predicted",
    softplus(features) + 0.001 for each value.

    Source: Kingma and Welling (2014), appendix C.2; the shared scale is the sigma-VAE of Rybkin et al. (2021),
    section 3.

    Args:
        event_shape: the shape of one example.
        scale: a number above 0, "shared" or "predicted".
        projection: "auto", or None for a decoder that ends in loc (then scale before softplus, along the last
            axis, where it is predicted); see `Likelihood`.
        name: the layer's name.
    """

    def distribution(self, parameters: Parameters) -> tfd.Distribution:
        """p(x|z) with event [*event]."""
        return tfd.Independent(tfd.Normal(**parameters), len(self.event_shape), name="Normal")
