"""The classes of every axis, each in one model: a new class gets all conformance checks by one line in `CASES`.

A name lists the classes that the line is there for. A test in this folder that takes `case` runs once for each
line; `trained` is that line's model after two steps.
`test_models.py` holds the checks of a model, `test_export.py` those of its export.
"""

from collections.abc import Callable
from typing import NamedTuple

import keras
import numpy as np
import pytest

from vae_tf import VAE, likelihoods, networks, objectives, posteriors, priors, schedules

EVENT_SHAPE = (4, 4, 1)
LATENT_SIZE = 2


def model(make_networks=networks.mlp, **parts) -> VAE:
    """A small model for images of 4 x 4, with the choices of `parts`."""
    options = {"filters": (3,), "hidden": 4} if make_networks is networks.conv else {"hidden": (4,)}
    return VAE(*make_networks(EVENT_SHAPE, latent_size=LATENT_SIZE, **options), **parts)


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
    # posteriors
    "Deterministic, Reconstruction": lambda: model(
        posterior=posteriors.Deterministic(LATENT_SIZE), objective=objectives.Reconstruction()
    ),
    # likelihoods
    "ContinuousBernoulli": lambda: model(likelihood=likelihoods.ContinuousBernoulli(EVENT_SHAPE)),
    "Normal, fixed": lambda: model(likelihood=likelihoods.Normal(EVENT_SHAPE, scale=0.5)),
    "Normal, shared": lambda: model(likelihood=likelihoods.Normal(EVENT_SHAPE, scale="shared")),
    "Normal, predicted": lambda: model(likelihood=likelihoods.Normal(EVENT_SHAPE, scale="predicted")),
    # objectives
    "ELBO, Linear": lambda: model(
        objective=objectives.ELBO(beta=schedules.Linear(0, 1, 4), kl="monte_carlo", samples=2)
    ),
    "Cyclical": lambda: model(objective=objectives.ELBO(beta=schedules.Cyclical(0, 1, 4))),
}


class Case(NamedTuple):
    """One line of `CASES`."""

    name: str
    build: Callable[[], VAE]

    def seeded(self) -> VAE:
        """The model, with the same weights each time."""
        keras.utils.set_random_seed(0)
        return self.build()


class Trained(NamedTuple):
    """A model after two steps of training."""

    vae: VAE
    before: list[np.ndarray]
    history: dict[str, list[float]]


@pytest.fixture(scope="session")
def covered() -> set[str]:
    """The names of all that `CASES` is there for."""
    return {name for line in CASES for name in line.split(", ")}


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
    history = vae.fit(x, batch_size=10, shuffle=False, verbose=0).history
    return Trained(vae, before, history)
