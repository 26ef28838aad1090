"""A thousand malformed requests, through a session as the server's: refused in words, or bad in their own row alone."""

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from vae_tf.export.version import runners
from vae_tf.serving import contract

INTERFACES = contract.interfaces(3, (6, 6, 1), 3)
ROWS = 3
BAD_NUMBERS = [np.nan, np.inf, -np.inf, 3e38, -3e38]
BAD_FILES = [b"", b"no image", b"GIF89a", b"\x89PNG", b"\x89PNG\r\n\x1a\n" + b"\xff" * 16, b"\0" * 100]
thousand = settings(
    max_examples=500,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


@pytest.fixture(scope="module")
def ask(exported):
    with runners.session(exported) as ask:
        yield ask


@pytest.fixture(scope="module")
def good(ask) -> dict[str, np.ndarray]:
    """Rows of each input."""
    rng = np.random.default_rng(0)
    z = rng.normal(size=(ROWS, 3)).astype(np.float32)
    return {
        "z": z,
        "noise": rng.normal(size=(ROWS, 3)).astype(np.float32),
        "x": rng.integers(0, 2, (ROWS, 6, 6, 1)).astype(np.float32),
        "seed": rng.integers(0, 9, (ROWS, 2)).astype(np.int32),
        "image_bytes": ask("decode_png", {"z": z})["image_bytes"],
    }


@thousand
@given(data=st.data())
def test_a_wrong_shape_is_refused_with_its_name_and_what_was_expected(ask, good, data):
    signature = data.draw(st.sampled_from(sorted(INTERFACES)))
    inputs = {name: good[name] for name in INTERFACES[signature].inputs}
    name = data.draw(st.sampled_from(sorted(inputs)))
    right = inputs[name].shape
    shape = tuple(data.draw(st.lists(st.integers(0, 7), max_size=5)))
    if len(shape) == len(right) and shape[1:] == right[1:]:
        return
    inputs[name] = np.zeros(shape, inputs[name].dtype) if inputs[name].dtype != object else np.full(shape, b"", object)
    with pytest.raises(tf.errors.InvalidArgumentError) as refusal:
        ask(signature, inputs)
    expected = ",".join(["?", *map(str, right[1:])])
    assert f"is not compatible with expected shape [{expected}]" in refusal.value.message
    assert f"{signature}_{name}" in refusal.value.message


@thousand
@given(data=st.data())
def test_a_bad_value_is_bad_in_its_own_row_alone(ask, good, data):
    signature = data.draw(st.sampled_from(sorted(INTERFACES.keys() - {"sample"})))
    inputs = {name: good[name].copy() for name in INTERFACES[signature].inputs}
    right = ask(signature, inputs)
    name = data.draw(st.sampled_from(sorted(inputs.keys() - {"seed"})))
    row = data.draw(st.integers(0, ROWS - 1))
    if inputs[name].dtype == object:
        file = inputs[name][row]
        place = st.integers(0, len(file) - 1)
        cut_off = place.map(lambda at: file[:at])
        damaged = place.map(lambda at: file[:at] + bytes([file[at] ^ 0xFF]) + file[at + 1 :])
        inputs[name][row] = data.draw(st.one_of(st.sampled_from(BAD_FILES), st.binary(max_size=40), cut_off, damaged))
        is_bad = True
    else:
        place = data.draw(st.integers(0, inputs[name][row].size - 1))
        inputs[name][row].flat[place] = data.draw(st.sampled_from(BAD_NUMBERS))
        is_bad = not np.isfinite(inputs[name][row].flat[place])
    for output, value in ask(signature, inputs).items():
        others = np.delete(np.arange(ROWS), row)
        if value.dtype == object:
            assert value[others].tolist() == right[output][others].tolist()
            assert not is_bad or value[row] == b""
        else:
            np.testing.assert_allclose(value[others], right[output][others], rtol=1e-5, atol=1e-5)
            assert not is_bad or np.isnan(value[row]).all()
