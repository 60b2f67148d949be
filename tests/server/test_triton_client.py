"""Triton's own client against a real server: what it sends and reads is the Open Inference Protocol."""

import numpy as np
import pytest
from serving_process import noisy_pictures, served

import tellapart
from tellapart.data.decode import decode

triton = pytest.importorskip("tritonclient.http", reason="tritonclient is not installed")


@pytest.fixture(scope="module")
def client(tmp_path_factory):
    with served(tmp_path_factory.mktemp("triton"), "cifar10", "digits") as server:
        client = triton.InferenceServerClient(f"127.0.0.1:{server.port}")
        yield client
        client.close()


def expected(picture):
    """The likeliest class and its probability."""
    (prediction,) = tellapart.predict("cifar10", [picture])
    return prediction.names[0], prediction.probabilities[0]


def given(name, values, datatype):
    tensor = triton.InferInput(name, values.shape, datatype)
    tensor.set_data_from_numpy(values)
    return tensor


def test_server_and_models_are_ready_and_described(client):
    assert client.is_server_live()
    assert client.is_server_ready()
    assert client.is_model_ready("cifar10")
    assert not client.is_model_ready("unicorn")
    assert client.get_server_metadata()["name"] == "tellapart"
    metadata = client.get_model_metadata("cifar10")
    assert {each["name"]: each["datatype"] for each in metadata["outputs"]} == {
        "probabilities": "FP32",
        "label": "BYTES",
        "familiar": "BOOL",
    }


@pytest.mark.parametrize("is_binary", [True, False])
def test_files_are_answered_as_predict_does(client, is_binary):
    pictures = noisy_pictures(3)
    files = triton.InferInput("files", [3], "BYTES")
    files.set_data_from_numpy(np.array(pictures, dtype=object), binary_data=True)
    outputs = [
        triton.InferRequestedOutput(name, binary_data=is_binary) for name in ("label", "probabilities")
    ]
    answer = client.infer("cifar10", [files], outputs=outputs)
    best = [expected(picture) for picture in pictures]
    assert [_text(label) for label in answer.as_numpy("label")] == [name for name, _ in best]
    np.testing.assert_allclose(
        answer.as_numpy("probabilities").max(1), [probability for _, probability in best], atol=1e-6
    )


def test_pixels_are_answered_as_predict_does(client):
    (picture,) = noisy_pictures(1)
    pixels = given("pixels", decode(picture)[None], "UINT8")
    assert _text(client.infer("cifar10", [pixels]).as_numpy("label")[0]) == expected(picture)[0]


def test_what_is_refused_is_told_in_words(client):
    files = given("files", np.array([b"no picture"], dtype=object), "BYTES")
    with pytest.raises(triton.InferenceServerException, match="known picture format") as refused:
        client.infer("cifar10", [files])
    assert refused.value.status() == "400"
    with pytest.raises(triton.InferenceServerException, match="unicorn"):
        client.infer("unicorn", [files])


def _text(value):
    return value.decode() if isinstance(value, bytes) else value
