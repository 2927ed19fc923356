"""What is asked for, and how it came: dataset files, attempts to fetch, videos."""

from __future__ import annotations

import pyarrow as pa

from schemas.spec import Column, TableSpec
from schemas.tables.columns import BOOL, FLOAT, INT32, INT64, TEXT, TIMESTAMP, one_of, required

FETCH_OUTCOMES = (
    "ok", "gone", "private", "age", "geo", "login", "forbidden", "expired", "bot_check", "rate_limited", "network",
    "server", "format", "not_a_video", "too_large", "live", "unsupported", "bad_url", "forbidden_address", "challenge",
    "disk", "forgotten",
)  # fmt: skip
KEPT = ("full", "spans")
REQUESTS = TableSpec(
    name="requests",
    doc="What a dataset file asks for: a span of a video, with all that its row said.",
    key=("request_id",),
    columns=(
        required("request_id", TEXT, "hash of dataset, video_key, span and the row's own key"),
        required("dataset", TEXT, "name of the dataset file's format, or what the user called it"),
        Column("source_row", INT64, "number of the row in the file, from 1"),
        Column("url", TEXT, "where the video is to be had"),
        required("video_key", TEXT, "the name by which the source knows the video"),
        Column("span_start_us", INT64, "start of the asked span; null: the whole video"),
        Column("span_end_us", INT64, "end of the asked span"),
        Column("hdvg_start_frame", INT64, "HD-VG: first frame, counted in the key-frame aligned HD-VILA clip"),
        Column("hdvg_end_frame", INT64, "HD-VG: end frame, -1 for the end of that clip"),
        Column("own_key", TEXT, "the row's own name for what it asks; `curate cut` names the file by it"),
        Column("given", pa.map_(TEXT, TEXT), "every column of the source row as it stood there"),
    ),
    rules={
        "span_ends_after_start": "span_end_us > span_start_us",
        "span_starts_at_zero": "span_start_us >= 0",
    },
)
INGESTS = TableSpec(
    name="ingests",
    doc="One dataset file that was read to its end; the same file is not read again.",
    key=("ingest_id",),
    columns=(
        required("ingest_id", TEXT, "hash of the file's name and stamp, the format and its columns"),
        required("uri", TEXT, "the file"),
        required("source_stamp", TEXT, "its size and modification time"),
        required("dataset", TEXT, "name under which its rows stand in requests"),
        required("format", TEXT, "the format that was recognised"),
        required("num_rows", INT64, "rows of the file"),
        required("num_requests", INT64, "requests that were written"),
        required("num_rejects", INT64, "rows that were turned away"),
        required("seconds", FLOAT, "how long it took"),
    ),
)
FETCHES = TableSpec(
    name="fetches",
    doc="One attempt to get one video.",
    key=("video_key", "attempt"),
    columns=(
        required("video_key", TEXT, "the name by which the source knows the video"),
        required("attempt", INT32, "number of the attempt, from 1"),
        required("backend", TEXT, "what fetched it: http, yt-dlp, pytube"),
        required("outcome", TEXT, "how it ended: " + " · ".join(FETCH_OUTCOMES)),
        required("permanent", BOOL, "true: trying again cannot help"),
        Column("http_status", INT32, "status code of the last answer"),
        Column("message", TEXT, "what the source said"),
        Column("bytes", INT64, "bytes received"),
        Column("seconds", FLOAT, "how long it took"),
        Column("retry_after", FLOAT, "seconds to wait, as the source asked"),
        Column("not_before", TIMESTAMP, "temporary failures: when the next attempt may come"),
        Column("url", TEXT, "what was asked for"),
        Column("account", TEXT, "name of the cookie file that was used"),
        Column("format", TEXT, "which of the source's formats, as the source calls it"),
        Column("video_id", TEXT, "ok: the content that came"),
        Column("uri", TEXT, "ok: where it was put, relative to the catalogue"),
        Column("source_stamp", TEXT, "ok: size and etag as the source gave them"),
        Column("section_start_us", INT64, "ok: where the file begins in the source's video; null: at its beginning"),
        Column("title", TEXT, "ok: the source's title"),
        Column("licence", TEXT, "ok: the licence under which the source offers it"),
        Column("uploader", TEXT, "ok: who published it"),
    ),
    rules={"known_outcome": one_of("outcome", FETCH_OUTCOMES), "attempts_count_from_one": "attempt >= 1"},
)
VIDEOS = TableSpec(
    name="videos",
    doc="One video file, by content.",
    key=("video_id",),
    columns=(
        required("video_id", TEXT, "first 128 bits of the file's BLAKE3, in hex"),
        required("video_key", TEXT, "its first name: the path below the added folder, or the source's key"),
        required("uri", TEXT, "where it lies: relative to the catalogue, an absolute path, or a url"),
        required("source_stamp", TEXT, "size and modification time or etag of the file when it was read"),
        required("bytes", INT64, "size of the file"),
        required("container", TEXT, "container format"),
        required("codec", TEXT, "codec of the video stream"),
        Column("pix_fmt", TEXT, "pixel format as FFmpeg names it"),
        Column("bit_depth", INT32, "bits of a luma sample"),
        Column("has_alpha", BOOL, "the pictures carry transparency"),
        required("width", INT32, "stored width in pixels"),
        required("height", INT32, "stored height in pixels"),
        required("display_width", INT32, "width after sample aspect ratio and rotation"),
        required("display_height", INT32, "height after sample aspect ratio and rotation"),
        required("rotation", INT32, "degrees clockwise that turn the stored picture upright: 0, 90, 180, 270"),
        Column("sar_num", INT32, "sample aspect ratio, numerator"),
        Column("sar_den", INT32, "sample aspect ratio, denominator"),
        Column("fps_num", INT64, "average frame rate, numerator"),
        Column("fps_den", INT64, "average frame rate, denominator"),
        required("is_vfr", BOOL, "the time between frames varies"),
        required("duration_us", INT64, "from the first frame to the end of the last one"),
        required("num_frames", INT64, "frames counted in the file, not taken from its header"),
        required("has_audio", BOOL, "there is an audio stream"),
        required("start_us", INT64, "the container's time of the first frame; all other times count from it"),
        Column("warnings", pa.list_(TEXT), "what is odd about the file, by name"),
        Column("licence", TEXT, "licence under which the source offers it"),
        Column("uploader", TEXT, "who published it"),
        Column("retrieved_at", TIMESTAMP, "when it was fetched"),
        Column("kept", TEXT, "spans: the file is gone, its clips are kept (clip_files); full or null: it is there"),
        Column("section_start_us", INT64, "where the file begins in the source's video; null: at its beginning"),
    ),
    rules={
        "has_frames": "num_frames > 0",
        "has_duration": "duration_us > 0",
        "has_pixels": "width > 0 and height > 0 and display_width > 0 and display_height > 0",
        "right_angle": "rotation in (0, 90, 180, 270)",
        "rate_is_positive": "fps_num > 0 and fps_den > 0",
        "known_kept": one_of("kept", KEPT),
    },
)
ALIASES = TableSpec(
    name="aliases",
    doc="A further name of a video whose content is already known under another.",
    key=("video_key", "uri"),
    columns=(
        required("video_key", TEXT, "the further name"),
        required("uri", TEXT, "where the same content lies under that name"),
        required("video_id", TEXT, "the video that it is"),
        required("source_stamp", TEXT, "size and modification time or etag of the file when it was read"),
    ),
)
TOMBSTONES = TableSpec(
    name="tombstones",
    doc="A video that was taken down: forgotten, and never fetched again, under whatever name or url it comes.",
    key=("video_key",),
    columns=(
        required("video_key", TEXT, "its name"),
        Column("video_id", TEXT, "its content, where it was ever fetched"),
        Column("reason", TEXT, "why, as it was said"),
    ),
)
