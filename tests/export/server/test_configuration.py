"""The server's configurations, as the official messages read them."""

import textwrap

import pytest
from google.protobuf import text_format
from tensorflow_serving.config import model_server_config_pb2

from vae_tf import InputError
from vae_tf.export.server import configuration, text_proto

BY_HAND = """\
    # Ours; ask Kim before a change.
    model_config_list {
      config {
        name: "faces"            # the old one
        base_path: "/elsewhere/faces"
        model_version_policy { latest { num_versions: 3 } }
      }
      config {
        name: "digits"
        base_path: "/elsewhere/digits"
        model_platform: "tensorflow"
        model_version_policy {
          latest { num_versions: 5 }
        }
        version_labels { key: "stable" value: 3 }
        # tried on Mondays
        version_labels { key: "canary" value: 4 }
        version_labels { key: "monday" value: 2 }
        logging_config { sampling_config { sampling_rate: 0.1 } }
      }
    }
    """


def read(directory):
    """models.config as the server reads it: name -> entry."""
    text = (directory / "models.config").read_text()
    message = text_format.Parse(text, model_server_config_pb2.ModelServerConfig())
    return {config.name: config for config in message.model_config_list.config}


def test_the_first_export_writes_all_three_files(tmp_path):
    configuration.write(tmp_path, "digits", [1], None)
    assert configuration.labels(tmp_path, "digits") == {"stable": 1, "canary": 1}
    entry = read(tmp_path)["digits"]
    assert entry.base_path == "/models/digits"
    assert entry.model_platform == "tensorflow"
    assert entry.model_version_policy.HasField("all")
    assert dict(entry.version_labels) == {"stable": 1, "canary": 1}
    assert "max_batch_size { value: 64 }" in (tmp_path / "batching.config").read_text()
    batching = text_proto.read((tmp_path / "batching.config").read_text())
    assert [field.value for size in batching.named("max_batch_size") for field in size.fields] == ["64"]
    assert not batching.named("allowed_batch_sizes")  # with them, a request without rows ends the server
    assert "/monitoring/prometheus/metrics" in (tmp_path / "monitoring.config").read_text()


def test_another_model_is_added_and_another_mount_is_taken(tmp_path):
    configuration.write(tmp_path, "digits", [1], "/srv/models/")
    configuration.write(tmp_path, "faces", [1], None)
    configuration.write(tmp_path, "digits", [1, 2], None)
    entries = read(tmp_path)
    assert list(entries) == ["digits", "faces"]
    assert entries["digits"].base_path == "/srv/models/digits"
    assert entries["faces"].base_path == "/models/faces"
    assert dict(entries["digits"].version_labels) == {"stable": 1, "canary": 2}
    assert all(entry.model_version_policy.HasField("all") for entry in entries.values())


def test_a_file_edited_by_hand_is_kept_and_its_entry_updated(tmp_path):
    text = textwrap.dedent(BY_HAND)
    (tmp_path / "models.config").write_text(text)
    (tmp_path / "batching.config").write_text("# mine\n")
    configuration.write(tmp_path, "digits", [2, 3, 4, 5], None)
    assert configuration.labels(tmp_path, "digits") == {"stable": 3, "canary": 5, "monday": 2}
    written = (tmp_path / "models.config").read_text()
    gone = {'version_labels { key: "canary" value: 4 }', 'version_labels { key: "stable" value: 3 }'}
    for line in text.splitlines():
        if line.strip() not in gone:
            assert line in written, line
    entries = read(tmp_path)
    assert entries["faces"].model_version_policy.latest.num_versions == 3
    digits = entries["digits"]
    assert dict(digits.version_labels) == {"stable": 3, "canary": 5, "monday": 2}
    assert digits.model_version_policy.latest.num_versions == 5
    assert digits.base_path == "/elsewhere/digits"
    assert digits.logging_config.sampling_config.sampling_rate == pytest.approx(0.1)
    assert (tmp_path / "batching.config").read_text() == "# mine\n"
    again = (tmp_path / "models.config").read_text()
    configuration.write(tmp_path, "digits", [2, 3, 4, 5], None)
    assert (tmp_path / "models.config").read_text() == again


def test_specific_versions_get_the_newest_and_the_labels_are_left_alone(tmp_path):
    text = textwrap.dedent(BY_HAND).replace("latest { num_versions: 5 }", "specific { versions: 3 versions: 4 }")
    (tmp_path / "models.config").write_text(text)
    for _ in range(2):
        configuration.write(tmp_path, "digits", [2, 3, 4, 5], None)
        written = (tmp_path / "models.config").read_text()
        assert written == text.replace("versions: 4 ", "versions: 4 versions: 5 ")
    digits = read(tmp_path)["digits"]
    assert list(digits.model_version_policy.specific.versions) == [3, 4, 5]
    assert configuration.named_versions(tmp_path, "digits") == {2, 3, 4, 5}  # the label monday is that of 2
    assert configuration.named_versions(tmp_path, "faces") == set()


@pytest.mark.parametrize(
    ("chosen", "versions"),
    [
        ("specific{versions:3}", [3, 5]),
        ("specific <versions: [3, 4]; >", [3, 4, 5]),
        ("specific: { versions: 3, # a comment }\n}", [3, 5]),
        ("specific { versions: [] }", [5]),
        ("specific {}", [5]),
    ],
)
def test_specific_versions_are_found_however_they_are_written(tmp_path, chosen, versions):
    text = 'model_config_list { config { name: "digits" base_path: "/a" model_version_policy { %s } } }'
    (tmp_path / "models.config").write_text(text % chosen)
    for _ in range(2):
        configuration.write(tmp_path, "digits", [3, 4, 5], None)
        assert list(read(tmp_path)["digits"].model_version_policy.specific.versions) == versions
        assert configuration.named_versions(tmp_path, "digits") == set(versions)


def test_a_mount_that_is_given_moves_the_entry(tmp_path):
    (tmp_path / "models.config").write_text(textwrap.dedent(BY_HAND))
    configuration.write(tmp_path, "digits", [5], "/models")
    assert read(tmp_path)["digits"].base_path == "/models/digits"
    assert read(tmp_path)["faces"].base_path == "/elsewhere/faces"


@pytest.mark.parametrize(
    "text",
    [
        'model_config_list { config { name: "digits" } }',
        'model_config_list { config { name: "digits" version_labels { key: "stable" value: 2 } } }',
        'model_config_list: < config: < name: "digits", base_path: "/a"; > >',
        'model_config_list{config{name:"digits"}}',
        'model_config_list { config: [{ name: "digits" version_labels: [{ key: "stable" value: 2 }] }] }',
        """model_config_list { config { name: 'digits' version_labels: [
            { key: "stable" value: 2 }, { key: "canary", value: 2 }
        ] } }""",
        "model_config_list {}",
        "# nothing yet",
        "",
    ],
)
def test_entries_on_one_line_are_updated_too(tmp_path, text):
    (tmp_path / "models.config").write_text(text)
    configuration.write(tmp_path, "digits", [2, 3], None)
    labels = configuration.labels(tmp_path, "digits")
    assert labels == {"stable": 2 if "stable" in text else 3, "canary": 3}
    assert dict(read(tmp_path)["digits"].version_labels) == labels
    assert configuration.labels(tmp_path, "digits") == labels
    assert configuration.labels(tmp_path, "faces") == {}


def test_a_label_that_is_no_number_is_refused(tmp_path):
    (tmp_path / "models.config").write_text(
        'model_config_list { config { name: "digits" version_labels { key: "stable" value: x1 } } }'
    )
    with pytest.raises(InputError, match=r"models\.config has 'x1' where a version's number is expected: mend it"):
        configuration.labels(tmp_path, "digits")


def test_a_copy_has_what_the_folder_lacks(tmp_path):
    (tmp_path / "copy").mkdir()
    configuration.write(tmp_path, "digits", [1], None)
    (tmp_path / "batching.config").unlink()
    configuration.copy(tmp_path, tmp_path / "copy", "/models")
    assert (tmp_path / "copy" / "batching.config").read_text() == configuration.BATCHING_TEXT


def test_nothing_is_copied_from_a_folder_without_models(tmp_path):
    (tmp_path / "models.config").write_text("# later\n")
    with pytest.raises(InputError, match="has no models to serve: give a folder"):
        configuration.copy(tmp_path, tmp_path, "/models")


def test_allowed_batch_sizes_are_warned_of(tmp_path):
    tmp_path.joinpath("batching.config").write_text("max_batch_size { value: 8 }\nallowed_batch_sizes: 8\n")
    with pytest.warns(UserWarning, match=r"batching\.config has allowed_batch_sizes, .* take them out"):
        configuration.write(tmp_path, "digits", [1], None)


@pytest.mark.parametrize("file", ["models.config", "batching.config"])
def test_a_link_stays_one(tmp_path, file):
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "serving").mkdir()
    (tmp_path / "serving" / file).symlink_to(tmp_path / "elsewhere" / file)  # which is not there yet
    configuration.write(tmp_path / "serving", "digits", [1], None)
    (tmp_path / "elsewhere" / file).chmod(0o644)
    configuration.write(tmp_path / "serving", "digits", [1, 2], None)
    assert (tmp_path / "serving" / file).is_symlink()
    assert (tmp_path / "elsewhere" / file).is_file()
    assert configuration.labels(tmp_path / "serving", "digits") == {"stable": 1, "canary": 2}


@pytest.mark.parametrize("name", ["digits", "new"])
def test_lines_that_end_as_in_windows_stay_so(tmp_path, name):
    text = textwrap.dedent(BY_HAND).replace("\n", "\r\n").encode()
    (tmp_path / "models.config").write_bytes(text)
    configuration.write(tmp_path, name, [3, 4, 5], None)
    written = (tmp_path / "models.config").read_bytes()
    assert written.count(b"\n") == written.count(b"\r\n") > 0
    assert b"\r\n\r\n" not in written
    gone = {b'version_labels { key: "canary" value: 4 }', b'version_labels { key: "stable" value: 3 }'}
    assert [line for line in text.split(b"\r\n") if line.strip() not in gone and line not in written] == []
    assert configuration.labels(tmp_path, name)["canary"] == 5


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("a {" * 3_000, "cannot be read .line 1: there are more than 100 messages within one another.: mend it"),
        ("a: [{" * 3_000, "cannot be read .line 1: there are more than 100 messages within one another.: mend it"),
        (
            'model_config_list { config { name: "digits" } config { name: "b" } config { name: "digits" } }',
            "has two entries of the name digits: take one of them out",
        ),
        ("model_config_list {} model_config_list {}", "has 2 times model_config_list, which the server refuses"),
    ],
    ids=["deep", "deep lists", "two entries", "two lists"],
)
def test_what_the_server_would_refuse_is_refused_and_kept(tmp_path, text, said):
    (tmp_path / "models.config").write_text(text)
    with pytest.raises(InputError, match=said):
        configuration.write(tmp_path, "digits", [1], None)
    assert (tmp_path / "models.config").read_text() == text
