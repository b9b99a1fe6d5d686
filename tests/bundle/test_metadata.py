"""What is in the delivered image files, besides the image."""

import contextlib
import io
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, ImageCms, ImageOps, PngImagePlugin

from pressrun.bundle.metadata import without_metadata
from pressrun.bundle.pictures import make_picture
from tests.bundle.builder import draw, make_site

HIDDEN = b"the camera's serial number, or a prompt with a client's secret"
FORMATS = ("JPEG", "PNG", "WEBP")
PROFILE = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()


def noted(format_name: str, orientation: int = 1, **options: Any) -> bytes:
    """An image with everything in it that Pillow can write, and something after its end."""
    exif = Image.Exif()
    exif[0x010E] = HIDDEN.decode()
    exif[0x0112] = orientation
    with Image.open(io.BytesIO(draw())) as image:
        out = io.BytesIO()
        settings: dict[str, Any] = {"exif": exif, "icc_profile": PROFILE, **options}
        if format_name == "PNG":
            text = PngImagePlugin.PngInfo()
            text.add_text("prompt", HIDDEN.decode(), zip=False)
            text.add_itxt("XML:com.adobe.xmp", HIDDEN.decode())
            text.add(b"prVt", HIDDEN)
            settings["pnginfo"] = text
        else:
            settings["xmp"] = HIDDEN
        if format_name == "JPEG":
            settings["comment"] = HIDDEN
        if format_name == "WEBP":
            settings["lossless"] = True
        image.save(out, format_name, **settings)
    return out.getvalue() + HIDDEN


def pixels(data: bytes) -> tuple[str | None, tuple[int, int], bytes]:
    with Image.open(io.BytesIO(data)) as image:
        return image.mode, image.size, image.tobytes()


def delivered(data: bytes) -> bytes:
    site = make_site(images={"image-01": data})
    picture = make_picture("image-01", site.config.images[0], None, site)
    assert picture
    assert (picture.width, picture.height) == pixels(picture.data)[1]
    return picture.data


@pytest.mark.parametrize("progressive", [True, False])
@pytest.mark.parametrize("format_name", FORMATS)
def test_only_the_pixels_and_their_colours_are_delivered(format_name: str, progressive: bool) -> None:
    data = noted(format_name, **({"progressive": progressive} if format_name == "JPEG" else {}))
    assert HIDDEN in data
    bare = delivered(data)
    assert HIDDEN not in bare
    assert pixels(bare) == pixels(data)
    with Image.open(io.BytesIO(bare)) as image:
        assert image.format == format_name
        assert image.info["icc_profile"] == PROFILE
        assert not image.getexif()
        assert not {"comment", "xmp", "exif", "prompt", "XML:com.adobe.xmp"} & image.info.keys()
    assert delivered(bare) == bare


@pytest.mark.parametrize("format_name", FORMATS)
def test_an_image_without_metadata_is_delivered_byte_for_byte(format_name: str) -> None:
    data = draw(kind=format_name)
    assert delivered(data) == data


@pytest.mark.parametrize("format_name", FORMATS)
def test_an_image_that_its_metadata_turns_is_turned(format_name: str) -> None:
    data = noted(format_name, orientation=6)
    bare = delivered(data)
    assert HIDDEN not in bare
    with Image.open(io.BytesIO(data)) as image:
        assert pixels(bare)[1] == ImageOps.exif_transpose(image).size == image.size[::-1]


def test_a_jpeg_file_with_further_images_in_it_is_one_image() -> None:
    out = io.BytesIO()
    with Image.open(io.BytesIO(draw(seed=1))) as first, Image.open(io.BytesIO(draw(seed=2))) as second:
        first.save(out, "MPO", save_all=True, append_images=[second])
    with Image.open(io.BytesIO(out.getvalue())) as image:
        assert image.format == "MPO"
    bare = delivered(out.getvalue())
    with Image.open(io.BytesIO(bare)) as image:
        assert image.format == "JPEG"
    assert len(bare) < len(out.getvalue()) * 0.7


def test_a_thumbnail_goes() -> None:
    data = draw()
    assert data[2:11] == b"\xff\xe0\x00\x10JFIF\0"
    thumbnail = b"\x02\x01" + HIDDEN[:6]
    noted = data[:4] + (16 + 6).to_bytes(2) + data[6:18] + thumbnail + data[20:]
    assert pixels(noted) == pixels(data)
    assert delivered(noted) == data


@pytest.mark.parametrize("format_name", FORMATS)
def test_transparency_and_few_colours_stay(format_name: str) -> None:
    with Image.open(io.BytesIO(draw())) as image:
        mode = {"JPEG": "L", "PNG": "P", "WEBP": "RGBA"}[format_name]
        picture = image.convert(mode)
    if mode == "RGBA":
        picture.putalpha(128)
    out = io.BytesIO()
    picture.save(out, format_name, **({"transparency": 3} if mode == "P" else {}))
    bare = delivered(out.getvalue() + HIDDEN)
    assert pixels(bare) == pixels(out.getvalue())
    with Image.open(io.BytesIO(bare)) as image:
        assert image.info.get("transparency") == (3 if mode == "P" else None)


@pytest.mark.parametrize("format_name", FORMATS)
@given(at=st.integers(0, 400), what=st.binary(min_size=1, max_size=20), cut=st.integers(0, 3000))
def test_a_damaged_file_ends_in_a_value_error_or_a_shorter_file(
    format_name: str, at: int, what: bytes, cut: int
) -> None:
    data = noted(format_name)
    damaged = data[:at] + what + data[at + len(what) : len(data) - cut]
    with contextlib.suppress(ValueError):
        assert len(without_metadata(damaged, format_name)) <= len(damaged) + 16
