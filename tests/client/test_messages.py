"""The messages say on the wire what the official ones say."""

import numpy as np
import tensorflow as tf
from tensorflow_serving.apis import get_model_metadata_pb2, predict_pb2, prediction_log_pb2

from vae_tf_client import messages


def official() -> predict_pb2.PredictRequest:
    request = predict_pb2.PredictRequest()
    request.model_spec.name = "digits"
    request.model_spec.version.value = 7
    request.model_spec.signature_name = "encode_png"
    request.inputs["x"].CopyFrom(tf.make_tensor_proto(np.float32([[1, 2], [3, 4]])))
    request.inputs["image_bytes"].CopyFrom(tf.make_tensor_proto([b"a", b"b\0c"]))
    request.inputs["seed"].CopyFrom(tf.make_tensor_proto(np.int32([-1])))
    return request


def test_a_request_of_the_official_ones_is_read():
    ours = messages.PredictRequest.FromString(official().SerializeToString())
    assert (ours.model_spec.name, ours.model_spec.version.value) == ("digits", 7)
    tensors = {named.key: named.value for named in ours.inputs}
    assert tensors.keys() == {"x", "image_bytes", "seed"}
    assert list(tensors["image_bytes"].string_val) == [b"a", b"b\0c"]
    assert [dim.size for dim in tensors["x"].tensor_shape.dim] == [2, 2]
    assert list(tensors["seed"].int_val) == [-1]


def test_a_request_of_ours_is_read_by_the_official_ones():
    ours = messages.PredictRequest(
        model_spec={"name": "digits", "version": {"value": 7}, "signature_name": "encode_png"}
    )
    x = {"dtype": 1, "tensor_shape": {"dim": [{"size": 2}, {"size": 2}]}}
    ours.inputs.add(key="x", value={**x, "tensor_content": np.float32([[1, 2], [3, 4]]).tobytes()})
    files = {"dtype": 7, "tensor_shape": {"dim": [{"size": 2}]}, "string_val": [b"a", b"b\0c"]}
    ours.inputs.add(key="image_bytes", value=files)
    ours.inputs.add(key="seed", value={"dtype": 3, "tensor_shape": {"dim": [{"size": 1}]}, "int_val": [-1]})
    assert predict_pb2.PredictRequest.FromString(ours.SerializeToString()) == official()


def test_a_label_takes_the_place_of_a_version():
    ours = messages.PredictRequest(model_spec={"name": "digits", "version_label": "stable"})
    theirs = predict_pb2.PredictRequest.FromString(ours.SerializeToString())
    assert theirs.model_spec.WhichOneof("version_choice") == "version_label"
    assert theirs.model_spec.version_label == "stable"


def test_a_logged_request_is_one_of_the_official_log():
    ours = messages.PredictionLog(predict_log={"request": {"model_spec": {"name": "digits"}}})
    theirs = prediction_log_pb2.PredictionLog.FromString(ours.SerializeToString())
    assert theirs.WhichOneof("log_type") == "predict_log"
    assert theirs.predict_log.request.model_spec.name == "digits"


def test_metadata_of_the_official_ones_is_read():
    definitions = get_model_metadata_pb2.SignatureDefMap()
    tensor = definitions.signature_def["decode"].inputs["z"]
    tensor.dtype = 1
    tensor.tensor_shape.dim.add(size=-1)
    response = get_model_metadata_pb2.GetModelMetadataResponse()
    response.metadata["signature_def"].Pack(definitions)
    (named,) = messages.MetadataResponse.FromString(response.SerializeToString()).metadata
    (decode,) = messages.SignatureDefs.FromString(named.value.value).signature_def
    (z,) = decode.value.inputs
    assert (decode.key, z.key, z.value.dtype) == ("decode", "z", 1)
    assert [dim.size for dim in z.value.tensor_shape.dim] == [-1]
