"""Compressed frames: a dictionary that has been checked, and bounded unpacking with it. No I/O."""

from __future__ import annotations

from hashlib import sha256

import msgspec
import zstandard

from shared.errors import InputError

#: A dictionary is tens of kilobytes; nothing larger is loaded.
MAX_DICTIONARY_BYTES = 1 << 20
#: Least that a decoder must offer (RFC 8878), so no honest frame asks for more.
MAX_WINDOW_BYTES = 8 << 20

#: The dictionary of Jetstream's first version, known by size and content. Its licence would let us ship
#: it; it is not ours, and servers of the second version hand out theirs.
LEGACY_ID, LEGACY_BYTES = 1_612_007_021, 112_640
LEGACY_SHA256 = "b8d77b46933aceecbdd5275a01241efc985c970c78162b8150cf67a26522f70c"

_MAGIC = b"\x37\xa4\x30\xec"


class Dictionary(msgspec.Struct, frozen=True):
    """A structured zstd dictionary (RFC 8878, section 5). Frames name it by ``id``."""

    id: int
    data: bytes


class Unusable(Exception):
    """A frame cannot be unpacked. ``foreign``: it was packed with another dictionary."""

    def __init__(self, why: str, *, oversize: bool = False, foreign: bool = False) -> None:
        super().__init__(why)
        self.oversize, self.foreign = oversize, foreign


def dictionary_from(data: bytes, sha256_hex: str = "") -> Dictionary:
    """``data`` as a dictionary, tried out. Raises InputError when it is none, or not the one expected."""
    if len(data) > MAX_DICTIONARY_BYTES:
        raise InputError("The zstd dictionary cannot be used.", why=f"It is larger than {MAX_DICTIONARY_BYTES} bytes.")
    if len(data) < 8 or data[:4] != _MAGIC:
        raise InputError("The zstd dictionary cannot be used.", why="The bytes are no structured zstd dictionary.")
    digest = sha256(data).hexdigest()
    found = Dictionary(int.from_bytes(data[4:8], "little"), data)
    expected = sha256_hex.lower() or (LEGACY_SHA256 if found.id == LEGACY_ID else "")
    if expected and digest != expected:
        why = f"It is {len(data)} bytes with SHA-256 {digest}, expected was {expected}"
        raise InputError("The zstd dictionary is not the right one.", why=f"{why} (id {found.id}).")
    try:
        made = zstandard.ZstdCompressionDict(data, dict_type=zstandard.DICT_TYPE_FULLDICT)
        packed = zstandard.ZstdCompressor(dict_data=made).compress(b"{}")
        zstandard.ZstdDecompressor(dict_data=made).decompress(packed)
    except (zstandard.ZstdError, ValueError, MemoryError) as error:
        raise InputError("The zstd dictionary cannot be used.", why=f"It is damaged ({error}).") from error
    return found


class Unpacker:
    """Unpacks frames of up to ``limit`` bytes each, whatever they claim."""

    def __init__(self, dictionary: Dictionary, limit: int) -> None:
        self.dictionary, self._limit = dictionary, limit
        made = zstandard.ZstdCompressionDict(dictionary.data, dict_type=zstandard.DICT_TYPE_FULLDICT)
        self._decompressor = zstandard.ZstdDecompressor(dict_data=made, max_window_size=MAX_WINDOW_BYTES)
        #: Frames unpacked so far: after the first the dictionary has proved itself.
        self.unpacked = 0

    def unpack(self, data: bytes) -> bytes:
        """What one frame holds. Raises Unusable; never needs more memory than the limit and the window."""
        try:
            about = zstandard.get_frame_parameters(data)
        except zstandard.ZstdError as error:
            raise Unusable(f"no zstd frame ({error})") from error
        if about.dict_id not in (0, self.dictionary.id):
            raise Unusable(f"packed with dictionary {about.dict_id}, ours is {self.dictionary.id}", foreign=True)
        known = about.content_size != zstandard.CONTENTSIZE_UNKNOWN
        if (known and about.content_size > self._limit) or (not known and about.window_size > MAX_WINDOW_BYTES):
            raise Unusable("it unpacks to more than is allowed", oversize=True)
        try:
            content = self._decompressor.decompress(data, max_output_size=self._limit, allow_extra_data=False)
        except (zstandard.ZstdError, MemoryError) as error:
            raise Unusable(str(error)) from error
        self.unpacked += 1
        return content
