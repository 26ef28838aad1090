"""The normal posterior that corrects the prior."""

import keras
import tensorflow as tf
from tensorflow_probability import distributions as tfd

from vae_tf.errors import InputError
from vae_tf.family import Factorised, Family, Given, Parameters
from vae_tf.normals import DiagonalNormals
from vae_tf.posteriors.base import Posterior, bounded_log_scale


@keras.saving.register_keras_serializable("vae_tf")
class RelativeNormal(DiagonalNormals, Posterior):
    """The normal posterior that corrects a normal prior, with a diagonal covariance.

    p(z) = N(z; loc_p, diag(scale_p^2)),  q(z|x) = N(z; loc_p + scale_p shift(x), diag((scale_p stretch(x))^2))
    shift = linear(features),  log stretch = linear(features)

    It starts as the prior, and its rate does not depend on where the prior is, so a ladder's layers learn together.
    log stretch^2 is held within [-30, 20].

    Source: Vahdat and Kautz (2020), "NVAE: a deep hierarchical variational autoencoder", section 3.2.

    Args:
        latent_size: D, the number of latent dimensions, or the shape of a grid of them.
        name: the layer's name.
    """

    def check_alone(self) -> None:
        """Refuses a model of one layer, whose codes need no prior to be found."""
        raise InputError("RelativeNormal corrects the prior of a ladder's rung: use posteriors.DiagonalNormal.")

    def check_prior(self, prior: Family) -> None:
        """Refuses a prior that is no normal with a diagonal covariance.

        Raises:
            InputError: naming those that are.
        """
        if not isinstance(prior, Factorised):
            raise InputError(
                f"RelativeNormal corrects a normal prior, and {type(prior).__name__} is none: use "
                f"priors.StandardNormal or priors.ConditionalNormal, or posteriors.DiagonalNormal."
            )

    def build(self, features_shape):
        """Creates the two projections for features [B, *]."""
        self.shift = self._linear(features_shape, "shift", start="zeros")
        self.log_stretch = self._linear(features_shape, "log_stretch", start="zeros")
        self.built = True

    def parameters(self, given: Given) -> Parameters:
        """`loc` and `scale`, each float32 [*, D], for features [*, ...] and the prior that is given."""
        assert given.prior is not None  # a model gives it
        p = given.prior().distribution
        stretch = tf.exp(bounded_log_scale(self._values(self.log_stretch, given.context)))
        return {"loc": p.loc + p.scale * self._values(self.shift, given.context), "scale": p.scale * stretch}

    def covariance(self, q: tfd.Distribution) -> tf.Tensor:
        """diag(scale^2), float32 [*, D, D]."""
        return tf.linalg.diag(q.variance())
