import keras
import numpy as np
import pytest
import tensorflow as tf

from vae_tf.trainer.logged_means import LoggedMeans


@pytest.fixture
def logs():
    return LoggedMeans({"loss": "down", "elbo": "up", "beta": None})


def test_means_are_over_examples_and_not_over_batches(logs, rng):
    values, weights = rng.normal(size=10).astype(np.float32), rng.random(10).astype(np.float32)
    for batch in (slice(0, 7), slice(7, 10)):
        logs.update({"elbo": tf.constant(values[batch])}, tf.constant(weights[batch]))
        logs.update({"loss": tf.constant(values[batch])}, None)
    result = logs.result()
    assert float(result["elbo"]) == pytest.approx((values * weights).sum() / weights.sum(), rel=1e-5)
    assert float(result["loss"]) == pytest.approx(values.mean(), rel=1e-5)


def test_settings_are_not_weighed(logs):
    logs.update({"beta": tf.constant(0.5)}, tf.constant([0.0, 3.0]))
    logs.update({"beta": tf.constant(1.0)}, tf.constant([0.0]))
    assert float(logs.result()["beta"]) == 0.75


def test_they_start_anew(logs):
    logs.update({"loss": tf.constant([5.0])}, None)
    logs.reset_state()
    logs.update({"loss": tf.constant([1.0])}, None)
    assert float(logs.result()["loss"]) == 1


def test_names_come_in_order_and_with_their_directions(logs):
    assert list(logs.result()) == ["loss", "elbo", "beta"]
    assert {mean.name: mean._direction for mean in logs.metrics} == {"loss": "down", "elbo": "up", "beta": None}


@pytest.mark.parametrize(("monitor", "better"), [("val_elbo", 2.0), ("val_loss", 0.0), ("elbo", 2.0)])
def test_callbacks_find_the_direction_by_themselves(make_vae, monitor, better):
    vae = make_vae()
    vae.compile("sgd")
    callback = keras.callbacks.EarlyStopping(monitor)
    callback.set_model(vae)
    callback.on_train_begin()
    callback._set_monitor_op()
    assert callback._is_improvement(better, 1.0)
    assert not callback._is_improvement(2.0 - better, 1.0)
