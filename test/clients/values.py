"""Logs a call of the values that bots have, and prints its id."""

import datetime
import decimal
import enum

from call_logger import get_call_logger


class Sport(enum.Enum):
    TENNIS = "tennis"


class Sixteen:
    """As the integers of numpy are."""

    def __index__(self):
        return 16


class Half:
    """As the floats of numpy are."""

    def __float__(self):
        return 0.5


UTC_MINUS_3 = datetime.timezone(datetime.timedelta(hours=-3))
logger = get_call_logger().sync
call_id = logger.log_call(
    call_type="arbitrage",
    sport=Sport.TENNIS,
    league=None,
    market=" ",
    team_a=float("nan"),
    match_date=datetime.datetime(2025, 10, 22, 23, 30, tzinfo=UTC_MINUS_3),
    commence_time=datetime.datetime(2025, 10, 22, 20, 30),
    sent_at=datetime.datetime(2025, 10, 22, 5, 1, 19, 250731, tzinfo=UTC_MINUS_3),
    expires_at=1761200000.5,
    book_a="bet365",
    book_b="Pinnacle",
    odds_a=decimal.Decimal("110.5"),
    odds_b="105",
    roi_percent=Half(),
    stake_a=decimal.Decimal("NaN"),
    stake_b="much",
    notified_user_ids=[17, "", " "],
    users_notified=decimal.Decimal(1),
    raw={"when": datetime.date(2025, 10, 22), "nan": float("nan"), "tags": ("a", Sport.TENNIS), 1: Sixteen()},
    bookmaker_url="https://example.org",
)
logger.increment_click(call_id, 17)
logger.increment_click(call_id, user_id=17.0)
logger.update_result(call_id, "a_won", decimal.Decimal("12.5"))
# A bot that leaves open what it does not know: the sender fills in the id and the time.
blank = logger.log_call(
    call_id="", call_type="good_ev", book_a="bet365", odds_a=110, roi_percent=1, sent_at="", notified_user_ids=""
)
print(call_id, blank)
