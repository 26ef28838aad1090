"""The masked networks and both flows, against autodiff Jacobians."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from vae_tf import InputError, flows

SIZES = [(latent_size, hidden) for latent_size in (1, 2, 5) for hidden in ((7,), (6, 9))]


def randomise(networks, rng, size: float) -> None:
    for network in networks:
        network.set_weights([size * rng.normal(size=weight.shape) for weight in network.get_weights()])


def jacobian(function, inputs) -> np.ndarray:
    """d outputs_i / d inputs_j of each row, [B, outputs, inputs]."""
    inputs = tf.constant(inputs, tf.float32)
    with tf.GradientTape(persistent=True) as tape:
        tape.watch(inputs)
        outputs = function(inputs)
    return tape.batch_jacobian(outputs, inputs, experimental_use_pfor=False).numpy()


@pytest.fixture
def context(rng):
    return tf.constant(rng.normal(size=(4, 2)), tf.float32)


@pytest.fixture(params=["masked", "inverse"])
def flow(request, rng, context):
    """Three steps over three dimensions, far from where they start."""
    networks = flows.networks(3, steps=3, hidden=(6, 9))
    for network in networks:
        network.build(context.shape if request.param == "inverse" else None)
    randomise(networks, rng, 0.5)
    if request.param == "inverse":
        return flows.inverse_autoregressive(networks, context)
    return flows.masked_autoregressive(networks)


# ----- the masked network


@pytest.mark.parametrize("reverse", [False, True])
@pytest.mark.parametrize(("latent_size", "hidden"), SIZES)
def test_an_output_depends_on_all_dimensions_before_it_and_on_no_other(latent_size, hidden, reverse, rng):
    network = flows.AutoregressiveNetwork(latent_size, hidden, reverse=reverse)
    network.build()
    randomise([network], rng, 1.0)
    z = rng.normal(size=(20, latent_size))
    before = np.tri(latent_size, k=-1, dtype=bool)
    before = before.T if reverse else before
    for output in (0, 1):  # shift and log scale
        slopes = np.abs(jacobian(lambda z, output=output: network(z)[output], z)).max(axis=0)
        np.testing.assert_array_equal(slopes > 0, before)


def test_the_context_reaches_all_outputs_but_those_of_the_first_dimension(rng, context):
    network = flows.AutoregressiveNetwork(5, (6, 9))
    network.build(context.shape)
    randomise([network], rng, 1.0)
    z = tf.constant(rng.normal(size=(4, 5)), tf.float32)
    for output in (0, 1):
        slopes = jacobian(lambda context, output=output: network(z, context)[output], context)
        assert (np.abs(slopes[:, 1:]).max(axis=0) > 1e-6).all()


def test_a_row_sees_its_own_context_in_every_draw(rng, context):
    network = flows.AutoregressiveNetwork(3, (6,))
    network.build(context.shape)
    randomise([network], rng, 1.0)
    z = tf.constant(rng.normal(size=(7, 4, 3)), tf.float32)
    together = network(z, context)
    for row in range(4):
        alone = network(z[:, row], tf.tile(context[row : row + 1], [7, 1]))
        for one, other in zip(alone, together, strict=True):
            np.testing.assert_allclose(one, other[:, row], rtol=1e-5, atol=1e-6)


def test_the_log_scale_is_below_3_in_size(rng):
    network = flows.AutoregressiveNetwork(3, (6,))
    network.build()
    randomise([network], rng, 5.0)
    _, log_scale = network(tf.constant(rng.normal(size=(1000, 3)), tf.float32))
    assert 2.9 < np.abs(log_scale).max() <= 3


def test_it_starts_near_the_identity(rng):
    network = flows.AutoregressiveNetwork(3)
    network.build()
    for values in network(tf.constant(rng.normal(size=(100, 3)), tf.float32)):
        assert np.abs(values).max() < 0.5


def test_narrow_layers_pass_every_dimension_on():
    network = flows.AutoregressiveNetwork(6, hidden=(3, 2))
    network.build()
    network.set_weights([np.ones(weight.shape) for weight in network.get_weights()])
    z = tf.random.stateless_normal([1, 6], [1, 2])
    with tf.GradientTape() as tape:
        tape.watch(z)
        shift, _ = network(z)
    jacobian = tape.jacobian(shift, z)[0, :, 0].numpy()
    assert (jacobian[-1, :-1] != 0).all()


@pytest.mark.parametrize("hidden", [(), (0,), (6, -1)])
def test_widths_below_1_are_refused(hidden):
    with pytest.raises(InputError, match=r"The flow got hidden=\(.*\): give whole numbers of at least 1"):
        flows.AutoregressiveNetwork(3, hidden)


def test_the_config_makes_the_network_again():
    network = flows.AutoregressiveNetwork(3, (6, 9), reverse=True, name="second")
    again = keras.saving.deserialize_keras_object(keras.saving.serialize_keras_object(network))
    assert type(again) is flows.AutoregressiveNetwork
    assert (again.latent_size, again.hidden, again.reverse, again.name) == (3, (6, 9), True, "second")


# ----- the flows


def test_fewer_than_one_step_is_refused():
    with pytest.raises(InputError, match="The flow got steps=0: give a whole number of at least 1"):
        flows.networks(3, steps=0, hidden=(6,))


def test_more_than_a_thousand_steps_are_refused_before_any_is_made():
    with pytest.raises(InputError, match="The flow got steps=1000000000: give at most 1000"):
        flows.networks(3, steps=10**9, hidden=(6,))


def test_each_step_takes_the_dimensions_in_the_reverse_of_the_order_before():
    assert [network.reverse for network in flows.networks(3, steps=4, hidden=(6,))] == [False, True, False, True]


def test_the_inverse_undoes_the_flow(flow, rng):
    e = tf.constant(rng.normal(size=(50, 4, 3)), tf.float32)
    z = tf.identity(flow.forward(e))  # a copy, so that tfp does not remember e
    assert np.abs(z - e).max() > 1
    np.testing.assert_allclose(flow.inverse(z), e, rtol=1e-3, atol=1e-4)


def test_the_log_determinants_are_those_of_the_jacobian(flow, rng):
    e = tf.constant(rng.normal(size=(4, 3)), tf.float32)
    z = tf.identity(flow.forward(e))
    expected = np.linalg.slogdet(np.float64(jacobian(flow.forward, e)))[1]
    assert np.abs(expected).max() > 0.5
    np.testing.assert_allclose(flow.forward_log_det_jacobian(tf.identity(e), 1), expected, rtol=1e-3, atol=1e-4)
    np.testing.assert_allclose(flow.inverse_log_det_jacobian(z, 1), -expected, rtol=1e-3, atol=1e-4)
    inverse = np.linalg.slogdet(np.float64(jacobian(flow.inverse, z)))[1]
    np.testing.assert_allclose(inverse, -expected, rtol=1e-3, atol=1e-4)


def test_one_step_is_the_formula(rng, context):
    (network,) = networks = flows.networks(3, steps=1, hidden=(6,))
    network.build()
    randomise(networks, rng, 0.5)
    e = tf.constant(rng.normal(size=(4, 3)), tf.float32)
    z = flows.masked_autoregressive(networks).forward(e)
    shift, log_scale = network(z)
    np.testing.assert_allclose(z, e * np.exp(log_scale) + shift, rtol=1e-4, atol=1e-5)

    (network,) = networks = flows.networks(3, steps=1, hidden=(6,))
    network.build(context.shape)
    randomise(networks, rng, 0.5)
    z = flows.inverse_autoregressive(networks, context).forward(e)
    shift, log_scale = network(e, context)
    np.testing.assert_allclose(z, (e - shift) * np.exp(-log_scale), rtol=1e-4, atol=1e-5)
