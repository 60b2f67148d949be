"""The Open Inference Protocol, by requests as Triton's client sends them."""

import json
import struct

import numpy as np
import pytest
from PIL import Image
from serving_process import in_base64, noisy_pictures, served

import tellapart
from tellapart.server.inference_protocol.binary import to_elements

LENGTH = "Inference-Header-Content-Length"


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    with served(tmp_path_factory.mktemp("protocol"), "cifar10") as server:
        yield server


@pytest.fixture(scope="module")
def files():
    return noisy_pictures(4)


def expected(pictures):
    """Probabilities in the model's order, a row for each picture."""
    model, rows = tellapart.load("cifar10"), []
    for picture in pictures:
        (prediction,) = tellapart.predict(model, [picture])
        by_name = dict(zip(prediction.names, prediction.probabilities, strict=True))
        rows.append([by_name[name] for name in model.class_names])
    return np.array(rows, np.float32)


def close(values, known):
    """Whether they are the same to the sixth digit; how many are predicted at once moves the seventh."""
    return np.abs(values - known).max() < 1e-6


def infer(server, value, data=b"", path="/v2/models/cifar10/infer"):
    text = json.dumps(value).encode()
    return server.ask("POST", path, text + data, {LENGTH: str(len(text))} if data else {})


def as_elements(files):
    return b"".join(struct.pack("<I", len(each)) + each for each in files)


def one_input(datatype, shape, **rest):
    return {"inputs": [{"name": "images", "datatype": datatype, "shape": list(shape), **rest}]}


def test_server_and_model_say_what_they_are(server):
    assert server.get("/v2").json["extensions"] == ["binary_tensor_data"]
    assert server.get("/v2/health/live").status == 200
    assert server.get("/v2/health/ready").status == 200
    assert server.get("/v2/models/cifar10/ready").status == 200
    model = server.get("/v2/models/cifar10").json
    assert model["inputs"] == [{"name": "images", "datatype": "UINT8", "shape": [-1, 32, 32, 3]}]
    names = [output["name"] for output in model["outputs"]]
    assert names[:2] == ["probabilities", "label"]
    version = model["versions"][0]
    assert server.get(f"/v2/models/cifar10/versions/{version}").json == model
    for path in ("/v2/models/dogs", "/v2/models/dogs/ready", "/v2/models/cifar10/versions/7"):
        reply = server.get(path)
        assert reply.status == 404
        assert list(reply.json) == ["error"]


def test_files_in_json_and_in_binary_give_predicts_answers(server, files):
    in_json = infer(server, one_input("BYTES", [4], data=list(map(in_base64, files)))).json
    assert in_json["model_name"] == "cifar10"
    probabilities, label = in_json["outputs"][:2]
    known = expected(files)
    assert close(np.float32(probabilities["data"]).reshape(probabilities["shape"]), known)
    names = tellapart.load("cifar10").class_names
    assert label["data"] == [names[row.argmax()] for row in known]
    data = as_elements(files)
    sent = one_input("BYTES", [4, 1], parameters={"binary_data_size": len(data)})
    in_binary = infer(server, sent, data).json["outputs"]
    assert close(np.float32(in_binary[0]["data"]), np.float32(probabilities["data"]))
    assert in_binary[1:] == in_json["outputs"][1:]


def test_pixels_of_the_networks_size_and_of_any_other(server):
    random = np.random.default_rng(0)
    for shape in ((3, 32, 32, 3), (1, 50, 40, 3), (2, 20, 20, 1), (40, 50, 3)):
        pixels = random.integers(0, 256, shape, np.uint8)
        known = expected(pixels if len(shape) == 4 else [pixels])
        for data in (pixels.ravel().tolist(), pixels.tolist()):
            outputs = infer(server, one_input("UINT8", shape, data=data)).json["outputs"]
            assert close(np.float32(outputs[0]["data"]).reshape(known.shape), known)


def test_outputs_come_as_bytes_where_asked_for(server, files):
    data = as_elements(files)
    sent = one_input("BYTES", [4], parameters={"binary_data_size": len(data)})
    sent |= {
        "id": "7",
        "outputs": [
            {"name": "label", "parameters": {"binary_data": True}},
            {"name": "probabilities", "parameters": {"binary_data": True}},
        ],
    }
    reply = infer(server, sent, data)
    length = int(reply.headers[LENGTH.lower()])
    head = json.loads(reply.body[:length])
    assert head["id"] == "7"
    sizes = [output["parameters"]["binary_data_size"] for output in head["outputs"]]
    labels = reply.body[length : length + sizes[0]]
    (first,) = struct.unpack("<I", labels[:4])
    known = expected(files)
    assert labels[4 : 4 + first].decode() == tellapart.load("cifar10").class_names[known[0].argmax()]
    probabilities = np.frombuffer(reply.body[length + sizes[0] :], np.float32).reshape(4, 10)
    assert close(probabilities, known)
    sent = one_input("BYTES", [4], parameters={"binary_data_size": len(data)}) | {
        "parameters": {"binary_data_output": True}
    }
    assert LENGTH.lower() in infer(server, sent, data).headers


def test_one_picture_that_cannot_be_read_is_named(server, files):
    reply = infer(server, one_input("BYTES", [2], data=[in_base64(files[0]), in_base64(b"junk")]))
    assert reply.status == 400
    assert reply.json["error"].startswith("picture 1: ")


@pytest.mark.parametrize(
    ("sent", "words"),
    [
        ([], "list of `inputs`"),
        ({"inputs": []}, "there is one input"),
        ({"inputs": [5]}, "a JSON object"),
        (one_input("FP32", [1, 2, 2, 3], data=[0.5] * 12), "UINT8"),
        (one_input("UINT8", [1, 2, 2, 3], data=[1] * 11), "needs 12 levels; got 11"),
        (one_input("UINT8", [1, 2, 2, 3], data=[256] * 12), "0 to 255"),
        (one_input("UINT8", [1, 2, 2, 3], data=[0.5] * 12), "whole numbers"),
        (one_input("UINT8", [1, 2, 2, 3], data=["x"] * 12), "whole numbers"),
        (one_input("UINT8", [1, 2, 2, 3], data=[[1], [2, 3]]), "list of levels"),
        (one_input("UINT8", [1, 2, 2, 2], data=[1] * 8), "3 or 1"),
        (one_input("UINT8", [0, 2, 2, 3], data=[]), "no picture"),
        (one_input("UINT8", [-1, 2, 2, 3], data=[]), "whole numbers"),
        (one_input("UINT8", [1, 2, 2, 3]), "either `data`"),
        (one_input("BYTES", [2], data=["QQ=="]), "needs 2 files; got 1"),
        (one_input("BYTES", [1], data="QQ=="), "list of texts"),
        (one_input("BYTES", [1], parameters={"binary_data_size": 5}), "no 5 bytes"),
        (one_input("BYTES", [1], data=["QQ=="]) | {"outputs": [{"name": "x"}]}, "picture 0"),
        (one_input("BYTES", [1], data=["QQ=="]) | {"id": 5}, "`id` is a text"),
    ],
)
def test_requests_that_are_not_as_the_protocol_says_are_refused(server, sent, words):
    reply = infer(server, sent)
    assert reply.status == 400
    assert words in reply.json["error"]


def test_more_than_may_come_at_once_is_refused(server):
    assert infer(server, one_input("BYTES", [33], data=["QQ=="] * 33)).status == 413
    assert infer(server, one_input("UINT8", [33, 1, 1, 3], data=[0] * 99)).status == 413
    huge = one_input("UINT8", [1, 10_000, 10_000, 3], data=[])
    assert infer(server, huge).status == 413


def test_an_output_that_is_not_there_is_refused(server, files):
    sent = one_input("BYTES", [1], data=[in_base64(files[0])]) | {"outputs": [{"name": "logits"}]}
    reply = infer(server, sent)
    assert reply.status == 400
    assert "there is no output 'logits'" in reply.json["error"]


def test_lengths_that_lie_are_refused(server, files):
    data = as_elements(files)
    sent = one_input("BYTES", [4], parameters={"binary_data_size": len(data)})
    assert infer(server, sent, data + b"x").status == 400
    assert infer(server, sent, data[:-1]).status == 400
    cut = one_input("BYTES", [4], parameters={"binary_data_size": len(data) - 1})
    assert infer(server, cut, data[:-1]).status == 400
    text = json.dumps(sent).encode()
    for length in ("-1", "x", "9" * 30, str(len(text) + len(data) + 1), "²"):
        reply = server.ask(
            "POST", "/v2/models/cifar10/infer", text + data, {LENGTH: length.encode("latin-1")}
        )
        assert reply.status == 400


def test_a_gray_picture_of_two_pixels_is_no_special_case(server):
    pixels = np.array([[[0], [255]]], np.uint8)
    outputs = infer(server, one_input("UINT8", pixels.shape, data=pixels.ravel().tolist())).json["outputs"]
    (prediction,) = tellapart.predict("cifar10", [np.asarray(Image.fromarray(pixels[..., 0]))])
    assert outputs[1]["data"] == [prediction.best]


def test_no_more_elements_are_cut_than_the_shape_needs():
    assert to_elements(b"\x01\x00\x00\x00a" * 1000, 3) == [b"a"] * 4
