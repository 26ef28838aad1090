import warnings

import keras
import numpy as np
import pytest
import tensorflow as tf

from vae_tf import finite, likelihoods
from vae_tf.errors import DivergenceError
from vae_tf.training import callbacks
from vae_tf.training.runs import divergence


class Watch(keras.callbacks.Callback):
    """The weights at the end of each epoch, as a callback that saves would see them."""

    def __init__(self):
        super().__init__()
        self.weights = []

    def on_epoch_end(self, epoch, logs=None):
        self.weights.append(trainable(self.model))


def trainable(vae) -> list[np.ndarray]:
    return [weight.numpy() for weight in vae.trainable_weights]


def fit(vae, bits, good_steps: int, bad_rate: float = 1e30, validation_data=None):
    """Trains well for `good_steps`, then with a rate that no model survives; four steps an epoch."""

    class Rate(keras.optimizers.schedules.LearningRateSchedule):
        def __call__(self, step):
            return tf.where(step < good_steps, 0.01, bad_rate)

    vae.compile(keras.optimizers.SGD(Rate()), run_eagerly=True)
    watch = Watch()
    chosen = [callbacks.StopOnDivergence(), watch]
    with pytest.raises(DivergenceError) as error:
        vae.fit(bits, batch_size=5, epochs=9, callbacks=chosen, validation_data=validation_data, verbose=0)
    return watch.weights, str(error.value)


def test_a_loss_that_is_not_finite_stops_the_run_with_the_step_and_the_terms(make_vae, bits):
    vae = make_vae()
    weights, message = fit(vae, bits, good_steps=8)
    assert message.startswith("The loss is not finite at step 1")
    assert "(epoch 3, means so far: " in message
    for term in ("loss", "elbo", "rate", "distortion", "beta = 1"):
        assert term in message
    assert "nan" in message
    assert "has the weights again with which epoch 3 began; try a smaller learning rate or `clipnorm`" in message
    assert len(weights) == 2
    for weight, good in zip(trainable(vae), weights[-1], strict=True):
        np.testing.assert_array_equal(weight, good)


def test_in_the_first_epoch_the_weights_of_the_start_come_back(make_vae, bits):
    vae = make_vae()
    start = trainable(vae)
    weights, message = fit(vae, bits, good_steps=0)
    assert weights == []
    assert "(epoch 1, means so far: " in message
    for weight, good in zip(trainable(vae), start, strict=True):
        np.testing.assert_array_equal(weight, good)


@pytest.mark.parametrize(("bad_rate", "validated"), [(float("inf"), False), (1e30, True)])
def test_a_last_step_that_ruins_the_weights_is_no_good_epoch(make_vae, bits, bad_rate, validated):
    # The loss of step 8, the last of epoch 2, is that of the weights before it: finite.
    vae = make_vae()
    weights, message = fit(vae, bits, 7, bad_rate, (bits,) if validated else None)
    assert len(weights) == 1, "later callbacks, one of which saves, have seen the ruined weights of epoch 2"
    assert "step 8 (epoch 2, " in message
    for weight, good in zip(trainable(vae), weights[-1], strict=True):
        np.testing.assert_array_equal(weight, good)
    assert np.isfinite(vae.evaluate(bits, verbose=0)).all()


@pytest.mark.parametrize(("batch_size", "rate"), [(5, 1e30), (20, np.inf)])  # seen at a step, at an epoch's end
def test_a_run_that_is_stopped_is_not_told_twice(make_vae, bits, tmp_path, batch_size, rate):
    vae = make_vae()
    vae.compile(keras.optimizers.SGD(rate), run_eagerly=True)
    watching = [callbacks.Alarms(tmp_path, bits), callbacks.StopOnDivergence()]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(DivergenceError):
            vae.fit(bits, batch_size=batch_size, epochs=3, callbacks=watching, verbose=0)


def test_what_stops_a_run_looks_at_the_weights_alone(make_vae, bits, monkeypatch):
    looks = []
    looking = finite.not_finite
    for module in (finite, divergence):
        monkeypatch.setattr(module, "not_finite", lambda *of: looks.append(of) or looking(*of))
    vae = make_vae()
    vae.compile("sgd", run_eagerly=True)
    vae.fit(bits, epochs=2, callbacks=[callbacks.StopOnDivergence()], verbose=0)
    assert len(looks) == 2
    vae.fit(bits, epochs=2, verbose=0)
    assert len(looks) == 4


def test_a_finite_loss_goes_on(make_vae, bits):
    vae = make_vae()
    vae.compile("adam", run_eagerly=True)
    history = vae.fit(bits, epochs=3, callbacks=[callbacks.StopOnDivergence()], verbose=0).history
    assert len(history["loss"]) == 3


def test_in_the_first_epoch_unbounded_data_are_to_be_scaled(make_vae, bits):
    for likelihood, scale in ((likelihoods.Normal((4, 4, 1)), True), (likelihoods.Bernoulli((4, 4, 1)), False)):
        _, message = fit(make_vae(likelihood=likelihood), bits, good_steps=0)
        assert ("scale the data to values of order 1, or let the encoder do it" in message) == scale
    _, message = fit(make_vae(likelihood=likelihoods.Normal((4, 4, 1))), bits, good_steps=8)
    assert "scale the data" not in message
