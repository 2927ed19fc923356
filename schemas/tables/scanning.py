"""What one look at a video finds: transitions, clips and what they measure."""

from __future__ import annotations

import pyarrow as pa

from schemas.spec import Column, CommittedBy, TableSpec
from schemas.tables.columns import BOOL, FLOAT, INT32, INT64, TEXT, one_of, required

CUT_KINDS = ("hard", "dissolve", "fade", "wipe", "flash_rejected", "unspecified")
CLIP_ORIGINS = ("detected", "requested", "windowed")
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
        required("content", TEXT, "first 128 bits of the file's BLAKE3, in hex"),
        required("num_frames", INT64, "frames in it"),
    ),
    rules={"has_frames": "num_frames > 0", "has_bytes": "bytes > 0"},
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
OCR_TEXTS = TableSpec(
    name="ocr_texts",
    doc="What an OCR engine read in one clip. `clip.ocr_text` and `clip.ocr_text_share` show the newest.",
    key=("clip_id", "reader"),
    columns=(
        required("clip_id", TEXT, "the clip"),
        required("video_id", TEXT, "its video"),
        required("reader", TEXT, "the engine: rapidocr"),
        required("reader_version", TEXT, "its version, models included"),
        Column("text", TEXT, "each line once, in the order in which they appear; null where none was read"),
        required("text_share", FLOAT, "mean share of the frame that the lines cover"),
        Column("confidence", FLOAT, "mean of the engine's own, 0 to 1, over the lines; null without any"),
        required("num_frames", INT32, "frames that were read, about one every two seconds"),
        Column("seconds", FLOAT, "how long it took"),
    ),
    rules={"text_share_is_a_share": f"text_share {_SHARE}", "has_frames": "num_frames >= 1"},
)
