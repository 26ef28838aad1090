import itertools

import keras
import numpy as np
import pytest
import tensorflow as tf
from scipy import special

from vae_tf import VAE, InputError, networks, posteriors, priors
from vae_tf.family import Given
from vae_tf.objectives import ELBO, ImportanceWeighted

REPEATS = 400


def gradients(vae: VAE, objective: ImportanceWeighted, x: np.ndarray) -> list[np.ndarray]:
    """The gradient of the mean loss in each weight, for `REPEATS` draws of the noise: [REPEATS, *weight]."""
    vae = VAE(vae.encoder, vae.decoder, vae.posterior, vae.prior, vae.likelihood, objective)

    @tf.function
    def gradient(seed):
        noise = tf.random.stateless_normal([objective.samples, len(x), vae.posterior.noise_size], [7, seed])
        with tf.GradientTape() as tape:
            loss = tf.reduce_mean(objective(vae.terms(x, noise), tf.constant(0))["loss"])
        return tape.gradient(loss, vae.trainable_weights)

    return [np.stack(values) for values in zip(*(gradient(seed) for seed in tf.range(REPEATS)), strict=True)]


@pytest.fixture(params=["DiagonalNormal", "FullCovarianceNormal"])
def vae(request) -> VAE:
    keras.utils.set_random_seed(1)
    posterior = getattr(posteriors, request.param)(3)
    return VAE(*networks.mlp((6,), latent_size=3, hidden=(5,)), posterior=posterior)


def test_the_loss_is_that_of_the_weights(make_vae, binary):
    vae = make_vae(objective=ImportanceWeighted(samples=4))
    noise = tf.random.stateless_normal([4, len(binary), 2], [1, 2])
    terms = vae.terms(binary, noise)
    values = vae.objective(terms, tf.constant(0))
    (latent,) = terms.latents
    log_weights = terms.log_likelihood + latent.prior.log_prob(latent.z) - latent.posterior.log_prob(latent.z)
    expected = -(special.logsumexp(np.float64(log_weights), axis=0) - np.log(4))
    np.testing.assert_allclose(values["loss"], expected, rtol=1e-5)
    assert values.keys() == vae.objective.directions.keys()
    elbo = ELBO(samples=4)(terms, tf.constant(0))
    for name in ("elbo", "rate", "distortion"):
        np.testing.assert_array_equal(values[name], elbo[name])


def test_one_draw_gives_the_elbo(make_vae, binary):
    vae = make_vae(objective=ImportanceWeighted(samples=1))
    terms = vae.terms(binary, tf.random.stateless_normal([1, len(binary), 2], [1, 2]))
    expected = ELBO(kl="monte_carlo")(terms, tf.constant(0))["loss"]
    np.testing.assert_allclose(vae.objective(terms, tf.constant(0))["loss"], expected, rtol=1e-5)


def test_the_bound_rises_with_the_samples_towards_log_p(linear_gaussian):
    exact = linear_gaussian(widen=1.5)
    x = exact.data(4000)
    bounds = []
    for samples in (1, 5, 50):
        noise = tf.random.stateless_normal([samples, len(x), 2], [3, samples])
        bounds.append(-ImportanceWeighted(samples)(exact.vae.terms(x, noise), tf.constant(0))["loss"].numpy())
    for below, above in itertools.pairwise(bounds):
        gap = above - below
        assert gap.mean() > 3 * gap.std() / np.sqrt(len(x))
    gap = exact.log_prob(x) - bounds[-1]
    assert -3 * gap.std() / np.sqrt(len(x)) < gap.mean() < 0.05


def test_the_doubly_reparameterised_gradient_is_right_and_less_noisy(vae, binary):
    x = binary[:4]
    standard = gradients(vae, ImportanceWeighted(samples=8), x)
    dreg = gradients(vae, ImportanceWeighted(samples=8, gradient="dreg"), x)
    decoder = {id(weight) for weight in vae.decoder.trainable_weights + vae.likelihood.trainable_weights}
    noise_of_encoder = np.zeros(2)
    for weight, one, other in zip(vae.trainable_weights, standard, dreg, strict=True):
        error = np.sqrt((one.var(axis=0, ddof=1) + other.var(axis=0, ddof=1)) / REPEATS)
        difference = np.abs(one.mean(axis=0) - other.mean(axis=0))
        assert (difference <= 4.5 * error + 1e-5).all(), weight.path  # some 70 weights
        if id(weight) in decoder:
            np.testing.assert_allclose(one, other, rtol=1e-3, atol=1e-5)
        else:
            noise_of_encoder += one.var(axis=0).sum(), other.var(axis=0).sum()
    assert 0 < noise_of_encoder[1] < 0.8 * noise_of_encoder[0]


def test_the_doubly_reparameterised_gradient_is_that_of_the_paper(make_vae, binary):
    vae = make_vae(objective=ImportanceWeighted(samples=3, gradient="dreg"))
    x, noise = binary[:5], tf.random.stateless_normal([3, 5, 2], [1, 2])
    weights = [*vae.encoder.trainable_weights, *vae.posterior.trainable_weights]
    with tf.GradientTape() as tape:
        loss = tf.reduce_sum(vae.objective(vae.terms(x, noise), tf.constant(0))["loss"])
    found = tape.gradient(loss, weights)

    # sum_k v_k^2 (d log w_k / d z_k) (d z_k / d weights), step by step
    with tf.GradientTape() as tape:
        z = vae.posterior.draw(vae.encode(x), noise)
    q = vae.encode(x)
    with tf.GradientTape() as inner:
        inner.watch(z)
        log_weights = (
            vae.decode(z).log_prob(x)
            + vae.prior.distribution(vae.prior.parameters(Given())).log_prob(z)
            - q.log_prob(z)
        )
    slopes = inner.gradient(log_weights, z)
    share = tf.nn.softmax(log_weights, axis=0)[..., None]
    expected = tape.gradient(z, weights, output_gradients=-(share**2) * slopes)
    for weight, one, other in zip(weights, found, expected, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-4, atol=1e-5, err_msg=weight.path)


@pytest.mark.parametrize("make_posterior", [posteriors.DiagonalNormal, posteriors.FullCovarianceNormal])
def test_a_prior_made_of_posteriors_keeps_its_whole_gradient(make_vae, binary, make_posterior):
    objective = ImportanceWeighted(samples=3, gradient="dreg")
    vae = make_vae(posterior=make_posterior(2), prior=priors.VampPrior(2, components=4), objective=objective)
    x, noise = binary[:5], tf.random.stateless_normal([3, 5, 2], [1, 2])
    weights = [*vae.encoder.trainable_weights, *vae.posterior.trainable_weights, *vae.prior.trainable_weights]
    with tf.GradientTape() as tape:
        loss = tf.reduce_sum(objective(vae.terms(x, noise), tf.constant(0))["loss"])
    found = tape.gradient(loss, weights)

    # The encoder's weights act through z, by v_k^2, and through the pseudo-inputs' q(z|u_m), by v_k.
    prior_of = lambda z: vae.prior.distribution(vae.prior.parameters(Given(None, vae._encode()))).log_prob(z)  # noqa: E731
    q = vae.encode(x)
    z = vae.posterior.draw(q, noise)
    with tf.GradientTape() as tape:
        tape.watch(z)
        log_weights = vae.decode(z).log_prob(x) + prior_of(z) - q.log_prob(z)
    v = tf.nn.softmax(log_weights, axis=0)
    slopes = tape.gradient(log_weights, z)
    with tf.GradientTape() as tape:
        through_z = tf.reduce_sum((v**2)[..., None] * slopes * vae.posterior.draw(vae.encode(x), noise))
        through_prior = tf.reduce_sum(v * prior_of(z))
        surrogate = -(through_z + through_prior)
    for weight, one, other in zip(weights, found, tape.gradient(surrogate, weights), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-4, atol=1e-5, err_msg=weight.path)


def test_at_the_exact_posterior_the_doubly_reparameterised_gradient_is_0(linear_gaussian):
    largest = {}
    for gradient in ("standard", "dreg"):
        objective = ImportanceWeighted(samples=4, gradient=gradient)
        exact = linear_gaussian(objective=objective)  # all weights are p(x), whatever z is
        with tf.GradientTape() as tape:
            terms = exact.vae.terms(exact.data(50), tf.random.stateless_normal([4, 50, 2], [5, 6]))
            loss = tf.reduce_mean(objective(terms, tf.constant(0))["loss"])
        values = tape.gradient(loss, exact.vae.posterior.trainable_weights)
        largest[gradient] = max(np.abs(value).max() for value in values)
    assert largest["dreg"] < 1e-4
    assert largest["standard"] > 0.01


def test_only_the_doubly_reparameterised_gradient_costs_a_custom_gradient(make_vae, binary):
    def custom_gradients(objective) -> int:
        vae = make_vae(objective=objective)

        @tf.function
        def gradients(x):
            with tf.GradientTape() as tape:
                noise = tf.zeros([objective.samples, len(x), vae.noise_size])
                loss = tf.reduce_mean(objective(vae.terms(x, noise), tf.constant(0))["loss"])
            return tape.gradient(loss, vae.trainable_weights)

        operations = gradients.get_concrete_function(binary).graph.get_operations()
        kinds = [operation.node_def.attr["_gradient_op_type"].s for operation in operations]
        return sum(kind.startswith(b"CustomGradient") for kind in kinds)

    few = custom_gradients(ELBO())  # such as those of bounds
    assert custom_gradients(ImportanceWeighted(samples=3)) == few
    assert custom_gradients(ImportanceWeighted(samples=3, gradient="dreg")) == few + 1


def test_a_flow_is_refused_for_the_doubly_reparameterised_gradient(make_vae):
    posterior = posteriors.InverseAutoregressiveFlow(2)
    with pytest.raises(InputError, match=r'gradient="dreg" needs log q\(z\|x\).*use gradient="standard"'):
        make_vae(posterior=posterior, objective=ImportanceWeighted(gradient="dreg"))


def test_the_sphere_is_refused_for_the_doubly_reparameterised_gradient(make_vae):
    parts = {"posterior": posteriors.PowerSpherical(2), "prior": priors.SphericalUniform(2)}
    with pytest.raises(InputError, match=r'low variance, and with PowerSpherical it has a higher one.*"standard"'):
        make_vae(objective=ImportanceWeighted(gradient="dreg"), **parts)


def test_other_gradients_are_refused():
    with pytest.raises(InputError, match=r'ImportanceWeighted got gradient=\'vimco\': give "standard" or "dreg"'):
        ImportanceWeighted(gradient="vimco")


def test_the_config_makes_it_again():
    objective = ImportanceWeighted(samples=7, gradient="dreg")
    again = ImportanceWeighted.from_config(objective.get_config())
    assert (again.samples, again.gradient) == (7, "dreg")
