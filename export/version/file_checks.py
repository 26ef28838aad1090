"""Checks of the files of a version. Each yields what is off, one sentence a fault."""

import itertools
import json
import pathlib
from collections.abc import Callable, Iterator

import numpy as np
import tensorflow as tf

from vae_tf.export.version import card, contents, golden, warmup
from vae_tf.serving import contract

Faults = Iterator[str]


def signatures(version: pathlib.Path) -> Faults:
    """Names, dtypes and shapes are those of the contract."""
    served = contents.interfaces(version)
    conditions = _conditions(version, served)
    try:
        z, mean = served["decode"].inputs["z"].shape, served["decode"].outputs["mean"].shape
        noise = served["decode_noise"].inputs["noise"].shape if "decode_noise" in served else z
        promised = contract.interfaces(z[1], mean[1:], noise[1], conditions)
    except (KeyError, IndexError, TypeError, ValueError):
        yield "there is no decode from z [B, D] to mean [B, *event], or no noise [B, N] of decode_noise"
        return
    promised["serving_default"] = promised[contract.SERVING_DEFAULT]
    for name in sorted({*contract.EVERY, "serving_default"} - served.keys()):
        yield f"{name} is missing"
    for name in sorted(served.keys() - promised.keys()):
        yield f"{name} is none of the contract's signatures"
    for name in sorted(served.keys() & promised.keys()):
        for side in contract.Interface._fields:
            found, expected = getattr(served[name], side), getattr(promised[name], side)
            optional = {key: spec for key, spec in expected.items() if key in contract.OPTIONAL and key not in found}
            if {**optional, **found} != expected:
                yield f"{name} has the {side} {_words(found)}; expected are {_words(expected)}"


def compilation(version: pathlib.Path) -> Faults:
    """No function is compiled with XLA, which the server refuses."""
    for name in contents.compiled_functions(version):
        yield f"{name} is compiled with XLA, which TF Serving refuses"


def once(version: pathlib.Path) -> Faults:
    """Every stored variable is read by a function, and none is stored twice."""
    stored = contents.variables(version)
    for variable in stored:
        if not variable.is_read:
            yield f"{variable.name} is stored, but no function reads it"
    varied = [variable for variable in stored if np.unique(variable.value).size > 1]  # zeros may equal zeros
    for one, other in itertools.combinations(varied, 2):
        if one.value.dtype == other.value.dtype and np.array_equal(one.value, other.value):
            yield f"{one.name} and {other.name} hold the same values"


def finite(version: pathlib.Path) -> Faults:
    """Every weight is finite."""
    for variable in contents.variables(version):
        if tf.as_dtype(variable.value.dtype).is_floating and not np.isfinite(variable.value).all():
            yield f"{variable.name} is not finite everywhere"


def answers(version: pathlib.Path) -> Faults:
    """Golden answers are kept for every signature."""
    kept = golden.read(version / golden.PATH)
    served = contents.interfaces(version)
    for name in sorted(served.keys() - kept.keys() - {"serving_default"}):
        yield f"{name} has no golden answers"
    for name in sorted(kept.keys() - served.keys()):
        yield f"{name} has golden answers, but is not served"


def warm_up(version: pathlib.Path) -> Faults:
    """The warm-up file can be read, and holds requests, no more than the server takes."""
    records = list(tf.data.TFRecordDataset(str(version / warmup.PATH)).as_numpy_iterator())
    if not 1 <= len(records) <= warmup.MOST:
        yield f"{warmup.PATH} holds {len(records)} requests; expected are 1 to {warmup.MOST}"
    wrong = [number for number, record in enumerate(records) if not warmup.is_request(record)]
    if wrong:
        yield f"{warmup.PATH} holds something else than a request as record {wrong[0]}"


def checksums(version: pathlib.Path) -> Faults:
    """The files are those of the card."""
    kept = json.loads((version / card.PATH).read_text(encoding="utf-8"))["files"]
    there = set(card.files(version))
    for name in sorted(kept.keys() - there):
        yield f"{name} is missing"
    for name in sorted(there - kept.keys()):
        yield f"{name} is not on the card"
    for name in sorted(kept.keys() & there):
        if card.checksum(version / name) != kept[name]:
            yield f"{name} has changed since it was exported"


CHECKSUMS = "checksums"
CHECKS: dict[str, Callable[[pathlib.Path], Faults]] = {
    "signatures": signatures,
    "no XLA-compiled function": compilation,
    "variables stored once": once,
    "weights finite": finite,
    "warm-up requests": warm_up,
    CHECKSUMS: checksums,
}


def _conditions(version: pathlib.Path, served: dict[str, contract.Interface]) -> contract.ConditionsOfParts:
    """Those of the card, by the signature that runs the encoder, the decoder, or the decoder and the prior."""
    described = card.conditions(version)
    inputs = {name: interface.inputs for name, interface in served.items()}
    encoder, decoder, prior = (
        {name: described[name] for name in inputs.get(signature, ()) if name in described}
        for signature in ("encode", "decode", "sample")
    )
    return contract.ConditionsOfParts(encoder, decoder, prior)


def _words(specs: dict[str, tf.TensorSpec]) -> str:
    return ", ".join(f"{name} {spec.dtype.name} {spec.shape}" for name, spec in sorted(specs.items()))
