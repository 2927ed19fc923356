"""A folder of cookie files is a pool of accounts: leased one to a worker, rested when a host limits one."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from pathlib import Path

from engine.door import WrongUse


@dataclass
class Accounts:
    """Cookie files (Netscape format) that take turns. Empty: every attempt goes without an account."""

    files: tuple[Path, ...] = ()
    _rests_until: dict[Path, float] = field(default_factory=dict)
    _leased: set[Path] = field(default_factory=set)
    _used: list[Path] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    @classmethod
    def of(cls, path: Path | None) -> Accounts:
        """The accounts of a cookie file, or of a folder of them (`*.txt`).

        Raises:
            WrongUse: there is no such file, or it is not one of cookies.
        """
        if path is None:
            return cls()
        files = sorted(path.glob("*.txt")) if path.is_dir() else [path]
        if not files:
            raise WrongUse(f"--cookies: no *.txt in {path}. Put one Netscape cookie file an account there")
        for file in files:
            if not file.is_file():
                raise WrongUse(f"--cookies: there is no file {file}")
            head = file.read_text(encoding="utf-8", errors="replace")[:200]
            if "cookie" not in head.lower() and "\t" not in head:
                raise WrongUse(
                    f"--cookies: {file} is not in Netscape format (its first line says so: # Netscape HTTP Cookie File)"
                )
        return cls(tuple(files))

    def lease(self, now: float) -> Path | None:
        """The account that was used longest ago and is free and rested; None: there is none, or no accounts at all."""
        with self._lock:
            for file in sorted(self.files, key=lambda f: self._used.index(f) if f in self._used else -1):
                if file not in self._leased and self._rests_until.get(file, 0.0) <= now:
                    self._leased.add(file)
                    if file in self._used:
                        self._used.remove(file)
                    self._used.append(file)
                    return file
        return None

    def wait(self, now: float) -> float:
        """Seconds until an account is rested and free; 0: now, or there are no accounts."""
        with self._lock:
            waits = [
                max(0.05 if file in self._leased else 0.0, self._rests_until.get(file, 0.0) - now)
                for file in self.files
            ]
        return min(waits, default=0.0)

    def give_back(self, file: Path | None, now: float, rest_s: float = 0.0) -> None:
        """Return a lease; the account is not used again for `rest_s` seconds."""
        if file is not None:
            with self._lock:
                self._leased.discard(file)
                self._rests_until[file] = now + rest_s
