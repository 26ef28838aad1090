"""The classes of every axis, each in one model: a new class gets all conformance checks by one line in `CASES`.

A name lists the classes that the line is there for. A test in this folder that takes `case` runs once for each
line; `trained` is that line's model after two steps.
`test_models.py` holds the checks of a model, `test_export.py` those of its export, `test_replicas.py` that on two
devices it trains as on one.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import keras
import numpy as np
import pytest

from vae_tf import VAE, likelihoods, networks, objectives, posteriors, priors, schedules

EVENT_SHAPE = (4, 4, 1)
LATENT_SIZE = 2


def model(make_networks=networks.mlp, conditions: networks.Conditions = None, **parts) -> VAE:
    """A small model for images of 4 x 4, with the choices of `parts`."""
    options = {"hidden": (4,)} if make_networks is networks.mlp else {"filters": (3,), "hidden": 4}
    return VAE(*make_networks(EVENT_SHAPE, latent_size=LATENT_SIZE, conditions=conditions, **options), **parts)


def conditions_of(vae: VAE, count: int) -> dict[str, np.ndarray]:
    """So many values of each condition of a model, by name."""
    angle = np.arange(count, dtype=np.float32)
    values = {"label": np.arange(count) % 3, "angle": np.stack([np.sin(angle), np.cos(angle)], axis=1)}
    return {name: values[name] for name in vae.conditions}


def batch_of(vae: VAE, x: np.ndarray):
    """x as `fit` takes it, with the conditions of a model."""
    conditions = conditions_of(vae, len(x))
    return {"x": x, **conditions} if conditions else x


def frozen(prior: priors.Prior) -> priors.Prior:
    """A prior that is not trained."""
    prior.trainable = False
    return prior


def of_grid(shape: tuple[int, ...], **parts) -> VAE:
    """A small model for images of 4 x 4 whose decoder takes a grid of this shape."""
    return VAE(*networks.conv(EVENT_SHAPE, filters=(3,), activation="elu", latent_shape=shape), **parts)


CASES: dict[str, Callable[[], VAE]] = {
    "mlp, DiagonalNormal, StandardNormal, Bernoulli, ELBO": lambda: model(
        networks.mlp,
        posterior=posteriors.DiagonalNormal(LATENT_SIZE),
        prior=priors.StandardNormal(LATENT_SIZE),
        likelihood=likelihoods.Bernoulli(EVENT_SHAPE),
        objective=objectives.ELBO(),
    ),
    # networks
    "conv": lambda: model(networks.conv),
    "resnet": lambda: model(networks.resnet),
    # posteriors and priors: every pair that makes sense, each with a likelihood or an objective of its own
    "DiagonalNormal, MixtureOfNormals, ImportanceWeighted": lambda: model(
        posterior=posteriors.DiagonalNormal(LATENT_SIZE, spread="log_scale"),
        prior=priors.MixtureOfNormals(LATENT_SIZE, components=3),
        objective=objectives.ImportanceWeighted(samples=3),
    ),
    "DiagonalNormal, VampPrior, MaximumMeanDiscrepancy": lambda: model(
        prior=priors.VampPrior(LATENT_SIZE, components=3),
        objective=objectives.MaximumMeanDiscrepancy(weight=10.0, beta=0.5),
    ),
    "DiagonalNormal, AutoregressiveFlow, NegativeBinomial": lambda: model(
        prior=priors.AutoregressiveFlow(LATENT_SIZE, hidden=(4,)),
        likelihood=likelihoods.NegativeBinomial(EVENT_SHAPE),
    ),
    "DiagonalNormal, Hierarchical": lambda: model(
        prior=priors.Hierarchical(
            VAE(
                *networks.mlp((LATENT_SIZE,), latent_size=3, hidden=(4,), activation="tanh"),
                likelihood=likelihoods.Normal((LATENT_SIZE,), scale="predicted"),
            )
        ),
    ),
    "FullCovarianceNormal, StandardNormal, ImportanceWeighted dreg": lambda: model(
        posterior=posteriors.FullCovarianceNormal(LATENT_SIZE),
        objective=objectives.ImportanceWeighted(samples=3, gradient="dreg"),
    ),
    "FullCovarianceNormal, MixtureOfNormals, Laplace": lambda: model(
        posterior=posteriors.FullCovarianceNormal(LATENT_SIZE),
        prior=priors.MixtureOfNormals(LATENT_SIZE, components=3),
        likelihood=likelihoods.Laplace(EVENT_SHAPE),
    ),
    "FullCovarianceNormal, VampPrior, DIP ii": lambda: model(
        posterior=posteriors.FullCovarianceNormal(LATENT_SIZE),
        prior=priors.VampPrior(LATENT_SIZE, components=3, activation="linear"),
        objective=objectives.DIP(variant="ii"),
    ),
    "FullCovarianceNormal, AutoregressiveFlow, DiscretizedLogisticMixture": lambda: model(
        posterior=posteriors.FullCovarianceNormal(LATENT_SIZE),
        prior=priors.AutoregressiveFlow(LATENT_SIZE, steps=1, hidden=(4, 5)),
        likelihood=likelihoods.DiscretizedLogisticMixture(EVENT_SHAPE, components=3),
    ),
    "InverseAutoregressiveFlow, StandardNormal": lambda: model(
        posterior=posteriors.InverseAutoregressiveFlow(LATENT_SIZE, hidden=(4,)),
    ),
    "InverseAutoregressiveFlow, MixtureOfNormals, Categorical": lambda: model(
        posterior=posteriors.InverseAutoregressiveFlow(LATENT_SIZE, steps=1, hidden=(4, 5)),
        prior=priors.MixtureOfNormals(LATENT_SIZE, components=3),
        likelihood=likelihoods.Categorical(EVENT_SHAPE, categories=3),
    ),
    "InverseAutoregressiveFlow, AutoregressiveFlow": lambda: model(
        posterior=posteriors.InverseAutoregressiveFlow(LATENT_SIZE, hidden=(4,)),
        prior=priors.AutoregressiveFlow(LATENT_SIZE, hidden=(4,)),
    ),
    "PowerSpherical, SphericalUniform": lambda: model(
        posterior=posteriors.PowerSpherical(LATENT_SIZE), prior=priors.SphericalUniform(LATENT_SIZE)
    ),
    "PowerSpherical, VampPrior": lambda: model(
        posterior=posteriors.PowerSpherical(LATENT_SIZE), prior=priors.VampPrior(LATENT_SIZE, components=3)
    ),
    "Deterministic, StandardNormal, Reconstruction": lambda: model(
        posterior=posteriors.Deterministic(LATENT_SIZE), objective=objectives.Reconstruction()
    ),
    "Deterministic, MixtureOfNormals": lambda: model(  # as `fit_prior` leaves it
        posterior=posteriors.Deterministic(LATENT_SIZE),
        prior=frozen(priors.MixtureOfNormals(LATENT_SIZE, components=3)),
        objective=objectives.Reconstruction(beta=0.1),
    ),
    "Deterministic, AutoregressiveFlow, MaximumMeanDiscrepancy alone": lambda: model(
        posterior=posteriors.Deterministic(LATENT_SIZE),
        prior=priors.AutoregressiveFlow(LATENT_SIZE, hidden=(4,)),
        objective=objectives.MaximumMeanDiscrepancy(beta=None, kernel="inverse_multiquadratic"),
    ),
    # codes in a grid, and discrete ones
    "conv, DiagonalNormal of a grid": lambda: of_grid((2, 2, 2)),
    "FiniteScalarQuantized, UniformCodes": lambda: of_grid(
        (2, 2, 2),
        posterior=posteriors.FiniteScalarQuantized((2, 2), levels=(16, 9)),
        prior=priors.UniformCodes((2, 2), codes=144),
    ),
    "VectorQuantized, UniformCodes": lambda: of_grid(
        (2, 2, 3),
        posterior=posteriors.VectorQuantized((2, 2), codes=5, width=3),
        prior=priors.UniformCodes((2, 2), codes=5),
    ),
    "RelaxedCategorical, UniformCodes": lambda: of_grid(
        (2, 2, 3),
        posterior=posteriors.RelaxedCategorical((2, 2), codes=5, width=3, temperature=schedules.Linear(1, 0.5, 4)),
        prior=priors.UniformCodes((2, 2), codes=5),
    ),
    # conditions: in both networks and the prior, or in one network alone
    "ConditionalNormal, Label": lambda: model(
        prior=priors.ConditionalNormal(LATENT_SIZE), conditions={"label": networks.Label(3)}
    ),
    "conv, Label in the decoder, Vector in the encoder, MixtureOfNormals": lambda: model(
        networks.conv,
        prior=priors.MixtureOfNormals(LATENT_SIZE, components=3),
        conditions={"label": networks.Label(3, encoder=False), "angle": networks.Vector(2, decoder=False)},
    ),
    "resnet, Label and Vector, ConditionalNormal, ImportanceWeighted dreg": lambda: model(
        networks.resnet,
        prior=priors.ConditionalNormal(LATENT_SIZE),
        objective=objectives.ImportanceWeighted(samples=3, gradient="dreg"),
        conditions={"label": networks.Label(3), "angle": networks.Vector(2)},
    ),
    "ConditionalNormal, Label, MaximumMeanDiscrepancy": lambda: model(
        prior=priors.ConditionalNormal(LATENT_SIZE),
        objective=objectives.MaximumMeanDiscrepancy(weight=10.0, beta=0.5),
        conditions={"label": networks.Label(3)},
    ),
    "VampPrior, Label in the decoder": lambda: model(
        prior=priors.VampPrior(LATENT_SIZE, components=3), conditions={"label": networks.Label(3, encoder=False)}
    ),
    # likelihoods
    "ContinuousBernoulli": lambda: model(likelihood=likelihoods.ContinuousBernoulli(EVENT_SHAPE)),
    "Normal, fixed": lambda: model(likelihood=likelihoods.Normal(EVENT_SHAPE, scale=0.5)),
    "Normal, shared": lambda: model(likelihood=likelihoods.Normal(EVENT_SHAPE, scale="shared")),
    "Normal, predicted": lambda: model(likelihood=likelihoods.Normal(EVENT_SHAPE, scale="predicted")),
    "Laplace, predicted": lambda: model(likelihood=likelihoods.Laplace(EVENT_SHAPE, scale="predicted")),
    "NegativeBinomial, predicted": lambda: model(
        likelihood=likelihoods.NegativeBinomial(EVENT_SHAPE, dispersion="predicted")
    ),
    # objectives
    "ELBO, Linear": lambda: model(
        objective=objectives.ELBO(beta=schedules.Linear(0, 1, 4), kl="monte_carlo", samples=2)
    ),
    "Cyclical": lambda: model(objective=objectives.ELBO(beta=schedules.Cyclical(0, 1, 4))),
    "Capacity": lambda: model(objective=objectives.Capacity(gamma=10.0, capacity=schedules.Linear(0, 5, 4))),
    "FreeBits": lambda: model(objective=objectives.FreeBits(free=0.05)),
    "TotalCorrelation": lambda: model(objective=objectives.TotalCorrelation(beta=4.0, examples=20, samples=2)),
    "DIP, i": lambda: model(objective=objectives.DIP(variant="i")),
    "DIP, ii": lambda: model(objective=objectives.DIP(variant="ii")),
}


class Case(NamedTuple):
    """One line of `CASES`."""

    name: str
    build: Callable[[], VAE]

    def seeded(self) -> VAE:
        """The model, with the same weights each time."""
        keras.utils.set_random_seed(0)
        return self.build()

    def batch(self, vae: VAE, x: np.ndarray):
        """x as `fit` takes it, with the conditions of the model."""
        return batch_of(vae, x)

    def conditions(self, vae: VAE, count: int) -> dict[str, np.ndarray]:
        """So many values of each condition of the model, by name."""
        return conditions_of(vae, count)


class Trained(NamedTuple):
    """A model after two steps of training.

    Attributes:
        vae: the model.
        batch: its data, with the conditions that it takes.
        few: five values of each condition.
        before: its weights before the steps.
        history: of the steps.
    """

    vae: VAE
    batch: Any
    few: dict[str, np.ndarray]
    before: list[np.ndarray]
    history: dict[str, list[float]]


@pytest.fixture(scope="session")
def covered() -> set[str]:
    """The names of all that `CASES` is there for."""
    return {name.split()[0] for line in CASES for name in line.split(", ")}


@pytest.fixture(scope="session")
def cases() -> list[str]:
    """The lines of `CASES`."""
    return list(CASES)


@pytest.fixture(scope="package", params=CASES)
def case(request) -> Case:
    return Case(request.param, CASES[request.param])


@pytest.fixture(scope="session")
def x() -> np.ndarray:
    """Twenty examples of bits, in the support of every likelihood."""
    return np.random.default_rng(0).integers(0, 2, (20, *EVENT_SHAPE)).astype(np.float32)


@pytest.fixture(scope="package")
def trained(case, x) -> Trained:
    vae = case.seeded()
    before = [weight.numpy() for weight in vae.trainable_weights]
    vae.compile(keras.optimizers.Adam(0.01), jit_compile=False)
    batch = batch_of(vae, x)
    history = vae.fit(batch, batch_size=10, shuffle=False, verbose=0).history
    return Trained(vae, batch, conditions_of(vae, 5), before, history)
