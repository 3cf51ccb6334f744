"""What the sender costs a bot: the time one call of a method takes, while a running service takes the events.

    python3 test/clients/call_logger_bench.py http://127.0.0.1:3000

In bursts that fit into the queue, as a bot that skips events measures nothing.
"""

import asyncio
import pathlib
import statistics
import sys
import time

sys.dont_write_bytecode = True
sys.path.insert(0, str(pathlib.Path(__file__).parents[2] / "src" / "clients"))
from call_logger import CallLogger  # noqa: E402

BURSTS = 20
EVENTS = 400

ALERT = dict(
    call_type="arbitrage", sport="NBA", team_a="Lakers", team_b="Celtics", book_a="bet365", book_b="Pinnacle",
    odds_a=-110, odds_b=+105, roi_percent=2.5, stake_a=355, stake_b=395, users_notified=10,
)


async def main(url):
    logger = CallLogger(url)
    methods = {
        "log_call": lambda number: logger.log_call(**ALERT),
        "increment_click": lambda number: logger.increment_click("a-call", user_id=number),
        "update_result": lambda number: logger.update_result("a-call", "a_won", 12.5),
    }
    await logger.start()
    for name, method in methods.items():
        times_us = []
        for _ in range(BURSTS):
            for number in range(EVENTS):
                started = time.perf_counter_ns()
                await method(number)
                times_us.append((time.perf_counter_ns() - started) / 1000)
            while logger.stats()["queued"] > 0:
                await asyncio.sleep(0.01)
        p99 = statistics.quantiles(times_us, n=100)[98]
        print(f"{name}: median {statistics.median(times_us):.1f} µs, p99 {p99:.1f} µs, max {max(times_us):.0f} µs")
    await logger.stop()
    stats = logger.stats()
    print(f"{stats['logged']} logged, {stats['accepted']} accepted, {stats['skipped']} skipped")


asyncio.run(main(sys.argv[1]))
