"""The messages of TF Serving's protocol, with the fields that are used here.

On the wire a field has a number and no name, so these say the same as the server's own, whose package would bring
TensorFlow along.

Source: `tensorflow_serving/apis/*.proto`, `tensorflow/core/framework/{tensor,tensor_shape}.proto`,
`tensorflow/core/protobuf/meta_graph.proto`.
"""

from typing import Any

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

PACKAGE = "vae_tf_client"
# message: {field: (number, type)}; a type in brackets is repeated. A map is a repeated pair of key and value.
FIELDS: dict[str, dict[str, tuple[int, str]]] = {
    "Dim": {"size": (1, "int64")},
    "Shape": {"dim": (2, "[Dim]"), "unknown_rank": (3, "bool")},
    "Tensor": {
        "dtype": (1, "int32"),
        "tensor_shape": (2, "Shape"),
        "tensor_content": (4, "bytes"),
        "float_val": (5, "[float]"),
        "int_val": (7, "[int32]"),
        "string_val": (8, "[bytes]"),
    },
    "NamedTensor": {"key": (1, "string"), "value": (2, "Tensor")},
    "Version": {"value": (1, "int64")},
    "ModelSpec": {
        "name": (1, "string"),
        "version": (2, "Version"),
        "signature_name": (3, "string"),
        "version_label": (4, "string"),
    },
    "PredictRequest": {"model_spec": (1, "ModelSpec"), "inputs": (2, "[NamedTensor]")},
    "PredictResponse": {"outputs": (1, "[NamedTensor]")},
    "PredictLog": {"request": (1, "PredictRequest")},
    "PredictionLog": {"predict_log": (6, "PredictLog")},
    "MetadataRequest": {"model_spec": (1, "ModelSpec"), "metadata_field": (2, "[string]")},
    "MetadataResponse": {"metadata": (2, "[NamedAny]")},
    "NamedAny": {"key": (1, "string"), "value": (2, "Any")},
    "Any": {"type_url": (1, "string"), "value": (2, "bytes")},
    "SignatureDefs": {"signature_def": (1, "[NamedSignatureDef]")},
    "NamedSignatureDef": {"key": (1, "string"), "value": (2, "SignatureDef")},
    "SignatureDef": {"inputs": (1, "[NamedTensorInfo]"), "outputs": (2, "[NamedTensorInfo]")},
    "NamedTensorInfo": {"key": (1, "string"), "value": (2, "TensorInfo")},
    "TensorInfo": {"dtype": (2, "int32"), "tensor_shape": (3, "Shape")},
}


def _field(name: str, number: int, kind: str) -> descriptor_pb2.FieldDescriptorProto:
    field = descriptor_pb2.FieldDescriptorProto(name=name, number=number)
    is_repeated = kind.startswith("[")
    field.label = field.LABEL_REPEATED if is_repeated else field.LABEL_OPTIONAL
    kind = kind.strip("[]")
    if kind in FIELDS:
        field.type, field.type_name = field.TYPE_MESSAGE, f".{PACKAGE}.{kind}"
    else:
        field.type = field.Type.Value(f"TYPE_{kind.upper()}")
    return field


def _classes() -> dict[str, Any]:
    file = descriptor_pb2.FileDescriptorProto(name=f"{PACKAGE}/messages.proto", package=PACKAGE, syntax="proto3")
    for name, fields in FIELDS.items():
        message = file.message_type.add(name=name)
        message.field.extend(_field(field, number, kind) for field, (number, kind) in fields.items())
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return {name: message_factory.GetMessageClass(pool.FindMessageTypeByName(f"{PACKAGE}.{name}")) for name in FIELDS}


_CLASSES = _classes()
Tensor = _CLASSES["Tensor"]
PredictRequest, PredictResponse = _CLASSES["PredictRequest"], _CLASSES["PredictResponse"]
PredictionLog = _CLASSES["PredictionLog"]
MetadataRequest, MetadataResponse = _CLASSES["MetadataRequest"], _CLASSES["MetadataResponse"]
SignatureDefs = _CLASSES["SignatureDefs"]
