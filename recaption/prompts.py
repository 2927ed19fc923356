"""Prompts by id. They are data: `prompts.toml` beside this file, and files of a user's own."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, fields
from hashlib import blake2b
from pathlib import Path
from string import Template
from typing import Any

OWN = Path(__file__).parent / "prompts.toml"


@dataclass(frozen=True)
class Prompt:
    """One prompt; the head of prompts.toml says what its fields are.

    Raises:
        ValueError: a field that cannot be.
    """

    prompt_id: str
    text: str
    kind: str
    begins: str = ""
    language: str = "en"
    min_words: int = 1
    max_words: int = 2000
    about_frames: bool = False
    choices: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if not self.text.strip() or not self.kind.strip():
            raise ValueError(f"prompt {self.prompt_id}: text and kind must not be empty")
        if not 0 <= self.min_words <= self.max_words:
            raise ValueError(
                f"prompt {self.prompt_id}: min_words must lie between 0 and max_words, "
                f"got {self.min_words} and {self.max_words}"
            )
        if self.language not in ("", "en"):
            raise ValueError(f"prompt {self.prompt_id}: language must be 'en', or '' for any, got {self.language!r}")

    @property
    def identity(self) -> str:
        """The id and a hash of all that the prompt says: what a fingerprint takes in."""
        said = "\n".join(str(getattr(self, field.name)) for field in fields(self))
        return f"{self.prompt_id}:{blake2b(said.encode(), digest_size=8).hexdigest()}"

    def about(self, captions: str) -> str:
        """The text with what it works on filled in."""
        return Template(self.text).safe_substitute(captions=captions)


def load_prompts(own_file: str | Path | None = None) -> dict[str, Prompt]:
    """All prompts by id; those of a user's file come last and win.

    Raises:
        ValueError: the file is no TOML of prompts.
        OSError: it cannot be read.
    """
    prompts = _read(OWN)
    return prompts | _read(Path(own_file)) if own_file else prompts


def _read(path: Path) -> dict[str, Prompt]:
    try:
        tables = tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ValueError(f"{path} is no TOML file: {error}") from error
    return {name: _prompt(path, name, table) for name, table in tables.items()}


def _prompt(path: Path, name: str, table: object) -> Prompt:
    known = {field.name: field.type for field in fields(Prompt) if field.name != "prompt_id"}
    if not isinstance(table, Mapping):
        raise ValueError(f'{path}: {name!r} is no prompt; write it as a table, ["{name}"]')
    if unknown := set(table) - set(known):
        raise ValueError(f"{path}: prompt {name} has {sorted(unknown)}; it may have {sorted(known)}")
    kinds = {"min_words": int, "max_words": int, "about_frames": bool, "choices": list}
    for key, value in table.items():
        if not isinstance(value, kinds.get(key, str)):
            raise ValueError(f"{path}: {key} of prompt {name} is {value!r}")
    given: dict[str, Any] = {key: tuple(value) if key == "choices" else value for key, value in table.items()}
    if missing := {"text", "kind"} - set(given):
        raise ValueError(f"{path}: prompt {name} lacks {sorted(missing)}")
    return Prompt(name, **given)
