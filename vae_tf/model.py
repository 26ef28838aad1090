"""The model: four axes and one equation.

log p(x) >= E_q(z|x)[ log p(x|z) ] - KL[ q(z|x) || p(z) ]
"""

import functools

import keras
import numpy as np
import tensorflow as tf
from tensorflow_probability import distributions as tfd

from vae_tf import importance, random
from vae_tf.compatibility import check_network, check_parts
from vae_tf.errors import InputError
from vae_tf.likelihoods import Bernoulli, Likelihood
from vae_tf.logs import Logs
from vae_tf.objectives import ELBO, Objective
from vae_tf.posteriors import DiagonalNormal, Posterior
from vae_tf.priors import Prior, StandardNormal
from vae_tf.terms import Latent, Terms


@keras.saving.register_keras_serializable("vae_tf")
class VAE(keras.Model):
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
        self.encoder, self.decoder = encoder, decoder
        self.posterior, self.prior = posterior, prior
        self.likelihood, self.objective = likelihood, objective
        self.seed = seed
        self.latent_size, self.event_shape = latent_size, likelihood.event_shape
        self.logs = Logs(objective.directions)
        self.build(encoder.input_shape)

    def build(self, input_shape):
        """Builds each axis once; `input_shape` is that of the encoder."""
        del input_shape
        for part, shape in (
            (self.posterior, self.encoder.output_shape),
            (self.prior, (None, self.latent_size)),
            (self.likelihood, self.decoder.output_shape),
        ):
            if not part.built:  # in a loaded model, Keras has built it
                part.build(shape)
        self.training_steps = self._counter("training_steps")
        self.evaluation_steps = self._counter("evaluation_steps")
        self.built = True

    # ----- One pass

    def terms(self, x: tf.Tensor, noise: tf.Tensor, training: bool = False) -> Terms:
        """What one pass yields: q(z|x), p(z), the draws and log p(x|z).

        Args:
            x: float32 [B, *event].
            noise: standard normals [K, B, posterior.noise_size].
            training: whether dropout and batch normalisation of the networks train.
        """
        q = self.encode(x, training)  # q(z|x)
        p = self.prior.distribution(self.encode)  # p(z)
        z = self.posterior.draw(q, noise)  # z ~ q(z|x), [K, B, D]
        log_likelihood = self.decode(z, training).log_prob(x)  # log p(x|z), [K, B]
        return Terms((Latent(z, q, p),), log_likelihood)

    def encode(self, x, training: bool = False) -> tfd.Distribution:
        """The posterior q(z|x), batch [B], event [D], of x [B, *event]."""
        x = self._examples(x)
        return self.posterior.distribution(self.posterior.parameters(self.encoder(x, training=training)))

    def decode(self, z, training: bool = False) -> tfd.Distribution:
        """The likelihood p(x|z), batch [*], event [*event], of codes z [*, D]."""
        z = tf.convert_to_tensor(z, tf.float32)
        if not z.shape.rank or z.shape[-1] != self.latent_size:
            raise InputError(f"z has shape {tuple(z.shape)}; this model takes codes of shape (N, {self.latent_size}).")
        batch = tf.shape(z)[:-1]
        parameters = self.likelihood.parameters(self.decoder(tf.reshape(z, [-1, self.latent_size]), training=training))
        unflatten = lambda value: tf.reshape(value, tf.concat([batch, tf.shape(value)[1:]], 0))  # noqa: E731
        return self.likelihood.distribution(tf.nest.map_structure(unflatten, parameters))

    def _examples(self, x) -> tf.Tensor:
        x = tf.cast(tf.convert_to_tensor(x), tf.float32)
        shape = (None, *self.event_shape)
        if not x.shape.is_compatible_with(shape):
            raise InputError(
                f"x has shape {tuple(x.shape)}; this model takes {('N', *self.event_shape)}: reshape the data or "
                f"build the model for its shape."
            )
        return tf.ensure_shape(x, shape)  # sizes may be known only when the data comes

    # ----- For users

    def call(self, x, training: bool = False) -> tf.Tensor:
        """The mean of p(x|z) at the posterior's code, float32 [B, *event]."""
        q = self.encode(x, training)
        return self.likelihood.mean(self.decode(self.posterior.code(q), training))

    def reconstruct(self, x) -> tf.Tensor:
        """The mean of p(x|z) at the posterior's code, float32 [B, *event]."""
        return self(x, training=False)

    def sample(self, count: int, seed: int) -> tf.Tensor:
        """Means of p(x|z) for z ~ p(z), float32 [count, *event]; row i is a function of (seed, i) alone."""
        if count < 0:
            raise InputError(f"sample() was asked for count={count}: give at least 0.")
        seeds = tf.stack([tf.fill([count], seed), tf.range(count)], axis=1)
        return self.likelihood.mean(self.decode(self.prior.draw(seeds)))

    def log_prob(self, x, samples: int = 5000, seed: int = 0) -> tf.Tensor:
        """log p(x) by importance sampling, float32 [N], nats; in expectation a lower bound that rises with samples.

        log p(x) ~ log 1/K sum_k p(x|z_k) p(z_k) / q(z_k|x),  z_k ~ q(z|x)

        Source: Burda et al. (2016), equation 8.

        Args:
            x: values [N, *event], in the likelihood's support.
            samples: K.
            seed: the noise of example i is a function of (seed, i) alone.

        Raises:
            InputError: for data outside the support, samples < 1, or a plain autoencoder.
        """
        self.likelihood.check(x)
        parts = [part.log_prob for part in importance.estimates(self, x, samples, seed)]
        return tf.concat(parts, axis=0) if parts else tf.zeros([0])

    @functools.cached_property
    def log_weights_function(self):
        """Compiled: (x, numbers of the examples, seed, block, draws) -> log weights [draws, B]."""

        @tf.function(reduce_retracing=True)
        def log_weights(x, images, seed, block, draws):
            noise = importance.block_noise(self.posterior.noise_size, images, seed, block)
            return self.terms(x, noise[:draws]).log_weights

        return log_weights

    # ----- Keras

    @property
    def metrics(self) -> list[keras.metrics.Metric]:
        """The means of the logged values."""
        return [self.logs]

    def reset_metrics(self):
        """Starts the means anew, and the noise of evaluation too: each evaluation draws the same."""
        super().reset_metrics()
        self.evaluation_steps.assign(0)

    def train_step(self, data) -> dict[str, tf.Tensor]:
        """One step of the optimizer on the objective."""
        with tf.GradientTape() as tape:
            logs, loss = self._values(data, self.training_steps, random.Purpose.TRAINING, training=True)
            # Gradients are summed over replicas.
            replica_loss = loss / tf.distribute.get_strategy().num_replicas_in_sync
            scaled_loss = self.optimizer.scale_loss(replica_loss)
        gradients = tape.gradient(scaled_loss, self.trainable_weights)
        self.optimizer.apply_gradients(zip(gradients, self.trainable_weights, strict=True))
        return logs

    def test_step(self, data) -> dict[str, tf.Tensor]:
        """The objective's values, without training."""
        logs, _ = self._values(data, self.evaluation_steps, random.Purpose.EVALUATION, training=False)
        return logs

    def _values(self, data, steps, purpose: random.Purpose, training: bool):
        """Takes one batch into the logs; returns them and the mean loss that is minimised."""
        x, _, weights = keras.utils.unpack_x_y_sample_weight(data)
        x = self._examples(x)
        seed = random.pair(self.seed, purpose, steps.value, stream=random.replica())
        noise = random.normal([self.objective.samples, tf.shape(x)[0], self.posterior.noise_size], seed)
        steps.assign_add(1)

        values = self.objective(self.terms(x, noise, training), self.optimizer.iterations)
        penalty = tf.add_n([tf.reduce_sum(tf.cast(loss, tf.float32)) for loss in self.losses] or [tf.zeros([])])
        losses = values.pop("loss")
        if weights is not None:
            weights = tf.reshape(tf.cast(weights, tf.float32), [-1])
            losses *= weights
        loss = tf.reduce_mean(losses) + penalty
        self.logs.update(values, weights)
        self.logs.update({"loss": losses + penalty}, None)
        return self.logs.result(), loss

    def compile(
        self,
        optimizer="rmsprop",
        loss=None,
        loss_weights=None,
        metrics=None,
        weighted_metrics=None,
        run_eagerly: bool = False,
        steps_per_execution: int = 1,
        jit_compile="auto",
        auto_scale_loss: bool = True,
    ):
        """Keras's `compile`; where the networks compute in float16, the loss is scaled, as Keras does.

        Raises:
            InputError: where a loss or metrics are given; the objective is the loss, and the logs are its own.
        """
        given = {"loss": loss, "loss_weights": loss_weights, "metrics": metrics, "weighted_metrics": weighted_metrics}
        for name, value in given.items():
            if value is not None:
                raise InputError(
                    f"compile() was given {name}, but this model minimises its objective and logs "
                    f"{', '.join(self.objective.directions)}: leave {name} out, and choose VAE(..., objective=...)."
                )
        layers = (*self.encoder._flatten_layers(), *self.decoder._flatten_layers())
        half = any(layer.compute_dtype == "float16" for layer in layers)
        optimizer = keras.optimizers.get(optimizer)
        if auto_scale_loss and half and not isinstance(optimizer, keras.optimizers.LossScaleOptimizer):
            optimizer = keras.optimizers.LossScaleOptimizer(optimizer)
        super().compile(
            optimizer=optimizer,
            run_eagerly=run_eagerly,
            steps_per_execution=steps_per_execution,
            jit_compile=jit_compile,
            auto_scale_loss=auto_scale_loss,
        )

    def compile_from_config(self, config: dict):
        """Compiles a loaded model, and makes the optimizer's variables."""
        self.compile(**keras.saving.deserialize_keras_object(config))
        self.optimizer.build(self.trainable_variables)

    @functools.wraps(keras.Model.fit)
    def fit(self, x=None, y=None, *args, **kwargs):
        """Keras's `fit`, after a look at the data: values outside the likelihood's support are refused."""
        self._check_data(x, "x")
        validation = kwargs.get("validation_data")
        self._check_data(validation, "validation_data")
        if isinstance(validation, tuple | list) and len(validation) == 3:
            validation_x, validation_y, weights = validation
            kwargs["validation_data"] = (validation_x, _targets(validation_x, validation_y, weights), weights)
        return super().fit(x, _targets(x, y, kwargs.get("sample_weight")), *args, **kwargs)

    @functools.wraps(keras.Model.evaluate)
    def evaluate(self, x=None, y=None, *args, **kwargs):
        """Keras's `evaluate`: [loss, elbo, rate, distortion] (beta is a setting), or all logs as a dict."""
        if "_use_cached_eval_dataset" not in kwargs:  # within fit, which has looked already
            self._check_data(x, "x")
        return super().evaluate(x, _targets(x, y, kwargs.get("sample_weight")), *args, **kwargs)

    def _flatten_metrics_in_order(self, logs: dict) -> list:
        """What Keras's `evaluate` and `..._on_batch` give without `return_dict`; beta, a setting, is left out."""
        return [logs[key] for key in self.objective.directions if key != "beta"]

    def _check_data(self, data, name: str) -> None:
        if isinstance(data, tf.data.Dataset):
            data = next(iter(data.take(1)), None)  # only the first batch: a data set may be endless
        if isinstance(data, tuple | list):
            data = data[0] if len(data) else None
        if isinstance(data, np.ndarray | tf.Tensor):
            self.likelihood.check(data, name)

    def get_config(self) -> dict:
        """The constructor's arguments."""
        serialize = keras.saving.serialize_keras_object
        parts = ("encoder", "decoder", "posterior", "prior", "likelihood", "objective")
        config = {part: serialize(getattr(self, part)) for part in parts}
        return {**config, "seed": self.seed, "name": self.name}

    @classmethod
    def from_config(cls, config: dict, custom_objects=None) -> "VAE":
        """The model that `get_config` describes."""
        deserialize = functools.partial(keras.saving.deserialize_keras_object, custom_objects=custom_objects)
        return cls(**{key: deserialize(value) if isinstance(value, dict) else value for key, value in config.items()})

    def _counter(self, name: str):
        return self.add_weight(
            name=name,
            shape=(),
            dtype="int64",
            initializer="zeros",
            trainable=False,
            aggregation="only_first_replica",
        )


def _targets(x, y, weights):
    """`y`, or `x` in its place where there are weights: Keras drops the weights of data without targets."""
    return x if y is None and weights is not None else y
