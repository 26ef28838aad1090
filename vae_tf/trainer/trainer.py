"""`fit`, `evaluate` and `predict`: Keras's own, after a look at the data."""

import contextlib
import functools
import inspect
from collections.abc import Iterator
from typing import Any

import keras
import tensorflow as tf

from vae_tf import keras_private
from vae_tf.data import arrays_for_keras, check_class_weights, targets
from vae_tf.finite import FiniteCheck, WarnIfNotFinite
from vae_tf.trainer.execution import FusedSteps
from vae_tf.trainer.steps import Steps

FIT, EVALUATE = inspect.signature(keras.Model.fit), inspect.signature(keras.Model.evaluate)


class Trainer(Steps):
    """Trains, evaluates and asks a model, as Keras does, with data that its `schema` describes."""

    @functools.wraps(keras.Model.fit)
    def fit(self, *args, **kwargs):
        """Keras's `fit`, after a look at the data: values outside the likelihood's support are refused.

        Warns:
            UserWarning: once, if the logs or the weights are no longer finite at an epoch's end.
        """
        given = _given(FIT, args, kwargs)
        self.schema.check(given.get("x"))
        check_class_weights(given.get("class_weight"), given.get("x"), given.get("y"))
        _hand_on(given)
        validation = given.get("validation_data")
        if validation is not None:
            x, y, weights = keras.utils.unpack_x_y_sample_weight(validation)
            self.schema.check(x, "validation_data")
            handed = {"x": x, "y": y, "sample_weight": weights}
            _hand_on(handed)
            given["validation_data"] = tuple(handed.values())
            self.batch_check.expect("evaluation")
        self.batch_check.expect("training")
        if self.compiled:
            self.make_train_function()
        function, steps = self.train_function, given.get("steps_per_epoch")
        first = []
        if isinstance(function, FusedSteps):
            first = [keras.callbacks.LambdaCallback(on_epoch_begin=lambda epoch, logs: function.begin(steps))]
        try:
            with _between(first, given.get("callbacks"), self) as given["callbacks"]:
                return super().fit(**given)
        finally:
            if first:
                function.begin(None)

    @functools.wraps(keras.Model.evaluate)
    def evaluate(self, *args, **kwargs):
        """Keras's `evaluate`: what is measured, such as [loss, elbo, rate, distortion], or all logs as a dict."""
        within_fit = kwargs.pop(keras_private.WITHIN_FIT, False)
        given = _given(EVALUATE, args, kwargs)
        if not within_fit:
            self.schema.check(given.get("x"))
            self.batch_check.expect("evaluation")
        _hand_on(given)
        given[keras_private.WITHIN_FIT] = within_fit
        if self.compiled:
            self.make_test_function()
        function = self.test_function
        if not isinstance(function, FusedSteps):
            return super().evaluate(**given)
        function.begin(given.get("steps"))
        try:
            return super().evaluate(**given)
        finally:
            function.begin(None)

    @functools.wraps(keras.Model.predict)
    def predict(self, x, batch_size=None, verbose="auto", steps=None, callbacks=None):
        """Keras's `predict`, after a look at the data: they are what `Schema.tensors` takes."""
        self.schema.check(x, is_density_needed=False)
        self.batch_check.expect("prediction")
        self.batch_check.begin()
        try:
            return super().predict(arrays_for_keras(x), batch_size, verbose, steps, callbacks)
        except UnboundLocalError:  # Keras's, after no batch
            self.batch_check.check_end("prediction")
            raise


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


def _hand_on(given: dict[str, Any]) -> None:
    """Makes of x, y and the weights what Keras hands on as they are."""
    given["x"] = arrays_for_keras(given.get("x"))
    given["y"] = targets(given["x"], given.get("y"), given.get("sample_weight"))
