"""Rules on the answers of a version. Each asks it, and yields what is off, one sentence a fault."""

from collections.abc import Callable, Iterator

import numpy as np
import tensorflow as tf

from vae_tf.export.golden import Exchange
from vae_tf.export.runners import Arrays, Ask

TOLERANCE = 1e-5  # of the largest value that is expected, where that is above 1
BATCH = 64
Exchanges = dict[str, Exchange]
Faults = Iterator[str]


def golden_answers(ask: Ask, exchanges: Exchanges) -> Faults:
    """Each row, asked alone, is answered as the Keras model did."""
    for signature, (inputs, outputs) in exchanges.items():
        for fault in _differences(_alone(ask, signature, inputs), outputs):
            yield f"{signature}: {fault} of the golden answer"


def independence(ask: Ask, exchanges: Exchanges) -> Faults:
    """A row has the same answer alone and in a larger batch."""
    for signature, (inputs, _) in exchanges.items():
        for fault in _differences(_in_company(ask, signature, inputs), _alone(ask, signature, inputs)):
            yield f"{signature}: in a batch of {BATCH}, {fault} of a row alone"


def seeds(ask: Ask, exchanges: Exchanges) -> Faults:
    """A seed gives the same z, bit for bit, alone and in a larger batch."""
    for signature, (inputs, outputs) in exchanges.items():
        if "seed" in inputs and "z" in outputs:
            one, other = _alone(ask, signature, inputs)["z"], _in_company(ask, signature, inputs)["z"]
            if one.tobytes() != other.tobytes():
                yield f"{signature}: in a batch of {BATCH}, z has other bits than that of a row alone"


def bad_values(ask: Ask, exchanges: Exchanges) -> Faults:
    """NaN in a row gives NaN in that row, and leaves the others as they were."""
    for signature, (inputs, _) in exchanges.items():
        if not all(tf.as_dtype(value.dtype).is_floating for value in inputs.values()):
            continue
        spoilt = {name: np.concatenate([np.full_like(value[:1], np.nan), value]) for name, value in inputs.items()}
        answers = ask(signature, spoilt)
        others = {name: value[1:] for name, value in answers.items()}
        for fault in _differences(others, _alone(ask, signature, inputs)):
            yield f"{signature}: beside a row of NaN, {fault} of a row alone"
        for name, value in answers.items():
            if np.isfinite(value[0]).all():
                yield f"{signature}: {name} is finite for NaN"


def shapes(ask: Ask, exchanges: Exchanges) -> Faults:
    """A row of another size is refused, and the graph says what was expected."""
    for signature, (inputs, _) in exchanges.items():
        for name, value in inputs.items():
            wide = np.concatenate([value, value[..., :1]], axis=-1)
            expected = f"expected shape [?,{','.join(map(str, value.shape[1:]))}]"
            try:
                ask(signature, {**inputs, name: wide})
            except tf.errors.InvalidArgumentError as error:
                if expected not in error.message:
                    yield f"{signature}: {name} of shape {wide.shape} is refused without the {expected}"
            else:
                yield f"{signature}: {name} of shape {wide.shape} is answered"


RULES: dict[str, Callable[[Ask, Exchanges], Faults]] = {
    "golden answers": golden_answers,
    "row independence": independence,
    "z of a seed": seeds,
    "NaN stays in its row": bad_values,
    "wrong shapes refused": shapes,
}


def _alone(ask: Ask, signature: str, inputs: Arrays) -> Arrays:
    count = len(next(iter(inputs.values())))
    rows = [ask(signature, {name: value[row : row + 1] for name, value in inputs.items()}) for row in range(count)]
    return {name: np.concatenate([row[name] for row in rows]) for name in rows[0]}


def _in_company(ask: Ask, signature: str, inputs: Arrays) -> Arrays:
    count = len(next(iter(inputs.values())))
    company = {name: np.resize(value + 1, (BATCH - count, *value.shape[1:])) for name, value in inputs.items()}
    answers = ask(signature, {name: np.concatenate([company[name], value]) for name, value in inputs.items()})
    return {name: value[-count:] for name, value in answers.items()}


def _differences(found: Arrays, expected: Arrays) -> Faults:
    if found.keys() != expected.keys():
        yield f"the outputs are {sorted(found)}, not those {sorted(expected)}"
        return
    for name, value in expected.items():
        if found[name].shape != value.shape:
            yield f"{name} has the shape {found[name].shape}, not the {value.shape}"
            continue
        difference = np.abs(found[name] - value).max()
        if not difference <= TOLERANCE * max(1, np.abs(value).max()):
            yield f"{name} differs by up to {difference:.2g} from that"
