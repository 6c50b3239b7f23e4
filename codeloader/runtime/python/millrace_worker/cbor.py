"""CBOR (RFC 8949) for the values of the engine: the JSON data model, bytes, and integers of any size."""

from struct import Struct

_PAIR = Struct(">BB").pack
_SHORT = Struct(">BH").pack
_LONG = Struct(">BI").pack
_QUAD = Struct(">BQ").pack
_DOUBLE = Struct(">Bd").pack
_READ_HALF = Struct(">e").unpack_from
_READ_SINGLE = Struct(">f").unpack_from
_READ_DOUBLE = Struct(">d").unpack_from

_SMALL = [bytes([n]) for n in range(24)]
_NULL, _TRUE, _FALSE = b"\xf6", b"\xf5", b"\xf4"
_BIG_STRING = 4096

KINDS = "None, bool, int, float, str, bytes, list, tuple, dict with str keys, or a dataclass of these"


class NotAValue(Exception):
    """`path` is collected from the inside out while the error passes the containers."""

    def __init__(self, why):
        super().__init__(why)
        self.why = why
        self.path = []

    def at(self, root):
        return root + "".join(reversed(self.path))


class TooLarge(Exception):
    pass


# -- encoding -----------------------------------------------------------------


def head(major, n):
    """The first bytes of an item: `major` is 0x00, 0x20, ... 0xe0."""
    if n < 24:
        return bytes((major | n,))
    if n < 0x100:
        return _PAIR(major | 24, n)
    if n < 0x10000:
        return _SHORT(major | 25, n)
    if n < 0x100000000:
        return _LONG(major | 26, n)
    return _QUAD(major | 27, n)


class Encoder:
    """Turns Python objects into values, within the limits that the node named in its hello."""

    def __init__(self, bytes_max, depth_max, integer_bytes_max):
        self._bytes_max = bytes_max
        self._depth_max = depth_max
        self._integer_bytes_max = integer_bytes_max
        self._left = 0
        self._parts = []
        self._encoders = {
            type(None): self._none,
            bool: self._bool,
            int: self._int,
            float: self._float,
            str: self._str,
            bytes: self._bytes,
            bytearray: self._bytes,
            memoryview: self._bytes,
            list: self._list,
            tuple: self._list,
            dict: self._dict,
        }

    def encode(self, value):
        """The bytes of `value`; raises NotAValue or TooLarge."""
        if value is None:
            return _NULL
        self._left = self._bytes_max
        parts = self._parts = []
        try:
            self._item(value, self._depth_max)
        finally:
            self._parts = []
        if len(parts) == 1:
            return parts[0]
        if self._left != self._bytes_max or len(parts) > _BIG_STRING:
            if sum(map(len, parts)) > self._bytes_max:
                raise TooLarge
        return b"".join(parts)

    def _item(self, value, depth):
        encoder = self._encoders.get(type(value))
        if encoder is None:
            encoder = self._of_subclass(value)
        encoder(value, depth)

    # Enumerations of int, named tuples, ordered dictionaries and the like are what they inherit from.
    def _of_subclass(self, value):
        for kind in (bool, int, float, str, bytes, bytearray, list, tuple, dict):
            if isinstance(value, kind):
                return self._encoders[kind]
        if hasattr(type(value), "__dataclass_fields__"):
            return self._dataclass
        raise NotAValue(f"is of type {type(value).__qualname__}, which is not a value: return {KINDS}")

    def _none(self, value, depth):
        self._parts.append(_NULL)

    def _bool(self, value, depth):
        self._parts.append(_TRUE if value else _FALSE)

    def _int(self, value, depth):
        if 0 <= value < 24:
            self._parts.append(_SMALL[value])
        elif 0 <= value < 0x10000000000000000:
            self._parts.append(head(0x00, int(value)))
        elif -0x10000000000000000 <= value < 0:
            self._parts.append(head(0x20, -1 - value))
        else:
            tag, magnitude = (b"\xc2", value) if value > 0 else (b"\xc3", -1 - value)
            size = (magnitude.bit_length() + 7) // 8
            if size > self._integer_bytes_max:
                raise NotAValue(f"is an integer of {size} bytes; at most {self._integer_bytes_max} are allowed")
            self._parts.append(tag + head(0x40, size) + magnitude.to_bytes(size, "big"))

    def _float(self, value, depth):
        self._parts.append(_DOUBLE(0xFB, value))

    def _spend(self, size):
        self._left -= size
        if self._left < 0:
            raise TooLarge

    def _str(self, value, depth):
        if len(value) > _BIG_STRING:
            self._spend(len(value))
        try:
            data = value.encode()
        except UnicodeEncodeError as error:
            raise NotAValue(f"is text with half of a surrogate pair at position {error.start}") from None
        size = len(data)
        if size < 24:
            self._parts.append(bytes((0x60 | size,)) + data)
        else:
            self._parts.append(head(0x60, size) + data)

    def _bytes(self, value, depth):
        if type(value) is memoryview:
            value = value.tobytes()
        size = len(value)
        if size > _BIG_STRING:
            self._spend(size)
        self._parts.append(head(0x40, size))
        self._parts.append(value)

    def _deeper(self, depth):
        if depth == 0:
            raise NotAValue(f"is nested deeper than {self._depth_max} levels (does it contain itself?)")
        return depth - 1

    def _list(self, value, depth):
        depth = self._deeper(depth)
        count = len(value)
        self._parts.append(head(0x80, count))
        encoders = self._encoders
        i = 0
        try:
            for item in value:
                (encoders.get(type(item)) or self._of_subclass(item))(item, depth)
                i += 1
            if i != count:
                raise NotAValue("changed its length while it was encoded")
        except NotAValue as error:
            error.path.append(f"[{i}]")
            raise

    def _dict(self, value, depth):
        depth = self._deeper(depth)
        count = len(value)
        self._parts.append(head(0xA0, count))
        encoders = self._encoders
        for key, item in value.items():
            try:
                if not isinstance(key, str):
                    raise NotAValue(f"is a key of type {type(key).__qualname__}: the keys of a value are str")
                self._str(key, depth)
                (encoders.get(type(item)) or self._of_subclass(item))(item, depth)
            except NotAValue as error:
                error.path.append(f".{key}" if isinstance(key, str) and key.isidentifier() else f"[{repr(key)[:80]}]")
                raise
            count -= 1
        if count:
            raise NotAValue("changed its length while it was encoded")

    def _dataclass(self, value, depth):
        self._dict({name: getattr(value, name) for name in value.__dataclass_fields__}, depth)


# -- decoding -----------------------------------------------------------------


def decode(data, at):
    """The item of `data` that starts at `at`, and where it ends. The node is trusted: it checked the bytes."""
    first = data[at]
    at += 1
    n = first & 31
    if n >= 24 and first < 0xE0:
        end = at + (1 << (n - 24))
        n = int.from_bytes(data[at:end], "big")
        at = end
    major = first >> 5
    if major == 3:
        return data[at : at + n].decode(), at + n
    if major == 0:
        return n, at
    if major == 1:
        return -1 - n, at
    if major == 4:
        items = []
        for _ in range(n):
            item, at = decode(data, at)
            items.append(item)
        return items, at
    if major == 5:
        pairs = {}
        for _ in range(n):
            key, at = decode(data, at)
            pairs[key], at = decode(data, at)
        return pairs, at
    if major == 2:
        return data[at : at + n], at + n
    if major == 6:
        magnitude, at = decode(data, at)
        number = int.from_bytes(magnitude, "big")
        return (number if n == 2 else -1 - number), at
    return _simple(data, at, n)


def _simple(data, at, info):
    if info == 22:
        return None, at
    if info == 21:
        return True, at
    if info == 20:
        return False, at
    if info == 27:
        return _READ_DOUBLE(data, at)[0], at + 8
    if info == 26:
        return _READ_SINGLE(data, at)[0], at + 4
    if info == 25:
        return _READ_HALF(data, at)[0], at + 2
    raise ValueError(f"unknown CBOR item at byte {at - 1}")


def end_of(data, at):
    """Where the item that starts at `at` ends; for items whose bytes are kept as they are."""
    return decode(data, at)[1]
