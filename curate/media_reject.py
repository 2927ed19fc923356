"""A video that cannot be used, as a reject."""

from engine.work import Reject
from media.errors import MediaError

TEMPORARY = frozenset({"missing_file", "io_error", "out_of_memory"})


def media_reject(error: MediaError) -> Reject:
    """The reject of a MediaError; trying again helps only where the storage or the memory was at fault."""
    return Reject(error.reason, error.detail, permanent=error.reason not in TEMPORARY)
