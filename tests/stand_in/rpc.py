"""The gRPC interface, on the official stubs."""

from concurrent import futures

import grpc
import tensorflow as tf
from models import DEFAULT, Models
from refusal import Refusal
from tensorflow_serving.apis import (
    get_model_metadata_pb2,
    get_model_status_pb2,
    model_service_pb2_grpc,
    predict_pb2,
    prediction_service_pb2_grpc,
)


def server(models: Models, port: int) -> grpc.Server:
    unlimited = [("grpc.max_receive_message_length", -1), ("grpc.max_send_message_length", -1)]
    made = grpc.server(futures.ThreadPoolExecutor(8), options=unlimited)
    prediction_service_pb2_grpc.add_PredictionServiceServicer_to_server(Predictions(models), made)
    model_service_pb2_grpc.add_ModelServiceServicer_to_server(Statuses(models), made)
    made.add_insecure_port(f"localhost:{port}")
    return made


def asked(spec) -> dict:
    choice = spec.WhichOneof("version_choice")
    return {
        "name": spec.name,
        "version": spec.version.value if choice == "version" else None,
        "label": spec.version_label if choice == "version_label" else None,
    }


class Predictions(prediction_service_pb2_grpc.PredictionServiceServicer):
    def __init__(self, models: Models):
        self.models = models

    def Predict(self, request, context):
        try:
            number, version = self.models.find(**asked(request.model_spec))
            inputs = {name: tf.make_ndarray(tensor) for name, tensor in request.inputs.items()}
            outputs = version.predict(request.model_spec.signature_name or DEFAULT, inputs)
        except Refusal as refusal:
            context.abort(grpc.StatusCode[refusal.code], refusal.message)
        response = predict_pb2.PredictResponse()
        response.model_spec.name = request.model_spec.name
        response.model_spec.version.value = number
        for name, array in outputs.items():
            response.outputs[name].CopyFrom(as_fields(array))
        return response

    def GetModelMetadata(self, request, context):
        try:
            number, version = self.models.find(**asked(request.model_spec))
        except Refusal as refusal:
            context.abort(grpc.StatusCode[refusal.code], refusal.message)
        definitions = get_model_metadata_pb2.SignatureDefMap()
        for name, signature in version.signatures.items():
            definitions.signature_def[name].CopyFrom(signature)
        response = get_model_metadata_pb2.GetModelMetadataResponse()
        response.model_spec.name = request.model_spec.name
        response.model_spec.version.value = number
        response.metadata["signature_def"].Pack(definitions)
        return response


class Statuses(model_service_pb2_grpc.ModelServiceServicer):
    def __init__(self, models: Models):
        self.models = models

    def GetModelStatus(self, request, context):
        versions = self.models.versions.get(request.model_spec.name)
        if not versions:
            context.abort(grpc.StatusCode.NOT_FOUND, f"Could not find any versions of model {request.model_spec.name}")
        response = get_model_status_pb2.GetModelStatusResponse()
        for number in versions:
            response.model_version_status.add(version=number, state="AVAILABLE")
        return response


def as_fields(array):
    """A tensor with its values in a list, as the server writes them."""
    tensor = tf.make_tensor_proto(array)
    if tensor.tensor_content:
        field = {"float32": tensor.float_val, "int32": tensor.int_val}[array.dtype.name]
        field.extend(array.ravel().tolist())
        tensor.ClearField("tensor_content")
    return tensor
