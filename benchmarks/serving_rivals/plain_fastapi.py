"""What one writes without a serving framework: python plain_fastapi.py MODEL PORT"""

import sys

import uvicorn
from fastapi import FastAPI, UploadFile

import tellapart

model = tellapart.load(sys.argv[1])
app = FastAPI()


@app.post("/predict")
def predict(picture: UploadFile):
    return tellapart.predict(model, [picture.file.read()], top=5).to_dict()


if __name__ == "__main__":
    uvicorn.run(app, port=int(sys.argv[2]), log_level="warning")
