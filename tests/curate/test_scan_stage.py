"""When a scan is due again."""

from __future__ import annotations

import pytest

from curate.detectors.cascade import weights
from curate.passes import ScanSettings
from curate.scan_stage import scan_plan


@pytest.mark.parametrize(("detector", "is_due"), [("default", True), ("scenedetect-content", False)])
def test_other_weights_make_scans_of_their_detector_due(
    detector: str, is_due: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = ScanSettings(detector=detector)
    before = scan_plan(settings).fingerprint
    monkeypatch.setattr(weights, "identity", lambda: "of other weights")
    assert (scan_plan(settings).fingerprint != before) is is_due
