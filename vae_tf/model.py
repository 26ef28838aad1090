"""The model: four axes and one equation.

log p(x) >= E_q(z|x)[ log p(x|z) ] - KL[ q(z|x) || p(z) ]
"""

import functools
from collections.abc import Mapping

import keras
import tensorflow as tf

from vae_tf import conditions, importance, inner_layers, random, scoring
from vae_tf.coder import Coder
from vae_tf.compatibility import check_axes, check_last_activation, check_network, check_parts
from vae_tf.data import Schema, batches, by_name
from vae_tf.errors import InputError
from vae_tf.latents import Flat, Ladder, Represent
from vae_tf.likelihoods import Bernoulli, Likelihood
from vae_tf.objectives import ELBO, Objective
from vae_tf.posteriors import DiagonalNormal, Posterior
from vae_tf.priors import Prior, StandardNormal
from vae_tf.sizes import size, whole
from vae_tf.walks import Walks


@keras.saving.register_keras_serializable("vae_tf")
class VAE(Walks):
    """A variational autoencoder: a Keras model made of two networks and a choice on each of four axes.

    log p(x) >= E_q(z|x)[ log p(x|z) ] - KL[ q(z|x) || p(z) ]

    `fit` minimises the objective; the targets `y` that Keras hands on are not used. Logs: `loss` (what is
    minimised, with the networks' regularisers), `elbo` (the bound at beta = 1), `rate`, `distortion` and `beta`;
    means over examples, nats. Sample weights weigh the examples' losses, as in Keras.

    Source: Kingma and Welling (2014), "Auto-Encoding Variational Bayes".

    Args:
        encoder: a built Keras model from x [B, *event] to features. Its further inputs are conditions, by their names.
        decoder: a built Keras model from codes [B, D], or a grid of them [B, height, width, channels], to features. Its
            further inputs are conditions, by their names.
        posterior: q(z|x); a DiagonalNormal of the decoder's input size where not given.
        prior: p(z); StandardNormal where not given.
        likelihood: p(x|z); a Bernoulli of the encoder's input shape where not given.
        objective: what is minimised; the ELBO where not given.
        seed: of the noise in training and evaluation.
        name: the model's name.
        latents: several stochastic layers, in place of posterior and prior; the encoder then has an output for each.

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
        latents: Ladder | None = None,
    ):
        super().__init__(name=name, dtype="float32")
        axes = {"posterior": posterior, "prior": prior, "latents": latents}
        check_axes({**axes, "likelihood": likelihood, "objective": objective})
        if latents is not None and (posterior is not None or prior is not None):
            raise InputError("VAE got latents besides a posterior or a prior: each rung has its own; leave these out.")
        check_network(encoder, "encoder", outputs=1 if latents is None else len(latents.sites))
        check_network(decoder, "decoder")
        self.conditions = conditions.of(encoder, decoder)
        likelihood = Bernoulli(encoder.inputs[0].shape[1:]) if likelihood is None else likelihood
        objective = ELBO() if objective is None else objective
        structure: Flat | Ladder
        if latents is None:
            shape = decoder.inputs[0].shape[1:]
            posterior = DiagonalNormal(shape) if posterior is None else posterior
            structure = Flat(posterior, StandardNormal(shape) if prior is None else prior)
        else:
            structure = latents
        check_parts(encoder, decoder, structure, likelihood, objective)
        is_loaded = likelihood.built
        self.encoder, self.decoder = encoder, decoder
        if isinstance(structure, Flat):  # in this order, which is that of the optimizer's variables in a file
            self.posterior, self.prior = structure.posterior, structure.prior
        self.latents = structure
        self.likelihood, self.objective = likelihood, objective
        self.seed = whole("VAE", "seed", seed)
        self.latent_size = sum(site.posterior.latent_size for site in structure.sites)
        self.event_shape = likelihood.event_shape
        self.schema = Schema(likelihood, self.conditions)
        self.build(encoder.inputs[0].shape)
        if not is_loaded:  # what was saved loads
            check_last_activation(decoder, likelihood)

    def build(self, input_shape):
        """Builds each axis once; `input_shape` is that of x."""
        del input_shape
        self.latents.build([tuple(features.shape) for features in self.encoder.outputs], self._shape_of_prior)
        if not self.likelihood.built:  # in a loaded model, Keras has built it
            self.likelihood.build(self.decoder.output_shape)
        for part in self._parts.values():
            if not part.trainable:  # nor are the layers that it has just made
                for layer in inner_layers.of(part):
                    layer.trainable = False
        for part in (self.objective, self.latents, self.likelihood):
            part.settle()
        self.build_training()
        self.build_keeping()
        self.built = True

    @property
    def _shape_of_prior(self) -> tuple:
        """What the prior is built for: contexts, if it depends on the condition, else examples."""
        if self.prior_conditions:
            return (None, sum(condition.width for condition in self.conditions.values()))
        return tuple(self.encoder.inputs[0].shape)

    # ----- What is trained

    @property
    def directions(self) -> Mapping[str, str | None]:
        """The logged values, in their order, each with the way it should go: "up", "down" or None."""
        return self.objective.directions

    @property
    def settings(self) -> tuple[str, ...]:
        """Those of the logged values that are not measured, such as beta."""
        return self.objective.settings

    def values(
        self, batch, seed: tf.Tensor, training: bool = False, weights: tf.Tensor | None = None
    ) -> dict[str, tf.Tensor]:
        """What the objective says of one pass: each logged value of each example, float32 [B], or a scalar.

        A subclass that adds to the `loss`, or logs more, does it here, and names what it logs in `directions`.

        Args:
            batch: x, float32 [B, *event], or with conditions a dictionary of "x" and of these, by name.
            seed: int64 pair, of all noise.
            training: whether dropout and batch normalisation of the networks train.
            weights: the sample weights, float32 [B], which what an objective takes from the whole batch counts by.

        Raises:
            InputError: for a seed that is no pair, or a model that is not compiled, which has no step.
        """
        if tf.convert_to_tensor(seed).shape != (2,):
            raise InputError(f"values() got seed={seed}: give a pair of integers, such as seed=(1, 0).")
        if not self.compiled:
            raise InputError("values() of a model that is not compiled has no optimizer's step: call compile() first.")
        x, _ = self.schema.split(batch)
        with tf.name_scope("noise/"):
            noise = random.normal([self.objective.samples, tf.shape(x)[0], self.noise_size], seed)
            prior_noise = random.normal([tf.shape(x)[0], self.prior_noise_size], random.of_prior(seed))
        terms = self.terms(batch, noise, training, prior_noise)._replace(weights=weights)
        with tf.name_scope("objective/"):
            values = self.objective(terms, self.optimizer.iterations)
        penalties = [latent.penalty for latent in terms.latents]
        return {**values, "loss": tf.add_n([values["loss"], *(each for each in penalties if each is not None)])}

    # ----- For users

    def call(self, x, training: bool = False, **condition) -> tf.Tensor:
        """The mean of p(x|z) at the posterior's code, float32 [B, *event]."""
        x, values = self._split(x, condition, self.encoder_conditions + self.decoder_conditions)
        represent = Represent(self._features(x, values, training), self._encode(training))
        z = self.latents.walk(represent, training=training)
        return self.likelihood.mean(self._likelihood(z, values, training))

    def reconstruct(self, x, **condition) -> tf.Tensor:
        """The mean of p(x|z) at the posterior's code, float32 [B, *event]; of a `tf.data.Dataset`, of all its rows."""
        if isinstance(x, tf.data.Dataset):
            x = by_name.batch(self.schema, x, condition, self.conditions)
            return tf.concat([self.reconstruct(batch) for batch in batches(x, self.schema)], axis=0)
        return self.call(x, training=False, **condition)

    @functools.cached_property
    def coder(self) -> Coder:
        """x -> the code of q(z|x), as a Keras model that shares this model's weights.

        Other than `encoder`, which ends in features, it ends in the codes: `vae.coder.predict(x)`.
        """
        if isinstance(self.latents, Ladder):
            raise InputError("The codes of a ladder come down its rungs, so it has no coder: use vae.represent(x).z.")
        return Coder(self.encoder, self.posterior)

    def __dir__(self):
        """Without `coder`: Keras saves what it finds here, and would save these weights under a name of its own."""
        return [name for name in super().__dir__() if name != "coder"]

    def sample(self, count: int, seed: int = 0, **condition) -> tf.Tensor:
        """Means of p(x|z) for z ~ p(z), float32 [count, *event]; row i is a function of (seed, i) alone.

        Args:
            count: of rows.
            seed: of all rows.
            condition: the conditions, by name, one value for all rows or one for each.
        """
        count = size("sample()", "count", count, least=0)
        by_name.check(self.schema, condition)
        seeds = random.pair(seed, random.Purpose.SAMPLE, tf.range(count))
        return self.mean(self.draw(seeds, **condition), **condition)

    def log_prob(self, x, samples: int = 5000, seed: int = 0, **condition) -> tf.Tensor:
        """log p(x) by importance sampling, float32 [N], nats; in expectation a lower bound that rises with samples.

        log p(x) ~ log 1/K sum_k p(x|z_k) p(z_k) / q(z_k|x),  z_k ~ q(z|x)

        Source: Burda et al. (2016), equation 8.

        Args:
            x: values [N, *event], in the likelihood's support; or a `tf.data.Dataset` of batches of them.
            samples: K.
            seed: draw k of example i is a function of (seed, i, k) alone.
            condition: the conditions, by name, one value for all rows or one for each.

        Raises:
            InputError: for data outside the support, samples < 1, or a plain autoencoder.
        """
        x = by_name.batch(self.schema, x, condition, self.conditions)
        parts = [part.log_prob for part in importance.estimates(self, x, samples, seed)]
        return tf.cast(tf.concat(parts, axis=0), tf.float32) if parts else tf.zeros([0])

    def score(self, x, seed: int = 0, **condition) -> scoring.Score:
        """The bound on log p(x) of each example, with one draw z ~ q(z|x), and the bound's two terms.

        elbo = -(distortion + rate),  distortion = -log p(x|z),  rate = KL[ q(z|x) || p(z) ]

        Row i is a function of x[i] and (seed, i), as that of a served `score` with the seeds (seed, i). The rate is in
        closed form where there is one.

        Args:
            x: values [N, *event], in the likelihood's support; or a `tf.data.Dataset` of batches of them.
            seed: of the draws, an int32.
            condition: the conditions, by name, one value for all rows or one for each.

        Returns:
            `elbo`, `rate` and `distortion`, each float32 [N], nats.

        Raises:
            InputError: for data outside the support, a seed beyond int32, or a plain autoencoder.

        Source: Kingma and Welling (2014), equation 3; rate and distortion: Alemi et al. (2018).
        """
        x = by_name.batch(self.schema, x, condition, self.conditions)
        return scoring.joined(list(scoring.scores(self, x, seed)))

    @functools.cached_property
    def score_function(self):
        """Compiled: (batch of B, seeds [B, 2]) -> `Score` of [B]."""
        return tf.function(self.score_rows, reduce_retracing=True)

    def score_rows(self, batch, seeds) -> scoring.Score:
        """The score of each row by its own seed, in a graph: `Score` of float32 [B], NaN for a bad value in its row."""
        return scoring.of_rows(self, batch, seeds)

    @functools.cached_property
    def log_weights_function(self):
        """Compiled: (batch of B, noise [K, B, noise_size]) -> log weights [K, B]."""
        return tf.function(lambda batch, noise: self.terms(batch, noise).log_weights, reduce_retracing=True)
