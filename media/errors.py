"""What can be wrong with a video, by name."""

REASONS: dict[str, str] = {
    "missing_file": "There is no file at this place.",
    "empty_file": "The file has zero bytes; download it again.",
    "not_a_video": "No demuxer knows these bytes as a video container.",
    "no_video_stream": "The container holds no moving picture (cover art does not count).",
    "unsupported_codec": "This build of FFmpeg has no decoder (or encoder) for the codec.",
    "no_frames": "The headers are readable, but there is not one frame behind them.",
    "no_timestamps": "Neither the packets nor the container say when a frame is shown.",
    "decode_error": "The decoder finds nothing usable in the packets.",
    "too_many_pixels": "One picture is larger than the limit.",
    "too_many_frames": "There are more frames than the limit, or the header claims so.",
    "too_long": "The video lasts longer than the limit.",
    "empty_span": "No frame lies in the asked span.",
    "no_keyframe": "Nothing can be copied from here; encode the span with cut() instead.",
    "io_error": "The storage failed while reading or writing; trying again may help.",
    "out_of_memory": "FFmpeg could not get the memory it asked for.",
    "encode_error": "The encoder or the muxer refuses these settings for this picture.",
}


class MediaError(Exception):
    """A video that cannot be used: `.reason` is a key of REASONS, `.detail` says what was met. It pickles."""

    def __init__(self, reason: str, detail: str) -> None:
        if reason not in REASONS:
            raise ValueError(f"reason must be one of {sorted(REASONS)}, got {reason!r}")
        super().__init__(reason, detail)
        self.reason = reason
        self.detail = detail

    def __str__(self) -> str:
        return f"{self.reason}: {self.detail} {REASONS[self.reason]}"
