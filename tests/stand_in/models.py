"""The models of a models.config, each version in a session as the server's own."""

import pathlib
import re
import sys
import threading
import time

import numpy as np
import tensorflow as tf
from google.protobuf import text_format
from refusal import Refusal
from tensorflow.core.protobuf import config_pb2, meta_graph_pb2
from tensorflow_serving.apis import prediction_log_pb2
from tensorflow_serving.config import model_server_config_pb2

TYPES = {1: "float", 3: "int32", 7: "string"}  # of tensorflow.DataType
DEFAULT = "serving_default"
WARM_UP = "assets.extra/tf_serving_warmup_requests"
NamedArrays = dict[str, np.ndarray]


class Batching:
    """What the server says of batches, if requests are batched."""

    def __init__(self, path: pathlib.Path | None):
        text = path.read_text() if path else ""
        self.is_on = path is not None
        self.largest = int((re.findall(r"^\s*max_batch_size\s*{\s*value:\s*(\d+)", text, re.M) or [0])[0])

    def check(self, inputs: NamedArrays) -> None:
        """Refuses, or keeps for ever, what cannot be batched."""
        if not self.is_on:
            return
        rows = len(next(iter(inputs.values())))
        if rows == 0:
            time.sleep(10**6)  # as the server does: no task of the batch ever has an answer
        if rows > self.largest:
            raise Refusal(f"Task size {rows} is larger than maximum input batch size {self.largest}")


class Version:
    """A version that is loaded, and has answered the requests of its warm-up.

    Source: `RunSavedModelWarmup`, which asks the session that batches.
    """

    def __init__(self, path: pathlib.Path, batching: Batching):
        self.batching = batching
        self.session = tf.compat.v1.Session(graph=tf.Graph())
        with self.session.graph.as_default():
            meta_graph = tf.compat.v1.saved_model.loader.load(self.session, ["serve"], str(path))
        self.signatures = {
            name: signature for name, signature in meta_graph.signature_def.items() if not name.startswith("__")
        }
        self._calls = {name: self._call(signature) for name, signature in self.signatures.items()}
        for record in records(path / WARM_UP):
            request = prediction_log_pb2.PredictionLog.FromString(record).predict_log.request
            inputs = {name: tf.make_ndarray(tensor) for name, tensor in request.inputs.items()}
            self.predict(request.model_spec.signature_name, inputs)

    def _call(self, signature: meta_graph_pb2.SignatureDef):
        ends = config_pb2.CallableOptions()
        ends.feed.extend(signature.inputs[name].name for name in sorted(signature.inputs))
        ends.fetch.extend(signature.outputs[name].name for name in sorted(signature.outputs))
        return self.session._make_callable_from_options(ends)

    def types(self, name: str) -> dict[str, str]:
        """The types of a signature's inputs."""
        if name not in self.signatures:
            raise Refusal(f'Serving signature name: "{name}" not found in signature def')
        return {key: TYPES[tensor.dtype] for key, tensor in self.signatures[name].inputs.items()}

    def predict(self, name: str, inputs: NamedArrays) -> NamedArrays:
        if name not in self.signatures:
            raise Refusal(f'Serving signature key "{name}" not found.', "FAILED_PRECONDITION")
        expected = self.signatures[name].inputs
        if inputs.keys() != expected.keys():
            raise Refusal(
                f"input size does not match signature: {len(inputs)}!={len(expected)} len({sorted(inputs)}) != "
                f"len({sorted(expected)})"
            )
        self.batching.check(inputs)
        try:
            outputs = self._calls[name](*(inputs[key] for key in sorted(inputs)))
        except (tf.errors.InvalidArgumentError, ValueError) as error:
            raise Refusal(getattr(error, "message", str(error)).partition("\n\nOriginal")[0]) from None
        return dict(zip(sorted(self.signatures[name].outputs), outputs, strict=True))


def records(path: pathlib.Path) -> list[bytes]:
    return list(tf.data.TFRecordDataset(str(path)).as_numpy_iterator()) if path.exists() else []


class Models:
    """All models of a configuration, which is looked at again and again, as the folders of their versions are.

    Source: `ServerCore::ReloadConfig`, `UpdateModelVersionLabelMap`, `FileSystemStoragePathSource`.
    """

    def __init__(
        self, config: pathlib.Path, poll: float, batching: Batching, may_label_unavailable: bool, side_by_side: bool
    ):
        self.path, self.batching, self.may_label_unavailable = config, batching, may_label_unavailable
        self.side_by_side = side_by_side  # by threads: a version that cannot be loaded holds up no other
        self.versions: dict[str, dict[int, Version]] = {}
        self.failures: dict[str, dict[int, str]] = {}
        self.labels: dict[str, dict[str, int]] = {}
        self._configure()
        self._load()
        threading.Thread(target=self._watch, args=(poll,), daemon=True).start()

    def _watch(self, poll: float) -> None:
        looked = time.monotonic()
        while True:
            time.sleep(0.2)
            try:
                self._load()
                if poll and time.monotonic() > looked + poll:
                    looked = time.monotonic()
                    self._configure()
            except Refusal as refusal:
                print(refusal.message, file=sys.stderr)
            except (OSError, text_format.ParseError) as error:  # what is there cannot be loaded, and is tried again
                print(error, file=sys.stderr)

    def _configure(self) -> None:
        """Takes up the labels, and then the models; none of it where a label has moved to what is not loaded."""
        server = text_format.Parse(self.path.read_text(), model_server_config_pb2.ModelServerConfig())
        models = server.model_config_list.config
        for model in models:
            for label, version in model.version_labels.items():
                was_elsewhere = self.labels.get(model.name, {}).get(label, version) != version
                may_wait = self.may_label_unavailable and not was_elsewhere
                if version not in self.versions.get(model.name, {}) and not may_wait:
                    raise Refusal(
                        f"Request to assign label to version {version} of model {model.name}, which is not currently "
                        f"available for inference",
                        "FAILED_PRECONDITION",
                    )
        self.labels = {model.name: dict(model.version_labels) for model in models}
        self._models = list(models)

    def _load(self) -> None:
        """Loads the versions that are new, and lets go of those that no policy wants or that are gone."""
        for model in self._models:
            folder = pathlib.Path(model.base_path)
            there = sorted(int(path.name) for path in folder.iterdir() if path.name.isdigit())
            policy = model.model_version_policy
            if policy.HasField("all"):
                wanted = there
            elif policy.HasField("specific"):
                wanted = [number for number in policy.specific.versions if number in there]
            else:
                wanted = there[-max(1, policy.latest.num_versions) :]
            before, failures = self.versions.get(model.name, {}), self.failures.get(model.name, {})
            loaded = {number: before[number] for number in wanted if number in before}
            failures = {number: failures[number] for number in wanted if number in failures}
            for number in wanted:
                if number in loaded or number in failures:
                    continue
                try:
                    loaded[number] = Version(folder / str(number), self.batching)
                except Exception as error:  # a damaged version may raise anything
                    failures[number] = getattr(error, "message", str(error))
                    what = f"{{name: {model.name} version: {number}}}"
                    print(f"Loading servable: {what} failed: {failures[number]}", file=sys.stderr)
                    if not self.side_by_side:
                        break
            self.versions[model.name], self.failures[model.name] = loaded, failures

    def find(self, name: str, version: int | None = None, label: str | None = None) -> tuple[int, Version]:
        """A version of a model, by its number, its label, or as the newest."""
        if label is not None:
            if label not in self.labels.get(name, {}):
                raise Refusal(f"Unrecognized servable version label: {label}")
            version = self.labels[name][label]
        versions = self.versions.get(name, {})
        if version is None and versions:
            version = max(versions)
        if version not in versions:
            asked = f"Latest({name})" if version is None else f"Specific({name}, {version})"
            raise Refusal(f"Servable not found for request: {asked}", "NOT_FOUND")
        return version, versions[version]
