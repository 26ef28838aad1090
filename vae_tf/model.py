"""The model: four axes and one equation.

log p(x) >= E_q(z|x)[ log p(x|z) ] - KL[ q(z|x) || p(z) ]
"""

import functools

import keras
import tensorflow as tf
from tensorflow_probability import distributions as tfd

from vae_tf import importance, random, scoring
from vae_tf.arrays import numbers
from vae_tf.coder import Coder
from vae_tf.compatibility import check_last_activation, check_network, check_parts
from vae_tf.data import Schema, batches
from vae_tf.errors import InputError
from vae_tf.kept import Kept
from vae_tf.likelihoods import Bernoulli, Likelihood
from vae_tf.objectives import ELBO, Objective
from vae_tf.posteriors import DiagonalNormal, Posterior
from vae_tf.posteriors.base import Parameters
from vae_tf.priors import Encode, Prior, StandardNormal
from vae_tf.serving import signatures
from vae_tf.sizes import size, whole
from vae_tf.terms import Draws, Latent, Terms


@keras.saving.register_keras_serializable("vae_tf")
class VAE(Kept):
    """A variational autoencoder: a Keras model made of two networks and a choice on each of four axes.

    log p(x) >= E_q(z|x)[ log p(x|z) ] - KL[ q(z|x) || p(z) ]

    `fit` minimises the objective; the targets `y` that Keras hands on are not used. Logs: `loss` (what is
    minimised, with the networks' regularisers), `elbo` (the bound at beta = 1), `rate`, `distortion` and `beta`;
    means over examples, nats. Sample weights weigh the examples' losses, as in Keras.

    Source: Kingma and Welling (2014), "Auto-Encoding Variational Bayes".

    Args:
        encoder: a built Keras model from x [B, *event] to features.
        decoder: a built Keras model from codes [B, D] to features.
        posterior: q(z|x); a DiagonalNormal of the decoder's input size where not given.
        prior: p(z); StandardNormal where not given.
        likelihood: p(x|z); a Bernoulli of the encoder's input shape where not given.
        objective: what is minimised; the ELBO where not given.
        seed: of the noise in training and evaluation.
        name: the model's name.

    Raises:
        InputError: where the parts do not fit each other.
    """

    def __init__(
        self,
        encoder: keras.Model,
        decoder: keras.Model,
        posterior: Posterior | None = None,
        prior: Prior | None = None,
        likelihood: Likelihood | None = None,
        objective: Objective | None = None,
        seed: int = 0,
        name: str | None = None,
    ):
        super().__init__(name=name, dtype="float32")
        check_network(encoder, "encoder")
        check_network(decoder, "decoder")
        latent_size = decoder.input_shape[-1]
        posterior = DiagonalNormal(latent_size) if posterior is None else posterior
        prior = StandardNormal(latent_size) if prior is None else prior
        likelihood = Bernoulli(encoder.input_shape[1:]) if likelihood is None else likelihood
        objective = ELBO() if objective is None else objective
        check_parts(encoder, decoder, posterior, prior, likelihood, objective)
        is_loaded = likelihood.built
        self.encoder, self.decoder = encoder, decoder
        self.posterior, self.prior = posterior, prior
        self.likelihood, self.objective = likelihood, objective
        self.seed = whole("VAE", "seed", seed)
        self.latent_size, self.event_shape = latent_size, likelihood.event_shape
        self.schema = Schema(likelihood, {})
        self.build(encoder.input_shape)
        if not is_loaded:  # what was saved loads
            check_last_activation(decoder, likelihood)

    def build(self, input_shape):
        """Builds each axis once; `input_shape` is that of the encoder."""
        del input_shape
        for part, shape in (
            (self.posterior, self.encoder.output_shape),
            (self.prior, self.encoder.input_shape),
            (self.likelihood, self.decoder.output_shape),
        ):
            if not part.built:  # in a loaded model, Keras has built it
                part.build(shape)
        self.build_training()
        self.build_keeping()
        self.built = True

    # ----- One pass

    def terms(
        self, x: tf.Tensor, noise: tf.Tensor, training: bool = False, prior_noise: tf.Tensor | None = None
    ) -> Terms:
        """What one pass yields: q(z|x), p(z), the draws and log p(x|z).

        Args:
            x: examples [B, *event].
            noise: standard normals [K, B, posterior.noise_size].
            training: whether dropout and batch normalisation of the networks train.
            prior_noise: standard normals [B, prior.noise_size], for an objective that draws from the prior.
        """
        encode, x = self._encode(training), self._examples(x)
        parameters = self._parameters(x, training)
        with tf.name_scope("posterior/"):
            q = self.posterior.distribution(parameters)  # q(z|x)
            z = self.posterior.draw(q, noise)  # z ~ q(z|x), [K, B, D]
        with tf.name_scope("prior/"):
            p = self.prior.distribution(encode)  # p(z)
        draws = prior_z = None
        if self.objective.doubly_reparameterises:
            draws = Draws(z)
            z = draws.z
            q = self.posterior.distribution(tf.nest.map_structure(tf.stop_gradient, parameters))
        if self.objective.draws_from_prior and prior_noise is not None:
            prior_z = self.prior.from_noise(prior_noise, encode)  # z ~ p(z), [B, D]
        likelihood = self.decode(z, training)
        with tf.name_scope("likelihood/"):
            log_likelihood = likelihood.log_prob(x)  # log p(x|z), [K, B]
        return Terms((Latent(z, q, p, prior_z),), log_likelihood, draws)

    def encode(self, x, training: bool = False) -> tfd.Distribution:
        """The posterior q(z|x), batch [B], event [D], of x [B, *event]; of a `tf.data.Dataset`, of all its examples."""
        if not isinstance(x, tf.data.Dataset):
            return self.posterior.distribution(self._parameters(x, training))
        parameters = [self._parameters(batch, training) for batch in batches(x, self.schema)]
        joined = tf.nest.map_structure(lambda *values: tf.concat(values, axis=0), *parameters)
        return self.posterior.distribution(joined)

    def _parameters(self, x, training: bool) -> Parameters:
        features = self.encoder(self._examples(x), training=training)
        with tf.name_scope("posterior/"):
            return self.posterior.parameters(features)

    def _encode(self, training: bool = False) -> Encode:
        return Encode(functools.partial(self.encode, training=training), self.posterior.draw)

    def decode(self, z, training: bool = False) -> tfd.Distribution:
        """The likelihood p(x|z), batch [*], event [*event], of codes z [*, D]."""
        z = tf.cast(numbers(z, "z", ("N", self.latent_size)), tf.float32)
        if not z.shape.rank or z.shape[-1] != self.latent_size:
            raise InputError(f"z has shape {tuple(z.shape)}; this model takes codes of shape (N, {self.latent_size}).")
        features = self.decoder(tf.reshape(z, [-1, self.latent_size]), training=training)
        unflatten = lambda value: tf.reshape(value, tf.concat([tf.shape(z)[:-1], value.shape[1:]], 0))  # noqa: E731
        with tf.name_scope("likelihood/"):
            parameters = self.likelihood.parameters(features)
            return self.likelihood.distribution(tf.nest.map_structure(unflatten, parameters))

    # ----- For users

    def call(self, x, training: bool = False) -> tf.Tensor:
        """The mean of p(x|z) at the posterior's code, float32 [B, *event]."""
        q = self.encode(x, training)
        return self.likelihood.mean(self.decode(self.posterior.code(q), training))

    def reconstruct(self, x) -> tf.Tensor:
        """The mean of p(x|z) at the posterior's code, float32 [B, *event]; of a `tf.data.Dataset`, of all its rows."""
        if isinstance(x, tf.data.Dataset):
            return tf.concat([self.reconstruct(batch) for batch in batches(x, self.schema)], axis=0)
        return self(self._examples(x), training=False)

    @functools.cached_property
    def coder(self) -> Coder:
        """x -> the code of q(z|x), as a Keras model that shares this model's weights.

        Other than `encoder`, which ends in features, it ends in the codes: `vae.coder.predict(x)`.
        """
        return Coder(self.encoder, self.posterior)

    def __dir__(self):
        """Without `coder`: Keras saves what it finds here, and would save these weights under a name of its own."""
        return [name for name in super().__dir__() if name != "coder"]

    def sample(self, count: int, seed: int = 0) -> tf.Tensor:
        """Means of p(x|z) for z ~ p(z), float32 [count, *event]; row i is a function of (seed, i) alone."""
        count = size("sample()", "count", count, least=0)
        seeds = random.pair(seed, random.Purpose.SAMPLE, tf.range(count))
        return self.likelihood.mean(self.decode(self.draw(seeds)))

    def from_noise(self, noise) -> tf.Tensor:
        """Codes z ~ p(z), float32 [B, D], made from standard normals [B, prior.noise_size], row by row."""
        size = self.prior.noise_size
        noise = tf.cast(numbers(noise, "noise", ("N", size)), tf.float32)
        if noise.shape.rank != 2 or noise.shape[-1] != size:
            raise InputError(f"noise has shape {tuple(noise.shape)}; this model takes standard normals (N, {size}).")
        return self.prior.from_noise(noise, self._encode())

    def draw(self, seeds: tf.Tensor) -> tf.Tensor:
        """Codes z ~ p(z), float32 [B, D]; row i depends on the integer pair `seeds[i]` alone, bit for bit."""
        return self._draw_function(seeds)

    @functools.cached_property
    def _draw_function(self):
        """Compiled, because a row takes milliseconds eagerly."""
        return tf.function(lambda seeds: self.prior.draw(seeds, self._encode()), reduce_retracing=True)

    def log_prob(self, x, samples: int = 5000, seed: int = 0) -> tf.Tensor:
        """log p(x) by importance sampling, float32 [N], nats; in expectation a lower bound that rises with samples.

        log p(x) ~ log 1/K sum_k p(x|z_k) p(z_k) / q(z_k|x),  z_k ~ q(z|x)

        Source: Burda et al. (2016), equation 8.

        Args:
            x: values [N, *event], in the likelihood's support; or a `tf.data.Dataset` of batches of them.
            samples: K.
            seed: draw k of example i is a function of (seed, i, k) alone.

        Raises:
            InputError: for data outside the support, samples < 1, or a plain autoencoder.
        """
        parts = [part.log_prob for part in importance.estimates(self, x, samples, seed)]
        return tf.cast(tf.concat(parts, axis=0), tf.float32) if parts else tf.zeros([0])

    def score(self, x, seed: int = 0) -> scoring.Score:
        """The bound on log p(x) of each example, with one draw z ~ q(z|x), and the bound's two terms.

        elbo = -(distortion + rate),  distortion = -log p(x|z),  rate = KL[ q(z|x) || p(z) ]

        Row i is a function of x[i] and (seed, i), as that of a served `score` with the seeds (seed, i). The rate is in
        closed form where there is one.

        Args:
            x: values [N, *event], in the likelihood's support; or a `tf.data.Dataset` of batches of them.
            seed: of the draws, an int32.

        Returns:
            `elbo`, `rate` and `distortion`, each float32 [N], nats.

        Raises:
            InputError: for data outside the support, a seed beyond int32, or a plain autoencoder.

        Source: Kingma and Welling (2014), equation 3; rate and distortion: Alemi et al. (2018).
        """
        return scoring.joined(list(scoring.scores(self, x, seed)))

    @functools.cached_property
    def score_function(self):
        """Compiled: (x [B, *event], seeds [B, 2]) -> `elbo`, `rate` and `distortion`, each [B], by name."""
        return tf.function(functools.partial(signatures.score, self), reduce_retracing=True)

    @functools.cached_property
    def log_weights_function(self):
        """Compiled: (x [B, *event], noise [K, B, noise_size]) -> log weights [K, B]."""
        return tf.function(lambda x, noise: self.terms(x, noise).log_weights, reduce_retracing=True)
