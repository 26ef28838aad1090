"""The REST interface."""

import http.server
import re

import json_tensors
from google.protobuf import json_format
from models import DEFAULT, Models
from refusal import HTTP, Refusal
from tensorflow_serving.apis import get_model_metadata_pb2

MODEL = r"/v1/models/(?P<name>[^/:]+)(/versions/(?P<version>\d+)|/labels/(?P<label>[^/:]+))?"


def server(models: Models, port: int) -> http.server.ThreadingHTTPServer:
    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        wbufsize = -1  # an answer goes out at once, and does not wait for the acknowledgement of its head

        def do_GET(self):
            self._give(lambda: get(models, self.path))

        def do_POST(self):
            body = self.rfile.read(int(self.headers["Content-Length"] or 0))
            self._give(lambda: post(models, self.path, body))

        def _give(self, answer):
            try:
                status, content = 200, answer()
            except Refusal as refusal:
                status, content = HTTP[refusal.code], {"error": refusal.message}
            body = json_tensors.written(content).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_):
            pass

    return http.server.ThreadingHTTPServer(("localhost", port), Handler)


def get(models: Models, path: str) -> dict:
    if match := re.fullmatch(f"{MODEL}/metadata", path):
        number, version = models.find(**asked(match))
        definitions = get_model_metadata_pb2.SignatureDefMap()
        for name, signature in version.signatures.items():
            definitions.signature_def[name].CopyFrom(signature)
        written = json_format.MessageToDict(
            definitions, preserving_proto_field_name=True, always_print_fields_with_no_presence=True
        )
        return {
            "model_spec": {"name": match["name"], "signature_name": "", "version": str(number)},
            "metadata": {"signature_def": written},
        }
    if match := re.fullmatch(MODEL, path):
        return {"model_version_status": states(models, **asked(match))}
    raise Refusal(f"Malformed request: GET {path}")


def post(models: Models, path: str, body: bytes) -> dict:
    match = re.fullmatch(f"{MODEL}:predict", path)
    if not match:
        raise Refusal(f"Malformed request: POST {path}")
    _, version = models.find(**asked(match))
    document = json_tensors.parsed(body)
    name = document.get("signature_name", DEFAULT)
    inputs, in_rows = json_tensors.inputs(document, version.types(name))
    return json_tensors.answer(version.predict(name, inputs), in_rows)


def asked(match: re.Match) -> dict:
    version = match["version"]
    return {"name": match["name"], "version": None if version is None else int(version), "label": match["label"]}


def states(models: Models, name: str, version: int | None, label: str | None) -> list[dict]:
    versions, failures = models.versions.get(name, {}), models.failures.get(name, {})
    if label is not None:
        version, _ = models.find(name, label=label)
    if not versions and not failures:
        raise Refusal(f"Could not find any versions of model {name}", "NOT_FOUND")
    if version is not None and version not in {*versions, *failures}:
        raise Refusal(f"Could not find version {version} of model {name}", "NOT_FOUND")
    numbers = sorted({*versions, *failures}, reverse=True) if version is None else [version]
    return [state(number, failures.get(number)) for number in numbers]


def state(number: int, failure: str | None) -> dict:
    status = {"error_code": "OK" if failure is None else "INVALID_ARGUMENT", "error_message": failure or ""}
    return {"version": str(number), "state": "AVAILABLE" if failure is None else "END", "status": status}
