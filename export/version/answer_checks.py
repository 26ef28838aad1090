"""Checks of the answers of a version. Each asks it, and yields what is off, one sentence a fault."""

from collections.abc import Callable, Iterator

import numpy as np
import tensorflow as tf

from vae_tf.export.version.golden import Exchange, NamedArrays
from vae_tf.export.version.runners import Ask

TOLERANCE = 1e-5  # of the largest value that is expected, where that is above 1
STEP = 1  # of 255, which a value near the half may take
BATCH = 64
BAD = {
    "f": lambda row: np.full_like(row, np.nan),
    "i": lambda row: np.full_like(row, -1),
    "S": lambda row: np.strings.replace(row, b"IDAT", b"LOST"),
}
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
    """NaN, an unknown label or a damaged file gives NaN or an empty file in its own row, and in no other."""
    for signature, (inputs, _) in exchanges.items():
        bad = {name: BAD[value.dtype.kind](value[:1]) for name, value in inputs.items() if name != "seed"}
        if not bad:
            continue
        spoilt = {  # a row for each input that is bad in it, before those that are good
            name: np.concatenate([*(bad[name] if name == other else value[:1] for other in bad), value])
            for name, value in inputs.items()
        }
        answers = ask(signature, spoilt)
        others = {name: value[len(bad) :] for name, value in answers.items()}
        for fault in _differences(others, _alone(ask, signature, inputs)):
            yield f"{signature}: beside a bad row, {fault} of a row alone"
        for name, value in answers.items():
            for row, other in enumerate(bad):
                if value[row] != b"" if _is_files(value) else np.isfinite(value[row]).all():
                    yield f"{signature}: {name} is good for a bad {other}"


def shapes(ask: Ask, exchanges: Exchanges) -> Faults:
    """A row of another size is refused, and the graph says what was expected."""
    for signature, (inputs, _) in exchanges.items():
        for name, value in inputs.items():
            wide = np.concatenate([value, value[..., :1]], axis=-1) if value.ndim > 1 else value[:, None]
            expected = f"expected shape [{','.join(['?', *map(str, value.shape[1:])])}]"
            try:
                ask(signature, {**inputs, name: wide})
            except tf.errors.InvalidArgumentError as error:
                if expected not in error.message:
                    yield f"{signature}: {name} of shape {wide.shape} is refused without the {expected}"
            else:
                yield f"{signature}: {name} of shape {wide.shape} is answered"


CHECKS: dict[str, Callable[[Ask, Exchanges], Faults]] = {
    "golden answers": golden_answers,
    "row independence": independence,
    "z of a seed": seeds,
    "a bad value stays in its row": bad_values,
    "wrong shapes refused": shapes,
}


def _alone(ask: Ask, signature: str, inputs: NamedArrays) -> NamedArrays:
    count = len(next(iter(inputs.values())))
    rows = [ask(signature, {name: value[row : row + 1] for name, value in inputs.items()}) for row in range(count)]
    return {name: np.concatenate([row[name] for row in rows]) for name in rows[0]}


def _in_company(ask: Ask, signature: str, inputs: NamedArrays) -> NamedArrays:
    count = len(next(iter(inputs.values())))
    others = {name: np.roll(value, 1) if _is_files(value) else value + 1 for name, value in inputs.items()}
    company = {name: np.resize(value, (BATCH - count, *value.shape[1:])) for name, value in others.items()}
    answers = ask(signature, {name: np.concatenate([company[name], value]) for name, value in inputs.items()})
    return {name: value[-count:] for name, value in answers.items()}


def _differences(found: NamedArrays, expected: NamedArrays) -> Faults:
    if found.keys() != expected.keys():
        yield f"the outputs are {sorted(found)}, not those {sorted(expected)}"
        return
    for name, value in expected.items():
        if found[name].shape != value.shape:
            yield f"{name} has the shape {found[name].shape}, not the {value.shape}"
            continue
        if _is_files(value):
            difference = max(
                np.abs(_pixels(one) - _pixels(other)).max() for one, other in zip(found[name], value, strict=True)
            )
            if difference > STEP:
                yield f"{name} differs by up to {difference} of 255 from that"
            continue
        difference = np.abs(found[name] - value).max()
        if not difference <= TOLERANCE * max(1, np.abs(value).max()):
            yield f"{name} differs by up to {difference:.2g} from that"


def _is_files(value: np.ndarray) -> bool:
    return value.dtype.kind in "SO"


def _pixels(file: bytes) -> np.ndarray:
    return tf.io.decode_png(file).numpy().astype(int)
