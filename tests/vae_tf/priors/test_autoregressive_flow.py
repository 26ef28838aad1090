import numpy as np
import pytest
import tensorflow as tf
from scipy import stats

from vae_tf import InputError
from vae_tf.family import Given
from vae_tf.priors import AutoregressiveFlow


def make(latent_size: int, rng, size: float = 0.4) -> AutoregressiveFlow:
    """Two flows far from the identity."""
    prior = AutoregressiveFlow(latent_size, steps=2, hidden=(6, 7))
    prior.build(None)
    prior.set_weights([size * rng.normal(size=weight.shape) for weight in prior.get_weights()])
    return prior


def seeds(seed: int, count: int) -> np.ndarray:
    return np.stack([np.full(count, seed), np.arange(count)], axis=1)


def test_the_density_is_the_change_of_variables(rng):
    prior = make(3, rng)
    p = prior.distribution({})
    assert (p.batch_shape, p.event_shape) == ((), (3,))
    z = tf.constant(rng.normal(size=(20, 3)), tf.float32)
    with tf.GradientTape(persistent=True) as tape:
        tape.watch(z)
        e = (z - prior.loc) * tf.exp(-prior.log_scale)
        for network in reversed(prior.networks):
            shift, log_scale = network(e)
            e = (e - shift) * tf.exp(-log_scale)
    jacobian = np.float64(tape.batch_jacobian(e, z, experimental_use_pfor=False))
    expected = stats.norm.logpdf(e).sum(axis=-1) + np.linalg.slogdet(jacobian)[1]
    np.testing.assert_allclose(p.log_prob(z), expected, rtol=1e-4, atol=1e-4)


def test_the_density_of_two_dimensions_integrates_to_1(rng):
    prior = make(2, rng)
    z = prior.generate(Given(), tf.constant(rng.normal(size=(20_000, 2)), tf.float32)).numpy()
    low, high = z.min(axis=0), z.max(axis=0)
    low, high = low - (high - low) / 4, high + (high - low) / 4
    axes = [np.linspace(low[i], high[i], 500) for i in range(2)]
    grid = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).astype(np.float32)
    density = np.exp(np.float64(prior.distribution({}).log_prob(grid)))
    cell = (axes[0][1] - axes[0][0]) * (axes[1][1] - axes[1][0])
    np.testing.assert_allclose(density.sum() * cell, 1, atol=2e-3)


def test_draws_go_back_to_their_noise(rng):
    prior = make(3, rng)
    noise = tf.constant(rng.normal(size=(50, 3)), tf.float32)
    e = (prior.generate(Given(), noise) - prior.loc) * tf.exp(-prior.log_scale)
    log_scales = tf.reduce_sum(prior.log_scale)
    for network in reversed(prior.networks):
        shift, log_scale = network(e)
        e = (e - shift) * tf.exp(-log_scale)
        log_scales += tf.reduce_sum(log_scale, axis=-1)
    np.testing.assert_allclose(e, noise, rtol=1e-3, atol=1e-4)
    z = prior.generate(Given(), noise)
    expected = stats.norm.logpdf(noise).sum(axis=-1) - log_scales
    np.testing.assert_allclose(prior.distribution({}).log_prob(z), expected, rtol=1e-3, atol=1e-3)


def test_gradients_of_a_draw_and_of_a_density_reach_all_weights(rng):
    prior = make(3, rng)
    z = tf.constant(rng.normal(size=(20, 3)), tf.float32)
    for function in (
        lambda: prior.distribution({}).log_prob(z),
        lambda: tf.reduce_sum(prior.generate(Given(), z) ** 2, axis=-1),
    ):
        with tf.GradientTape() as tape:
            loss = tf.reduce_mean(function())
        for weight, gradient in zip(prior.trainable_weights, tape.gradient(loss, prior.trainable_weights), strict=True):
            assert np.abs(gradient).max() > 0, weight.path


def test_it_starts_at_the_mean_and_the_deviation_of_codes(rng):
    prior = AutoregressiveFlow(3)
    prior.build(None)
    mean, deviation = np.array([30.0, -1.0, 0.0]), np.array([0.05, 1.0, 30.0])
    prior.start_near((mean + deviation * rng.normal(size=(5000, 3))).astype(np.float32))
    z = prior.generate(Given(), tf.constant(rng.normal(size=(5000, 3)), tf.float32)).numpy()
    assert (np.abs(z.mean(axis=0) - mean) < 0.2 * deviation).all()
    np.testing.assert_allclose(z.std(axis=0), deviation, rtol=0.1)


def test_codes_that_do_not_vary_give_finite_weights():
    prior = AutoregressiveFlow(3)
    prior.build(None)
    prior.start_near(np.ones((50, 3), np.float32))
    assert np.isfinite(prior.distribution({}).log_prob(np.ones((1, 3), np.float32))).all()


def test_a_row_of_a_models_draws_depends_on_its_own_seed_alone(make_vae, rng):
    vae = make_vae(prior=make(2, rng))
    together = vae.draw(seeds(7, 64)).numpy()
    assert len(np.unique(together)) == together.size
    for row in (0, 11, 63):
        np.testing.assert_array_equal(vae.draw(seeds(7, 64)[row : row + 1]), together[row : row + 1])
    np.testing.assert_array_equal(vae.draw(seeds(7, 64)[::-1]), together[::-1])


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"steps": 0}, "The flow got steps=0: give a whole number of at least 1"),
        ({"hidden": ()}, r"The flow got hidden=\(\): give whole numbers"),
    ],
)
def test_a_flow_of_nothing_is_refused(options, sentence):
    with pytest.raises(InputError, match=sentence):
        AutoregressiveFlow(3, **options)
