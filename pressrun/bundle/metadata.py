"""Image files without what others wrote into them: camera data, comments, prompts, previews, hidden data.

Invariant: the pixels stay as they are, bit for bit, and so do the colour profile and the transparency; everything else
goes, also what follows the image's end. The formats: JPEG (ITU-T T.81), PNG (W3C), WebP (RFC 9649).
"""

from collections.abc import Callable, Iterator

__all__ = ["without_metadata"]

PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"
PNG_KEPT = {b"tRNS", b"gAMA", b"cHRM", b"sRGB", b"iCCP", b"cICP", b"sBIT", b"pHYs"}
"""Besides the critical chunks: what changes how the pixels look."""
PNG_CRITICAL = {b"IHDR", b"PLTE", b"IDAT"}
PNG_END = b"\0\0\0\0IEND\xae\x42\x60\x82"
JPEG_KEPT = {0xE0: b"JFIF\0", 0xE2: b"ICC_PROFILE\0", 0xEE: b"Adobe"}
"""Application segments that say how the pixels are to be read, and how their data begins."""
JFIF_DATA = 14
"""Bytes of JFIF's data before its thumbnail."""
WEBP_KEPT = {b"VP8 ", b"VP8L", b"VP8X", b"ALPH", b"ICCP", b"ANIM", b"ANMF"}
WEBP_EXIF_XMP = 0x0C
"""The flags of both in the first byte of VP8X."""


def without_metadata(data: bytes, format_name: str) -> bytes:
    """The file without metadata; `format_name` is Pillow's. Raises `ValueError` for a file that ends too early."""
    return FORMATS[format_name](data)


def _png(data: bytes) -> bytes:
    kept = [PNG_SIGNATURE]
    for name, chunk in _png_chunks(data):
        if name in PNG_CRITICAL | PNG_KEPT:
            kept.append(chunk)
    return b"".join([*kept, PNG_END])


def _png_chunks(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Each chunk's name and bytes, to IEND."""
    at, name = len(PNG_SIGNATURE), b""
    while name != b"IEND":
        end = at + 12 + int.from_bytes(data[at : at + 4])
        name = data[at + 4 : at + 8]
        if end > len(data):
            raise ValueError("the PNG file ends too early")
        yield name, data[at:end]
        at = end


def _webp(data: bytes) -> bytes:
    kept = b"".join(chunk for name, chunk in _webp_chunks(data) if name in WEBP_KEPT)
    return b"RIFF" + (len(kept) + 4).to_bytes(4, "little") + b"WEBP" + kept


def _webp_chunks(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Each chunk's name and bytes, padded to an even length, to the end that the file's head names."""
    at, last = 12, min(8 + int.from_bytes(data[4:8], "little"), len(data))
    while at + 8 <= last:
        name, size = data[at : at + 4], int.from_bytes(data[at + 4 : at + 8], "little")
        end = at + 8 + size + size % 2
        if at + 8 + size > len(data):
            raise ValueError("the WebP file ends too early")
        chunk = data[at:end].ljust(end - at, b"\0")
        if name == b"VP8X" and size:
            chunk = chunk[:8] + bytes([chunk[8] & ~WEBP_EXIF_XMP]) + chunk[9:]
        yield name, chunk
        at = end


def _jpeg(data: bytes) -> bytes:
    kept = [data[:2]]
    for marker, segment in _jpeg_segments(data):
        is_application, is_comment = 0xE0 <= marker <= 0xEF, marker == 0xFE
        begins = JPEG_KEPT.get(marker)
        is_needed = begins is not None and segment[4:].startswith(begins)
        if is_needed or not (is_application or is_comment):
            kept.append(_without_thumbnail(segment) if marker == 0xE0 else segment)
    return b"".join(kept)


def _without_thumbnail(jfif: bytes) -> bytes:
    size = (JFIF_DATA + 2).to_bytes(2)
    return jfif[:2] + size + jfif[4 : 2 + JFIF_DATA] + b"\0\0"


def _jpeg_segments(data: bytes) -> Iterator[tuple[int, bytes]]:
    """Each segment's marker and bytes, to the end of the image; a scan's data belongs to its segment."""
    at, marker = 2, 0
    while marker != 0xD9:
        at = _marker_at(data, at)
        marker = data[at + 1]
        end = at + 2 if _is_bare(marker) else at + 2 + int.from_bytes(data[at + 2 : at + 4])
        if marker == 0xDA:
            end = _scan_end(data, end)
        yield marker, data[at:end]
        at = end


def _is_bare(marker: int) -> bool:
    """Whether a marker has no length: restarts, the end of the image, and TEM."""
    return 0xD0 <= marker <= 0xD9 or marker == 0x01


def _marker_at(data: bytes, at: int) -> int:
    """The position of the next marker; any number of 0xFF may fill the space before it."""
    at = data.find(b"\xff", at)
    while at >= 0 and at + 1 < len(data):
        if data[at + 1] not in (0x00, 0xFF):
            return at
        at = data.find(b"\xff", at + 1)
    raise ValueError("the JPEG file ends too early")


def _scan_end(data: bytes, at: int) -> int:
    """Where the data of a scan ends; in it, 0xFF is followed by 0 or by a restart marker."""
    while True:
        at = _marker_at(data, at)
        if not 0xD0 <= data[at + 1] <= 0xD7:
            return at
        at += 2


FORMATS: dict[str, Callable[[bytes], bytes]] = {"JPEG": _jpeg, "PNG": _png, "WEBP": _webp}
