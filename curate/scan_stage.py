"""The scan as a stage: videos that are due go in, rows of cuts, clips, measures and scans come out."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from fractions import Fraction
from functools import partial

from curate.detectors.cascade import weights
from curate.media_reject import media_reject
from curate.passes import ScanSettings
from curate.requested import REQUESTED_SQL, Misplaced, Placed, columns_at_edges
from curate.scan import FoundClip, Scan, scan
from curate.sources import stamp_of
from engine.due import Due
from engine.run import Plan
from engine.work import Beat, Outcome, Reject, Row, Slot, Work
from media.errors import MediaError
from schemas.ids import clip_id_of, fingerprint_of
from schemas.spans import US

STAGE = "scan"
VERSION = 5  # 5: three networks suppose; fades with which a video begins


def scan_plan(settings: ScanSettings) -> Plan:
    """The scan of many videos, ready to run."""
    return Plan(STAGE, _fingerprint(settings), "video_id", partial(_make_work, settings))


def scan_due(settings: ScanSettings) -> Due:
    """The videos that this scan has not finished, the longest first so that none is left alone at the end."""
    return Due(
        STAGE,
        _fingerprint(settings),
        input_sql="select video_id, video_key, uri, source_stamp, duration_us, num_frames, requests_stamp, requested "
        f"from videos left join ({REQUESTED_SQL}) using (video_id) where coalesce(kept, 'full') = 'full'",
        key="video_id",
        done_sql=f"select s.video_id, s.fingerprint from scans s left join ({REQUESTED_SQL}) w using (video_id) "
        "where s.requests_stamp is not distinct from w.requests_stamp",
        order="i.duration_us desc, i.video_id",
    )


def _fingerprint(settings: ScanSettings) -> str:
    return fingerprint_of(STAGE, VERSION, settings, [weights.identity()] if settings.detector == "default" else ())


def _make_work(settings: ScanSettings, slot: Slot) -> Work:
    import cv2  # noqa: PLC0415

    cv2.setNumThreads(1)  # the cores belong to the decoder and to the other workers
    return partial(_scan_rows, settings, slot.threads)


def _scan_rows(settings: ScanSettings, threads: int, rows: Sequence[Row], beat: Beat) -> Iterator[Outcome]:
    """Each row: a row of `videos` with `source`, the path or url at which it can be opened."""
    for row in rows:
        reject = _changed(row)
        if reject:
            yield Outcome(row["video_id"], reject=reject)
            continue
        started_at = time.monotonic()
        fps = Fraction(row["num_frames"] * US, row["duration_us"])
        try:
            found = scan(row["source"], settings, fps=fps, threads=threads, beat=beat, requested=row["requested"] or ())
        except MediaError as error:
            yield Outcome(row["video_id"], reject=media_reject(error))
        else:
            yield _outcome(row, found, settings, time.monotonic() - started_at)


def _changed(row: Row) -> Reject | None:
    """A file that is gone, or not the one that was added: its rows would speak of another video."""
    try:
        stamp = stamp_of(row["source"])
    except FileNotFoundError:
        return Reject("missing_file", f"{row['uri']} is not there any more", permanent=False)
    except OSError as error:
        return Reject("io_error", f"{row['uri']}: {error}", permanent=False)
    if stamp == row["source_stamp"]:
        return None
    return Reject("source_changed", f"{row['uri']} changed since it was added: add it again", permanent=False)


def _outcome(video: Row, found: Scan, settings: ScanSettings, seconds: float) -> Outcome:
    """All rows of one scan; the row of `scans` commits the others."""
    video_id = video["video_id"]
    cuts, clips, measures = list[Row](), list[Row](), list[Row]()
    for cut in found.cuts:
        cuts.append(
            {
                "video_id": video_id,
                "start_us": cut.start_us,
                "end_us": cut.end_us,
                "kind": cut.kind,
                "score": cut.score,
                "detector": cut.detector,
            }
        )
    by_span = {clip.span: (clip, Row()) for clip in found.clips}
    for placed, clip in reversed(found.requested):  # of several requests for one span, the first gives its name
        by_span[clip.span] = (clip, _requested_columns(placed, clip, found))
    for clip, own in by_span.values():
        clip_id = clip_id_of(video_id, clip.span.start_us, clip.span.end_us)
        clips.append(
            {
                "clip_id": clip_id,
                "video_id": video_id,
                "start_us": clip.span.start_us,
                "end_us": clip.span.end_us,
                "num_frames": clip.num_frames,
                "origin": "detected",
            }
            | own
        )
        measures.append({"clip_id": clip_id, "video_id": video_id} | clip.measures)
    commit = {
        "video_id": video_id,
        "num_frames_decoded": found.report.num_frames,
        "duration_us": found.report.end_us,
        "num_cuts": sum(cut["kind"] != "flash_rejected" for cut in cuts),
        "num_clips": len(clips),
        "seconds": seconds,
        "detector": settings.detector,
        "warnings": list(found.report.warnings),
        "requests_stamp": video["requests_stamp"],
    }
    rejects = [_misplaced_row(missing, video) for missing in found.misplaced]
    rows = {"cuts": cuts, "clips": clips, "measures": measures, "scans": [commit], "rejects": rejects}
    return Outcome(video_id, rows)


def _requested_columns(placed: Placed, clip: FoundClip, found: Scan) -> Row:
    """What a requested clip says beside a detected one; a span that is both counts as requested."""
    return {
        "request_id": placed.request_id,
        "origin": "requested",
        "uncertainty_us": placed.uncertainty_us,
    } | columns_at_edges(clip.span, found.cuts)


def _misplaced_row(missing: Misplaced, video: Row) -> Row:
    return {
        "stage": "request",
        "key": missing.request_id,
        "reason": missing.reason,
        "detail": missing.detail,
        "permanent": True,
        "source_stamp": video["source_stamp"],
        "video_key": video["video_key"],
    }
