import contextlib
import io
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import simplejpeg
from PIL import Image

from tellapart.data.decode import decode, image_shape, load_image
from tellapart.data.decoding import limits, upright
from tellapart.errors import PictureError

RNG = np.random.default_rng(0)
SMOOTH = np.asarray(
    Image.fromarray(RNG.integers(0, 256, (3, 4, 3), np.uint8)).resize((40, 30), Image.Resampling.BICUBIC)
)

HEIC = Path(__file__).parent / "pictures"
"""QUADRANTS, saved by pillow-heif 1.8.1 (`Image.save("quadrants.heic", quality=90)`):
upright, and with an EXIF block `exif[0x0112] = 6`, from which pillow-heif makes the box `irot` as well."""

QUADRANTS = np.repeat(
    np.repeat(np.array([[[220, 30, 30], [30, 200, 30]], [[30, 30, 220], [240, 240, 240]]], np.uint8), 24, 0),
    32,
    1,
)


def encoded(image, kind="PNG", **options):
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def with_orientation(orientation):
    exif = Image.Exif()
    exif[0x0112] = orientation
    return exif


@pytest.mark.parametrize("kind", ["PNG", "BMP", "TIFF", "PPM", "TGA"])
def test_lossless_files_come_back_exactly(kind):
    np.testing.assert_array_equal(decode(encoded(Image.fromarray(SMOOTH), kind)), SMOOTH)


def test_a_path_and_its_bytes_give_the_same(tmp_path):
    content = encoded(Image.fromarray(SMOOTH), "JPEG")
    (tmp_path / "a.jpg").write_bytes(content)
    np.testing.assert_array_equal(decode(tmp_path / "a.jpg"), decode(content))
    np.testing.assert_array_equal(decode(str(tmp_path / "a.jpg")), decode(content))


@pytest.mark.parametrize("options", [{}, {"progressive": True}, {"subsampling": 0}, {"quality": 100}])
def test_a_plain_jpeg_is_within_two_levels_of_pillow(options):
    content = encoded(Image.fromarray(SMOOTH), "JPEG", **options)
    ours, pillow = decode(content), np.asarray(Image.open(io.BytesIO(content)).convert("RGB"))
    assert np.abs(ours.astype(int) - pillow).max() <= 2
    np.testing.assert_array_equal(ours, simplejpeg.decode_jpeg(content, "RGB"))


def test_a_gray_jpeg_has_three_equal_channels():
    content = encoded(Image.fromarray(SMOOTH[..., 0]), "JPEG")
    ours = decode(content)
    assert ours.shape == (30, 40, 3)
    assert (ours == ours[..., :1]).all()
    assert image_shape(content) == (30, 40, 1)


def test_real_photos_come_within_two_levels_of_pillow(real_data):
    for path in sorted(real_data("cats-and-dogs").rglob("*.jpg"))[:40:5]:
        ours = decode(path)
        assert np.abs(ours.astype(int) - np.asarray(Image.open(path).convert("RGB"))).max() <= 2
        assert ours.shape == image_shape(path)


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "TIFF", "WEBP"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_the_camera_s_orientation_is_applied(kind, orientation):
    """Oracle: the same pixels saved without the flag, turned by Pillow's own exif_transpose."""
    from PIL import ImageOps

    options = {"lossless": True} if kind == "WEBP" else {}
    content = encoded(Image.fromarray(SMOOTH), kind, exif=with_orientation(orientation), **options)
    upright = np.asarray(ImageOps.exif_transpose(Image.open(io.BytesIO(content))).convert("RGB"))
    ours = decode(content)
    assert ours.shape == upright.shape == image_shape(content)
    assert np.abs(ours.astype(int) - upright).max() <= 2


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("mode", ["RGBA", "LA", "P", "I;16"])
def test_a_picture_converted_a_few_rows_at_a_time_is_the_same(mode, orientation, monkeypatch):
    if mode == "I;16":
        image = Image.fromarray(SMOOTH[..., 0].astype(np.uint16) * 257)
    else:
        image = Image.fromarray(np.dstack([SMOOTH, SMOOTH[..., :1]])).convert(mode)
    content = encoded(image, exif=with_orientation(orientation))
    at_once = decode(content)
    monkeypatch.setattr(upright, "CONVERTED_AT_ONCE", 7 * 40)
    np.testing.assert_array_equal(decode(content), at_once)
    assert at_once.shape == ((40, 30, 3) if orientation > 4 else (30, 40, 3))


def test_a_heic_photo_is_read_as_it_was_taken():
    """QUADRANTS is red and green over blue and white; the file's levels differ from these by one."""
    upright = decode(HEIC / "quadrants.heic")
    assert upright.shape == image_shape(HEIC / "quadrants.heic") == (48, 64, 3)
    assert np.abs(upright.astype(int) - QUADRANTS).max() <= 2


def test_a_turned_heic_photo_is_turned_once():
    """A telephone says twice how it was held, by HEIF's own box and by EXIF; both say a quarter turn here."""
    content = (HEIC / "quadrants-turned.heic").read_bytes()
    assert b"irot" in content
    assert b"Exif" in content
    turned = decode(content)
    assert turned.shape == image_shape(content) == (64, 48, 3)
    assert np.abs(turned.astype(int) - np.rot90(QUADRANTS, -1)).max() <= 2


@pytest.mark.parametrize("share", [0.02, 0.5, 0.98])
def test_a_truncated_heic_photo_is_named_and_refused(tmp_path, share):
    content = (HEIC / "quadrants.heic").read_bytes()
    (tmp_path / "cut.heic").write_bytes(content[: int(share * len(content))])
    with pytest.raises(PictureError, match=r"cut\.heic: not a readable picture \((?!no known)"):
        decode(tmp_path / "cut.heic")


def test_the_reader_of_heic_is_imported_for_heic_alone():
    kinds = [encoded(Image.fromarray(SMOOTH), kind) for kind in ("JPEG", "PNG", "AVIF")]
    code = (
        "import sys; from tellapart.data.decode import decode, image_shape, load_image\n"
        f"for content in {kinds!r}: decode(content), image_shape(content)\n"
        "print('pillow_heif' in sys.modules)\n"
        f"decode({str(HEIC / 'quadrants.heic')!r})\n"
        "print('pillow_heif' in sys.modules)"
    )
    assert subprocess.check_output([sys.executable, "-c", code], text=True).split() == ["False", "True"]


def test_without_its_reader_a_heic_photo_is_refused_with_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "pillow_heif", None)
    with pytest.raises(PictureError, match=r"quadrants\.heic: .*pip install 'tellapart\[heic\]'"):
        decode(HEIC / "quadrants.heic")


@pytest.mark.filterwarnings("ignore:Corrupt EXIF")
def test_a_damaged_exif_block_does_not_cost_the_picture():
    content = encoded(Image.fromarray(SMOOTH), "JPEG", exif=b"Exif\0\0MM\0*\xff\xff\xff\xff garbage")
    assert decode(content).shape == (30, 40, 3)


def test_sixteen_bit_gray_is_scaled_not_clipped():
    levels = np.array([[0, 128, 129, 257, 32896, 65535]], np.uint16)
    ours = decode(encoded(Image.fromarray(levels)))
    np.testing.assert_array_equal(ours[0, :, 0], [0, 0, 1, 1, 128, 255])


def test_transparent_parts_are_white():
    rgba = np.zeros((1, 3, 4), np.uint8)
    rgba[0, :, 3] = 0, 128, 255
    np.testing.assert_array_equal(decode(encoded(Image.fromarray(rgba)))[0, :, 0], [255, 127, 0])


def test_gray_with_alpha_is_white_where_transparent():
    image = Image.fromarray(np.array([[[0, 0], [0, 255]]], np.uint8), "LA")
    np.testing.assert_array_equal(decode(encoded(image))[0, :, 1], [255, 0])


def test_a_palette_picture_shows_its_colors():
    image = Image.new("P", (2, 1))
    image.putpalette([10, 20, 30, 200, 100, 50])
    image.putdata([0, 1])
    np.testing.assert_array_equal(decode(encoded(image)), [[[10, 20, 30], [200, 100, 50]]])
    np.testing.assert_array_equal(decode(encoded(image, transparency=0)), [[[255, 255, 255], [200, 100, 50]]])


def test_one_bit_pictures_are_black_and_white():
    np.testing.assert_array_equal(
        decode(encoded(Image.fromarray(np.array([[True, False]]))))[..., 0], [[255, 0]]
    )


def test_cmyk_becomes_what_pillow_makes_of_it():
    content = encoded(Image.fromarray(SMOOTH).convert("CMYK"), "JPEG")
    np.testing.assert_array_equal(decode(content), np.asarray(Image.open(io.BytesIO(content)).convert("RGB")))


def test_a_jpeg_with_a_harmless_flaw_is_still_read():
    """Stray bytes before the end marker are common in photo collections; Pillow is the judge of them."""
    content = encoded(Image.fromarray(SMOOTH), "JPEG")
    flawed = content[:-2] + b"stray" + content[-2:]
    with pytest.raises(ValueError, match="extraneous"):
        simplejpeg.decode_jpeg(flawed, "RGB", strict=True)
    assert np.abs(decode(flawed).astype(int) - decode(content)).max() <= 2


@pytest.mark.parametrize("kind", ["GIF", "PNG", "WEBP"])
def test_an_animation_gives_its_first_frame(kind):
    frames = [Image.new("RGB", (4, 4), color) for color in ("red", "blue")]
    content = encoded(frames[0], kind, save_all=True, append_images=frames[1:])
    assert decode(content)[0, 0, 0] > 250


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "GIF", "BMP", "WEBP", "TIFF"])
def test_a_truncated_picture_is_named_and_refused(tmp_path, kind):
    content = encoded(Image.fromarray(RNG.integers(0, 256, (60, 60, 3), np.uint8)), kind)
    path = tmp_path / f"cut.{kind.lower()}"
    path.write_bytes(content[: len(content) // 2])
    with pytest.raises(PictureError, match=f"cut.{kind.lower()}: "):
        decode(path)


@pytest.mark.parametrize(
    ("content", "reason"),
    [(b"", "an empty file"), (b"hello, this is text", "text, not a picture"), (b"\xff\xd8\xff", "")],
)
def test_what_is_no_picture_is_named_and_refused(tmp_path, content, reason):
    (tmp_path / "odd.jpg").write_bytes(content)
    with pytest.raises(PictureError, match=rf"odd\.jpg: .*{reason}"):
        decode(tmp_path / "odd.jpg")


def test_a_missing_file_is_named():
    with pytest.raises(PictureError, match=r"nothing\.jpg: no such file in the current folder"):
        decode("nothing.jpg")


def test_a_picture_that_unpacks_into_gigabytes_is_refused(monkeypatch):
    monkeypatch.setattr(limits, "LARGEST_PIXELS", 1000)
    with pytest.raises(PictureError, match="40 x 30 pixels; at most 1,000 are read"):
        decode(encoded(Image.fromarray(SMOOTH)))


def test_what_pillow_itself_refuses_is_refused_in_the_same_words(monkeypatch):
    """Beyond twice its own limit it does not even open a file."""
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 500)
    for read in (decode, image_shape):
        with pytest.raises(
            PictureError,
            match=r"<bytes>: too large: 1,200 pixels; at most .* Save it in a smaller size first",
        ):
            read(encoded(Image.fromarray(SMOOTH)))


@pytest.mark.filterwarnings("ignore::UserWarning:PIL")
@pytest.mark.parametrize(
    ("kind", "options", "bytes_each"),
    [
        ("WEBP", {}, 16),
        ("JPEG2000", {}, 24),
        ("AVIF", {}, 10),
        ("JPEG", {"progressive": True}, 12),
        ("JPEG", {}, 7),
        ("PNG", {}, 7),
    ],
)
def test_formats_that_take_more_memory_may_have_fewer_pixels(kind, options, bytes_each, monkeypatch):
    monkeypatch.setattr(limits, "LARGEST_PIXELS", bytes_each * 100)
    content = encoded(Image.fromarray(np.zeros((20, 35, 3), np.uint8)), kind, **options)
    decode(content)
    monkeypatch.setattr(limits, "LARGEST_PIXELS", bytes_each * 100 - 1)
    with pytest.raises(PictureError, match="35 x 20 pixels; at most 699"):
        decode(content)


def test_a_jpeg_of_very_many_scans_is_refused_at_once():
    """A scan of a few bytes goes over the whole image."""
    content = encoded(Image.new("RGB", (2000, 1000)), "JPEG", progressive=True)
    last = b"\xff\xda" + content[:-2].rpartition(b"\xff\xda")[2]
    np.testing.assert_array_equal(decode(content[:-2] + 10 * last + b"\xff\xd9"), decode(content))
    with pytest.raises(PictureError, match=r"a JPEG with 1,0\d\d scans; photos have about ten"):
        decode(content[:-2] + 1000 * last + b"\xff\xd9")


def test_damaged_bytes_never_raise_anything_else():
    """Flip bytes all over small files of every kind: a picture comes out, or PictureError."""
    rng = np.random.default_rng(1)
    kinds = ("PNG", "JPEG", "GIF", "BMP", "WEBP", "TIFF", "TGA", "PPM")
    heic = (HEIC / "quadrants-turned.heic").read_bytes()
    for original in [*(encoded(Image.fromarray(SMOOTH), kind) for kind in kinds), heic]:
        for _ in range(40):
            damaged = bytearray(original)
            for place in rng.integers(0, len(damaged), 5):
                damaged[place] = rng.integers(0, 256)
            with contextlib.suppress(PictureError):
                assert decode(bytes(damaged)).shape[2] == 3


def test_among_very_many_names_none_is_offered(tmp_path, monkeypatch):
    for name in ("photo1.jpg", "photo2.jpg", "photo3.jpg"):
        (tmp_path / name).touch()
    with pytest.raises(PictureError, match="Did you mean"):
        decode(tmp_path / "photo.jpg")
    monkeypatch.setattr("tellapart.paths.LARGEST_FOLDER", 2)
    with pytest.raises(PictureError, match="Check the name"):
        decode(tmp_path / "photo.jpg")


def test_a_pil_image_is_read_as_its_file_is(tmp_path):
    image = Image.fromarray(np.random.default_rng(0).integers(0, 256, (6, 9, 3), np.uint8))
    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned by 90 degrees
    image.save(tmp_path / "turned.png", exif=exif)
    name, pixels = load_image(Image.open(tmp_path / "turned.png"), 4)
    assert name == str(tmp_path / "turned.png")
    assert load_image(image, 4)[0] == "picture 4"
    np.testing.assert_array_equal(pixels.pixels, load_image(tmp_path / "turned.png")[1].pixels)
    assert pixels.pixels.shape == (9, 6, 3)
