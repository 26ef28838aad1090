"""What the server is told of all models in a folder: models.config, batching.config, monitoring.config."""

import contextlib
import pathlib
import warnings

from vae_tf.atomic import replacing
from vae_tf.errors import InputError
from vae_tf.export.server import text_proto

MODELS, BATCHING, MONITORING = "models.config", "batching.config", "monitoring.config"
MOUNT = "/models"  # where the official image looks
CANARY = "canary"  # the label of the newest version
ALL = "model_version_policy { all {} }"

BATCHING_TEXT = """\
# Requests that come together are computed together.
max_batch_size { value: 64 }  # rows of a request, at most; a smaller one will do as well
batch_timeout_micros { value: 1000 }
max_enqueued_batches { value: 100 }
num_batch_threads { value: 4 }  # as many as the server has cores
# No allowed_batch_sizes: with them, a request without rows beside others ends the server.
"""
MONITORING_TEXT = """\
prometheus_config { enable: true path: "/monitoring/prometheus/metrics" }
"""


def labels(directory: pathlib.Path, name: str) -> dict[str, int]:
    """The labels of a model's versions, as models.config has them; none where it has no such model.

    Raises:
        InputError: where the file cannot be read.
    """
    _, _, entry = _read(directory, name)
    if entry is None:
        return {}
    pairs = [(label.named("key"), label.named("value")) for label in entry.named("version_labels")]
    return {key[0].value: _number(value[0], directory) for key, value in pairs if key and value}


def named_versions(directory: pathlib.Path, name: str) -> set[int]:
    """The versions of a model that models.config names, by labels or in a `specific` policy.

    Raises:
        InputError: where the file cannot be read.
    """
    _, _, entry = _read(directory, name)
    pinned = None if entry is None else _pinned(entry)
    versions = [] if pinned is None else pinned.named("versions")
    return {*labels(directory, name).values(), *(_number(version, directory) for version in versions)}


def write(directory: pathlib.Path, name: str, versions: list[int], mount: str | None) -> None:
    """Writes a model's entry: its newest version is the `canary`, its `stable` stays what it was.

    `stable` is the newest version where there was none. All versions are loaded, because the server takes no file in
    which a label has moved to a version that is not loaded yet: it must find the version by itself. Where somebody has
    chosen `specific` versions, the newest is added to them, and the labels are left alone. What else the file holds is
    kept as it is, and the other two files are written where they are not there.

    Source: `ServerCore::ReloadConfig` and `UpdateModelVersionLabelMap` of TF Serving.

    Args:
        directory: the folder of the models.
        name: the model's.
        versions: its own, rising; one at least.
        mount: where the server sees the folder; as the entry says where not given, at first /models.

    Raises:
        InputError: where models.config cannot be read.
    """
    text, models, entry = _read(directory, name)
    labelled = {"stable": versions[-1], **labels(directory, name), CANARY: versions[-1]}
    lines = [f'version_labels {{ key: "{label}" value: {version} }}' for label, version in sorted(labelled.items())]
    base_path = f'base_path: "{MOUNT if mount is None else mount.rstrip("/")}/{name}"'
    if entry is not None:
        pinned = _pinned(entry)
        changes = _relabelled(text, entry, lines) if pinned is None else _added(pinned, versions[-1])
        if mount is not None:
            changes += [(field.start, field.end, base_path) for field in entry.named("base_path")]
        text = text_proto.replaced(text, changes)
    else:
        fields = [f'name: "{name}"', base_path, 'model_platform: "tensorflow"', ALL, *lines]
        block = "  config {\n" + "".join(f"    {line}\n" for line in fields) + "  }\n"
        if models is None:
            at = len(text)
            block = ("\n" if text and not text.endswith("\n") else "") + f"model_config_list {{\n{block}}}\n"
        else:
            at = models.inner_end
        text = text_proto.replaced(text, [(at, at, block.replace("\n", _newline(text)))])
    for file, content in ((MODELS, text), (BATCHING, BATCHING_TEXT), (MONITORING, MONITORING_TEXT)):
        if file == MODELS or not (directory / file).exists():
            with replacing((directory / file).resolve()) as partial:  # a link stays one
                partial.write_text(content, encoding="utf-8", newline="")
    warn_of_sizes(directory)


def warn_of_sizes(directory: pathlib.Path) -> None:
    """Warns of a batching.config with which a single request can end the server."""
    path = directory / BATCHING
    with contextlib.suppress(OSError, InputError, UnicodeDecodeError):
        if text_proto.read(path.read_text(encoding="utf-8")).named("allowed_batch_sizes"):
            warnings.warn(
                f"{path} has allowed_batch_sizes, with which a request without rows ends the server: take them out.",
                stacklevel=2,
            )


def _read(directory: pathlib.Path, name: str) -> tuple[str, text_proto.Field | None, text_proto.Field | None]:
    """The text of models.config, its list of models, and a model's entry there."""
    path = directory / MODELS
    try:
        text = path.read_bytes().decode("utf-8") if path.exists() else ""
        top = text_proto.read(text)
    except (InputError, UnicodeDecodeError) as error:
        raise InputError(f"{path} cannot be read ({error}): mend it, or move it away to have a new one.") from None
    lists = top.named("model_config_list")
    if len(lists) > 1:
        raise InputError(f"{path} has {len(lists)} times model_config_list, which the server refuses: make it one.")
    models = next(iter(lists), None)
    entries = {} if models is None else _by_name(path, models)
    return text, models, entries.get(name)


def _by_name(path: pathlib.Path, models: text_proto.Field) -> dict[str, text_proto.Field]:
    """The entries of models that have a name."""
    entries: dict[str, text_proto.Field] = {}
    for entry in models.named("config"):
        for field in entry.named("name"):
            if field.value in entries:
                raise InputError(f"{path} has two entries of the name {field.value}: take one of them out.")
            entries[field.value] = entry
    return entries


def _number(field: text_proto.Field, directory: pathlib.Path) -> int:
    try:
        return int(field.value)
    except ValueError:
        raise InputError(
            f"{directory / MODELS} has {field.value!r} where a version's number is expected: mend it."
        ) from None


def _pinned(entry: text_proto.Field) -> text_proto.Field | None:
    """The specific versions that somebody has chosen."""
    policies = entry.named("model_version_policy")
    return next((specific for policy in policies for specific in policy.named("specific")), None)


def _added(pinned: text_proto.Field, version: int) -> list[tuple[int, int, str]]:
    """A version among the specific ones."""
    versions = pinned.named("versions")
    if str(version) in [field.value for field in versions]:
        return []
    at = versions[-1].end if versions else pinned.inner_end
    return [(at, at, f" versions: {version}")]


def _relabelled(text: str, entry: text_proto.Field, lines: list[str]) -> list[tuple[int, int, str]]:
    """An entry's labels, taken out and written anew at its end, with a version policy where it has none."""
    newline = _newline(text)
    changes = [(*_with_its_line(text, field.start, field.end), "") for field in entry.named("version_labels")]
    at, _ = _with_its_line(text, entry.inner_end, entry.inner_end)
    words = "".join(f"    {line}{newline}" for line in ([] if entry.named("model_version_policy") else [ALL]) + lines)
    changes.append((at, at, words if at == 0 or text[at - 1] == "\n" else f"{newline}{words}  "))
    return changes


def _newline(text: str) -> str:
    """How the lines of a file end."""
    return "\r\n" if "\r\n" in text else "\n"


def _with_its_line(text: str, start: int, end: int) -> tuple[int, int]:
    """A span, from the beginning of its line where nothing else comes before, to its end where nothing follows."""
    before = len(text[:start].rstrip(" \t"))
    if before and text[before - 1] != "\n":
        return start, end
    behind = end + len(text[end:]) - len(text[end:].lstrip(" \t\r;,"))
    return before, behind + 1 if text[behind : behind + 1] == "\n" else end


def names(directory: pathlib.Path) -> list[str]:
    """The models of models.config, in its order.

    Raises:
        InputError: where the file cannot be read.
    """
    _, models, _ = _read(directory, "")
    entries = [] if models is None else models.named("config")
    return [field.value for entry in entries for field in entry.named("name")]


def copy(directory: pathlib.Path, folder: pathlib.Path, mount: str) -> None:
    """Copies the three files for a server that sees the models at `mount`; models from elsewhere stay there.

    Args:
        directory: of the models.
        folder: of the copies; those that are right already are left alone.
        mount: where the server sees the directory.

    Raises:
        InputError: where models.config cannot be read, or has no models.
    """
    text, models, _ = _read(directory, "")
    if models is None or not models.named("config"):
        raise InputError(f"{directory} has no models to serve: give a folder that `vae-tf export --to` has filled.")
    escaped = mount.replace("\\", "\\\\").replace('"', '\\"')
    changes = []
    for entry in models.named("config"):
        name = next((field.value for field in entry.named("name")), "")
        if name and (directory / name).is_dir():
            words = f'base_path: "{escaped}/{name}"'
            changes += [(path.start, path.end, words) for path in entry.named("base_path")]
    copies = {MODELS: text_proto.replaced(text, changes)}
    for file, default in ((BATCHING, BATCHING_TEXT), (MONITORING, MONITORING_TEXT)):
        path = directory / file
        copies[file] = path.read_text(encoding="utf-8") if path.exists() else default
    for file, content in copies.items():
        path = folder / file
        if not path.exists() or path.read_text(encoding="utf-8") != content:
            with replacing(path) as partial:
                partial.write_text(content, encoding="utf-8")
