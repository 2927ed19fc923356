"""When calls may begin, and how long they are waited for: with a clock that is moved by hand."""

from __future__ import annotations

import asyncio

import pytest

from model.engines.pace import Pace, Rate
from model.engines.patience import Patience


class Clock:
    """Seconds, which pass only when they are told to."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def rate_against(limit: float, seconds: int, *, refuses: float = 0.0) -> tuple[Rate, float]:
    """The rate, and the share of the limit that was used, at a server with a bucket of a tenth of a second's calls.

    Until there is a rate, 400 calls a second begin. refuses: share of calls turned away for no reason, every n-th.
    """
    clock = Clock()
    rate = Rate(clock)
    tokens, taken, number, every = 1.0, 0, 0, round(1 / refuses) if refuses else 0
    while clock.now < seconds:
        step = 1 / (rate.per_second or 400.0)
        clock.now += step
        tokens = min(limit / 10, tokens + step * limit)
        rate.sent()
        number += 1
        if tokens < 1:
            rate.turned_away()
            continue
        tokens -= 1
        taken += 1
        if every and number % every == 0:
            rate.turned_away()
    return rate, taken / seconds / limit


def test_a_server_that_turns_nobody_away_sets_no_rate() -> None:
    assert rate_against(1e6, 5)[0].per_second is None


@pytest.mark.parametrize("limit", [40, 100, 250])
def test_the_rate_finds_the_servers_limit_and_uses_it(limit: float) -> None:
    rate, used = rate_against(limit, 30)
    assert rate.per_second == pytest.approx(limit, rel=0.4)
    assert used > 0.95


def test_calls_turned_away_for_no_reason_do_not_bring_the_rate_down() -> None:
    rate, used = rate_against(100, 60, refuses=0.2)
    assert rate.per_second is not None
    assert rate.per_second > 75
    assert used > 0.8


def test_one_bad_second_costs_no_more_than_three_quarters_of_the_rate() -> None:
    clock = Clock()
    rate = Rate(clock)
    for _ in range(101):  # 100 calls a second, and all are turned away
        clock.now += 0.01
        rate.sent()
        rate.turned_away()
    assert rate.per_second == pytest.approx(25, rel=0.05)


def test_half_of_the_calls_run_at_once_where_most_are_lost_and_one_more_each_round_after_that() -> None:
    clock = Clock()
    pace = Pace(8, 16, clock)
    for _ in range(16):
        pace.lost()
    assert pace.at_once == 8  # 16 of 32: not yet most
    pace.lost()
    pace.lost()  # within the same second: the same news
    assert pace.at_once == 4
    pace.answered()
    assert pace.at_once == 4.25  # a full round of four is one more
    clock.now = 2.0
    pace.lost()
    assert pace.at_once == pytest.approx(2.125)


def test_calls_at_once_double_each_round_until_then() -> None:
    pace = Pace(2, 16)
    for _ in range(2):
        pace.answered()
    assert pace.at_once == 4
    for _ in range(100):
        pace.answered()
    assert pace.at_once == 16


def test_who_asked_first_goes_first() -> None:
    began: list[int] = []

    async def call(pace: Pace, order: int) -> None:
        async with pace.turn(order):
            began.append(order)
            await asyncio.sleep(0)

    async def all_of_them() -> None:
        pace = Pace(1, 1)
        async with pace.turn():
            others = [asyncio.create_task(call(pace, order)) for order in (3, 1, 2)]
            await asyncio.sleep(0)
        await asyncio.gather(*others)

    asyncio.run(all_of_them())
    assert began == [1, 2, 3]


def test_one_who_stops_waiting_takes_no_place() -> None:
    async def run() -> int:
        pace = Pace(1, 1)
        async with pace.turn():
            waiting = asyncio.create_task(pace.turn().__aenter__())
            await asyncio.sleep(0)
            waiting.cancel()
            await asyncio.gather(waiting, return_exceptions=True)
        async with asyncio.timeout(1), pace.turn():
            return 1

    assert asyncio.run(run()) == 1


def test_patience_is_ten_times_what_most_calls_take_for_those_under_way_too() -> None:
    async def run() -> float:
        patience = Patience(0.0, 60.0)
        begun = asyncio.get_running_loop().time()
        with pytest.raises(TimeoutError):
            async with patience.holds():
                for _ in range(40):
                    patience.took(0.01)
                assert patience.seconds == pytest.approx(0.1)
                await asyncio.sleep(60)
        return asyncio.get_running_loop().time() - begun

    assert asyncio.run(run()) < 30


def test_patience_grows_where_most_calls_are_given_up() -> None:
    patience = Patience(2.0, 60.0)
    for _ in range(40):
        patience.took(0.1)
    assert patience.seconds == 2.0
    for _ in range(40):  # half of all
        patience.took(2.0)
    assert patience.seconds == pytest.approx(20.0)
