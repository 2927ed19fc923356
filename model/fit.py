"""Whether the weights of a checkpoint are those of its network."""

from __future__ import annotations

from collections.abc import Mapping

from model.errors import ModelError


def check_fit(
    wanted: Mapping[str, tuple[int, ...]], places: Mapping[str, str], shapes: Mapping[str, tuple[int, ...]]
) -> None:
    """Raises ModelError("weights_do_not_fit") that lists missing, unexpected and misshapen weights.

    wanted: shape by the network's name. places: the network's name by the file's. shapes: by the network's name.
    """
    given = set(places.values())
    missing = sorted(set(wanted) - given)
    unexpected = sorted(name for name, place in places.items() if place not in wanted)
    misshapen = [
        f"{name} is {shapes[name]} and should be {wanted[name]}"
        for name in sorted(given & set(wanted))
        if shapes[name] != wanted[name]
    ]
    if missing or unexpected or misshapen:
        found = [f"{len(missing)} missing: {missing}", f"{len(unexpected)} unexpected: {unexpected}"]
        raise ModelError("weights_do_not_fit", "; ".join([*found, *misshapen]) + ".")
