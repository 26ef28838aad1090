"""One step of training or of evaluation, and how the steps of a model are compiled."""

from collections.abc import Mapping
from typing import Any

import keras
import tensorflow as tf

from vae_tf import keras_private, random
from vae_tf.data import Batch, BatchCheck, Schema, check_weights
from vae_tf.errors import InputError
from vae_tf.trainer.execution import checked_list, fuses, steps_of
from vae_tf.trainer.logged_means import LoggedMeans


class Steps(keras_private.Model):
    """The steps of anything that gives values of the examples of a batch, `loss` among them.

    Attributes:
        seed: of the noise in training and evaluation.
        schema: what the examples are.
        logged_means: the means of the logged values.
        batch_check: the look at every batch.
        training_steps, evaluation_steps: how often noise was drawn; weights, so that a loaded model goes on.
    """

    seed: int
    schema: Schema
    train_function: Any
    test_function: Any
    predict_function: Any

    @property
    def directions(self) -> Mapping[str, str | None]:
        """The logged values, in their order, each with the way it should go: "up", "down" or None."""
        raise NotImplementedError

    @property
    def settings(self) -> tuple[str, ...]:
        """Those of the logged values that are not measured, such as beta."""
        raise NotImplementedError

    def values(
        self, batch: Batch, seed: tf.Tensor, training: bool = False, weights: tf.Tensor | None = None
    ) -> dict[str, tf.Tensor]:
        """Each value of each example, float32 [B], or a scalar: those that `directions` names, the model's own.

        Args:
            batch: tensors, as `schema.tensors` gives them.
            seed: int64 pair, of all noise.
            training: whether dropout and batch normalisation of the networks train.
            weights: the sample weights, float32 [B], which what is computed from the whole batch counts by.
        """
        raise NotImplementedError

    def build_training(self) -> None:
        """Makes what training needs: the means of the logs, the look at the batches, the counters of the noise."""
        self.logged_means = LoggedMeans(self.directions)
        self.batch_check = BatchCheck(self.schema)
        self.training_steps = self._counter("training_steps")
        self.evaluation_steps = self._counter("evaluation_steps")

    @property
    def metrics(self) -> list[keras.metrics.Metric]:
        """The means of the logged values, and what a subclass made in `build`."""
        means = self.logged_means
        return [means, *(metric for metric in keras_private.own_metrics(self) if metric is not means)]

    def reset_metrics(self):
        """Starts the means anew, and the noise of evaluation too: each evaluation draws the same."""
        super().reset_metrics()
        self.evaluation_steps.assign(0)
        self.batch_check.begin()

    def make_train_function(self, force: bool = False):
        """What takes the steps of training (see `execution`), with a look at the batches."""
        if force or self.train_function is None:
            if fuses(self):
                self.optimizer.build(self.trainable_variables)  # no variable can be made within the loop
            self.train_function = steps_of(self, self.train_step, self.batch_check, "training")
        return self.train_function

    def make_test_function(self, force: bool = False):
        """What takes the steps of evaluation (see `execution`), with a look at the batches."""
        if force or self.test_function is None:
            self.test_function = steps_of(self, self.test_step, self.batch_check, "evaluation")
        return self.test_function

    def make_predict_function(self, force: bool = False):
        """Keras's own, with a look at the batches."""
        if force or self.predict_function is None:
            super().make_predict_function(force)
            self.predict_function = checked_list(self, self.predict_function, self.batch_check, "prediction")
        return self.predict_function

    def train_step(self, data) -> dict[str, tf.Tensor]:
        """One step of the optimizer on the loss."""
        with tf.GradientTape() as tape:
            loss = self._loss(data, self.training_steps, random.Purpose.TRAINING, training=True)
            means = self.logged_means.result()
            # Gradients are summed over replicas.
            replica_loss = loss / tf.distribute.get_strategy().num_replicas_in_sync
            scaled_loss = self.optimizer.scale_loss(replica_loss)
        gradients = tape.gradient(scaled_loss, self.trainable_weights)
        self.optimizer.apply_gradients(zip(gradients, self.trainable_weights, strict=True))
        return means

    def test_step(self, data) -> dict[str, tf.Tensor]:
        """The values, without training."""
        self._loss(data, self.evaluation_steps, random.Purpose.EVALUATION, training=False)
        return self.logged_means.result()

    def penalty(self) -> tf.Tensor:
        """What the layers' regularisers add to the loss of the pass that was made last, float32 scalar."""
        return tf.add_n([tf.reduce_sum(tf.cast(loss, tf.float32)) for loss in self.losses] or [tf.zeros([])])

    def _loss(self, data, steps, purpose: random.Purpose, training: bool) -> tf.Tensor:
        """Takes one batch into the means; returns the mean loss that is minimised."""
        x, _, weights = keras.utils.unpack_x_y_sample_weight(data)
        batch = self.schema.tensors(x)
        seed = random.pair(self.seed, purpose, steps.value, stream=random.replica())
        steps.assign_add(1)
        if weights is not None:
            check_weights(weights)
            weights = tf.reshape(tf.cast(weights, tf.float32), [-1])
        some = () if weights is None else (weights,)  # a subclass whose `values` take none trains without them
        values = self.values(batch, seed, training, *some)
        penalty = self.penalty()
        losses = values.pop("loss")
        if weights is not None:
            losses *= weights
        loss = tf.reduce_mean(losses) + penalty
        self.logged_means.update(values, weights)
        self.logged_means.update({"loss": losses + penalty}, None)
        return loss

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
        """Keras's `compile`; if a layer computes in float16, the loss is scaled, as Keras does.

        Another optimizer counts its steps from 0, so compiling again restarts schedules such as that of beta: compile
        with the model's `optimizer`, the one that it has, to go on. With several replicas, steps run one at a time and
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
        is_half = any(layer.compute_dtype == "float16" for layer in keras_private.layers_within(self))
        optimizer = keras.optimizers.get(optimizer)
        if auto_scale_loss and is_half and not isinstance(optimizer, keras.optimizers.LossScaleOptimizer):
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

    def values_in_order(self, logs: dict) -> list:
        """What `evaluate` and `..._on_batch` give without `return_dict`: what is measured, in the order of the logs."""
        return [logs[key] for key in self.directions if key not in self.settings]

    def _counter(self, name: str):
        return self.add_weight(
            name=name,
            shape=(),
            dtype="int64",
            initializer="zeros",
            trainable=False,
            aggregation="only_first_replica",
        )
