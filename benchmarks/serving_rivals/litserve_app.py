"""The same model behind LitServe, with its batching: python litserve_app.py MODEL PORT

The file's bytes are decoded when a batch is predicted, as LitServe decodes requests one after the other in the
process that predicts.
"""

import sys

import litserve

import tellapart

MODEL = sys.argv[1]


class Pictures(litserve.LitAPI):
    def setup(self, device):  # noqa: ARG002
        self.model = tellapart.load(MODEL)

    def decode_request(self, request):
        return request["picture"].file.read()

    def predict(self, pictures):
        return [
            {"predictions": [row]}
            for row in tellapart.predict(self.model, list(pictures), top=5).to_dict()["predictions"]
        ]

    def batch(self, inputs):
        return inputs

    def unbatch(self, output):
        return output

    def encode_response(self, output):
        return output


if __name__ == "__main__":
    api = Pictures(max_batch_size=16, batch_timeout=0.005)
    server = litserve.LitServer(api, accelerator="cpu", workers_per_device=1)
    server.run(port=int(sys.argv[2]), log_level="warning", generate_client_file=False)
