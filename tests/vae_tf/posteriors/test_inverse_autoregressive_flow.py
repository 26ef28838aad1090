import numpy as np
import pytest
import tensorflow as tf
from scipy import stats

from vae_tf.family import Given
from vae_tf.posteriors import InverseAutoregressiveFlow


def make(latent_size: int, rng, size: float = 0.4) -> InverseAutoregressiveFlow:
    """Two flows far from the identity, for features [B, 4]."""
    posterior = InverseAutoregressiveFlow(latent_size, steps=2, hidden=(6, 7))
    posterior.build((None, 4))
    posterior.set_weights([size * rng.normal(size=weight.shape) for weight in posterior.get_weights()])
    return posterior


@pytest.fixture
def posterior(rng):
    return make(3, rng)


@pytest.fixture
def features(rng):
    return tf.constant(rng.normal(size=(5, 4)), tf.float32)


@pytest.fixture
def noise(rng):
    return tf.constant(rng.normal(size=(7, 5, 3)), tf.float32)


def test_the_density_of_a_draw_is_the_change_of_variables(posterior, features, noise):
    q = posterior.distribution(posterior.parameters(Given(features)))
    assert (q.batch_shape, q.event_shape) == ((5,), (3,))
    z = posterior.draw(q, noise)
    for k in range(7):
        e = tf.Variable(noise[k])
        with tf.GradientTape(persistent=True) as tape:
            again = posterior.draw(q, e[None])[0]
        jacobian = np.float64(tape.batch_jacobian(again, e, experimental_use_pfor=False))
        expected = stats.norm.logpdf(noise[k]).sum(axis=-1) - np.linalg.slogdet(jacobian)[1]
        np.testing.assert_allclose(q.log_prob(z)[k], expected, rtol=1e-4, atol=1e-4)


def test_the_density_of_a_copy_is_that_of_the_draw(posterior, features, noise):
    q = posterior.distribution(posterior.parameters(Given(features)))
    z = posterior.draw(q, noise)
    np.testing.assert_allclose(q.log_prob(tf.identity(z)), q.log_prob(z), rtol=1e-3, atol=1e-3)
    again = posterior.distribution(posterior.parameters(Given(features)))
    np.testing.assert_allclose(again.log_prob(z), q.log_prob(z), rtol=1e-3, atol=1e-3)


def loops(function, *arguments) -> list[str]:
    graph = tf.function(function).get_concrete_function(*arguments).graph.as_graph_def()
    nodes = [*graph.node, *(node for inner in graph.library.function for node in inner.node_def)]
    return [node.op for node in nodes if "While" in node.op]


def test_scoring_ones_own_draw_takes_no_loop(posterior, features, noise):
    def score(copy: bool):
        q = posterior.distribution(posterior.parameters(Given(features)))
        z = posterior.draw(q, noise)
        return q.log_prob(tf.identity(z) if copy else z)

    assert not loops(lambda: score(copy=False))
    assert loops(lambda: score(copy=True))  # one pass for each dimension


def test_the_density_of_one_dimension_integrates_to_1(rng):
    posterior = make(1, rng)
    q = posterior.distribution(posterior.parameters(Given(rng.normal(size=(2, 4)).astype(np.float32))))
    grid = np.linspace(-30, 30, 20_001, dtype=np.float32)
    density = np.exp(np.float64(q.log_prob(np.tile(grid[:, None, None], (1, 2, 1)))))
    np.testing.assert_allclose(density.sum(axis=0) * (grid[1] - grid[0]), 1, atol=1e-3)


def test_the_density_of_two_dimensions_integrates_to_1(rng):
    posterior = make(2, rng)
    q = posterior.distribution(posterior.parameters(Given(rng.normal(size=(1, 4)).astype(np.float32))))
    z = posterior.draw(q, tf.constant(rng.normal(size=(20_000, 1, 2)), tf.float32)).numpy()[:, 0]
    low, high = z.min(axis=0), z.max(axis=0)
    low, high = low - (high - low) / 4, high + (high - low) / 4
    axes = [np.linspace(low[i], high[i], 400) for i in range(2)]
    grid = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, 1, 2).astype(np.float32)
    density = np.exp(np.float64(q.log_prob(grid)))
    cell = (axes[0][1] - axes[0][0]) * (axes[1][1] - axes[1][0])
    np.testing.assert_allclose(density.sum() * cell, 1, atol=2e-3)


def test_the_code_is_what_the_flow_makes_of_the_mean(posterior, features):
    parameters = posterior.parameters(Given(features))
    q = posterior.distribution(parameters)
    z, context = parameters["loc"], parameters["context"]
    for network in posterior.networks:
        shift, log_scale = network(z, context)
        z = (z - shift) * tf.exp(-log_scale)
    np.testing.assert_allclose(posterior.code(q), z, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(posterior.code(q), posterior.draw(q, tf.zeros([1, 5, 3]))[0], rtol=1e-5, atol=1e-6)


def test_the_deviation_has_no_closed_form(posterior, features):
    assert posterior.stddev(posterior.distribution(posterior.parameters(Given(features)))) is None


def test_a_row_alone_is_that_row_of_the_batch(posterior, features, noise):
    q = posterior.distribution(posterior.parameters(Given(features)))
    z = posterior.draw(q, noise)
    log_prob = q.log_prob(z)
    for b in range(5):
        alone = posterior.distribution(posterior.parameters(Given(features[b : b + 1])))
        one = posterior.draw(alone, noise[:, b : b + 1])
        np.testing.assert_allclose(one[:, 0], z[:, b], rtol=1e-4, atol=1e-5)
        np.testing.assert_allclose(alone.log_prob(one)[:, 0], log_prob[:, b], rtol=1e-4, atol=1e-4)


def test_gradients_of_the_density_of_a_draw_reach_all_weights(posterior, features, noise):
    with tf.GradientTape() as tape:
        q = posterior.distribution(posterior.parameters(Given(features)))
        z = posterior.draw(q, noise)
        loss = tf.reduce_mean(q.log_prob(z) + tf.reduce_sum(z**2, axis=-1))
    gradients = tape.gradient(loss, posterior.trainable_weights)
    assert len(gradients) == 4 + 2 * 7
    for gradient, weight in zip(gradients, posterior.trainable_weights, strict=True):
        assert np.abs(gradient).max() > 0, weight.path
