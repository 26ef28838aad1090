"""How Keras trains and evaluates a model that has terms and an objective: the part of `VAE` that is Keras."""

import functools
import inspect
from collections.abc import Callable

import keras
import numpy as np
import tensorflow as tf

from vae_tf import examples, random
from vae_tf.errors import InputError
from vae_tf.execution import Loop, fuses
from vae_tf.likelihoods import Likelihood
from vae_tf.logs import Logs
from vae_tf.objectives import Objective
from vae_tf.posteriors import Posterior
from vae_tf.priors import Prior
from vae_tf.terms import Terms


class Trainer(keras.Model):
    """Trains a model whose one pass yields `Terms`.

    Attributes:
        encoder, decoder, posterior, prior, likelihood, objective, event_shape, seed: those of the model.
        logs: the means of the logged values.
        training_steps, evaluation_steps: how often noise was drawn; weights, so that a loaded model goes on.
    """

    encoder: keras.Model
    decoder: keras.Model
    posterior: Posterior
    prior: Prior
    likelihood: Likelihood
    objective: Objective
    event_shape: tuple[int, ...]
    seed: int
    train_function: Callable | None
    test_function: Callable | None

    def terms(
        self, x: tf.Tensor, noise: tf.Tensor, training: bool = False, prior_noise: tf.Tensor | None = None
    ) -> Terms:
        """What one pass yields; the model's own."""
        raise NotImplementedError

    def build_training(self) -> None:
        """Makes what training needs: the means of the logs, the counters of the noise."""
        self.logs = Logs(self.objective.directions)
        self.training_steps = self._counter("training_steps")
        self.evaluation_steps = self._counter("evaluation_steps")

    @property
    def metrics(self) -> list[keras.metrics.Metric]:
        """The means of the logged values."""
        return [self.logs]

    def reset_metrics(self):
        """Starts the means anew, and the noise of evaluation too: each evaluation draws the same."""
        super().reset_metrics()
        self.evaluation_steps.assign(0)

    def make_train_function(self, force: bool = False):
        """Keras's own, or several steps as one loop; see `execution`."""
        if not fuses(self):
            return super().make_train_function(force)
        if force or self.train_function is None:
            self.optimizer.build(self.trainable_variables)  # no variable can be made within the loop
            self.train_function = Loop(self.train_step, self.steps_per_execution, self.jit_compile)
        return self.train_function

    def make_test_function(self, force: bool = False):
        """Keras's own, or several steps as one loop; see `execution`."""
        if not fuses(self):
            return super().make_test_function(force)
        if force or self.test_function is None:
            self.test_function = Loop(self.test_step, self.steps_per_execution, self.jit_compile)
        return self.test_function

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

    def values(
        self, x: tf.Tensor, seed: tf.Tensor, training: bool = False, weights: tf.Tensor | None = None
    ) -> dict[str, tf.Tensor]:
        """What the objective says of one pass: each logged value of each example, float32 [B], or a scalar.

        Args:
            x: float32 [B, *event].
            seed: int64 pair, of all noise.
            training: whether dropout and batch normalisation of the networks train.
            weights: the sample weights, float32 [B], which what an objective takes from the whole batch counts by.
        """
        sizes = [self.posterior.noise_size, self.prior.noise_size if self.objective.draws_from_prior else 0]
        with tf.name_scope("noise/"):
            noise = random.normal([self.objective.samples, tf.shape(x)[0], sum(sizes)], seed)
            noise, prior_noise = tf.split(noise, sizes, axis=-1)
        terms = self.terms(x, noise, training, prior_noise[0])._replace(weights=weights)
        with tf.name_scope("objective/"):
            return self.objective(terms, self.optimizer.iterations)

    def penalty(self) -> tf.Tensor:
        """What the layers' regularisers add to the loss of the pass that was made last, float32 scalar."""
        return tf.add_n([tf.reduce_sum(tf.cast(loss, tf.float32)) for loss in self.losses] or [tf.zeros([])])

    def _values(self, data, steps, purpose: random.Purpose, training: bool):
        """Takes one batch into the logs; returns them and the mean loss that is minimised."""
        x, _, weights = keras.utils.unpack_x_y_sample_weight(data)
        x = self._examples(x)
        seed = random.pair(self.seed, purpose, steps.value, stream=random.replica())
        steps.assign_add(1)
        if weights is not None:
            weights = tf.reshape(tf.cast(weights, tf.float32), [-1])
        values = self.values(x, seed, training, weights)
        penalty = self.penalty()
        losses = values.pop("loss")
        if weights is not None:
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
    def fit(self, *args, **kwargs):
        """Keras's `fit`, after a look at the data: values outside the likelihood's support are refused."""
        given = inspect.signature(super().fit).bind(*args, **kwargs).arguments
        self._check_data(given.get("x"), "x")
        given["y"] = _targets(given)
        validation = given.get("validation_data")
        self._check_data(validation, "validation_data")
        if isinstance(validation, tuple | list) and len(validation) == 3:
            x, y, weights = validation
            given["validation_data"] = (x, _targets({"x": x, "y": y, "sample_weight": weights}), weights)
        if self.compiled:
            self.make_train_function()
        loop, steps = self.train_function, given.get("steps_per_epoch")
        if not isinstance(loop, Loop):
            return super().fit(**given)
        begin = keras.callbacks.LambdaCallback(on_epoch_begin=lambda epoch, logs: loop.begin(steps))
        if isinstance(given.get("callbacks"), keras.callbacks.CallbackList):
            given["callbacks"].append(begin)
        else:
            given["callbacks"] = [begin, *tf.nest.flatten(given.get("callbacks") or [])]  # Keras takes one, or lists
        try:
            return super().fit(**given)
        finally:
            loop.begin(None)

    @functools.wraps(keras.Model.evaluate)
    def evaluate(self, *args, **kwargs):
        """Keras's `evaluate`: [loss, elbo, rate, distortion] (beta is a setting), or all logs as a dict."""
        within_fit = kwargs.pop("_use_cached_eval_dataset", False)  # which has looked at the data already
        given = inspect.signature(super().evaluate).bind(*args, **kwargs).arguments
        if not within_fit:
            self._check_data(given.get("x"), "x")
        given["y"] = _targets(given)
        if self.compiled:
            self.make_test_function()
        loop = self.test_function
        if not isinstance(loop, Loop):
            return super().evaluate(**given, _use_cached_eval_dataset=within_fit)
        loop.begin(given.get("steps"))
        try:
            return super().evaluate(**given, _use_cached_eval_dataset=within_fit)
        finally:
            loop.begin(None)

    @functools.wraps(keras.Model.predict)
    def predict(self, x, batch_size=None, verbose="auto", steps=None, callbacks=None):
        """Keras's `predict`, after a look at arrays: they are what `examples.as_float32` takes."""
        if isinstance(x, np.ndarray | tf.Tensor):
            examples.check(x, self.likelihood)
        return super().predict(x, batch_size, verbose, steps, callbacks)

    def _flatten_metrics_in_order(self, logs: dict) -> list:
        """What Keras's `evaluate` and `..._on_batch` give without `return_dict`; beta, a setting, is left out."""
        return [logs[key] for key in self.objective.directions if key not in self.objective.settings]

    def _examples(self, x) -> tf.Tensor:
        return examples.as_float32(x, self.likelihood)

    def _check_data(self, data, name: str) -> None:
        if isinstance(data, tf.data.Dataset):
            data = next(iter(data.take(1)), None)  # only the first batch: a data set may be endless
        if isinstance(data, tuple | list):
            data = data[0] if len(data) else None
        if isinstance(data, np.ndarray | tf.Tensor):
            self.likelihood.check(data, name)

    def _counter(self, name: str):
        return self.add_weight(
            name=name,
            shape=(),
            dtype="int64",
            initializer="zeros",
            trainable=False,
            aggregation="only_first_replica",
        )


def _targets(given: dict):
    """`y`, or `x` in its place where there are weights: Keras drops the weights of data without targets."""
    y = given.get("y")
    return given.get("x") if y is None and given.get("sample_weight") is not None else y
