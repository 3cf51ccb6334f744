"""Calls every method with values nobody expects. Exits with 1 as soon as something is raised or an id is missing."""

import collections
import datetime
import decimal
import enum
import itertools
import json
import logging
import random
import sys
import time
import uuid

from call_logger import CallLogger

logging.disable(logging.CRITICAL)


class Broken:
    """Nothing can be done with it."""

    def fail(self, *_):
        raise RuntimeError("broken")

    __str__ = __repr__ = __eq__ = __ne__ = __bool__ = __float__ = __index__ = __len__ = __iter__ = __getattr__ = fail
    __hash__ = object.__hash__


class Kind(enum.Enum):
    TEXT = "good_ev"
    BROKEN = [object()]


def nested(depth):
    value = []
    for _ in range(depth):
        value = [value]
    return value


def endless():
    value = {}
    value["self"] = [value]
    return value


MAKERS = [
    lambda: None,
    lambda: float("nan"),
    lambda: float("-inf"),
    lambda: decimal.Decimal("sNaN"),
    lambda: decimal.Decimal("1e999999"),
    lambda: 10**6000,
    lambda: -(2**70),
    lambda: True,
    lambda: 1.5 + 2j,
    lambda: datetime.datetime.min,
    lambda: datetime.datetime.max.replace(tzinfo=datetime.timezone(datetime.timedelta(hours=-23))),
    lambda: datetime.datetime.now(),
    lambda: datetime.date.max,
    lambda: datetime.timedelta(1),
    lambda: random.choice(list(Kind)),
    Broken,
    lambda: Broken,
    lambda: {Broken(): Broken()},
    lambda: {("a", 1): {1, 2}, None: b"\xff"},
    lambda: nested(50),
    lambda: nested(5_000),
    endless,
    itertools.count,
    lambda: (Broken() for _ in range(3)),
    lambda: "\ud800",
    lambda: "a\0b",
    lambda: "x" * 2_000_000,
    lambda: b"\xff",
    uuid.uuid4,
    lambda: collections.namedtuple("Pair", "a b")(1, Broken()),
    lambda: memoryview(b"x"),
    lambda: 110,
    lambda: "bet365",
    lambda: "arbitrage",
]
NAMES = (
    "call_type sport league team_a match_date commence_time market book_a book_b odds_a odds_b odds_format stake_a "
    "total_stake sent_at expires_at users_notified notified_user_ids source raw roi_percent call_id event_id user_id "
    "action clicked_at outcome profit profit_actual closing_line_a clv_b line_movement_speed closed_at settled_at "
    "unknown type class"
).split()
ROUNDS = 1_500

random.seed(int(sys.argv[1]))
# Most of it waits in memory for a batch; a few of the texts are large.
logger = CallLogger(queue_events=100).sync
for _ in range(ROUNDS):
    name = random.choice(["log_call", "increment_click", "update_result"])
    args = [random.choice(MAKERS)() for _ in range(random.choice([0, 0, 0, 1, 2, 4]))]
    taken = ["call_id", "user_id" if name == "increment_click" else "outcome", "profit"][: len(args)]
    free = [field for field in NAMES if field not in taken]
    fields = {field: random.choice(MAKERS)() for field in random.sample(free, random.randrange(6))}
    if name == "log_call" and random.random() < 0.5:
        fields = {"call_type": "good_ev", "book_a": "b", "odds_a": 110, "roi_percent": 1, **fields}
    event_id = getattr(logger, name)(*args, **fields)
    if not isinstance(event_id, str):
        sys.exit(f"{name} returned {type(event_id)}")
    while logger.stats()["queued"] > 90:
        time.sleep(0.005)
for days in (None, "x", float("nan"), 10**400):
    if logger.cleanup_old_data(days) is not None:
        sys.exit("cleaned up")
logger.stop(30)
logger.stop(Broken)
print(json.dumps(logger.stats()))
