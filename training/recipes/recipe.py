"""The typed recipe of a run: what is decided before it starts, and nothing else."""

import dataclasses
import functools
import math
import pathlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Literal

import jsonargparse
import keras
import yaml

from vae_tf import VAE, loading
from vae_tf.errors import InputError
from vae_tf.likelihoods import Bernoulli, Likelihood
from vae_tf.nearest import nearest
from vae_tf.networks import Label
from vae_tf.objectives import ELBO, Objective
from vae_tf.posteriors import DiagonalNormal, Posterior
from vae_tf.priors import Prior, StandardNormal
from vae_tf.training import memory
from vae_tf.training.datasets import Binarization
from vae_tf.training.networks import MLP, Network, Size
from vae_tf.training.recipes import safety
from vae_tf.training.recipes.classes import AXES, bases_at, known
from vae_tf.training.recipes.initialization import fan_in_uniform
from vae_tf.training.recipes.words import explain

COPIES = 4  # of a weight that training holds: itself, its gradient, and two moments of an optimizer
OF_ONE_LAYER = ("latent_size", "posterior", "prior")  # the keys of a model that each rung of a ladder has for itself
PRESETS = pathlib.Path(__file__).parent


@dataclasses.dataclass
class Model:
    """The networks and the choice on each axis.

    A ladder's rungs have sizes, posteriors and priors of their own: with `networks` that make one, the keys for these
    are null.

    Attributes:
        networks: the encoder and the decoder, and with Ladder the latents between them.
        latent_size: D, the number of latent dimensions; or the shape of a grid of codes, such as [7, 7, 4], or [7, 7]
            for discrete codes; null for a ladder.
        posterior: q(z|x); null for a ladder.
        prior: p(z); null for a ladder.
        likelihood: p(x|z).
        objective: what is minimised.
        condition: what the networks take besides x and z: "label", the labels of the data; null for nothing.
        ex_post_prior: a prior that takes the place of the first after training, fitted to the codes of the
            training data; see `vae_tf.training.fit_prior`.
    """

    networks: Callable[[], Network] = MLP
    latent_size: int | tuple[int, ...] | None = 16
    posterior: Callable[[Size], Posterior] | None = DiagonalNormal
    prior: Callable[[Size], Prior] | None = StandardNormal
    likelihood: Callable[[tuple[int, ...]], Likelihood] = Bernoulli
    objective: Callable[[], Objective] = ELBO
    condition: Literal["label"] | None = None
    ex_post_prior: Callable[[Size], Prior] | None = None

    def __post_init__(self):
        """Refuses a ladder with what each of its rungs has, and other networks without."""
        networks = self.networks()
        for name in (*OF_ONE_LAYER, "ex_post_prior"):
            value = getattr(self, name)
            if networks.is_ladder and value is not None:
                raise InputError(
                    f"model.{name} is given, and each rung of the {type(networks).__name__} has a size, a posterior "
                    f"and a prior of its own: leave it out, or give null."
                )
            if not networks.is_ladder and value is None and name in OF_ONE_LAYER:
                raise InputError(f"model.{name} is null, as for a ladder: give a value, or leave it out.")


@dataclasses.dataclass
class Recipe:
    """A run, decided.

    Attributes:
        data: a source of `vae_tf.training.datasets.load`.
        image_size: if given, the side in pixels to which the images of a folder are cropped and resized.
        binarization: "none"; "static", each image drawn once; or "dynamic", at each step anew.
        validation: the share of the training data that is held out, or "test" for the test set.
        epochs: passes over the training data.
        batch_size: examples of a step.
        seed: of weights, order, binarisation and noise.
        initialization: how weights start: each layer's "default", or "fan_in_uniform" as in PyTorch.
        jit_compile: whether a step is compiled with XLA; if not given, it is, except for convolutions on a CPU.
        steps_per_execution: steps between two looks of the callbacks; if not given, 100 (or an epoch's, if it has
            fewer) if XLA compiles, else 1.
        checkpoint_minutes: minutes between two checkpoints within an epoch; there is one at each epoch's end.
        model: the networks and the choice on each axis.
        optimizer: a Keras optimizer.
    """

    data: str = "digits-5k"
    image_size: int | None = None
    binarization: Binarization = "none"
    validation: float | Literal["test"] = 0.1
    epochs: int = 20
    batch_size: int = 128
    seed: int = 0
    initialization: Literal["default", "fan_in_uniform"] = "default"
    jit_compile: bool | None = None
    steps_per_execution: int | None = None
    checkpoint_minutes: float = 5.0
    model: Model = dataclasses.field(default_factory=Model)
    optimizer: Callable[[], keras.optimizers.Optimizer] = keras.optimizers.Adam

    def __post_init__(self):
        """Refuses counts below 1, and a seed that the served functions could not take."""
        for name in ("image_size", "epochs", "batch_size", "steps_per_execution"):
            value = getattr(self, name)
            if value is not None and value < 1:
                raise InputError(f"{name} is {value}: give at least 1.")
        if not self.checkpoint_minutes > 0:
            raise InputError(f"checkpoint_minutes is {self.checkpoint_minutes}: give more than 0.")
        if not 0 <= self.seed < 2**31:
            raise InputError(f"seed is {self.seed}: give a number from 0 to {2**31 - 1}.")

    def build(self, event_shape: Sequence[int], examples: int | None = None, labels: int | None = None) -> VAE:
        """The model of this recipe, not yet compiled.

        Args:
            event_shape: the shape of one example.
            examples: the size of the data set, for an objective that needs to know.
            labels: how many labels there are, for a model whose condition is the label.

        Raises:
            InputError: for a model whose condition is the label, without `labels`; if the weights take more than a
                quarter of this machine's memory, or the parts do not fit.
        """
        keras.utils.set_random_seed(self.seed)
        try:
            with loading.weights_of_at_most(memory.total() // COPIES):
                vae = self._model(tuple(event_shape), examples, labels)
        except loading.TooLargeError as error:
            raise InputError(
                f"The networks of this recipe have weights of more than {memory.total() // COPIES:,} bytes, and this "
                f"machine's memory could not train them: make them smaller, such as model.networks.hidden."
            ) from error
        if self.initialization == "fan_in_uniform":
            fan_in_uniform(vae, self.seed)
        return vae

    def _model(self, event_shape: tuple[int, ...], examples: int | None, labels: int | None) -> VAE:
        likelihood = self.model.likelihood(event_shape)
        return VAE(
            **self._networks_and_latents(likelihood, self._conditions(labels)),
            likelihood=likelihood,
            objective=self.model.objective().for_examples(examples),
            seed=self.seed,
        )

    def _networks_and_latents(self, likelihood: Likelihood, conditions: tuple) -> dict[str, Any]:
        """The arguments of a `VAE` that are made for each other."""
        networks, size = self.model.networks(), self.model.latent_size
        make_posterior, make_prior = self.model.posterior, self.model.prior
        if size is None or make_posterior is None or make_prior is None:  # all three, as checked
            return networks(likelihood, None, *conditions)._asdict()
        if isinstance(size, int):  # the networks come first: each part draws where its weights start
            pair = networks(likelihood, size, *conditions)
            posterior = make_posterior(size)
            if posterior.value_shape != (size,):
                raise InputError(
                    f"model.latent_size is {size}, and the codes of {type(posterior).__name__} are numbers of vectors: "
                    f"give a list, [{size}], or [7, 7] for a grid of 49 codes."
                )
        else:
            posterior = make_posterior(size)
            shape = posterior.value_shape
            pair = networks(likelihood, shape[0] if len(shape) == 1 else shape, *conditions)
        encoder, decoder = pair[:2]
        return {"encoder": encoder, "decoder": decoder, "posterior": posterior, "prior": make_prior(size)}

    def _conditions(self, labels: int | None) -> tuple[Mapping[str, Label], ...]:
        """What the networks are called with last, if they take a condition."""
        if self.model.condition is None:
            return ()
        if labels is None:
            raise InputError(
                "The recipe has model.condition: label: give build() the number of labels, such as labels=10."
            )
        return ({self.model.condition: Label(labels)},)


def presets() -> list[str]:
    """The names of the recipes that come with the library."""
    return sorted(path.stem for path in PRESETS.glob("*.yaml"))


def preset(name: str) -> str:
    """The YAML text of a recipe that comes with the library.

    Raises:
        InputError: for a name that none has.
    """
    if name not in presets():
        raise InputError(f"There is no recipe {name!r}{nearest(name, presets())}: give one of {', '.join(presets())}.")
    return (PRESETS / f"{name}.yaml").read_text(encoding="utf-8")


def read(source: str, overrides: Sequence[str] = ()) -> tuple[Recipe, dict[str, Any]]:
    """Reads a recipe.

    Args:
        source: the name of a preset, or the path of a YAML file.
        overrides: what is decided otherwise, as on the command line: ["--model.prior", "StandardNormal"].

    Returns:
        The recipe, and all that it decides, defaults included, as plain values for a YAML file.

    Raises:
        InputError: for an unknown recipe, key or class, or a value of another type.
    """
    path = PRESETS / f"{source}.yaml" if source in presets() else pathlib.Path(source)
    if not path.is_file():
        raise InputError(
            f"There is no recipe {source!r}{nearest(source, presets())}: give one of {', '.join(presets())}, or a "
            f"YAML file."
        )
    content = safety.load_yaml(path)
    try:
        safety.check(content, keys())
        safety.check_words(overrides, keys())
        words = [f"--config={yaml.safe_dump(content, default_flow_style=True, width=math.inf)}", *overrides]
        # A class takes the place of another with its own defaults, not with those of the other.
        chosen = _parser().parse_args(words)
        defaults: dict[str, Any] = {key: {"class_path": chosen[key].class_path} for key in AXES if chosen[key]}
        networks = known(chosen["model.networks"].class_path, [Network])
        if networks is not None and issubclass(networks, Network) and networks.is_ladder:
            defaults |= {f"model.{name}": None for name in OF_ONE_LAYER}
        parser = _parser(defaults)
        config = parser.parse_args(words)
        decided = yaml.safe_load(parser.dump(config, skip_unset=False))
        safety.check(decided, keys())  # as it is made now, whatever the parser has read into it
        _make_schedules(config.optimizer.init_args)
        settings = parser.instantiate(config)
        _check_optimizer(settings["optimizer"])
    except InputError as error:
        raise InputError(f"The recipe {source!r} cannot be used: {error}") from error
    except (jsonargparse.ArgumentError, TypeError, ValueError) as error:
        raise InputError(f"The recipe {source!r} cannot be used: {explain(str(error), keys())}") from error
    return Recipe(**{key: settings[key] for key in _fields(Recipe)}), decided


def differences(decided: dict[str, Any], other: dict[str, Any], prefix: str = "") -> Iterator[str]:
    """The dotted keys in which two decided recipes differ."""
    for key in dict.fromkeys([*decided, *other]):
        ours, theirs = decided.get(key), other.get(key)
        if isinstance(ours, dict) and isinstance(theirs, dict):
            yield from differences(ours, theirs, f"{prefix}{key}.")
        elif ours != theirs:
            yield f"{prefix}{key}"


def _parser(defaults: dict[str, Any] | None = None) -> jsonargparse.ArgumentParser:
    parser = jsonargparse.ArgumentParser(exit_on_error=False, allow_abbrev=False)
    parser.add_class_arguments(Recipe, fail_untyped=False)  # Keras's optimizers and schedules have no types
    parser.add_argument("--config", action="config")
    parser.set_defaults(defaults or {})
    return parser


def _make_schedules(arguments: jsonargparse.Namespace) -> None:
    """Makes the schedules among an optimizer's arguments, which have no types that the parser could go by."""
    for name, value in vars(arguments).items():
        if isinstance(value, jsonargparse.Namespace | dict) and "class_path" in value:
            schedule = known(value["class_path"], bases_at(("optimizer", name)))
            assert schedule is not None  # as checked
            arguments[name] = schedule(**dict(value.get("init_args") or {}))


def _check_optimizer(optimizer: functools.partial) -> None:
    """Keras takes some arguments as they come, and trips over them while it trains."""
    for name, value in optimizer.keywords.items():
        if isinstance(value, str) and name != "name":
            raise InputError(f"optimizer.{name} got {value!r}: give a number.")
    optimizer(name="tried")


def keys() -> list[str]:
    """The keys of a recipe, dotted, without those of its classes."""
    return [*_fields(Recipe), *(f"model.{name}" for name in _fields(Model))]


def _fields(cls: type) -> list[str]:
    return [field.name for field in dataclasses.fields(cls)]
