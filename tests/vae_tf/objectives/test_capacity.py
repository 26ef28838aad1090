import numpy as np
import pytest
import tensorflow as tf

from vae_tf import schedules
from vae_tf.objectives import ELBO, Capacity


@pytest.mark.parametrize("capacity", [0.0, 1.3, 25.0])
def test_the_loss_is_the_distance_to_the_capacity(make_vae, binary, capacity):
    vae = make_vae(objective=Capacity(gamma=7.0, capacity=capacity))
    terms = vae.terms(binary, tf.random.stateless_normal([1, len(binary), 2], [1, 2]))
    values, elbo = vae.objective(terms, tf.constant(0)), ELBO()(terms, tf.constant(0))
    expected = elbo["distortion"] + 7 * np.abs(elbo["rate"] - capacity)
    np.testing.assert_allclose(values["loss"], expected, rtol=1e-6)
    np.testing.assert_array_equal(values["elbo"], elbo["elbo"])  # at beta = 1, whatever is minimised
    assert values.keys() == Capacity.directions.keys()


def test_the_capacity_and_its_weight_follow_their_schedules(make_vae, binary):
    objective = Capacity(gamma=schedules.Linear(1, 3, 10), capacity=schedules.Linear(0, 5, 10))
    vae = make_vae(objective=objective)
    values = objective(vae.terms(binary, tf.zeros([1, len(binary), 2])), tf.constant(5))
    np.testing.assert_allclose(values["capacity"], 2.5)
    expected = values["distortion"] + 2 * np.abs(values["rate"] - 2.5)
    np.testing.assert_allclose(values["loss"], expected, rtol=1e-6)
    again = Capacity.from_config(objective.get_config())
    assert again.get_config() == objective.get_config()


def test_training_holds_the_rate_there(make_vae, binary):
    vae = make_vae(objective=Capacity(gamma=50.0, capacity=1.5))
    vae.compile("adam", jit_compile=True)
    vae.optimizer.learning_rate = 0.02
    vae.fit(binary, epochs=150, batch_size=50, verbose=0)
    rates = vae.objective(vae.terms(binary, tf.zeros([1, len(binary), 2])), tf.constant(0))["rate"]
    np.testing.assert_allclose(np.median(rates), 1.5, atol=0.15)
