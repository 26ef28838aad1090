"""What people write instead of TF Serving: FastAPI around the Keras model, by `predict` or by a compiled function.

Answers go out as a `JSONResponse`; without it, FastAPI walks through every number once more, which takes ten times as
long.

python benchmarks/contenders/web_app.py RUN PORT {predict,function}
"""

import base64
import sys

import fastapi
import keras
import numpy as np
import pydantic
import tensorflow as tf
import uvicorn
from fastapi import responses

import vae_tf  # noqa: F401  (registers the model's classes)


class Codes(pydantic.BaseModel):
    z: list[list[float]]


def main(run: str, port: int, way: str) -> None:
    vae = keras.saving.load_model(f"{run}/model.keras")
    app = fastapi.FastAPI()

    class Decoder(keras.Model):
        def call(self, z):
            return vae.mean(z)

    decoder = Decoder()
    decode = tf.function(decoder, reduce_retracing=True)

    @tf.function(reduce_retracing=True)
    def png(z):
        return tf.io.encode_png(tf.cast(tf.round(255 * decode(z)), tf.uint8))

    def mean(z: np.ndarray) -> np.ndarray:
        if way == "function":
            return decode(tf.constant(z)).numpy()
        return decoder.predict(z, verbose=0)

    @app.post("/decode")
    def answer(codes: Codes):
        return responses.JSONResponse({"mean": mean(np.array(codes.z, np.float32)).tolist()})

    @app.post("/decode_png")
    def files(codes: Codes):
        encoded = [base64.b64encode(file).decode() for file in png(tf.constant(codes.z)).numpy()]
        return responses.JSONResponse({"image_bytes": encoded})

    uvicorn.run(app, host="localhost", port=port, log_level="error")


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), sys.argv[3])
