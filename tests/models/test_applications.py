"""Networks of keras.applications read raw pixels as Keras's own preprocessing and network do."""

import hashlib
import http.server
import importlib
import threading
import time

import keras
import numpy as np
import pytest

from tellapart.errors import ConfigError, DownloadError, ModelError
from tellapart.inference.feature_net import FeatureNet
from tellapart.models.applications import APPLICATIONS, application_file, open_application
from tellapart.models.pixel_scaling import PIXEL_SCALINGS

PIXELS = np.random.default_rng(0).integers(0, 256, (3, 64, 64, 3), dtype=np.uint8)


def own_module(name):
    return importlib.import_module(getattr(keras.applications, name).__module__)


def kerass(name, side=64, **settings):
    """Keras's network with random weights and statistics."""
    keras.utils.set_random_seed(3)
    settings = {"include_top": False, "pooling": "avg"} | settings
    model = getattr(keras.applications, name)(weights=None, input_shape=(side, side, 3), **settings)
    draw = np.random.default_rng(4)
    for layer in model.layers:
        if isinstance(layer, keras.layers.BatchNormalization):
            layer.set_weights([np.abs(draw.normal(1, 0.1, w.shape)) for w in layer.get_weights()])
    return model


def outputs(model, pixels):
    return np.asarray(model(pixels.astype(np.float32)).detach())


def file_fetched_by_keras(name, side, patch):
    file = []

    def note(fname, *_, **__):
        file.append(fname)
        raise LookupError

    patch.setattr("keras.src.utils.file_utils.get_file", note)
    with keras.device("meta"), pytest.raises(LookupError):
        getattr(keras.applications, name)(include_top=False, input_shape=(side, side, 3))
    return file[0]


SMALL = sorted(name for name, entry in APPLICATIONS.items() if entry.parameters < 8e6)
FAMILIES = [
    *SMALL,
    "ConvNeXtTiny",
    "EfficientNetV2S",
    "InceptionV3",
    "ResNet50",
    "ResNet50V2",
    "VGG16",
    "Xception",
]


@pytest.mark.parametrize("name", sorted(FAMILIES))
def test_size_and_file_of_the_download_are_those_of_keras(name, monkeypatch):
    """At least one network of each family; random weights on torch's meta device cost no memory."""
    entry = APPLICATIONS[name]
    with keras.device("meta"):
        network = getattr(keras.applications, name)(weights=None, include_top=False, pooling="avg")
    assert entry.parameters == network.count_params()
    assert entry.file_for(entry.side, entry.side) == file_fetched_by_keras(name, entry.side, monkeypatch)


@pytest.mark.parametrize("name", sorted(name for name in APPLICATIONS if not name.startswith("MobileNetV")))
def test_the_side_is_the_default_of_keras(name, monkeypatch):
    asked = []

    def note(*_, default_size, **__):
        asked.append(default_size)
        raise LookupError

    monkeypatch.setattr("keras.src.applications.imagenet_utils.obtain_input_shape", note)
    with pytest.raises(LookupError):
        getattr(keras.applications, name)(weights=None)
    assert asked == [APPLICATIONS[name].side]


def test_every_network_of_keras_is_in_the_table_but_one_that_torch_cannot_build():
    networks = {name for name in dir(keras.applications) if name[0].isupper()}
    assert networks - set(APPLICATIONS) == {"NASNetMobile"}
    with pytest.raises(ValueError, match="not available with the torch backend"):
        keras.applications.NASNetMobile(weights=None)


@pytest.mark.parametrize("name", sorted(APPLICATIONS))
def test_the_first_layer_scales_pixels_as_preprocess_input_does(name):
    entry = APPLICATIONS[name]
    expected = own_module(name).preprocess_input(PIXELS.astype(np.float32))
    settings = PIXEL_SCALINGS[entry.scaling].rescaling
    scaled = (
        PIXELS.astype(np.float32) if settings is None else outputs(keras.layers.Rescaling(**settings), PIXELS)
    )
    if entry.scaling == "caffe":
        expected = expected[..., ::-1]  # the first convolution is turned round instead
    np.testing.assert_allclose(scaled, expected, rtol=0, atol=2e-5)


@pytest.mark.parametrize("name", ["EfficientNetB0", "MobileNetV2", "MobileNetV3Small", "ResNet50"])
@pytest.mark.parametrize("with_head", [False, True])
def test_a_file_of_weights_gives_keras_features_with_and_without_its_head(name, with_head, tmp_path):
    whole = kerass(name, include_top=True, classes=7, pooling=None)
    body = kerass(name)
    body.set_weights(whole.get_weights()[: len(body.weights)])
    path = tmp_path / "net.weights.h5"
    (whole if with_head else body).save_weights(path)
    features = open_application(name, 64, 64, path)
    expected = outputs(body, own_module(name).preprocess_input(PIXELS.astype(np.float32)))
    scale = np.abs(expected).max()
    np.testing.assert_allclose(outputs(features, PIXELS) / scale, expected / scale, rtol=0, atol=1e-5)


def test_weights_of_a_compiled_model_are_its_layers(tmp_path):
    body, path = kerass("MobileNetV2"), tmp_path / "best.weights.h5"
    body.compile("adam", "mse")
    body.optimizer.build(body.trainable_variables)
    body.save_weights(path)
    expected = outputs(body, own_module("MobileNetV2").preprocess_input(PIXELS.astype(np.float32)))
    features = open_application("MobileNetV2", 64, 64, path)
    np.testing.assert_allclose(outputs(features, PIXELS), expected, rtol=1e-4, atol=1e-5)


def test_a_file_with_a_head_of_another_size_of_images_is_read(tmp_path):
    whole = keras.applications.VGG16(weights=None)
    whole.save_weights(tmp_path / "vgg16.weights.h5")
    features = open_application("VGG16", 64, 64, tmp_path / "vgg16.weights.h5")
    kernel = features.get_layer("block5_conv3").get_weights()[0]
    np.testing.assert_array_equal(kernel, whole.get_layer("block5_conv3").get_weights()[0])


@pytest.mark.parametrize("name", ["ConvNeXtTiny", "MobileNetV3Small", "ResNet50"])
def test_the_fast_path_gives_keras_features(name, tmp_path):
    path = tmp_path / "net.weights.h5"
    kerass(name).save_weights(path)
    features = open_application(name, 64, 64, path)
    expected = outputs(features, PIXELS)
    scale = np.abs(expected).max()
    np.testing.assert_allclose(FeatureNet(features)(PIXELS) / scale, expected / scale, rtol=0, atol=1e-5)


def test_keras_old_file_format_is_read_too(tmp_path):
    model, path = kerass("MobileNetV2"), tmp_path / "whole.h5"
    model.save(path)
    features = open_application("MobileNetV2", 64, 64, path)
    expected = outputs(model, own_module("MobileNetV2").preprocess_input(PIXELS.astype(np.float32)))
    np.testing.assert_allclose(outputs(features, PIXELS), expected, rtol=1e-4, atol=1e-5)


@pytest.fixture
def efficientnet_of_keras(tmp_path, monkeypatch):
    """EfficientNetB0 as Keras downloads it: deviations stand in its file where variances belong."""
    model = kerass("EfficientNetB0")
    scaling = next(layer for layer in model.layers if isinstance(layer, keras.layers.Normalization))
    scaling.set_weights([np.array([0.485, 0.456, 0.406]), np.array([0.229, 0.224, 0.225]), np.array(0)])
    path = tmp_path / "efficientnetb0_notop.h5"
    model.save(path)
    return path


def test_a_local_efficientnet_is_scaled_as_a_downloaded_one(efficientnet_of_keras, monkeypatch):
    local = open_application("EfficientNetB0", 64, 64, efficientnet_of_keras)
    monkeypatch.setattr("keras.src.utils.file_utils.get_file", lambda *_, **__: str(efficientnet_of_keras))
    downloaded = keras.applications.EfficientNetB0(include_top=False, pooling="avg", input_shape=(64, 64, 3))
    np.testing.assert_allclose(outputs(local, PIXELS), outputs(downloaded, PIXELS), rtol=1e-4, atol=1e-5)


def test_images_too_small_are_refused():
    with pytest.raises(
        ConfigError, match=r"MobileNetV2 cannot read pictures of 16 x 16.*at 224: leave out --size"
    ):
        open_application("MobileNetV2", 16, 16)


class Files:
    """A real server on this machine in place of Keras's."""

    def __init__(self, folder):
        self.folder, self.served, self.cut_at, self.pause_seconds = folder, [], None, 0.0
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                content = (outer.folder / "weights.h5").read_bytes()
                outer.served.append(self.path)
                self.send_response(200)
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content[:100_000])
                time.sleep(outer.pause_seconds)
                self.wfile.write(content[100_000 : outer.cut_at])

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        self.address = f"http://127.0.0.1:{self.server.server_port}/"


@pytest.fixture
def host(tmp_path, monkeypatch):
    """Keras's own download code and cache, with a host on this machine that serves a file of MobileNetV3Small."""
    from keras.src.applications import mobilenet_v3

    monkeypatch.setattr("keras.src.backend.config._KERAS_DIR", str(tmp_path / "keras"))
    (tmp_path / "keras").mkdir()
    files = Files(tmp_path)
    model = kerass("MobileNetV3Small")
    model.save(tmp_path / "weights.h5")
    digest = hashlib.md5((tmp_path / "weights.h5").read_bytes()).hexdigest()
    monkeypatch.setattr(mobilenet_v3, "BASE_WEIGHT_PATH", files.address)
    monkeypatch.setitem(mobilenet_v3.WEIGHTS_HASHES, "small_224_1.0_float", ("", digest))
    yield files
    files.server.shutdown()
    files.server.server_close()


def test_a_download_gives_keras_features_and_is_kept(host, tmp_path, capsys):
    calls, host.pause_seconds = [], 0.7
    features = open_application(
        "MobileNetV3Small", 64, 64, progress=lambda done, total: calls.append((done, total))
    )
    expected = outputs(kerass("MobileNetV3Small"), PIXELS)  # drawn from the same seed
    np.testing.assert_allclose(outputs(features, PIXELS), expected, rtol=1e-4, atol=1e-5)
    file = application_file("MobileNetV3Small", 64, 64)
    assert file == tmp_path / "keras/models/weights_mobilenet_v3_small_224_1.0_float_no_top_v2.h5"
    assert file.is_file()
    open_application("MobileNetV3Small", 64, 64)
    assert host.served == [f"/{file.name}"]
    parameters = APPLICATIONS["MobileNetV3Small"].parameters
    assert calls
    assert all(0 <= done <= total == 4 * parameters for done, total in calls)
    assert capsys.readouterr().out == ""


def test_a_broken_download_leaves_nothing_and_says_what_else_there_is(host):
    host.cut_at = 100_000
    with pytest.raises(
        DownloadError, match=r"MobileNetV3Small could not be downloaded: .*MobileNetV3Small=FILE.h5"
    ):
        open_application("MobileNetV3Small", 64, 64)
    assert not application_file("MobileNetV3Small", 64, 64).exists()


def test_a_download_with_another_checksum_is_refused(host, monkeypatch):
    from keras.src.applications import mobilenet_v3

    monkeypatch.setitem(mobilenet_v3.WEIGHTS_HASHES, "small_224_1.0_float", ("", 32 * "0"))
    with pytest.raises(DownloadError, match="hash does not match"):
        open_application("MobileNetV3Small", 64, 64)


def test_a_refused_connection_is_no_traceback(host):
    host.server.shutdown()
    host.server.server_close()
    with pytest.raises(DownloadError, match=r"Connection refused.*lite0 is installed") as refused:
        open_application("MobileNetV3Small", 64, 64)
    assert refused.value.exit_code == 1


def test_the_size_of_the_image_chooses_the_file_as_in_keras(monkeypatch):
    asked = []
    monkeypatch.setattr(
        "keras.src.utils.file_utils.get_file", lambda fname, *_, **__: asked.append(fname) or 1 / 0
    )
    for side in (128, 150):
        with pytest.raises(ZeroDivisionError):
            open_application("MobileNetV2", side, side)
        assert asked[-1] == application_file("MobileNetV2", side, side).name


def test_weights_of_another_network_are_named(tmp_path):
    path = tmp_path / "net.weights.h5"
    kerass("MobileNet").save_weights(path)
    with pytest.raises(
        ModelError,
        match=r"another network than MobileNetV2: 135 tensors, where MobileNetV2 without its head has 260. "
        r"It lacks \S+ of shape [0-9x ]+. It has \S+ of shape [0-9x ]+, which MobileNetV2 does not",
    ):
        open_application("MobileNetV2", 64, 64, path)


@pytest.mark.parametrize(
    ("content", "words"),
    [(b"", "damaged"), (b"\x89HDF\r\n\x1a\n" + bytes(300), "damaged"), (b"PK nothing", "damaged")],
)
def test_a_damaged_file_is_named(content, words, tmp_path):
    path = tmp_path / "net.weights.h5"
    path.write_bytes(content)
    with pytest.raises(ModelError, match=rf"{path} is {words}"):
        open_application("MobileNetV2", 64, 64, path)


def test_a_missing_file_and_a_whole_model_are_told_apart(tmp_path):
    (tmp_path / "nets.h5").touch()
    with pytest.raises(ModelError, match=r"no such file of weights. Did you mean .*nets\.h5"):
        open_application("MobileNetV2", 64, 64, tmp_path / "net.h5")
    (tmp_path / "net.keras").touch()
    with pytest.raises(ModelError, match=r"A whole model is a backbone by itself: --backbone .*net\.keras"):
        open_application("MobileNetV2", 64, 64, tmp_path / "net.keras")
