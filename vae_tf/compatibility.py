"""Do the parts of a model fit each other? Refused when it is built, with the reason."""

from collections.abc import Mapping
from typing import Any

import keras
import tensorflow as tf

from vae_tf import conditions, keras_private
from vae_tf.errors import InputError
from vae_tf.latents import Flat, Ladder
from vae_tf.likelihoods import Likelihood
from vae_tf.objectives import Objective
from vae_tf.posteriors import Posterior
from vae_tf.priors import Prior

AXES: Mapping[str, type] = {
    "posterior": Posterior,
    "prior": Prior,
    "latents": Ladder,
    "likelihood": Likelihood,
    "objective": Objective,
}
FAR = 30.0  # a logit of which the probability is 1e-13
SHAPES = (
    keras.layers.Reshape, keras.layers.Flatten, keras.layers.Permute, keras.layers.Dropout, keras.layers.Cropping1D,
    keras.layers.Cropping2D, keras.layers.Cropping3D, keras.layers.UpSampling2D, keras.layers.Identity,
)  # fmt: skip
ACTIVATIONS = (keras.layers.ReLU, keras.layers.Softmax, keras.layers.ELU)


def check_network(network, name: str, outputs: int = 1) -> None:
    """Refuses a network that is not a built Keras 3 model with inputs and so many outputs.

    Raises:
        InputError: saying what it is and what is expected.
    """
    kind = type(network)
    if kind.__module__.startswith("tf_keras"):
        raise InputError(f"The {name} is a tf_keras (Keras 2) {kind.__name__}: build it with Keras 3, `import keras`.")
    if not isinstance(network, keras.Model) or not hasattr(network, "inputs"):
        raise InputError(
            f"The {name} is a {kind.__name__} whose shapes are not known: give keras.Model(inputs, outputs), or a "
            f"Sequential that begins with keras.Input."
        )
    if not network.built or not network.inputs or len(network.outputs or []) != outputs:
        wanted = "one output" if outputs == 1 else f"{outputs} outputs, one for each rung of the ladder"
        raise InputError(
            f"The {name} has {len(network.inputs or [])} inputs and {len(network.outputs or [])} outputs: give a "
            f"built network with {wanted}; it ends in features, and the model projects them to parameters."
        )
    if None in tuple(network.inputs[0].shape)[1:]:
        raise InputError(
            f"The {name} takes shape {network.inputs[0].shape[1:]}: give it fixed sizes, such as "
            f"keras.Input((28, 28, 1))."
        )


def check_axes(parts: Mapping[str, Any]) -> None:
    """Refuses what is no object of its axis.

    Args:
        parts: by the name of the axis; None if it is left out.

    Raises:
        InputError: naming the axis.
    """
    for name, part in parts.items():
        axis = AXES[name]
        if part is not None and not isinstance(part, axis):
            given = f"the class {part.__name__}, not an object" if isinstance(part, type) else repr(part)
            raise InputError(f"{name} is {given}: give a {axis.__module__.rpartition('.')[0]} object.")


def check_parts(
    encoder: keras.Model, decoder: keras.Model, latents: Flat | Ladder, likelihood: Likelihood, objective: Objective
) -> None:
    """Refuses parts that do not fit each other.

    Raises:
        InputError: naming both sides of what does not meet.
    """
    latents.check(tuple(decoder.inputs[0].shape[1:]))
    event_shape = tuple(encoder.inputs[0].shape[1:])
    if event_shape != likelihood.event_shape:
        raise InputError(
            f"The event shapes do not meet: the encoder takes {event_shape}, the likelihood describes "
            f"{likelihood.event_shape}; make them equal."
        )
    of_encoder = conditions.names(encoder)
    latents.sites[0].prior.check_conditions(of_encoder, of_encoder + conditions.names(decoder))
    objective.check_sites(latents.sites)


def check_last_activation(decoder: keras.Model, likelihood: Likelihood) -> None:
    """Refuses a decoder whose last activation cannot give all the parameters that a likelihood needs of it.

    Raises:
        InputError: naming the activation and what it gives.
    """
    if likelihood.projection is not None:
        return
    name, low, high = _last_activation(decoder)
    if (low < -FAR) + (high > FAR) < likelihood.unbounded_ends:
        kind = type(likelihood).__name__
        raise InputError(
            f"The decoder ends in the activation {name}, which gives {_range(low, high)}, but "
            f"{kind}(projection=None) makes its parameters of values of any size, and could not fit the data: take "
            f'that activation away, or use projection="auto".'
        )


def _last_activation(network: keras.Model) -> tuple[str, float, float]:
    """The name of what a network's values pass last, and the least and the greatest value that it gives."""
    value = network.outputs[0]
    while True:
        operation, call = keras_private.made_by(value)
        if isinstance(operation, keras.Model) and operation.outputs:
            value = operation.outputs[0]
        elif isinstance(operation, SHAPES):
            value = keras_private.taken_by(operation)[call][0]
        else:
            break
    activation = operation
    if not isinstance(operation, ACTIVATIONS) and not keras_private.is_from_ops_nn(operation):
        is_of_keras = type(operation).__module__.startswith("keras.")
        activation = getattr(operation, "activation", None) if is_of_keras else None
    if activation is None:
        return "linear", -float("inf"), float("inf")
    values = activation(tf.constant([[-1e6, 0.0, 1e6], [-1.0, 0.0, 1.0], [0.0, 0.0, 0.0], [-10.0, 2.0, -2.0]]))
    return _name(activation), float(tf.reduce_min(values)), float(tf.reduce_max(values))


def _name(activation) -> str:
    return getattr(activation, "__name__", type(activation).__name__)


def _range(low: float, high: float) -> str:
    if low >= -FAR and high <= FAR:
        return f"values from {low:.3g} to {high:.3g}"
    return f"no values below {low:.3g}" if low >= -FAR else f"no values above {high:.3g}"
