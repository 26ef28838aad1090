import keras
import numpy as np
import pytest
import tensorflow as tf

from vae_tf import VAE, InputError, likelihoods, networks, posteriors, priors
from vae_tf.training import search

TARGET = np.float32([1.0, -2.0, 0.5, 3.0])
N = 3


def linear(prior: priors.Prior | None = None) -> VAE:
    """mean of p(x|z) = 2 Q z for z of 3 numbers and x of 4; the columns of Q are orthogonal, of length 1."""
    x, z = keras.Input([4]), keras.Input([N])
    encoder = keras.Model(x, keras.layers.Identity()(x))
    decoder = keras.Model(z, keras.layers.Identity()(z))
    vae = VAE(encoder, decoder, prior=prior, likelihood=likelihoods.Normal([4]))
    q, _ = np.linalg.qr(np.random.default_rng(2).normal(size=(4, N)))
    vae.likelihood.linear.set_weights([2 * q.T, np.zeros(4)])
    return vae


def near(x: tf.Tensor) -> tf.Tensor:
    return -tf.reduce_sum((x - TARGET) ** 2, axis=-1) / 2


def nearest(vae: VAE) -> np.ndarray:
    """The code u whose mean is nearest to the target."""
    kernel = vae.likelihood.linear.kernel.numpy()
    return np.linalg.lstsq(kernel.T, TARGET, rcond=None)[0]


@pytest.mark.parametrize("weight", [0.0, 1.0, 10.0, 1e3])
def test_a_quadratic_score_has_the_optimum_of_the_closed_form(weight):
    # -2 |z - u|^2 + w ((N - 1) log |z| - |z|^2 / 2) is largest along u, if 4 (r - |u|) = w ((N - 1) / r - r)
    vae = linear()
    u = nearest(vae)
    length = np.linalg.norm(u)
    r = (4 * length + np.sqrt((4 * length) ** 2 + 4 * (4 + weight) * weight * (N - 1))) / (2 * (4 + weight))
    found = search(vae, near, count=4, steps=500, prior_weight=weight)
    np.testing.assert_allclose(np.linalg.norm(found.z, axis=1), r, rtol=3e-3)
    if weight < 1e3:  # there, 500 steps turn it no further
        np.testing.assert_allclose(found.z, np.tile(r * u / length, (4, 1)), atol=1e-2)
    else:
        np.testing.assert_allclose(r, np.sqrt(N - 1), rtol=1e-2)
    np.testing.assert_allclose(found.x, vae.mean(found.z), atol=1e-5)
    np.testing.assert_allclose(found.score, near(found.x), rtol=1e-5)


def test_a_search_starts_from_the_samples_of_its_seed_and_replays():
    vae = linear()
    once = search(vae, near, count=3, steps=20, seed=5)
    again = search(vae, near, count=3, steps=20, seed=5)
    for value, same in zip(once, again, strict=True):
        np.testing.assert_array_equal(value, same)
    np.testing.assert_allclose(once.x_at_start, vae.sample(3, seed=5), atol=1e-6)
    np.testing.assert_allclose(once.score_at_start, near(once.x_at_start), rtol=1e-5)
    assert (once.score > once.score_at_start).all()
    np.testing.assert_allclose(search(vae, near, count=1, steps=20, seed=5).z, once.z[:1], atol=1e-5)
    assert not np.allclose(search(vae, near, count=3, steps=20, seed=6).z, once.z, atol=1e-2)


def test_the_pull_is_on_the_normals_that_a_flow_makes_codes_of():
    prior = priors.AutoregressiveFlow(N, hidden=(4,))
    vae = linear(prior)
    prior.loc.assign([1.0, -0.5, 0.5])
    prior.log_scale.assign([-0.5, 0.2, 0.5])
    free = search(vae, near, count=3, steps=150, prior_weight=0, learning_rate=0.3)
    np.testing.assert_allclose(free.z, np.tile(nearest(vae), (3, 1)), atol=0.05)
    pulled = search(vae, near, count=3, steps=60, prior_weight=1e3)
    noise = vae.prior.distribution({}).bijector.inverse(pulled.z)
    np.testing.assert_allclose(np.linalg.norm(noise, axis=1), np.sqrt(N - 1), rtol=0.03)


def test_a_search_stays_in_the_component_of_a_mixture_that_its_start_is_of():
    vae = linear(priors.MixtureOfNormals(N, components=2))
    loc = np.float32([[20, 0, 0], [-20, 0, 0]])
    vae.prior.loc.assign(loc)
    start = vae.draw([[0, i] for i in range(6)]).numpy()
    component = (start[:, 0] < 0).astype(int)
    assert set(component) == {0, 1}
    found = search(vae, near, count=6, steps=300, prior_weight=1e3)
    radius = np.linalg.norm((found.z - loc[component]) / np.exp(vae.prior.log_scale.numpy()[component]), axis=1)
    np.testing.assert_allclose(radius, np.sqrt(N - 1), rtol=0.05)


def test_a_linear_score_of_a_ladder_has_the_optimum_of_the_closed_form():
    # v A e + w ((N - 1) log |e| - |e|^2 / 2) is largest along u = v A, if w r^2 - |u| r - w (N - 1) = 0
    keras.utils.set_random_seed(1)
    encoder, decoder, ladder = networks.ladder((4, 4, 1), levels=[(1, 2, 1), (2, 1, 1)], filters=2, activation="linear")
    vae = VAE(encoder, decoder, latents=ladder, likelihood=likelihoods.Normal((4, 4, 1)))
    v = np.random.default_rng(0).normal(size=(16, 1)).astype(np.float32)
    score = lambda x: (tf.reshape(x, [-1, 16]) @ v)[:, 0]  # noqa: E731
    size = vae.prior_noise_size
    at_zero, at_units = (score(vae.mean(vae.from_noise(noise))) for noise in (np.zeros([1, size]), np.eye(size)))
    u = np.linalg.norm(at_units - at_zero)
    r = (u + np.sqrt(u**2 + 4 * (size - 1))) / 2
    found = search(vae, score, count=2, steps=500)
    np.testing.assert_allclose(found.score, np.repeat(at_zero + u * r, 2), rtol=1e-4)


def test_codes_in_a_grid_are_searched():
    encoder, decoder = networks.conv((4, 4, 1), filters=(3,), latent_shape=(2, 2, 2))
    grid = posteriors.DiagonalNormal((2, 2, 2))
    vae = VAE(encoder, decoder, posterior=grid, prior=priors.StandardNormal((2, 2, 2)))
    found = search(vae, lambda x: tf.reduce_mean(x, axis=[1, 2, 3]), count=2, steps=50, prior_weight=1e-3)
    assert (found.z.shape, found.x.shape) == ((2, 8), (2, 4, 4, 1))
    assert (found.score > found.score_at_start).all()


def test_conditions_are_those_of_sample():
    conditions = {"label": networks.Label(3)}
    vae = VAE(*networks.mlp((4, 4, 1), latent_size=2, hidden=(4,), conditions=conditions))
    score = lambda x: tf.reduce_mean(x, axis=[1, 2, 3])  # noqa: E731
    found = search(vae, score, count=3, steps=2, label=[0, 1, 2])
    np.testing.assert_allclose(found.x_at_start, vae.sample(3, label=[0, 1, 2]), atol=1e-6)
    np.testing.assert_allclose(found.x, vae.mean(found.z, label=[0, 1, 2]), atol=1e-6)
    with pytest.raises(InputError, match="label is missing: give label="):
        search(vae, score)
    with pytest.raises(InputError, match="colour was given, but this model takes the conditions label"):
        search(vae, score, label=1, colour=2)


@pytest.mark.parametrize(
    ("score", "sentence"),
    [
        (tf.reduce_sum, r"The score of 8 pictures is float32 of shape \(\): give one value for each, float32 of"),
        (lambda x: x, r"is float32 of shape \(8, 4\)"),
        (lambda x: tf.argmax(x, axis=-1), r"is int64 of shape \(8,\)"),
        (lambda x: tf.round(x[:, 0]), "No gradient of the score reaches the codes"),
        (lambda x: x.numpy()[:, 0], "No gradient of the score reaches the codes"),
        (lambda x: 0 * x[:, 0], "No gradient of the score reaches the codes"),
        (lambda x: tf.math.log(x[:, 0] - 1e6), "The score of picture 0 is nan at the start: give a score that"),
        (lambda x: 1e30 * x[:, 0] ** 9, r"The score of picture \d is (inf|nan) after \d+ steps"),
    ],
)
def test_a_score_that_cannot_be_followed_is_refused(score, sentence):
    with pytest.raises(InputError, match=sentence):
        search(linear(), score, learning_rate=10)


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ({"steps": 0}, "search got steps=0: give a whole number of at least 1."),
        ({"count": 0}, "search got count=0: give a whole number of at least 1."),
        ({"seed": 0.5}, "search got seed=0.5: give a whole number."),
        ({"prior_weight": -1}, "search got prior_weight=-1: give a number of at least 0."),
        ({"learning_rate": float("nan")}, "search got learning_rate=nan: give a number of at least 0."),
        ({"learning_rate": "fast"}, "search got learning_rate='fast': give a number of at least 0."),
    ],
)
def test_other_arguments_are_refused(given, sentence):
    with pytest.raises(InputError) as refused:
        search(linear(), near, **given)
    assert str(refused.value) == sentence


def test_discrete_codes_are_refused():
    encoder, decoder = networks.conv((4, 4, 1), filters=(3,), latent_shape=(2, 2, 3))
    codes = posteriors.VectorQuantized((2, 2), codes=5, width=3)
    vae = VAE(encoder, decoder, posterior=codes, prior=priors.UniformCodes((2, 2), codes=5))
    with pytest.raises(InputError, match="those of VectorQuantized are whole numbers: give a model of continuous"):
        search(vae, lambda x: tf.reduce_mean(x, axis=[1, 2, 3]))
