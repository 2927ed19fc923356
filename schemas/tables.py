"""Every table of the catalogue. This file is the truth; docs/tables.md is printed from it."""

from __future__ import annotations

import pyarrow as pa

from schemas.spec import Column, CommittedBy, TableSpec

TEXT, BOOL = pa.string(), pa.bool_()
INT8, INT32, INT64 = pa.int8(), pa.int32(), pa.int64()
FLOAT = pa.float32()
TIMESTAMP = pa.timestamp("us", tz="UTC")

CUT_KINDS = ("hard", "dissolve", "fade", "wipe", "flash_rejected", "unspecified")
CLIP_ORIGINS = ("detected", "requested", "windowed")
FETCH_OUTCOMES = (
    "ok", "gone", "private", "age", "geo", "login", "forbidden", "expired", "bot_check", "rate_limited", "network",
    "server", "format", "not_a_video", "too_large", "live", "unsupported", "bad_url", "forbidden_address", "challenge",
    "disk", "forgotten",
)  # fmt: skip
KEPT = ("full", "spans")


def required(name: str, type_: pa.DataType, doc: str) -> Column:
    return Column(name, type_, doc, nullable=False)


def one_of(column: str, allowed: tuple[str, ...]) -> str:
    """SQL: the column holds one of the allowed words."""
    return f"{column} in ({', '.join(repr(word) for word in allowed)})"


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
        required("video_id", TEXT, "first 128 bits of the file's SHA-256, in hex"),
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
SCANS = TableSpec(
    name="scans",
    doc="One finished scan of one video; its cuts, clips and measures count from this row on.",
    key=("video_id",),
    columns=(
        required("video_id", TEXT, "the scanned video"),
        required("num_frames_decoded", INT64, "frames that were decoded"),
        required("duration_us", INT64, "time to the end of the last decoded frame"),
        required("num_cuts", INT32, "transitions found, rejected flashes not counted"),
        required("num_clips", INT32, "clips found"),
        required("seconds", FLOAT, "how long the scan took"),
        required("detector", TEXT, "the detector that was asked for"),
        Column("warnings", pa.list_(TEXT), "what went wrong on the way, by name"),
        Column("requests_stamp", TEXT, "hash of the requested spans that it looked at; others make the scan due again"),
    ),
    rules={"frames_were_decoded": "num_frames_decoded > 0"},
    committed_by=CommittedBy("scans", ("video_id",)),
)
CUTS = TableSpec(
    name="cuts",
    doc="One transition between two shots.",
    key=("video_id", "start_us", "detector"),
    columns=(
        required("video_id", TEXT, "the video"),
        required("start_us", INT64, "hard cut: first frame of the new shot; else where the transition starts"),
        required("end_us", INT64, "where the transition ends; equal to start_us for a hard cut"),
        required("kind", TEXT, " · ".join(CUT_KINDS) + " (a detector that cannot tell says unspecified)"),
        Column("score", FLOAT, "the detector's own score"),
        required("detector", TEXT, "what found it"),
    ),
    rules={
        "known_kind": one_of("kind", CUT_KINDS),
        "ends_at_or_after_start": "end_us >= start_us",
        "hard_cut_has_no_length": "kind <> 'hard' or end_us = start_us",
        "starts_in_the_video": "start_us >= 0",
    },
    committed_by=CommittedBy("scans", ("video_id",)),
)
CLIPS = TableSpec(
    name="clips",
    doc="A span of a video.",
    key=("clip_id",),
    columns=(
        required("clip_id", TEXT, "`<video_id>_<start_us>_<end_us>`"),
        required("video_id", TEXT, "the video"),
        Column("request_id", TEXT, "the request that asked for this span"),
        required("start_us", INT64, "start of `[start_us, end_us)` on the video's own timeline"),
        required("end_us", INT64, "end of the span"),
        required("num_frames", INT64, "frames that start within the span"),
        required("origin", TEXT, " · ".join(CLIP_ORIGINS)),
        Column("transitions_inside", INT32, "requested: transitions of which a part lies within the span"),
        Column("transition_at_start", BOOL, "requested: one within the first half second: another shot leaks in"),
        Column("transition_at_end", BOOL, "requested: one within the last half second"),
        Column("clean_start_us", INT64, "requested: start_us behind a transition at the start"),
        Column("clean_end_us", INT64, "requested: end_us before a transition at the end"),
        Column("uncertainty_us", INT64, "how far off the edges may be; HD-VG: one group of pictures. Null: exact"),
    ),
    rules={
        "ends_after_start": "end_us > start_us",
        "starts_in_the_video": "start_us >= 0",
        "has_frames": "num_frames > 0",
        "known_origin": one_of("origin", CLIP_ORIGINS),
    },
    committed_by=CommittedBy("scans", ("video_id",)),
)
CLIP_FILES = TableSpec(
    name="clip_files",
    doc="A clip as a file of its own, exact to the frame.",
    key=("clip_id",),
    columns=(
        required("clip_id", TEXT, "the clip"),
        required("video_id", TEXT, "its video"),
        required("uri", TEXT, "where it lies, relative to the catalogue"),
        required("bytes", INT64, "size of the file"),
        required("content", TEXT, "first 128 bits of the file's SHA-256, in hex"),
        required("num_frames", INT64, "frames in it"),
    ),
    rules={"has_frames": "num_frames > 0", "has_bytes": "bytes > 0"},
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
_SHARE = "between 0 and 1"
MEASURES = TableSpec(
    name="measures",
    doc="What one clip measures. Null means: not measured.",
    key=("clip_id",),
    columns=(
        required("clip_id", TEXT, "the clip"),
        required("video_id", TEXT, "its video"),
        Column("flow_raft_lvd", FLOAT, "LVD-2M's motion score: RAFT, 2 fps, 520x960, mean in pixels; see `flows`"),
        Column(
            "flow_dis_lvd", FLOAT, "estimate of flow_raft_lvd without a network: camera and object motion over 0.5 s"
        ),
        Column("flow_diag_per_s", FLOAT, "mean optical flow, frame diagonals a second"),
        Column("flow_p95_diag_per_s", FLOAT, "95th percentile over time of the frames' mean flow"),
        Column("camera_diag_per_s", FLOAT, "mean speed of what stands still in the world, diagonals a second; no sign"),
        Column("camera_pan", FLOAT, "mean camera motion to the right, diagonals a second; there and back is 0"),
        Column("camera_tilt", FLOAT, "mean camera motion upwards, diagonals a second"),
        Column("camera_zoom", FLOAT, "mean growth rate of the picture, 1/s; above 0 goes in"),
        Column("camera_roll", FLOAT, "mean turn of the camera, degrees a second clockwise"),
        Column(
            "camera_shake_diag_per_s", FLOAT, "how far the camera's speed is off a straight course, root mean square"
        ),
        Column("camera_share", FLOAT, "camera_diag_per_s of camera_diag_per_s + object_flow_diag_per_s"),
        Column(
            "object_flow_diag_per_s", FLOAT, "mean flow against the camera's, diagonals a second: what moves by itself"
        ),
        Column("still_share", FLOAT, "share of time without visible motion, flow below 0.005 diagonals a second"),
        Column("static_camera_share", FLOAT, "share of time in which the camera moves by less than that"),
        Column("jump_cut_score", FLOAT, "likeliest transition inside the clip that was not taken for one, 0 to 1"),
        Column("coherence", FLOAT, "how alike start, middle and end are in colour and light, 0 to 1 (the same)"),
        Column(
            "content_2s_max",
            FLOAT,
            "largest HSV difference of frames 2 s apart (LVD-2M's cut rule: 50), 0-255",
        ),
        Column("luma_mean", FLOAT, "mean luma, 0-255"),
        Column("luma_std", FLOAT, "mean over time of a frame's standard deviation of luma, 0-127.5"),
        Column("sharpness", FLOAT, "variance of the Laplacian of the working picture, mean over time, luma squared"),
        Column("blockiness", FLOAT, "mean step across the lines of the 8-pixel grid over that elsewhere; 1: no blocks"),
        Column("crop_x", INT32, "left edge of the picture without borders, pixels as displayed"),
        Column("crop_y", INT32, "top edge"),
        Column("crop_width", INT32, "width without borders"),
        Column("crop_height", INT32, "height without borders"),
        Column("letterbox_share", FLOAT, "share of the frame that is border: black, white, or a blurred copy"),
        Column("text_share", FLOAT, "share of the frame that lines of text cover, by their look"),
        Column("ken_burns_score", FLOAT, "how much the clip looks like a move over a photograph, 0 to 1"),
        Column(
            "slide_score", FLOAT, "how much the clip looks like slides: pages that stand still, then change, 0 to 1"
        ),
        Column("screen_score", FLOAT, "how much the clip looks like a recorded screen: drawn, not filmed, 0 to 1"),
        Column("pip_score", FLOAT, "how much the clip looks like a small window over what stands still, 0 to 1"),
        Column("phash", pa.list_(pa.uint64()), "perceptual hashes, one a second, 64 bits of the cosine transform"),
        Column("signature", pa.binary(), "64 signed bytes a sample: low frequencies of the picture (not in `clip`)"),
        Column("signature_us", pa.list_(INT64), "times of the samples on the video's timeline (not in `clip`)"),
    ),
    rules={
        "flow_is_not_negative": "flow_diag_per_s >= 0 and flow_dis_lvd >= 0 and camera_diag_per_s >= 0",
        "luma_in_range": "luma_mean between 0 and 255",
        "still_share_is_a_share": f"still_share {_SHARE}",
        "letterbox_share_is_a_share": f"letterbox_share {_SHARE}",
        "text_share_is_a_share": f"text_share {_SHARE}",
        "camera_share_is_a_share": f"camera_share {_SHARE}",
        "jump_cut_score_is_a_share": f"jump_cut_score {_SHARE}",
        "coherence_is_a_share": f"coherence {_SHARE}",
        "static_camera_share_is_a_share": f"static_camera_share {_SHARE}",
        "scores_are_shares": " and ".join(
            f"{name} {_SHARE}" for name in ("ken_burns_score", "slide_score", "screen_score", "pip_score")
        ),
        "crop_lies_in_the_frame": "crop_x >= 0 and crop_y >= 0 and crop_width > 0 and crop_height > 0",
    },
    committed_by=CommittedBy("scans", ("video_id",)),
)
FLOWS = TableSpec(
    name="flows",
    doc="LVD-2M's motion score of one clip by one flow network. `clip.flow_raft_lvd` shows the newest.",
    key=("clip_id", "model"),
    columns=(
        required("clip_id", TEXT, "the clip"),
        required("video_id", TEXT, "its video"),
        required("model", TEXT, "the network: raft_large, raft_small, or the name of a file of weights"),
        required("weights_hash", TEXT, "identity of the weights"),
        required("flow_lvd", FLOAT, "mean length of the flow in pixels between frames 0.5 s apart at 520x960"),
        required("num_pairs", INT32, "pairs of frames that it is the mean of"),
        Column("seconds", FLOAT, "how long it took"),
    ),
    rules={"flow_is_not_negative": "flow_lvd >= 0", "has_pairs": "num_pairs >= 1"},
)
ANSWERS = TableSpec(
    name="answers",
    doc="One answer of a model to one question about one clip.",
    key=("clip_id", "question_id", "model"),
    columns=(
        required("clip_id", TEXT, "the clip"),
        required("question_id", TEXT, "which question"),
        required("model", TEXT, "who answered"),
        Column("answer", TEXT, "the answer as one of the question's choices; null: none could be read"),
        Column("raw_text", TEXT, "what the model wrote"),
    ),
)
SELECTIONS = TableSpec(
    name="selections",
    doc="A named, frozen query result; the SQL and the state of the catalogue stand in the part's footer.",
    key=("selection", "clip_id"),
    columns=(
        required("selection", TEXT, "name of the selection"),
        required("clip_id", TEXT, "a clip that it holds"),
        required("rank", INT64, "place of the clip in the selection, from 1"),
    ),
    rules={"ranks_count_from_one": "rank >= 1"},
    committed_by=CommittedBy("funnels", ("selection",)),
)
FUNNELS = TableSpec(
    name="funnels",
    doc="What each condition of a selection turns away; a selection counts from its funnel on.",
    key=("selection", "step"),
    columns=(
        required("selection", TEXT, "name of the selection"),
        required("step", INT32, "place of the condition, 0 is every clip before the first one"),
        required("condition", TEXT, "name of the condition"),
        required("sql", TEXT, "the condition itself"),
        required("clips_unmeasured", INT64, "clips for which the condition is null; they are turned away"),
        required("clips_turned_away_alone", INT64, "clips that this condition alone would turn away"),
        required("hours_turned_away_alone", pa.float64(), "their hours"),
        required("clips_left", INT64, "clips that pass this condition and all before it"),
        required("hours_left", pa.float64(), "their hours"),
    ),
    rules={"counts_are_not_negative": "clips_left >= 0 and clips_turned_away_alone >= 0"},
    committed_by=CommittedBy("funnels", ("selection",)),
)
DUPLICATES = TableSpec(
    name="duplicates",
    doc="The place of one clip among near-duplicates: the clips that show the same footage, and the one to keep.",
    key=("method", "clip_id"),
    columns=(
        required("method", TEXT, "how the clips were compared: signature"),
        required("clip_id", TEXT, "the clip"),
        required("group_id", TEXT, "clip_id of the one to keep of its group; its own where it stands alone"),
        required("group_size", INT32, "clips in the group, 1 for a clip without duplicates"),
        required("is_keeper", BOOL, "whether it is the one to keep"),
        required("reason", TEXT, "what the one to keep has more of than the next best; only one: it stands alone"),
        Column("agreement", FLOAT, "correlation with the one to keep: of what moves, or of pictures that stand still"),
        Column("speed", FLOAT, "how many times as fast it runs; null for the one to keep"),
        Column("offset_us", INT64, "its time at the start of the one to keep, from its own start"),
        Column("mirrored", BOOL, "whether it is mirrored against the one to keep"),
    ),
    rules={"group_has_members": "group_size >= 1", "keeper_names_its_group": "is_keeper = (group_id = clip_id)"},
    committed_by=CommittedBy("dedups", ("method",)),
)
DEDUPS = TableSpec(
    name="dedups",
    doc="One finished search for near-duplicates; its rows of duplicates count from this row on.",
    key=("method",),
    columns=(
        required("method", TEXT, "how the clips were compared"),
        required("num_clips", INT64, "clips that were compared"),
        required("num_groups", INT64, "groups of two clips or more"),
        required("num_extra", INT64, "clips that are in a group and not the one to keep"),
        required("seconds", FLOAT, "how long the search took"),
        required("restriction", TEXT, "SQL over the columns of clip that the compared clips meet"),
    ),
    rules={"counts_are_not_negative": "num_clips >= 0 and num_groups >= 0 and num_extra >= num_groups"},
    committed_by=CommittedBy("dedups", ("method",)),
)
CAPTIONS = TableSpec(
    name="captions",
    doc="One text about one clip.",
    key=("caption_id",),
    columns=(
        required("caption_id", TEXT, "hash of clip, kind, segment, model, prompt and sample number"),
        required("clip_id", TEXT, "the clip"),
        required("kind", TEXT, "segment · raw · refined · rewritten · dense · grounded · given · student · …"),
        Column("segment", INT32, "number of the segment, from 0; null: the whole clip"),
        required("text", TEXT, "the caption"),
        required("model", TEXT, "who wrote it"),
        Column("weights_hash", TEXT, "identity of the weights"),
        Column("prompt_id", TEXT, "which prompt was used"),
        Column("parents", pa.list_(TEXT), "captions that it was made from"),
        Column("frame_times_us", pa.list_(INT64), "times of the frames that the model saw"),
        Column("prompt_tokens", INT32, "tokens read"),
        Column("output_tokens", INT32, "tokens written"),
        Column("finish_reason", TEXT, "why the model stopped"),
        Column("seconds", FLOAT, "how long it took"),
    ),
    rules={"text_is_not_blank": "length(trim(text)) > 0"},
)
SAMPLES = TableSpec(
    name="samples",
    doc="One training row.",
    key=("sample_id",),
    columns=(
        required("sample_id", TEXT, "hash of messages and media"),
        required("messages", TEXT, "JSON: the conversation, media named by their place"),
        Column("clip_ids", pa.list_(TEXT), "clips that the messages speak of, in order"),
        Column("caption_ids", pa.list_(TEXT), "captions that it was made from"),
        Column("split", TEXT, "train · validation · test"),
    ),
)
PAIRS = TableSpec(
    name="pairs",
    doc="One preference: of two answers to the same messages one is better, and why.",
    key=("pair_id",),
    columns=(
        required("pair_id", TEXT, "hash of sample and both answers"),
        required("sample_id", TEXT, "the sample"),
        required("chosen", TEXT, "the better answer"),
        required("rejected", TEXT, "the worse one"),
        Column("reason", TEXT, "why"),
    ),
)
EVENTS = TableSpec(
    name="events",
    doc="One event that a text tells.",
    key=("benchmark", "sample_id", "side", "event_index"),
    columns=(
        required("benchmark", TEXT, "the benchmark"),
        required("sample_id", TEXT, "its sample"),
        required("side", TEXT, "reference, or the model whose text it is"),
        required("event_index", INT32, "place in the text, from 0"),
        required("event", TEXT, "the event"),
    ),
)
ENTAILMENTS = TableSpec(
    name="entailments",
    doc="One judgement: does a text entail an event?",
    key=("benchmark", "sample_id", "side", "event_index", "judge", "prompt_id"),
    columns=(
        required("benchmark", TEXT, "the benchmark"),
        required("sample_id", TEXT, "its sample"),
        required("side", TEXT, "whose event it is"),
        required("event_index", INT32, "which event"),
        Column("label", TEXT, "entailment · neutral · contradiction; null: the judgement failed"),
        required("judge", TEXT, "who judged"),
        required("prompt_id", TEXT, "which prompt was used"),
    ),
)
SCORES = TableSpec(
    name="scores",
    doc="One figure of one model on one benchmark, with its judge, coverage and interval.",
    key=("benchmark", "model", "metric", "judge"),
    columns=(
        required("benchmark", TEXT, "the benchmark"),
        required("model", TEXT, "the model"),
        required("metric", TEXT, "what is measured"),
        required("judge", TEXT, "who judged; 'none' for a metric without judge"),
        Column("value", pa.float64(), "the figure; null: it could not be computed"),
        Column("low", pa.float64(), "lower end of the 95 % interval"),
        Column("high", pa.float64(), "upper end"),
        Column("coverage", FLOAT, "share of the samples that count in it"),
    ),
)
REJECTS = TableSpec(
    name="rejects",
    doc="A row that was turned away: by which stage, for which named reason.",
    key=("stage", "key"),
    columns=(
        required("stage", TEXT, "the stage that turned it away"),
        required("key", TEXT, "key of its input row: a uri for add, a video_id for scan"),
        required("reason", TEXT, "why, by name"),
        Column("detail", TEXT, "what exactly was wrong"),
        required("permanent", BOOL, "true: trying the same again cannot help"),
        Column("source_stamp", TEXT, "what the input looked like; when it changes, the row is due again"),
        Column("video_key", TEXT, "the video's name, where there is one"),
    ),
)

ALL = (
    REQUESTS, INGESTS, FETCHES, VIDEOS, ALIASES, SCANS, CUTS, CLIPS, CLIP_FILES, TOMBSTONES, MEASURES, FLOWS, ANSWERS,
    DUPLICATES, DEDUPS, SELECTIONS, FUNNELS, CAPTIONS, SAMPLES, PAIRS, EVENTS, ENTAILMENTS, SCORES, REJECTS,
)  # fmt: skip
# A reject is settled once its stage finished the same key later: stage -> (table, column that holds the key).
SETTLED_BY: dict[str, tuple[tuple[str, str], ...]] = {
    "add": (("videos", "uri"), ("aliases", "uri")),
    "scan": (("scans", "video_id"),),
    "flow": (("flows", "clip_id"),),
    "download": (("videos", "video_key"), ("aliases", "video_key")),
    "request": (("clips", "request_id"),),
}
BY_NAME = {spec.name: spec for spec in ALL}
