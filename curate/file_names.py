"""Keys of strangers as names of files: always one plain name, the same for the same key, different for different
ones."""

from __future__ import annotations

import re
from hashlib import blake2b

MOST_BYTES = 180
_PLAIN = re.compile(r"[A-Za-z0-9_.\-]*")
_USUAL = re.compile(rf"[A-Za-z0-9_][A-Za-z0-9_\-]{{0,{MOST_BYTES - 1}}}")  # found at once to need nothing of the rest
_DEVICES = frozenset({"con", "prn", "aux", "nul", *(f"{port}{i}" for port in ("com", "lpt") for i in range(10))})


def file_name(key: str, suffix: str) -> str:
    """A file name for a key: letters, digits, `_`, `-` and `.` stay, all else is %XX of its UTF-8 bytes.

    `-` and `.` are escaped at the start, `.` at the end, as is the first letter of what Windows takes for a device.
    What is too long is cut, and ends in a hash of the whole.
    """
    if _USUAL.fullmatch(key) and key.lower() not in _DEVICES:
        return key + suffix
    name = key if _PLAIN.fullmatch(key) else "".join(c if _PLAIN.fullmatch(c) else _escaped(c) for c in key)
    if name[:1] in ("-", "."):
        name = _escaped(name[0]) + name[1:]
    if name.endswith("."):
        name = name[:-1] + _escaped(".")
    if name.split(".", 1)[0].lower() in _DEVICES:
        name = _escaped(name[0]) + name[1:]
    if not name:
        name = "%"
    if len(name) > MOST_BYTES:
        digest = blake2b(key.encode("utf-8", "surrogatepass"), digest_size=8).hexdigest()
        name = re.sub(r"%[0-9A-F]?$", "", name[: MOST_BYTES - 17]) + "~" + digest
    return name + suffix


def _escaped(character: str) -> str:
    return "".join(f"%{byte:02X}" for byte in character.encode("utf-8", "surrogatepass"))
