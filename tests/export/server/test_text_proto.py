"""Text protocol buffers, against the official reader."""

import contextlib

import pytest
from google.protobuf import text_format
from hypothesis import given, settings
from hypothesis import strategies as st
from tensorflow_serving.config import model_server_config_pb2

from vae_tf import InputError
from vae_tf.export.server import text_proto

TEXTS = [
    "",
    "# nothing\n",
    'model_config_list { config { name: "a" base_path: "/b" } }',
    "model_config_list: { config: < name: 'a'; base_path: \"/b\", > }",
    'model_config_list {\n# { a comment }\nconfig { name: "}#{" } config { name: "b\\"c" } }',
    'model_config_list { config { version_labels { key: "stable" value: 12 } } }',
    'model_config_list { config: [ { name: "a" }, < name: "b" > ] config [ { name: "c" } ] }',
    'model_config_list { config { version_labels: [{ key: "a" value: 1 }, { key: "b" value: 2 }] name: "d" } }',
    "model_config_list { config { model_version_policy { specific { versions: [1, 2] versions: 3 } } } config: [] }",
]


@pytest.mark.parametrize("text", TEXTS)
def test_what_the_official_reader_takes_is_read(text):
    message = text_format.Parse(text, model_server_config_pb2.ModelServerConfig())
    top = text_proto.read(text)
    configs = [config for models in top.named("model_config_list") for config in models.named("config")]
    assert len(configs) == len(message.model_config_list.config)
    for config, expected in zip(configs, message.model_config_list.config, strict=True):
        names = [field.value for field in config.named("name")]
        assert [name.replace('\\"', '"') for name in names] == ([expected.name] if expected.name else [])
        for label in config.named("version_labels"):
            (key,), (value,) = label.named("key"), label.named("value")
            assert expected.version_labels[key.value] == int(value.value)
        pinned = [
            version
            for policy in config.named("model_version_policy")
            for specific in policy.named("specific")
            for version in specific.named("versions")
        ]
        assert [int(version.value) for version in pinned] == list(expected.model_version_policy.specific.versions)
        assert text[config.start :].startswith("config")
        assert text[config.inner_end] in "}>"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("a {", "line 1: a field's name was expected, and there is the end"),
        ("a {\nb: }", "line 2: the value of b was expected, and there is }"),
        ("a b", "line 1: the value of a was expected, and there is b"),
        ("}", "line 1: a field's name was expected, and there is }"),
        ('a: "open', 'line 1: the value of a was expected, and there is "'),
        ("a: 1\n\n=", "line 3: a field's name was expected, and there is ="),
        ("a { > ", "line 1: a field's name was expected, and there is >"),
        ("a", "line 1: the value of a was expected, and there is the end"),
        ("a: [1, ]", "line 1: the value of a was expected, and there is ]"),
        ("a: [1\n2]", "line 2: a comma or ] was expected after a, and there is 2"),
        ("a: [1", "line 1: a comma or ] was expected after a, and there is the end"),
        ("a [1]", "line 1: the value of a was expected, and there is 1"),
    ],
)
def test_what_cannot_be_read_is_refused_with_its_line(text, said):
    with pytest.raises(InputError, match=f"^{said}$"):
        text_proto.read(text)


@settings(max_examples=300, deadline=None, derandomize=True)
@given(st.text(alphabet='a1:{}<>[]"#\n ;,\\é', max_size=30))
def test_any_text_is_read_or_refused(text):
    with contextlib.suppress(InputError):  # any other error is a defect
        read = text_proto.read(text)
        assert read.end == len(text)


def test_spans_are_replaced_and_the_rest_is_kept():
    text = "one two three"
    assert text_proto.replaced(text, [(0, 3, "1"), (8, 13, "3"), (8, 8, "a "), (0, 3, "1")]) == "1 two a 3"
