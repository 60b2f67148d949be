"""What one writes with Keras alone: python keras_fastapi.py MODEL.keras PORT

The picture is fitted by Pillow, and the model called as it was loaded. Its answers have numbers in place of names.
"""

import io
import os
import sys

os.environ.setdefault("KERAS_BACKEND", "torch")

import keras
import numpy as np
import torch
import uvicorn
from fastapi import FastAPI, UploadFile
from PIL import Image, ImageOps

model = keras.saving.load_model(sys.argv[1])
height, width = model.input_shape[1:3]
app = FastAPI()


@app.post("/predict")
def predict(picture: UploadFile):
    photo = Image.open(io.BytesIO(picture.file.read())).convert("RGB")
    pixels = np.asarray(ImageOps.fit(photo, (width, height), Image.Resampling.BICUBIC), np.float32)
    with torch.inference_mode():
        probabilities = keras.ops.convert_to_numpy(model(pixels[None], training=False))[0]
    likeliest = probabilities.argsort()[::-1][:5]
    return {
        "predictions": [{"predicted": int(likeliest[0]), "probabilities": probabilities[likeliest].tolist()}]
    }


if __name__ == "__main__":
    uvicorn.run(app, port=int(sys.argv[2]), log_level="warning")
