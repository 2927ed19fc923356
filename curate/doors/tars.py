"""WebDataset shards, and folders of plain files: samples that share a name, with their texts, JSON and media."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path, PurePosixPath
from typing import Any

from curate.doors.found import BadRow
from curate.doors.made import Clip, GivenText, Made, a_text
from curate.doors.reading import scripts
from curate.doors.record_files import Found, Record, parsed
from curate.doors.tar_members import Member, members_of, open_tar
from curate.sources import VIDEO_SUFFIXES

TEXT_BYTES = 64 << 20
_TEXTS = ("txt", "caption", "cap")
_URLS = ("url", "contentUrl", "video_url")
Take = Callable[[Member], str]


def samples_of_tar(path: Path, take: Take | None = None) -> Iterator[Found]:
    """(number of its first member, sample) of a shard: files with the same name up to the first dot, in a row.

    `take` is called with each video, and gives the key under which it is known then.
    """
    first, key = 1, None
    sample: dict[str, Any] = {}
    with open_tar(path) as file:
        number = 0
        for member in members_of(file):
            if isinstance(member, BadRow):
                yield number + 1, member
                continue
            number = member.number
            base, _, suffix = _split(member.name)
            if base != key:
                if sample:
                    yield first, _finished(sample)
                key, first, sample = base, number, {"__key__": base}
            try:
                if f".{suffix.lower()}" in VIDEO_SUFFIXES:
                    sample["__video__"] = take(member) if take else str(PurePosixPath(member.name))
                    sample["__taken__"] = take is not None
                elif member.size <= TEXT_BYTES:
                    sample[suffix.lower()] = member.read()
            except BadRow as error:
                yield number, error
    if sample:
        yield first, _finished(sample)


def samples_of_folder(folder: Path) -> Iterator[Found]:
    """The same for `key.mp4`, `key.txt` and `key.json` beside one another, in the order of their names."""
    files = sorted(path for path in folder.rglob("*") if path.is_file() and not path.name.startswith("."))
    number, key = 0, None
    sample: dict[str, Any] = {}
    for path in files:
        name = path.relative_to(folder).as_posix()
        base, _, suffix = _split(name)
        if base != key and sample:
            yield number, _finished(sample)
        if base != key:
            key, number = base, number + 1
            sample = {"__key__": base}
        if f".{suffix.lower()}" in VIDEO_SUFFIXES:
            sample["__video__"] = name
        elif suffix.lower() in (*_TEXTS, "json") and path.stat().st_size <= TEXT_BYTES:
            sample[suffix.lower()] = path.read_bytes()
    if sample:
        yield number, _finished(sample)


def is_folder_of_samples(folder: Path) -> bool:
    """Whether a folder holds texts beside videos of the same name."""
    videos = (path for path in folder.rglob("*") if path.suffix.lower() in VIDEO_SUFFIXES)
    return any(path.with_suffix(f".{suffix}").exists() for path in videos for suffix in (*_TEXTS, "json"))


def _split(name: str) -> tuple[str, str, str]:
    path = PurePosixPath(name)
    stem, dot, suffix = path.name.partition(".")
    if dot and "." in suffix:  # a.b.mp4 is the sample a.b where its ending is known
        stem, dot, suffix = path.name.rpartition(".")
    return (str(path.parent / stem) if str(path.parent) != "." else stem), dot, suffix


def _finished(sample: dict[str, Any]) -> Record | BadRow:
    record: Record = {"__key__": sample["__key__"], "__video__": sample.get("__video__")}
    is_taken = sample.get("__taken__", False)
    try:
        if isinstance(raw := sample.get("json"), bytes):
            inner = parsed(raw.decode())
            if isinstance(inner, BadRow):
                return inner
            record["__json__"] = inner
        for suffix in _TEXTS:
            if isinstance(raw := sample.get(suffix), bytes):
                record["__text__"] = raw.decode()
    except UnicodeDecodeError as error:
        return BadRow("not_utf8", f"sample {sample['__key__']}: {error}")
    if len(record) == 2 and record["__video__"] is None:
        return BadRow("empty", f"sample {sample['__key__']}: no video, no text and no JSON")
    return record | {"__taken__": is_taken}


def read_sample(record: Record) -> Sequence[Made]:
    """A clip; where our own export wrote the JSON, exactly what it says. A video that was taken out of the shard with
    it is a clip of its own beside that: it may be a cut of what the JSON speaks of."""
    inner = record.get("__json__") or {}
    if scripts.fits_own(inner):
        clips = scripts.read_own(inner)
        if not record.get("__taken__"):
            return clips
        said = {"cut_from": clips[0].video_key}
        return [*clips, Clip(record["__video__"], clips[0].texts, given=said, own_key=record["__key__"])]
    said = record.get("__text__", inner.get("caption"))
    texts = [GivenText("given", a_text(said, "caption"), "the dataset")] if said else []
    url = next((inner[name] for name in _URLS if isinstance(inner.get(name), str)), None)
    url = url if url and url.lower().startswith(("http://", "https://")) else None
    given = scripts.texts_of(inner, {"caption"} if "__text__" not in record else set())
    key = record["__video__"] or f"{record['__key__']}.mp4"
    return [Clip(key, texts, url, given=given, own_key=record["__key__"])]
