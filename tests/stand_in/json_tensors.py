"""JSON into tensors and back, as the server's REST interface does it and with its words.

Source: `tensorflow_serving/util/json_tensor.cc`, and recorded exchanges.
"""

import base64
import binascii
import json
import math

import numpy as np
from refusal import Refusal

DTYPES = {"float": np.float32, "int32": np.int32, "string": object}  # by the server's names
KINDS = {str: "String", bool: "Bool", int: "Number", float: "Number", dict: "Object", list: "Array", type(None): "Null"}


def parsed(body: bytes) -> dict:
    if not body:
        raise Refusal("JSON Parse error: The document is empty")
    try:
        document = json.loads(body)
    except ValueError as error:
        at_end = "Missing a comma or ']' after an array element."
        what = at_end if getattr(error, "msg", "").startswith("Expecting ',' delimiter") else "Invalid value."
        raise Refusal(f"JSON Parse error: {what} at offset: {getattr(error, 'pos', 0)}") from None
    if not isinstance(document, dict):
        raise Refusal(f"JSON Value: {words(document)} Is not object")
    return document


def words(value) -> str:
    return json.dumps(value, indent=4 if isinstance(value, dict) else None)


def inputs(document: dict, types: dict[str, str]) -> tuple[dict[str, np.ndarray], bool]:
    """The tensors of a request, by name, and whether it is in rows."""
    if "instances" in document:
        return rows(document, types), True
    if "inputs" in document:
        return columns(document["inputs"], types), False
    raise Refusal("Missing 'inputs' or 'instances' key")


def rows(document: dict, types: dict[str, str]) -> dict[str, np.ndarray]:
    instances = document["instances"]
    if not isinstance(instances, list):
        raise Refusal(f"JSON Value: {words(document)} Excepting 'instances' to be an list/array")
    if not instances:
        raise Refusal(f"JSON Value: {words(document)} No values in 'instances' array")
    if not isinstance(instances[0], dict) and len(types) > 1:
        raise Refusal("instances is a plain list, but expecting list of objects as multiple input tensors required")
    named = isinstance(instances[0], dict) and not is_file(instances[0])
    given: dict[str, list] = {name: [] for name in types}
    for number, instance in enumerate(instances):
        items = instance if named else {next(iter(types)): instance}
        for name, value in items.items():
            key = f" key: {name}" if named else ""
            try:
                if name not in types:
                    raise Refusal(f"JSON object: does not have named input: {name}")
                item = tensor(value, types[name])
                if given[name] and item.size != given[name][0].size:
                    raise Refusal(f"Expecting tensor size: {given[name][0].size} but got: {item.size}")
                given[name].append(item)
            except Refusal as refusal:
                where = f"Failed to process element: {number}{key} of 'instances' list."
                raise Refusal(f"{where} Error: INVALID_ARGUMENT: {refusal.message}") from None
        if items.keys() != types.keys():
            raise Refusal(
                f"Failed to process element: {number} of 'instances' list. JSON object: {words(instance)} "
                f"must only have keys: {','.join(sorted(types))}"
            )
    return {name: np.stack(items) for name, items in given.items()}


def columns(values, types: dict[str, str]) -> dict[str, np.ndarray]:
    if not isinstance(values, dict) or is_file(values):
        if len(types) > 1:
            raise Refusal("inputs is a plain value/list, but expecting an object as multiple input tensors required")
        values = {next(iter(types)): values}
    for name in types:
        if name not in values:
            raise Refusal(f"Missing named input: {name} in 'inputs' object.")
    return {name: tensor(values[name], types[name]) for name in types}


def tensor(value, kind: str) -> np.ndarray:
    shape = []
    inner = value
    while isinstance(inner, list):
        shape.append(len(inner))
        if not inner:
            break
        inner = inner[0]
    flat: list = []
    fill(value, kind, shape, 0, flat)
    array = np.empty(math.prod(shape), DTYPES[kind])
    array[:] = flat
    return array.reshape(shape)


def fill(value, kind: str, shape: list[int], level: int, flat: list) -> None:
    if not isinstance(value, list):
        if level != len(shape):
            where = f"found at incorrect level: {level + 1} in the JSON DOM. Expected at level: {len(shape)}"
            raise Refusal(f"JSON Value: {words(value)} {where}")
        flat.append(scalar(value, kind))
        return
    if level >= len(shape):
        raise Refusal(f"Encountered list at unexpected level: {level} expected < {len(shape)}")
    if len(value) != shape[level]:
        raise Refusal(
            f"Encountered list at unexpected size: {len(value)} at level: {level} expected size: {shape[level]}"
        )
    for item in value:
        fill(item, kind, shape, level + 1, flat)


def scalar(value, kind: str):
    if kind == "string" and isinstance(value, dict):
        if not is_file(value):
            raise Refusal(f"JSON Value: {words(value)} not formatted correctly for base64 data")
        try:
            return base64.b64decode(value["b64"], validate=True)
        except binascii.Error:
            raise Refusal("Unable to base64 decode") from None
    if kind == "string" and isinstance(value, str):
        return value.encode()
    numbers = {"float": (int, float), "int32": (int,), "string": ()}[kind]
    if isinstance(value, bool) or not isinstance(value, numbers):
        raise Refusal(f"JSON Value: {words(value)} Type: {KINDS[type(value)]} is not of expected type: {kind}")
    return value


def is_file(value) -> bool:
    return isinstance(value, dict) and value.keys() == {"b64"} and isinstance(value["b64"], str)


def answer(outputs: dict[str, np.ndarray], in_rows: bool) -> dict:
    """The body of an answer; a single output loses its name."""
    listed = {name: listing(name, array) for name, array in outputs.items()}
    if not in_rows:
        return {"outputs": listed if len(listed) > 1 else next(iter(listed.values()))}
    if len(listed) == 1:
        return {"predictions": next(iter(listed.values()))}
    return {"predictions": [dict(zip(listed, row, strict=True)) for row in zip(*listed.values(), strict=True)]}


def listing(name: str, array: np.ndarray) -> list:
    if array.dtype == object and name.endswith("_bytes"):
        return [{"b64": base64.b64encode(value).decode()} for value in array]
    if array.dtype == np.float32:  # nine digits tell one float32 from the next
        return np.array([float(f"{value:.9g}") for value in array.flat]).reshape(array.shape).tolist()
    return array.tolist()


def written(document: dict) -> str:
    """The text of an answer: the arrays of a row are on one line, all else has a line a value."""
    if "predictions" not in document:
        return json.dumps(document, indent=4)
    rows = ",".join(f"\n        {written_row(row)}" for row in document["predictions"])
    return f'{{\n    "predictions": [{rows}\n    ]\n}}'


def written_row(row) -> str:
    if not isinstance(row, dict):
        return json.dumps(row)
    fields = ",".join(f'\n            "{name}": {json.dumps(value)}' for name, value in row.items())
    return f"{{{fields}\n        }}"
