"""A zip that depends on nothing but the bytes of the one file in it: no clock, no user, no file system."""

import struct
import zlib

# The earliest time that a zip can hold. Lambda does not care, and two builds must agree.
_DATE = 1 << 5 | 1  # 1980-01-01
_TIME = 0
# Who runs the file may read and execute it, whatever the umask of the machine that packed it was.
_MODE = 0o100755
# Version 2.0 knows deflate and is all that is needed; 3 in the high byte says that the mode is a Unix one.
_VERSION = 20
_MADE_BY = 3 << 8 | _VERSION
_DEFLATED = 8


def deflate(data, thorough=True):
    """`data` as a raw deflate stream. `thorough` takes about a minute for ten megabytes, and saves about a twentieth."""
    if thorough:
        # Here alone, so that the tests of the rest need nothing but Python.
        from zopfli.zlib import compress

        wrapped = compress(data, numiterations=15)
    else:
        wrapped = zlib.compress(data, 9)
    # Zlib's frame is two bytes before and a checksum after; a zip has its own.
    stream = wrapped[2:-4]
    if zlib.decompress(stream, -15) != data:
        raise ValueError("what was compressed does not come out as it went in")
    return stream


def zip_of(name, data, thorough=True):
    """The bytes of a zip with the one executable file `name` that holds `data`."""
    stream = deflate(data, thorough)
    path = name.encode("ascii")
    common = struct.pack("<HHHHHIIIHH", _VERSION, 0, _DEFLATED, _TIME, _DATE, zlib.crc32(data), len(stream), len(data), len(path), 0)
    local = b"PK\x03\x04" + common + path
    central = b"PK\x01\x02" + struct.pack("<H", _MADE_BY) + common + struct.pack("<HHHII", 0, 0, 0, _MODE << 16, 0) + path
    end = b"PK\x05\x06" + struct.pack("<HHHHIIH", 0, 0, 1, 1, len(central), len(local) + len(stream), 0)
    return local + stream + central + end
