"""How Keras trains and evaluates a model that has terms and an objective: the part of `VAE` that is Keras."""

import contextlib
import functools
import inspect
from collections.abc import Iterator, Mapping
from typing import Any

import keras
import tensorflow as tf

from vae_tf import random
from vae_tf.data import BatchCheck, Schema, check_weights, targets
from vae_tf.errors import InputError
from vae_tf.execution import FusedSteps, checked, checked_list, fuses, has_one_graph, one_graph
from vae_tf.finite import FiniteCheck, WarnIfNotFinite
from vae_tf.logs import Logs

PARTS = ("encoder", "decoder", "posterior", "prior", "likelihood", "objective", "seed")  # of a model; they stay

FIT, EVALUATE = inspect.signature(keras.Model.fit), inspect.signature(keras.Model.evaluate)


class Trainer(keras.Model):
    """Trains a model whose one pass yields `Terms`.

    Attributes:
        encoder, decoder, posterior, prior, likelihood, objective, event_shape, seed: those of the model.
        logs: the means of the logged values.
        schema: what the examples are.
        batch_check: the look at every batch.
        training_steps, evaluation_steps: how often noise was drawn; weights, so that a loaded model goes on.
    """

    encoder: keras.Model
    decoder: keras.Model
    event_shape: tuple[int, ...]
    schema: Schema
    seed: int
    train_function: Any
    test_function: Any
    predict_function: Any

    def build_training(self) -> None:
        """Makes what training needs: the means of the logs, the look at the batches, the counters of the noise."""
        self.logs = Logs(self.directions)
        self.batch_check = BatchCheck(self.schema)
        self.training_steps = self._counter("training_steps")
        self.evaluation_steps = self._counter("evaluation_steps")

    @property
    def directions(self) -> Mapping[str, str | None]:
        """The logged values, in their order, each with the way it should go: "up", "down" or None."""
        return self.objective.directions

    @property
    def metrics(self) -> list[keras.metrics.Metric]:
        """The means of the logged values, and what a subclass made in `build`."""
        return [self.logs, *(metric for metric in self._metrics if metric is not self.logs)]

    def reset_metrics(self):
        """Starts the means anew, and the noise of evaluation too: each evaluation draws the same."""
        super().reset_metrics()
        self.evaluation_steps.assign(0)
        self.batch_check.begin()

    def make_train_function(self, force: bool = False):
        """Keras's own, or several steps as one loop (see `execution`); both look at the batches."""
        if force or self.train_function is None:
            if fuses(self):
                self.optimizer.build(self.trainable_variables)  # no variable can be made within the loop
                self.train_function = FusedSteps(
                    self.train_step, self.steps_per_execution, self.jit_compile, self.batch_check, "training"
                )
            else:
                super().make_train_function(force)
                function = one_graph(self, self.train_step) if has_one_graph(self) else self.train_function
                self.train_function = checked(self, function, self.batch_check, "training")
        return self.train_function

    def make_test_function(self, force: bool = False):
        """Keras's own, or several steps as one loop (see `execution`); both look at the batches."""
        if force or self.test_function is None:
            if fuses(self):
                self.test_function = FusedSteps(
                    self.test_step, self.steps_per_execution, self.jit_compile, self.batch_check, "evaluation"
                )
            else:
                super().make_test_function(force)
                function = one_graph(self, self.test_step) if has_one_graph(self) else self.test_function
                self.test_function = checked(self, function, self.batch_check, "evaluation")
        return self.test_function

    def make_predict_function(self, force: bool = False):
        """Keras's own, with a look at the batches."""
        if force or self.predict_function is None:
            super().make_predict_function(force)
            self.predict_function = checked_list(self, self.predict_function, self.batch_check, "prediction")
        return self.predict_function

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
            check_weights(weights)
            weights = tf.reshape(tf.cast(weights, tf.float32), [-1])
        some = () if weights is None else (weights,)  # a subclass whose `values` take none trains without them
        values = self.values(x, seed, training, *some)
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
        """Keras's `compile`; if the networks compute in float16, the loss is scaled, as Keras does.

        Another optimizer counts its steps from 0, so compiling again restarts schedules such as that of beta: compile
        with `vae.optimizer`, the one that the model has, to go on. With several replicas, steps run one at a time and
        without XLA.

        Raises:
            InputError: if a loss or metrics are given (the objective is the loss, and the logs are its own), or
                several steps to an execution or XLA with several replicas.
        """
        given = {"loss": loss, "loss_weights": loss_weights, "metrics": metrics, "weighted_metrics": weighted_metrics}
        for name, value in given.items():
            if value is not None:
                raise InputError(
                    f"compile() was given {name}, but this model minimises its objective and logs "
                    f"{', '.join(self.directions)}: leave {name} out, and choose VAE(..., objective=...), or "
                    f"log more as docs/extending.md shows."
                )
        replicas = self.distribute_strategy.num_replicas_in_sync
        if replicas > 1 and (steps_per_execution > 1 or jit_compile is True):
            raise InputError(
                f"compile() was given steps_per_execution={steps_per_execution} and jit_compile={jit_compile} with "
                f"{replicas} replicas, which take one step at a time and without XLA: leave both out."
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
        """Keras's `fit`, after a look at the data: values outside the likelihood's support are refused.

        Warns:
            UserWarning: once, if the logs or the weights are no longer finite at an epoch's end.
        """
        given = _given(FIT, args, kwargs)
        self.schema.check(given.get("x"))
        given["y"] = targets(given.get("x"), given.get("y"), given.get("sample_weight"))
        validation = given.get("validation_data")
        if validation is not None:
            x, y, weights = keras.utils.unpack_x_y_sample_weight(validation)
            self.schema.check(x, "validation_data")
            if weights is not None:
                given["validation_data"] = (x, targets(x, y, weights), weights)
            self.batch_check.expect("evaluation")
        self.batch_check.expect("training")
        if self.compiled:
            self.make_train_function()
        loop, steps = self.train_function, given.get("steps_per_epoch")
        first = []
        if isinstance(loop, FusedSteps):
            first = [keras.callbacks.LambdaCallback(on_epoch_begin=lambda epoch, logs: loop.begin(steps))]
        try:
            with _between(first, given.get("callbacks"), self) as given["callbacks"]:
                return super().fit(**given)
        finally:
            if first:
                loop.begin(None)

    @functools.wraps(keras.Model.evaluate)
    def evaluate(self, *args, **kwargs):
        """Keras's `evaluate`: [loss, elbo, rate, distortion] (beta is a setting), or all logs as a dict."""
        within_fit = kwargs.pop("_use_cached_eval_dataset", False)  # which has looked at the data already
        given = _given(EVALUATE, args, kwargs)
        if not within_fit:
            self.schema.check(given.get("x"))
            self.batch_check.expect("evaluation")
        given["y"] = targets(given.get("x"), given.get("y"), given.get("sample_weight"))
        if self.compiled:
            self.make_test_function()
        loop = self.test_function
        if not isinstance(loop, FusedSteps):
            return super().evaluate(**given, _use_cached_eval_dataset=within_fit)
        loop.begin(given.get("steps"))
        try:
            return super().evaluate(**given, _use_cached_eval_dataset=within_fit)
        finally:
            loop.begin(None)

    @functools.wraps(keras.Model.predict)
    def predict(self, x, batch_size=None, verbose="auto", steps=None, callbacks=None):
        """Keras's `predict`, after a look at the data: they are what `Schema.tensors` takes."""
        self.schema.check(x, is_density_needed=False)
        self.batch_check.expect("prediction")
        self.batch_check.begin()
        try:
            return super().predict(x, batch_size, verbose, steps, callbacks)
        except UnboundLocalError:  # Keras's, after no batch
            self.batch_check.check_end("prediction")
            raise

    def __setattr__(self, name: str, value) -> None:
        """Sets an attribute.

        Raises:
            InputError: for what the model was built of, once it is.
        """
        if name in PARTS and getattr(self, "built", False) and value is not getattr(self, name):
            raise InputError(
                f"{name} was set to {value!r} after the model was built, whose logs and compiled steps go on with what "
                f"it was built with: build another model, VAE(..., {name}=...)."
            )
        super().__setattr__(name, value)

    def _flatten_metrics_in_order(self, logs: dict) -> list:
        """What Keras's `evaluate` and `..._on_batch` give without `return_dict`; beta, a setting, is left out."""
        return [logs[key] for key in self.directions if key not in self.settings]

    def _examples(self, x) -> tf.Tensor:
        return self.schema.tensors(x)

    def _counter(self, name: str):
        return self.add_weight(
            name=name,
            shape=(),
            dtype="int64",
            initializer="zeros",
            trainable=False,
            aggregation="only_first_replica",
        )


@contextlib.contextmanager
def _between(first: list, callbacks, model: keras.Model) -> Iterator:
    """The callbacks that were given, after others and before the alarm; a `CallbackList` is given back as it was."""
    is_list = isinstance(callbacks, keras.callbacks.CallbackList)
    own = callbacks.callbacks if is_list else tf.nest.flatten(callbacks or [])  # Keras takes one, or lists
    last = [] if any(isinstance(callback, FiniteCheck) for callback in own) else [WarnIfNotFinite()]
    if not is_list:
        yield [*first, *own, *last]
        return
    for callback in (*first, *last):
        callback.set_model(model)
    callbacks.callbacks = [*first, *own, *last]
    try:
        yield callbacks
    finally:
        callbacks.callbacks = own


def _given(signature: inspect.Signature, args: tuple, kwargs: dict) -> dict[str, Any]:
    """What a method was given, by name."""
    _, *given = signature.bind(None, *args, **kwargs).arguments.items()
    return dict(given)
