"""Every posterior with every prior, each likelihood among them, in models that take conditions."""

import itertools
from typing import NamedTuple

import keras
import numpy as np
import pytest
import tensorflow as tf

from vae_tf import VAE, InputError, likelihoods, networks, objectives, posteriors, priors
from vae_tf.serving import signatures
from vae_tf.spaces import WholeNumbers

EVENT_SHAPE, D, ROWS = (4,), 2, 5
REAL = ("StandardNormal", "ConditionalNormal", "MixtureOfNormals", "AutoregressiveFlow")
FITS = {  # the priors that each posterior goes with
    "DiagonalNormal": (*REAL, "VampPrior"),
    "FullCovarianceNormal": (*REAL, "VampPrior"),
    "InverseAutoregressiveFlow": REAL,
    "PowerSpherical": ("SphericalUniform", "VampPrior"),
    "Deterministic": REAL,
}
PAIRS = [(posterior, prior) for posterior, fitting in FITS.items() for prior in fitting]
SMALL = {
    "InverseAutoregressiveFlow": {"steps": 1, "hidden": (4,)}, "AutoregressiveFlow": {"steps": 1, "hidden": (4,)},
    "MixtureOfNormals": {"components": 3}, "VampPrior": {"components": 3},
}  # fmt: skip
LIKELIHOODS = {
    "Bernoulli": {}, "ContinuousBernoulli": {}, "Normal": {"scale": "predicted"}, "Laplace": {},
    "NegativeBinomial": {}, "Categorical": {"categories": 3}, "DiscretizedLogisticMixture": {"components": 2},
}  # fmt: skip
X = np.random.default_rng(0).integers(0, 2, (12, *EVENT_SHAPE)).astype(np.float32)
ANGLE = np.arange(12, dtype=np.float32)
VALUES = {"label": np.arange(12, dtype=np.int32) % 3, "angle": np.stack([np.sin(ANGLE), np.cos(ANGLE)], axis=1)}
SEEDS = np.stack([np.full(ROWS, 7), np.arange(ROWS)], axis=1).astype(np.int32)
NOISE = np.random.default_rng(1).normal(size=(ROWS, 4)).astype(np.float32)
Z = np.random.default_rng(2).normal(size=(ROWS, D)).astype(np.float32)
Answers = dict[str, dict[str, tf.Tensor]]  # by the names of served functions and of their outputs


def part(module, name: str):
    return getattr(module, name)(D, **SMALL.get(name, {}))


def build(posterior: str, prior: str, likelihood: str = "Bernoulli") -> VAE:
    """A model that takes a label in both networks, or in the decoder for a VampPrior, and an angle in the decoder."""
    conditions = {
        "label": networks.Label(3, width=2, encoder=prior != "VampPrior"),
        "angle": networks.Vector(2, encoder=False),
    }
    keras.utils.set_random_seed(0)
    parts = part(posteriors, posterior), part(priors, prior)
    parts[1].trainable = posterior != "Deterministic"  # whose objective does not train it
    return VAE(
        *networks.mlp(EVENT_SHAPE, D, hidden=(4,), conditions=conditions),
        *parts,
        getattr(likelihoods, likelihood)(EVENT_SHAPE, **LIKELIHOODS[likelihood]),
        objectives.ELBO() if posterior != "Deterministic" else objectives.Reconstruction(beta=0.1),
    )


class Trained(NamedTuple):
    """A model after two steps, its weights before them, and what it answers after them."""

    vae: VAE
    before: list[np.ndarray]
    history: dict[str, list[float]]
    answers: Answers


CASES = [(*pair, likelihood) for pair, likelihood in zip(PAIRS, itertools.cycle(LIKELIHOODS), strict=False)]


@pytest.fixture(scope="module", params=CASES, ids="-".join)
def trained(request) -> Trained:
    vae = build(*request.param)
    before = [weight.numpy() for weight in vae.trainable_weights]
    vae.compile(keras.optimizers.Adam(0.01), run_eagerly=True)
    history = vae.fit({"x": X, **VALUES}, batch_size=6, shuffle=False, verbose=0).history
    return Trained(vae, before, history, answers(vae))


def given(vae: VAE, *owners: str) -> dict[str, np.ndarray]:
    """Five values of each condition that the networks of these names take."""
    names = {name for owner in owners for name in getattr(vae, f"{owner}_conditions")}
    return {name: VALUES[name][:ROWS] for name in names}


def answers(vae: VAE) -> Answers:
    """What the methods of a model say, which served functions say too."""
    few, noise = X[:ROWS], NOISE[:, : vae.prior_noise_size]
    drawing, drawn = given(vae, "prior"), given(vae, "decoder")
    codes, z = vae.represent(few, **given(vae, "encoder")), vae.draw(SEEDS, **drawing)
    found = {
        "encode": {"z": codes.z} if codes.stddev is None else codes._asdict(),
        "decode": {"mean": vae.mean(Z, **drawn)},
        "sample": {"z": z, "mean": vae.sample(ROWS, seed=7, **given(vae, "prior", "decoder"))},
        "decode_noise": {"mean": vae.mean(vae.from_noise(noise, **drawing), **drawn)},
        "reconstruct": {"mean": vae.reconstruct(few, **given(vae, "encoder", "decoder"))},
    }
    if vae.has_density:
        found["score"] = vae.score(few, seed=7, **given(vae, "encoder", "decoder"))._asdict()
    return found


def test_no_class_is_left_out():
    for module, names in ((posteriors, FITS), (priors, {prior for _, prior in PAIRS}), (likelihoods, LIKELIHOODS)):
        over_codes = {
            name for name in module.__all__ if getattr(getattr(module, name), "space_class", None) is WholeNumbers
        }
        elsewhere = {"Posterior", "Prior", "Likelihood", "RelativeNormal", "Hierarchical", *over_codes}
        assert set(names) == set(module.__all__) - elsewhere
    assert len(PAIRS) >= len(LIKELIHOODS)


@pytest.mark.parametrize("posterior", FITS)
def test_other_pairs_are_refused(posterior):
    for prior in {prior for _, prior in PAIRS} - set(FITS[posterior]):
        with pytest.raises(InputError, match=f"{posterior}.*{prior}|{prior}.*{posterior}"):
            build(posterior, prior)


def test_it_trains(trained):
    vae, before, history, _ = trained
    assert set(history) == set(vae.objective.directions)
    assert np.isfinite(list(history.values())).all()
    assert int(vae.optimizer.iterations) == 2
    for weight, old in zip(vae.trainable_weights, before, strict=True):
        assert not np.array_equal(weight, old), weight.path


def test_it_is_saved_and_loaded_bit_for_bit_and_its_config_makes_it_again(trained, tmp_path):
    vae = trained.vae
    vae.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    assert loaded.conditions == vae.conditions
    for one, other in zip(tf.nest.flatten(answers(loaded)), tf.nest.flatten(trained.answers), strict=True):
        np.testing.assert_array_equal(one, other)
    again = VAE.from_config(vae.get_config())
    assert again.conditions == vae.conditions
    for name in ("posterior", "prior", "likelihood", "objective"):
        assert getattr(again, name).get_config() == getattr(vae, name).get_config()
    assert [weight.shape for weight in again.weights] == [weight.shape for weight in vae.weights]
    assert [weight.trainable for weight in again.weights] == [weight.trainable for weight in vae.weights]


def test_what_is_served_is_what_its_methods_say(trained):
    vae, expected = trained.vae, trained.answers
    known = {"x": X[:ROWS], "z": Z, "seed": SEEDS, "noise": NOISE[:, : vae.prior_noise_size]}
    known |= {name: values[:ROWS] for name, values in VALUES.items()}
    graphs = signatures.trace(vae)
    assert graphs.keys() - {"serving_default"} == expected.keys()
    for name, outputs in expected.items():
        taken = graphs[name].structured_input_signature[1]
        found = graphs[name](**{key: tf.constant(known[key]) for key in taken})
        assert found.keys() == outputs.keys()
        for key, value in outputs.items():
            np.testing.assert_allclose(found[key], value, rtol=1e-4, atol=1e-5, err_msg=f"{name} {key}")
