"""Writing a video file: whole under its name, or not at all."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import av
from av.container import OutputContainer
from av.error import FFmpegError

from media.errors import MediaError

# Encoder: what keeps it quiet and gives constant quality at `crf`.
VIDEO_CODECS: dict[str, dict[str, str]] = {
    "libx264": {},
    "libx265": {"x265-params": "log-level=none"},
    "libsvtav1": {},
    "libvpx-vp9": {"b:v": "0"},
}
_MOV = {".mp4", ".mov", ".m4v"}
CONTAINERS = _MOV | {".mkv", ".webm"}


@contextmanager
def written(out: str | os.PathLike[str]) -> Iterator[OutputContainer]:
    """An output container for a local path; the file gets its name when all is written, else nothing stays.

    Raises ValueError for an unknown ending, MediaError (io_error, encode_error) when writing fails.
    """
    path = Path(out)
    if path.suffix.lower() not in CONTAINERS:
        raise ValueError(f"out must end in one of {sorted(CONTAINERS)}, got {path}")
    part = path.with_name(f".{path.stem}.{os.getpid()}.part{path.suffix}")
    options = {"movflags": "+faststart"} if path.suffix.lower() in _MOV else {}
    try:
        with av.open(f"file:{part}", "w", container_options=options) as container:
            yield container
        part.replace(path)
    except FFmpegError as error:
        reason = "io_error" if isinstance(error, OSError) else "encode_error"
        raise MediaError(reason, f"{path}: {error.strerror}.") from error
    except OSError as error:
        raise MediaError("io_error", f"{path}: {error}.") from error
    finally:
        part.unlink(missing_ok=True)


def stores_decoding_gaps(out: str | os.PathLike[str]) -> bool:
    """Whether the container keeps durations in decoding order (MP4, MOV) instead of each frame's own."""
    return Path(out).suffix.lower() in _MOV


def audio_codec_for(out: str | os.PathLike[str]) -> str:
    """Opus in WebM, AAC elsewhere."""
    return "libopus" if Path(out).suffix.lower() == ".webm" else "aac"
