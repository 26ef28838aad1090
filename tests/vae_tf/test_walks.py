"""A model's verbs: each is one walk, so that they agree with each other, and with closed forms."""

import functools

import keras
import numpy as np
import pytest
import tensorflow as tf
from scipy import stats

from vae_tf import VAE, InputError, likelihoods, networks, objectives, posteriors, priors, random
from vae_tf.family import Encode, Given
from vae_tf.spaces import Sphere

LABELS, SIZE, D, N = 3, 4, 2, 7
SCALE = 0.7  # of the noise on x


class LinearGaussian:
    """A model whose exact log p(x|label) is a normal one: x = W z + b[label] + noise, W with orthogonal columns.

    p(z|label) = N(m, diag s^2), each of the label, or N(0, I). The exact posterior has the variances
    v = 1 / (1 / s^2 + diag(W^T W) / scale^2) and the mean v (m / s^2 + W^T (x - b) / scale^2).

    Args:
        is_conditional: whether the prior depends on the label.
        widen: the factor on the standard deviation of the exact posterior.
    """

    def __init__(self, is_conditional: bool, widen: float = 1.0):
        rng = np.random.default_rng(3)
        orthogonal, _ = np.linalg.qr(rng.normal(size=[SIZE, D]))
        self.w, self.b = orthogonal * [1.5, 0.8], rng.normal(size=[LABELS, SIZE])
        self.m = rng.normal(size=[LABELS, D]) if is_conditional else np.zeros([LABELS, D])
        self.s = np.exp(rng.normal(0, 0.5, [LABELS, D])) if is_conditional else np.ones([LABELS, D])
        self.v = 1 / (1 / self.s**2 + (self.w**2).sum(axis=0) / SCALE**2)

        x, label = keras.Input([SIZE], name="x"), keras.Input([], dtype="int32", name="label")
        one_hot = keras.ops.one_hot(label, LABELS)
        each = keras.ops.expand_dims(x, 2) * keras.ops.expand_dims(one_hot, 1)  # x of each label, else 0
        encoder = keras.Model([x, label], keras.layers.Concatenate()([keras.layers.Flatten()(each), one_hot]))
        z, label = keras.Input([D], name="z"), keras.Input([], dtype="int32", name="label")
        decoder = keras.Model([z, label], keras.layers.Concatenate()([z, keras.ops.one_hot(label, LABELS)]))
        self.vae = VAE(
            encoder,
            decoder,
            prior=priors.ConditionalNormal(D) if is_conditional else priors.StandardNormal(D),
            likelihood=likelihoods.Normal([SIZE], scale=SCALE),
        )
        gain = self.w[:, None] * self.v / SCALE**2  # [SIZE, LABELS, D]
        offset = self.v * (self.m / self.s**2 - self.b @ self.w / SCALE**2)
        log_variance = np.concatenate([np.zeros([SIZE * LABELS, D]), np.log(widen**2 * self.v)])
        zeros = np.zeros(D)
        self.vae.posterior.loc.set_weights([np.concatenate([gain.reshape(-1, D), offset]), zeros])
        self.vae.posterior.log_variance.set_weights([log_variance, zeros])
        self.vae.likelihood.linear.set_weights([np.concatenate([self.w.T, self.b]), np.zeros(SIZE)])
        if is_conditional:
            self.vae.prior.loc.set_weights([self.m, zeros])
            self.vae.prior.log_scale.set_weights([np.log(self.s), zeros])

    def x_given(self, label: int):
        """The exact p(x|label)."""
        covariance = self.w * self.s[label] ** 2 @ self.w.T + SCALE**2 * np.eye(SIZE)
        return stats.multivariate_normal(self.b[label] + self.w @ self.m[label], covariance)

    def data(self, count: int) -> tuple[np.ndarray, np.ndarray]:
        """Labels, each as often, and a draw from p(x|label) for each."""
        label, rng = np.arange(count) % LABELS, np.random.default_rng(4)
        return np.float32([self.x_given(one).rvs(random_state=rng) for one in label]), label

    def log_prob(self, x: np.ndarray, label: np.ndarray) -> np.ndarray:
        """The exact log p(x|label), float64 [N], nats."""
        return np.array([self.x_given(one).logpdf(row) for row, one in zip(x, label, strict=True)])


make = functools.cache(LinearGaussian)
each_prior = pytest.mark.parametrize("is_conditional", [False, True], ids=["StandardNormal", "ConditionalNormal"])


# ----- Closed forms


@each_prior
@pytest.mark.parametrize("samples", [1, 20])
def test_with_the_exact_posterior_every_estimate_is_the_density_of_the_label(is_conditional, samples):
    exact = make(is_conditional)
    x, label = exact.data(9)
    expected = exact.log_prob(x, label)
    assert np.abs(expected - exact.log_prob(x, (label + 1) % LABELS)).min() > 0.01  # labels differ
    for found in (
        exact.vae.log_prob(x, samples=samples, seed=1, label=label),
        exact.vae.log_prob({"x": x, "label": label}, samples=samples, seed=2),
    ):
        np.testing.assert_allclose(found, expected, atol=1e-4)
    every = exact.vae.log_prob(np.tile(x[:1], (LABELS, 1)), samples=samples, label=np.arange(LABELS))
    np.testing.assert_allclose(every, exact.log_prob(np.tile(x[:1], (LABELS, 1)), np.arange(LABELS)), atol=1e-4)


@each_prior
def test_with_a_widened_posterior_the_estimate_of_the_density_is_unbiased(is_conditional):
    widened = make(is_conditional, widen=1.4)
    x, label = (np.tile(values, (500, 1) if values.ndim > 1 else 500) for values in widened.data(3))
    error = widened.vae.log_prob(x, samples=4, seed=1, label=label) - widened.log_prob(x, label)
    ratios = np.exp(error).reshape(500, 3)
    assert (np.abs(ratios.mean(axis=0) - 1) < 3 * ratios.std(axis=0, ddof=1) / np.sqrt(500)).all()
    assert ratios.std() > 0.01  # it is an estimate, and not exact


@each_prior
def test_the_rates_of_the_dimensions_are_those_of_two_normals(is_conditional):
    exact = make(is_conditional)
    x, label = exact.data(6)
    mean, ratio = exact.vae.encode(x, label=label).mean().numpy(), (exact.v / exact.s**2)[label]
    expected = (ratio + ((mean - exact.m[label]) / exact.s[label]) ** 2 - 1 - np.log(ratio)) / 2
    np.testing.assert_allclose(exact.vae.rates(x, label=label), expected, rtol=1e-4, atol=1e-5)
    score = exact.vae.score(x, seed=3, label=label)
    np.testing.assert_allclose(score.rate, expected.sum(axis=1), rtol=1e-4)
    seeds = random.pair(3, random.Purpose.SAMPLE, tf.range(6))
    z = exact.vae.infer(x, random.normal_rows([D], seeds)[None], label=label)[0].numpy()
    distortion = -stats.norm.logpdf(x, z @ exact.w.T + exact.b[label], SCALE).sum(axis=1)
    np.testing.assert_allclose(score.distortion, distortion, rtol=1e-4)
    np.testing.assert_allclose(score.elbo, -(distortion + score.rate), rtol=1e-4)


@each_prior
def test_samples_of_a_label_have_its_moments(is_conditional):
    exact, count = make(is_conditional), 3_000
    label = np.arange(count) % LABELS
    samples = exact.vae.sample(count, seed=5, label=label)
    z = exact.vae.draw(random.pair(5, random.Purpose.SAMPLE, tf.range(count)), label=label).numpy()
    np.testing.assert_allclose(samples, z @ exact.w.T + exact.b[label], atol=1e-4)
    for one in range(LABELS):
        error = (z[label == one] - exact.m[one]) / exact.s[one]
        assert np.abs(error.mean(axis=0)).max() < 4 / np.sqrt(count / LABELS)
        assert np.abs(error.std(axis=0) - 1).max() < 4 / np.sqrt(2 * count / LABELS)


# ----- The verbs agree


def frozen(prior: priors.Prior) -> priors.Prior:
    """A prior that is not trained, as `fit_prior` leaves it."""
    prior.trainable = False
    return prior


BOTH = {"label": networks.Label(LABELS), "angle": networks.Vector(2)}
DRAWING, SEEING = {"label": networks.Label(LABELS, encoder=False)}, {"label": networks.Label(LABELS, decoder=False)}
MODELS = {
    "no conditions": (None, lambda: {}),
    "ConditionalNormal": (BOTH, lambda: {"prior": priors.ConditionalNormal(D)}),
    "FullCovarianceNormal, ConditionalNormal": (
        SEEING,
        lambda: {"posterior": posteriors.FullCovarianceNormal(D), "prior": priors.ConditionalNormal(D)},
    ),
    "VampPrior": (DRAWING, lambda: {"prior": priors.VampPrior(D, components=3)}),
    "InverseAutoregressiveFlow, AutoregressiveFlow": (
        {**DRAWING, "angle": networks.Vector(2, decoder=False)},
        lambda: {
            "posterior": posteriors.InverseAutoregressiveFlow(D, hidden=(4,)),
            "prior": priors.AutoregressiveFlow(D, hidden=(4,)),
        },
    ),
    "PowerSpherical": (
        BOTH,
        lambda: {"posterior": posteriors.PowerSpherical(D), "prior": priors.SphericalUniform(D)},
    ),
    "Deterministic, MixtureOfNormals": (
        BOTH,
        lambda: {
            "posterior": posteriors.Deterministic(D),
            "prior": frozen(priors.MixtureOfNormals(D, components=3)),
            "objective": objectives.Reconstruction(beta=0.1),
        },
    ),
}
X = np.random.default_rng(0).integers(0, 2, (N, 6)).astype(np.float32)
NORMALS = np.random.default_rng(1).normal(size=(5, N, 8)).astype(np.float32)
SEEDS = np.stack([np.full(N, 7), np.arange(N)], axis=1)
VALUES = {"label": np.arange(N) % LABELS, "angle": np.random.default_rng(2).normal(size=(N, 2)).astype(np.float32)}


@functools.cache
def model(name: str) -> VAE:
    """One of the models, whose weights are all random."""
    conditions, parts = MODELS[name]
    keras.utils.set_random_seed(1)
    vae = VAE(*networks.mlp((6,), D, hidden=(5,), conditions=conditions), **parts())
    rng = np.random.default_rng(0)
    for weight in vae.trainable_weights:
        weight.assign(weight + rng.normal(0, 0.2, weight.shape))
    return vae


def of(vae: VAE, *owners: str) -> dict[str, np.ndarray]:
    """The values of the conditions that the networks of these names take."""
    return {name: VALUES[name] for owner in owners for name in getattr(vae, f"{owner}_conditions")}


each_model = pytest.mark.parametrize("vae", [*MODELS], indirect=True)
close = functools.partial(np.testing.assert_allclose, rtol=1e-4, atol=1e-5)


@pytest.fixture
def vae(request) -> VAE:
    return model(request.param)


@each_model
def test_what_represents_x_is_the_code_of_its_posterior(vae):
    seen = of(vae, "encoder")
    codes, q = vae.represent(X, **seen), vae.encode(X, **seen)
    np.testing.assert_array_equal(codes.z, vae.posterior.code(q))
    stddev = vae.posterior.stddev(q)
    assert (codes.stddev is None) == (stddev is None)
    if stddev is not None:
        np.testing.assert_array_equal(codes.stddev, stddev)
    mean = vae.mean(codes.z, **of(vae, "decoder"))
    for found in (vae.reconstruct, vae):
        close(found(X, **of(vae, "encoder", "decoder")), mean)


@each_model
def test_what_is_inferred_are_the_draws_of_a_whole_pass(vae):
    noise, every = tf.constant(NORMALS[..., : vae.noise_size]), of(vae, "encoder", "decoder")
    terms = vae.terms(X, noise, **every)
    z = vae.infer(X, noise, **of(vae, "encoder", "prior"))
    (latent,) = terms.latents
    np.testing.assert_array_equal(z, latent.z)
    assert z.shape == (5, N, D)
    q = vae.encode(X, **of(vae, "encoder"))
    close(vae.posterior.draw(q, noise), z)
    if vae.has_density:
        log_q = latent.posterior.log_prob(z)
        if vae.scores_any_code:
            close(vae.log_posterior(z, X, **of(vae, "encoder")), log_q)
        close(terms.log_weights, terms.log_likelihood + latent.prior.log_prob(z) - log_q)


@each_model
def test_a_pass_scores_x_as_decoding_its_draws_does(vae):
    terms = vae.terms(X, tf.constant(NORMALS[..., : vae.noise_size]), **of(vae, "encoder", "decoder"))
    p = vae.decode(terms.latents[0].z, **of(vae, "decoder"))
    assert (p.batch_shape, p.event_shape) == ((5, N), (6,))
    close(p.log_prob(X), terms.log_likelihood)
    close(vae.likelihood.mean(p), vae.mean(terms.latents[0].z, **of(vae, "decoder")))
    close(-terms.distortion, tf.reduce_mean(terms.log_likelihood, axis=0))


@each_model
def test_rates_are_the_divergence_if_it_falls_apart_into_dimensions(vae):
    given = of(vae, "encoder", "prior")
    if not vae.is_factorised:
        with pytest.raises(AssertionError):
            vae.rates(X, **given)
        return
    (latent,) = vae.terms(X, tf.zeros([1, N, vae.noise_size]), **of(vae, "encoder", "decoder")).latents
    close(tf.reduce_sum(vae.rates(X, **given), axis=1), latent.posterior.kl_divergence(latent.prior))


@each_model
def test_a_draw_is_that_from_the_normals_of_its_seed(vae):
    known = of(vae, "prior")
    z = vae.draw(SEEDS, **known)
    assert (z.shape, z.dtype) == ((N, D), tf.float32)
    close(vae.from_noise(random.normal_rows([vae.prior_noise_size], SEEDS), **known), z)
    if isinstance(vae.posterior.space, Sphere):
        close(tf.norm(z, axis=-1), tf.ones([N]))
    close(vae.nearest(z), z)
    close(vae.sample(N, seed=7, **of(vae, "prior", "decoder")), vae.mean(z, **of(vae, "decoder")))


@each_model
def test_a_draw_is_a_function_of_its_own_seed_and_condition_bit_for_bit(vae):
    known = of(vae, "prior")
    z = vae.draw(SEEDS, **known).numpy()
    alone = [vae.draw(SEEDS[i : i + 1], **{name: value[i : i + 1] for name, value in known.items()}) for i in range(N)]
    np.testing.assert_array_equal(tf.concat(alone, axis=0), z)
    backwards = vae.draw(SEEDS[::-1], **{name: value[::-1] for name, value in known.items()})
    np.testing.assert_array_equal(backwards, z[::-1])
    few = {name: value[:3] for name, value in of(vae, "prior", "decoder").items()}
    every = vae.sample(N, seed=7, **of(vae, "prior", "decoder"))
    np.testing.assert_allclose(vae.sample(3, seed=7, **few), every[:3], atol=1e-6)
    assert np.abs(vae.draw(SEEDS + np.array([1, 0]), **known) - z).min() > 0


@pytest.mark.parametrize("name", [name for name in MODELS if not name.startswith("Deterministic")])
def test_a_score_is_a_function_of_its_example_its_condition_the_seed_and_its_number(name):
    vae = model(name)
    every = of(vae, "encoder", "decoder")
    score = vae.score(X, seed=3, **every)
    others = {key: value.copy() for key, value in every.items()}
    x = X.copy()
    for values in (x, *others.values()):
        values[[0, 1, 3]] = values[[4, 5, 6]]
    for one, other in zip(vae.score(x, seed=3, **others), score, strict=True):
        close(one[4:], other[4:])
        close(one[2], other[2])
    few = {key: value[:3] for key, value in every.items()}
    for one, other in zip(vae.score(X[:3], seed=3, **few), score, strict=True):
        close(one, other[:3])
    assert np.abs(vae.score(X, seed=4, **every).distortion - score.distortion).min() > 1e-5
    alike = vae.score(np.tile(X[:1], (2, 1)), seed=3, **{key: value[[0, 0]] for key, value in every.items()})
    assert abs(alike.distortion[0] - alike.distortion[1]) > 1e-5  # each row has a draw of its own
    close(alike.distortion[0], score.distortion[0])


# ----- Conditions: one value for all rows, or one for each

VERBS = {
    "encode": lambda vae, **given: vae.encode(X, **given).mean(),
    "represent": lambda vae, **given: vae.represent(X, **given).z,
    "infer": lambda vae, **given: vae.infer(X, NORMALS[..., :D], **given),
    "log_posterior": lambda vae, **given: vae.log_posterior(NORMALS[..., :D], X, **given),
    "rates": lambda vae, **given: vae.rates(X, **given),
    "rates_by_layer": lambda vae, **given: vae.rates_by_layer(X, **given),
    "decode": lambda vae, **given: vae.decode(NORMALS[0, :, :D], **given).mean(),
    "decode [5, N]": lambda vae, **given: vae.decode(NORMALS[..., :D], **given).mean(),
    "mean": lambda vae, **given: vae.mean(NORMALS[0, :, :D], **given),
    "draw": lambda vae, **given: vae.draw(SEEDS, **given),
    "from_noise": lambda vae, **given: vae.from_noise(NORMALS[0, :, :D], **given),
    "draw_below": lambda vae, **given: vae.draw_below(NORMALS[1, :, :D], NORMALS[0, :, :D], 0, **given),
    "terms": lambda vae, **given: vae.terms(X, NORMALS[..., :D], **given).log_likelihood,
    "call": lambda vae, **given: vae(X, **given),
    "reconstruct": lambda vae, **given: vae.reconstruct(X, **given),
    "sample": lambda vae, **given: vae.sample(N, seed=7, **given),
    "log_prob": lambda vae, **given: vae.log_prob(X, samples=2, **given),
    "score": lambda vae, **given: vae.score(X, **given).elbo,
}


@pytest.mark.parametrize("name", sorted(set(VERBS) - {"call"}))  # Keras takes no array beside a number
def test_one_value_for_all_rows_is_that_value_for_each(name):
    vae, verb = model("ConditionalNormal"), VERBS[name]
    expected = verb(vae, label=np.full(N, 2), angle=np.tile(VALUES["angle"][0], (N, 1))).numpy()
    for label, angle in (
        (2, VALUES["angle"][0]),
        (np.int64(2), VALUES["angle"][0].tolist()),
        (tf.constant(2), tf.constant(VALUES["angle"][0])),
        ([2] * N, np.tile(VALUES["angle"][0].astype(np.float64), (N, 1))),
        (2.0, tf.tile(VALUES["angle"][:1], [N, 1])),
    ):
        np.testing.assert_array_equal(verb(vae, label=label, angle=angle), expected)


@pytest.mark.parametrize("verb", VERBS.values(), ids=VERBS)
def test_each_row_has_the_condition_of_its_own(verb):
    vae = model("ConditionalNormal")
    found = verb(vae, **VALUES).numpy()
    rows = found.shape.index(N)
    for row in (0, 3, 6):
        one = {name: value[row] for name, value in VALUES.items()}
        close(verb(vae, **one).numpy().take(row, rows), found.take(row, rows))
        other = {**one, "label": (one["label"] + 1) % LABELS, "angle": one["angle"] + 1}
        assert np.abs(verb(vae, **other).numpy().take(row, rows) - found.take(row, rows)).max() > 1e-4


def test_one_code_alone_has_one_value_of_each_condition():
    vae, z = model("ConditionalNormal"), NORMALS[0, :1, :D]
    expected = vae.mean(z, label=[2], angle=VALUES["angle"][:1])[0]
    for label, angle in ((2, VALUES["angle"][0]), ([2], VALUES["angle"][:1])):
        found = vae.decode(z[0], label=label, angle=angle)
        assert (found.batch_shape, found.event_shape) == ((), (6,))
        close(found.mean(), expected)
    with pytest.raises(InputError, match="label has 2 rows, and there are 1 examples"):
        vae.decode(z[0], label=[2, 1], angle=VALUES["angle"][0])


@pytest.mark.parametrize(
    ("verb", "needed"),
    [("encode", {"angle"}), ("represent", {"angle"}), ("decode", {"label"}), ("mean", {"label"}), ("draw", set()),
     ("from_noise", set()), ("reconstruct", {"angle", "label"}), ("sample", {"label"})],
)  # fmt: skip
def test_a_verb_asks_for_what_it_runs_on_and_leaves_the_rest_aside(verb, needed):
    vae = model("InverseAutoregressiveFlow, AutoregressiveFlow")
    needs = {name: value for name, value in VALUES.items() if name in needed}
    call = VERBS[verb] if verb != "encode" else VERBS["represent"]
    np.testing.assert_array_equal(call(vae, **VALUES), call(vae, **needs))
    for name in needed:
        with pytest.raises(InputError, match=f"^{name} is missing"):
            call(vae, **{key: value for key, value in needs.items() if key != name})


@pytest.mark.parametrize(
    ("seeds", "given"), [(7, r"int32 of shape \(\)"), ([1, 2], r"int32 of shape \(2,\)"), ([[0.5, 1.0]], "float32 of")]
)
def test_seeds_that_are_no_pairs_are_refused(seeds, given):
    with pytest.raises(
        InputError, match=rf"seeds are {given}.*; this model takes pairs of integers, of shape \('N', 2\)"
    ):
        model("ConditionalNormal").draw(seeds, **VALUES)


def test_a_prior_that_is_made_of_posteriors_draws_what_they_draw():
    vae = model("VampPrior")
    noise = NORMALS[0, :, : D + 1]
    q = vae.encode(vae.prior.pseudo_inputs())
    chosen = random.choice(tf.fill([3], 1 / 3), noise[:, 0])
    close(vae.from_noise(noise), tf.gather(q.mean(), chosen) + tf.gather(q.stddev(), chosen) * noise[:, 1:])
    p = vae.prior.distribution(vae.prior.parameters(Given(encode=Encode(vae.encode, vae.posterior.draw))))
    z = NORMALS[0, :, :D]
    close(p.log_prob(z), tf.reduce_logsumexp(vae.log_posterior(z[:, None], vae.prior.pseudo_inputs()), 1) - np.log(3))
