"""Damage to files, as a failing disk or a person does it."""

import os
from pathlib import Path


def flipped(whole: bytes, position: float = 0.5, bit: int = 4) -> bytes:
    """Bytes with one bit flipped. position: in the file, from 0 to below 1."""
    changed = bytearray(whole)
    changed[int(position * len(whole))] ^= 1 << bit
    return bytes(changed)


def rewrite(path: Path, content: bytes) -> None:
    """Write other bytes into a file, later than a clock of coarse ticks could overlook."""
    later = path.stat().st_mtime_ns + 10**9 if path.exists() else None
    path.write_bytes(content)
    if later:
        os.utime(path, ns=(later, later))


def flip(path: Path, position: float = 0.5, bit: int = 4) -> None:
    """Flip one bit of a file."""
    rewrite(path, flipped(path.read_bytes(), position, bit))
