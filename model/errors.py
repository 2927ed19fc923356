"""What can be wrong with a checkpoint, a message or a request, by name."""

REASONS: dict[str, str] = {
    "missing_checkpoint": "Name a folder that holds a checkpoint, or one on the hub as owner/name.",
    "not_allowed": "The owners of this checkpoint have not let you in.",
    "bad_config": "The checkpoint's config does not say what the network needs.",
    "unsupported_checkpoint": "No family that is known here has this layout.",
    "unsafe_weights": "Only safetensors are read; pickles can run code. Convert them first, in a place you trust.",
    "damaged_weights": "A safetensors file is cut off or its header does not describe it.",
    "weights_do_not_fit": "The names or shapes in the checkpoint are not those of the network.",
    "bad_message": "The message does not have the form of a sample row.",
    "missing_media": "There is no file at the place that the message names.",
    "bad_media": "The picture or video cannot be used.",
    "no_frames": "No frame is left to look at.",
    "too_small": "A side of the picture is shorter than one merged patch.",
    "too_long": "The prompt with its pictures is longer than the limit.",
    "no_logprobs": "Logit distillation learns from kept tokens and their likeliest alternatives.",
    "other_vocabulary": "Logprobs of one vocabulary mean nothing to another.",
    "not_installed": "A library that this needs is missing.",
    "not_fusable": "Leave --compile out: it knows norms and gates of Llama-like networks.",
    "exists": "The destination is there already.",
    "disk_full": "There is not enough room at the destination.",
}


class ModelError(Exception):
    """A checkpoint or request that cannot be used: `.reason` is a key of REASONS, `.detail` what was met. It
    pickles."""

    def __init__(self, reason: str, detail: str) -> None:
        if reason not in REASONS:
            raise ValueError(f"reason must be one of {sorted(REASONS)}, got {reason!r}")
        super().__init__(reason, detail)
        self.reason = reason
        self.detail = detail

    def __str__(self) -> str:
        return f"{self.reason}: {self.detail} {REASONS[self.reason]}"
