"""The data files of inventories: decompressing them in the memory of a few blocks."""

import zlib
from collections.abc import Iterable, Iterator
from typing import Any, Final

_GZIP: Final = 16 + zlib.MAX_WBITS


class DamagedError(ValueError):
    """The bytes are not those of a gzip file, or not all of them."""


def decompressed(chunks: Iterable[bytes], block_bytes: int) -> Iterator[bytes]:
    """What the members of a gzip file hold, in blocks of at most that many bytes.

    Raises:
        DamagedError: They are damaged, cut off, or followed by something else.
    """
    new_member, errors = _decompressor()
    member = new_member(wbits=_GZIP)
    is_within = True
    try:
        for chunk in chunks:
            rest = chunk
            while rest:
                if member.eof:
                    member = new_member(wbits=_GZIP)
                if block := member.decompress(rest, block_bytes):
                    yield block
                is_within = not member.eof
                rest = member.unused_data if member.eof else member.unconsumed_tail
    except errors as error:
        raise DamagedError(str(error)) from error
    if is_within:
        raise DamagedError("cut off")


def _decompressor() -> tuple[Any, tuple[type[Exception], ...]]:
    """Makes one for a member of a gzip file; and the errors of its data.

    ISA-L's is twice as fast. It ships with the functions; where it is not installed, zlib's does the same.
    """
    try:
        from isal import isal_zlib
    except ImportError:
        return zlib.decompressobj, (zlib.error,)
    return isal_zlib.decompressobj, (isal_zlib.IsalError,)  # type: ignore[return-value] # a class, typed as an instance
