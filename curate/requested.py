"""The spans that dataset files ask for, as clips: where they lie in the fetched video, and what touches their edges."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from dataclasses import dataclass

from curate.detectors.cut import Cut
from engine.work import Row
from schemas.spans import US, Span, count_within

NAMES_SQL = "select video_key, video_id from videos union select video_key, video_id from aliases"
REQUESTED_SQL = f"""
    select n.video_id, md5(string_agg(r.request_id, ',' order by r.request_id)) as requests_stamp,
        list({{'request_id': r.request_id, 'span_start_us': r.span_start_us - coalesce(v.section_start_us, 0),
            'span_end_us': r.span_end_us - coalesce(v.section_start_us, 0), 'hdvg_start_frame': r.hdvg_start_frame,
            'hdvg_end_frame': r.hdvg_end_frame}} order by r.request_id) as requested
    from requests r join ({NAMES_SQL}) n using (video_key) join videos v using (video_id)
    where r.span_start_us is not null or r.own_key is not null group by n.video_id
"""
"""A row a video: which spans of it are asked for, and a hash of that, by which a scan knows whether it saw them all.

A row that names a clip and no span means the whole video, as in LVD-2M's WebVid file; one that names neither is but a
video to fetch.
"""
EDGE_US = US // 2
"""A transition so near an edge belongs to the edge: LVD-2M's key-frame cuts let in up to a group of pictures."""


@dataclass(frozen=True)
class Placed:
    """A request's span on the video's own timeline. `uncertainty_us`: how far off it may be; None: exact."""

    request_id: str
    span: Span
    uncertainty_us: int | None


@dataclass(frozen=True)
class Misplaced:
    """A request that asks for something that the video has not."""

    request_id: str
    reason: str
    detail: str


def place(
    requested: Sequence[Row], times_us: Sequence[int], keys_us: Sequence[int], end_us: int
) -> tuple[list[Placed], list[Misplaced]]:
    """Requests as spans of a video whose frames are shown at `times_us`, whose key frames at `keys_us`.

    What reaches behind the end of the video is cut off there. HD-VG counts frames from the key frame at or before the
    start of HD-VILA's clip, because that clip was copied without decoding: the same rule gives the same pictures where
    the key frames are the same; another encoding has others, at most a group of pictures away, which is the
    uncertainty.
    """
    placed, misplaced = list[Placed](), list[Misplaced]()
    for row in requested:
        start_us, stop_us, off_by = _within(row["span_start_us"], row["span_end_us"], end_us)
        if row["hdvg_start_frame"] is not None and 0 <= start_us < end_us:
            start_us, stop_us, off_by = _counted_from_key(row, times_us, keys_us, stop_us)
        if start_us is None or not 0 <= start_us < stop_us or not count_within(times_us, Span(start_us, stop_us)):
            asked = f"[{row['span_start_us']}, {row['span_end_us']}) us"
            if row["hdvg_start_frame"] is not None:
                asked += f", frames {row['hdvg_start_frame']} to {row['hdvg_end_frame']}"
            detail = f"no frame of the video lies in {asked}; it ends at {end_us} us"
            misplaced.append(Misplaced(row["request_id"], "span_outside_video", detail))
        else:
            placed.append(Placed(row["request_id"], Span(start_us, stop_us), off_by))
    return placed, misplaced


def _within(start_us: int | None, stop_us: int | None, end_us: int) -> tuple[int, int, None]:
    """A span, cut off at the end of the video; null for both is all of it."""
    return start_us or 0, end_us if stop_us is None else min(stop_us, end_us), None


def _counted_from_key(
    row: Row, times_us: Sequence[int], keys_us: Sequence[int], clip_end_us: int
) -> tuple[int | None, int, int | None]:
    """Start, end and uncertainty of HD-VG's frames [start, end) behind the key frame of HD-VILA's clip; -1: to its
    end."""
    key = bisect_right(keys_us, row["span_start_us"]) - 1
    key_us = keys_us[key] if key >= 0 else times_us[0]
    next_key_us = keys_us[key + 1] if key + 1 < len(keys_us) else clip_end_us
    first = bisect_left(times_us, key_us)
    start, end = first + row["hdvg_start_frame"], first + row["hdvg_end_frame"]
    if start >= len(times_us):
        return None, clip_end_us, None
    stops_us = clip_end_us if row["hdvg_end_frame"] == -1 or end >= len(times_us) else times_us[end]
    return times_us[start], min(stops_us, clip_end_us), max(0, next_key_us - key_us)


def columns_at_edges(span: Span, cuts: Sequence[Cut]) -> Row:
    """Columns of `clips` that say which transitions lie in a span, and what of it lies clear of those at its edges.

    A hard cut lies at the first frame of the new shot: one exactly at the start leaves the span clean, as does one
    exactly at its end.
    """
    inside = [
        cut
        for cut in cuts
        if cut.kind != "flash_rejected" and cut.start_us < span.end_us and max(cut.end_us, cut.start_us) > span.start_us
    ]
    early = [cut.end_us for cut in inside if cut.start_us <= span.start_us + EDGE_US]
    late = [cut.start_us for cut in inside if cut.end_us >= span.end_us - EDGE_US]
    clean_start, clean_end = max(early, default=span.start_us), min(late, default=span.end_us)
    is_clean = clean_start < clean_end
    return {
        "transitions_inside": len(inside),
        "transition_at_start": bool(early),
        "transition_at_end": bool(late),
        "clean_start_us": clean_start if is_clean else None,
        "clean_end_us": clean_end if is_clean else None,
    }
