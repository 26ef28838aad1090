import numpy as np
import pytest
import tensorflow as tf
from scipy import special, stats

from vae_tf import InputError, objectives, posteriors
from vae_tf.family import Encode, Given
from vae_tf.priors import VampPrior

COMPONENTS = 4


@pytest.fixture
def vae(make_vae, rng):
    """A model whose posteriors differ from one pseudo-input to the next."""
    vae = make_vae(prior=VampPrior(2, COMPONENTS))
    vae.prior.set_weights([3 * rng.normal(size=(COMPONENTS, 6))])
    vae.posterior.loc.set_weights([3 * rng.normal(size=(5, 2)), rng.normal(size=2)])
    vae.posterior.log_variance.set_weights([rng.normal(size=(5, 2)), np.full(2, -1.0)])
    return vae


@pytest.fixture
def encode(vae):
    return Encode(vae.encode, vae.posterior.draw)


@pytest.fixture
def components(vae):
    """loc and scale of the posteriors of the pseudo-inputs, each float64 [M, D]."""
    q = vae.encode(vae.prior.pseudo_inputs()).distribution
    return np.float64(q.loc), np.float64(q.scale)


def seeds(seed: int, count: int) -> np.ndarray:
    return np.stack([np.full(count, seed), np.arange(count)], axis=1)


def test_the_density_is_the_mean_of_those_of_the_posteriors(vae, encode, components, rng):
    loc, scale = components
    z = 2 * rng.normal(size=(7, 5, 2)).astype(np.float32)
    p = vae.prior.distribution(vae.prior.parameters(Given(None, encode)))
    assert (p.batch_shape, p.event_shape) == ((), (2,))
    log_probs = stats.norm.logpdf(z[..., None, :], loc, scale).sum(axis=-1)
    expected = special.logsumexp(log_probs, axis=-1) - np.log(COMPONENTS)
    np.testing.assert_allclose(p.log_prob(z), expected, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize(("activation", "function"), [("sigmoid", special.expit), ("linear", lambda u: u)])
def test_pseudo_inputs_are_the_activation_of_the_weights(activation, function, rng):
    prior = VampPrior(2, 300, activation)
    prior.build((None, 2, 3))
    weights = 3 * rng.normal(size=(300, 2, 3)).astype(np.float32)
    prior.set_weights([weights])
    np.testing.assert_allclose(prior.pseudo_inputs(), function(weights), rtol=1e-5, atol=1e-6)
    chosen = prior.pseudo_inputs(tf.constant([5, 0]))
    np.testing.assert_allclose(chosen, function(weights[[5, 0]]), rtol=1e-5, atol=1e-6)


def test_a_draw_is_that_of_the_posterior_that_its_first_noise_chooses(vae, encode, components, rng):
    loc, scale = components
    noise = rng.normal(size=(20_000, 3)).astype(np.float32)
    m = np.floor(COMPONENTS * stats.norm.cdf(np.float64(noise[:, 0]))).astype(int)
    z = vae.prior.generate(Given(None, encode), tf.constant(noise))
    wrong = np.abs(z - (loc[m] + scale[m] * noise[:, 1:])).max(axis=-1) > 1e-4
    assert wrong.mean() < 1e-4  # at an edge, float32 may choose the neighbour
    frequencies = np.bincount(m, minlength=COMPONENTS) / len(m)
    assert np.abs(frequencies - 1 / COMPONENTS).max() < 4 * np.sqrt(3 / 16 / len(m))


def test_a_row_of_draws_depends_on_its_own_seed_alone(vae):
    together = vae.draw(seeds(7, 64)).numpy()
    assert together.shape == (64, 2)
    assert len(np.unique(together)) == together.size
    for row in (0, 11, 63):
        np.testing.assert_array_equal(vae.draw(seeds(7, 64)[row : row + 1]), together[row : row + 1])
    np.testing.assert_array_equal(vae.draw(seeds(7, 64)[::-1]), together[::-1])


def test_a_gradient_reaches_the_encoder_and_the_pseudo_inputs(vae, encode):
    z = tf.constant([[0.3, -0.2]])
    weights = [*vae.encoder.trainable_weights, *vae.posterior.trainable_weights, *vae.prior.trainable_weights]
    with tf.GradientTape() as tape:
        log_prob = vae.prior.distribution(vae.prior.parameters(Given(None, encode))).log_prob(z)
    for weight, gradient in zip(weights, tape.gradient(log_prob, weights), strict=True):
        assert np.abs(gradient).max() > 0, weight.path


def test_training_moves_the_pseudo_inputs(vae, binary):
    before = vae.prior.get_weights()[0]
    vae.compile("adam", run_eagerly=True)
    vae.fit(binary, batch_size=25, epochs=1, verbose=0)
    assert (np.abs(vae.prior.get_weights()[0] - before) > 1e-5).all()


def test_posteriors_on_the_sphere_mix_too(make_vae, rng):
    vae = make_vae(posterior=posteriors.PowerSpherical(2), prior=VampPrior(2, COMPONENTS))
    p = vae.prior.distribution(vae.prior.parameters(Given(None, Encode(vae.encode, vae.posterior.draw))))
    angle = np.linspace(0, 2 * np.pi, 2000, endpoint=False)
    density = np.exp(p.log_prob(np.stack([np.cos(angle), np.sin(angle)], axis=-1).astype(np.float32)))
    np.testing.assert_allclose(2 * np.pi * density.mean(), 1, rtol=1e-4)
    np.testing.assert_allclose(np.linalg.norm(vae.draw(seeds(7, 5)), axis=-1), 1, rtol=1e-5)


# ----- what is refused


def test_a_posterior_that_scores_its_own_draws_alone(make_vae):
    sentence = "VampPrior and InverseAutoregressiveFlow do not go together.*density of every code.*use posteriors"
    with pytest.raises(InputError, match=sentence):
        make_vae(posterior=posteriors.InverseAutoregressiveFlow(2), prior=VampPrior(2))


def test_a_posterior_without_a_density(make_vae):
    with pytest.raises(InputError, match=r"VampPrior and Deterministic do not go together.*no density.*prior such as"):
        make_vae(posterior=posteriors.Deterministic(2), prior=VampPrior(2), objective=objectives.Reconstruction())


def test_another_activation():
    with pytest.raises(InputError, match='VampPrior got activation=\'relu\': give "sigmoid" or "linear"'):
        VampPrior(2, activation="relu")


@pytest.mark.parametrize("components", [0, -1])
def test_no_pseudo_inputs(components):
    with pytest.raises(InputError, match=f"VampPrior got components={components}: give a whole number of at least 1"):
        VampPrior(2, components)
