"""Sends the calls, clicks and results of a bot to the call-logger service.

One file, Python 3.9 and newer, nothing but the standard library: put it beside your bot.

    from call_logger import get_call_logger

    logger = get_call_logger()
    await logger.start()
    call_id = await logger.log_call(call_type="arbitrage", book_a="bet365", odds_a=-110,
                                    book_b="Pinnacle", odds_b=+115, roi_percent=2.5, users_notified=10)
    await logger.increment_click(call_id, user_id="u17")
    await logger.update_result(call_id, outcome="a_won", profit=12.5)
    await logger.stop()

Without asyncio the same methods are under `logger.sync`.

What a bot can rely on:

- Nothing here raises, and nothing but `stop` and `cleanup_old_data` waits: an event gets its id here, goes into a queue
  in memory, and a thread sends it. Mistakes are told in the log `call_logger` and counted in `logger.stats()`.
- An event is sent until the service has acknowledged it, always under the same id, so it is stored once.
- The queue holds 1,000 events. When it is full they go to the overflow file if there is one; otherwise they are skipped
  and counted. With the file, events survive an outage of the service of any length, and a restart of the bot.
- What the service refuses for good (its answer names the field) is logged and counted, and not sent again. What a wrong
  address or a wrong key refuses is kept, and tried again every 30 seconds.
"""

from __future__ import annotations

import asyncio
import atexit
import codecs
import collections
import contextlib
import email.utils
import gzip
import http.client
import itertools
import json
import logging
import operator
import os
import platform
import random
import threading
import time
import urllib.parse
import weakref
from datetime import date, datetime, timezone
from enum import Enum
from queue import Empty, SimpleQueue
from typing import Any, BinaryIO, Callable, Deque, Dict, Iterator, List, Mapping, NamedTuple, Optional, Tuple, Union

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]
    import msvcrt

__all__ = ["CallLogger", "SyncCallLogger", "get_call_logger"]
# Of the service that handed this file out.
__version__ = "unreleased"

DEFAULT_URL = "http://127.0.0.1:3000"
QUEUE_EVENTS = 1_000
QUEUE_BYTES = 64 * 1024 * 1024
OVERFLOW_BYTES = 256 * 1024 * 1024
# The service takes 10,000 events and 16 MiB; proxies before it often take 1 MiB, and small batches are retried sooner.
BATCH_EVENTS = 500
BATCH_BYTES = 512 * 1024
EVENT_BYTES = 1024 * 1024
# Below this a request fits into a packet or two, and compressing it saves nothing.
GZIP_FROM_BYTES = 2_048
# More than the service says even when it refuses every event of a batch.
ANSWER_BYTES = 8 * 1024 * 1024
# How long the first event of a batch waits for others.
LINGER_S = 0.05
REQUEST_TIMEOUT_S = 10.0
CLEANUP_TIMEOUT_S = 300.0
FIRST_BACKOFF_S = 0.1
MAX_BACKOFF_S = 15.0
# A wrong address or key mends itself only when somebody looks.
SETTINGS_BACKOFF_S = 30.0
MAX_RETRY_AFTER_S = 300.0
STOP_WITHIN_S = 5.0
# How often the overflow file is looked at when nothing happens: another process may have left something in it.
LOOK_AGAIN_S = 1.0
# How long writing to the overflow file may wait for another process that has it.
FILE_LOCK_WITHIN_S = 0.1
TELL_AGAIN_S = 60.0

_log = logging.getLogger("call_logger")

# Connecting imports this codec. A process that forked in the middle of that import would never get it.
codecs.lookup("idna")


def get_call_logger(
    url: Optional[str] = None,
    key: Optional[str] = None,
    *,
    admin_key: Optional[str] = None,
    overflow_file: Union[None, str, os.PathLike[str]] = None,
) -> CallLogger:
    """The logger of this process: the same one wherever it is asked for with the same arguments.

    What is not given comes from the environment: CALL_LOGGER_URL (default http://127.0.0.1:3000), CALL_LOGGER_KEY (an
    ingest key), CALL_LOGGER_ADMIN_KEY (for `cleanup_old_data` alone), CALL_LOGGER_OVERFLOW_FILE; the keys also from the
    files that CALL_LOGGER_KEY_FILE and CALL_LOGGER_ADMIN_KEY_FILE name. Without any argument it is the logger that was
    made first, if there is one.
    """
    asked = tuple(map(str, (url, key, admin_key, overflow_file)))
    with _loggers_lock:
        if (url, key, admin_key, overflow_file) == (None, None, None, None) and _loggers:
            return next(iter(_loggers.values()))
        if asked not in _loggers:
            _loggers[asked] = CallLogger(url, key, admin_key=admin_key, overflow_file=overflow_file)
        return _loggers[asked]


class CallLogger:
    """Coroutines for a bot on asyncio; `sync` has the same for all others. The top of this file has the promises."""

    def __init__(
        self,
        url: Optional[str] = None,
        key: Optional[str] = None,
        *,
        admin_key: Optional[str] = None,
        overflow_file: Union[None, str, os.PathLike[str]] = None,
        queue_events: int = QUEUE_EVENTS,
    ) -> None:
        self.sync = SyncCallLogger(
            url, key, admin_key=admin_key, overflow_file=overflow_file, queue_events=queue_events
        )

    async def start(self) -> None:
        """Starts sending, at first what an earlier run left in the overflow file. Logging an event does it, too."""
        self.sync.start()

    async def log_call(self, /, *surplus: Any, **fields: Any) -> str:
        """Logs an alert that was sent to users, and returns its id at once.

        Required: call_type ('arbitrage', 'middle', 'good_ev'), book_a, odds_a, roi_percent; book_b and odds_b, but for
        good_ev. Optional: call_id, sport, league, team_a, team_b, match_date, commence_time, market, odds_format
        ('american', 'decimal'), stake_a, stake_b, total_stake, profit_expected, sent_at (default: now), expires_at,
        users_notified, notified_user_ids, source, raw (a dict). Anything else is kept under raw.
        """
        return self.sync.log_call(*surplus, **fields)

    async def increment_click(
        self, /, call_id: Any = None, user_id: Any = None, *surplus: Any, **fields: Any
    ) -> str:
        """Logs that a user pressed "I BET" on a call. Optional: action ('bet', 'click'), clicked_at (default: now)."""
        return self.sync.increment_click(call_id, user_id, *surplus, **fields)

    async def update_result(
        self, /, call_id: Any = None, outcome: Any = None, profit: Any = None, *surplus: Any, **fields: Any
    ) -> str:
        """Logs what came of a call; a later one corrects an earlier one.

        outcome: 'a_won', 'b_won', 'both_won', 'push', 'void', 'unknown'. Optional: profit_actual (the same as profit),
        closing_line_a, closing_line_b, clv_a, clv_b, line_movement_speed ('fast', 'normal', 'slow'), closed_at,
        settled_at (default: now).
        """
        return self.sync.update_result(call_id, outcome, profit, *surplus, **fields)

    async def cleanup_old_data(self, days_to_keep: Any = 365) -> Optional[Dict[str, Any]]:
        """Deletes older calls with all that belongs to them; needs an admin key. The answer, or None (the log says why)."""
        return await _in_thread(lambda: self.sync.cleanup_old_data(days_to_keep))

    async def stop(self, within_s: float = STOP_WITHIN_S) -> None:
        """Sends what is queued, for so many seconds; what is left goes to the overflow file or is counted as lost."""
        await _in_thread(lambda: self.sync.stop(within_s))

    def stats(self) -> Dict[str, Any]:
        """Counters since the process began. Without an overflow file,
        logged = accepted + rejected + skipped + lost + queued."""
        return self.sync.stats()


class SyncCallLogger:
    """The methods of `CallLogger`, as functions. They may be called from any thread."""

    def __init__(
        self,
        url: Optional[str] = None,
        key: Optional[str] = None,
        *,
        admin_key: Optional[str] = None,
        overflow_file: Union[None, str, os.PathLike[str]] = None,
        queue_events: int = QUEUE_EVENTS,
    ) -> None:
        self._url = url or os.environ.get("CALL_LOGGER_URL") or DEFAULT_URL
        self._admin_key = admin_key or _secret("CALL_LOGGER_ADMIN_KEY")
        path = overflow_file or os.environ.get("CALL_LOGGER_OVERFLOW_FILE")
        self._sender = _Sender(
            lambda: _Wire(self._url, key or _secret("CALL_LOGGER_KEY")),
            _Overflow(str(path), OVERFLOW_BYTES) if path else None,
            queue_events,
        )
        self._told: Dict[Tuple[str, str], None] = {}

    def start(self) -> None:
        self._sender.start()

    def log_call(self, /, *surplus: Any, **fields: Any) -> str:
        event: Dict[str, Any] = {"type": "call", "call_id": _new_id()}
        if surplus:
            fields["surplus"] = surplus
        try:
            rest = _fill(event, _CALL_FIELDS, fields)
            if rest:
                self._tell("log_call", rest, "kept under raw")
                event["raw"] = {**rest, **event.get("raw", {})}
            event.setdefault("sent_at", _now())
        except Exception as error:
            return self._give_up(event, "call_id", error)
        return self._put(event, "call_id")

    def increment_click(
        self, /, call_id: Any = None, user_id: Any = None, *surplus: Any, **fields: Any
    ) -> str:
        fields.update(call_id=call_id, user_id=user_id)
        return self._log_about_call("click", "increment_click", _CLICK_FIELDS, "clicked_at", fields, surplus)

    def update_result(
        self, /, call_id: Any = None, outcome: Any = None, profit: Any = None, *surplus: Any, **fields: Any
    ) -> str:
        fields.update(call_id=call_id, outcome=outcome)
        if fields.get("profit_actual") is None:
            fields["profit_actual"] = profit
        return self._log_about_call("result", "update_result", _RESULT_FIELDS, "settled_at", fields, surplus)

    def cleanup_old_data(self, days_to_keep: Any = 365) -> Optional[Dict[str, Any]]:
        try:
            body = json.dumps({"days_to_keep": _number(days_to_keep)}).encode()
            wire = _Wire(self._url, self._admin_key)
            with contextlib.closing(wire):
                headers = {"content-type": "application/json"}
                answer = wire.post("/v1/admin/cleanup", body, headers, CLEANUP_TIMEOUT_S)
            told = _object_in(answer.body)
            if answer.status == 200 and "deleted" in told:
                return told
            _log.error("cleanup_old_data failed: %s", _describe_answer(answer))
        except Exception as error:
            _log.error("cleanup_old_data failed: %s", _describe(error))
        return None

    def stop(self, within_s: float = STOP_WITHIN_S) -> None:
        try:
            self._sender.stop(float(within_s))
        except Exception as error:
            _log.error("stopping failed: %s", _describe(error))

    def stats(self) -> Dict[str, Any]:
        return self._sender.stats()

    def _log_about_call(
        self,
        kind: str,
        method: str,
        known: Mapping[str, Callable[[Any], Any]],
        time_field: str,
        fields: Dict[str, Any],
        surplus: Tuple[Any, ...],
    ) -> str:
        event: Dict[str, Any] = {"type": kind, "event_id": _new_id()}
        if surplus:
            fields["surplus"] = surplus
        try:
            rest = _fill(event, known, fields)
            if rest:
                self._tell(method, rest, "left out")
            event.setdefault(time_field, _now())
        except Exception as error:
            return self._give_up(event, "event_id", error)
        return self._put(event, "event_id")

    def _put(self, event: Dict[str, Any], id_field: str) -> str:
        try:
            line = _line(event)
            if len(line) > EVENT_BYTES:
                raise ValueError(f"it has {len(line)} bytes, and at most {EVENT_BYTES} can be sent")
            self._sender.put(line)
        except Exception as error:
            return self._give_up(event, id_field, error)
        return str(event[id_field])

    def _give_up(self, event: Dict[str, Any], id_field: str, error: Exception) -> str:
        self._sender.count_unsendable()
        _log.error("%s %s cannot be sent: %s", event["type"], event[id_field], _describe(error))
        return str(event[id_field])

    def _tell(self, method: str, rest: Mapping[str, Any], what: str) -> None:
        """Once for each name, and for no more than a hundred of them."""
        for name, value in rest.items():
            if (method, name) in self._told or len(self._told) >= 100:
                continue
            self._told[(method, name)] = None
            kind = type(value).__name__
            _log.warning("%s: %s (%s) fits no field, it is %s", method, name[:100], kind, what)


# --- From Python's values to those of an event ---------------------------------------------------------------------


class _Misfit(Exception):
    """The value cannot be what its field is."""


_ABSENT = object()


def _fill(
    event: Dict[str, Any], known: Mapping[str, Callable[[Any], Any]], values: Mapping[str, Any]
) -> Dict[str, Any]:
    """Puts each value into its field, and returns those without one, or that do not fit. None, NaN and blank text are absent."""
    rest: Dict[str, Any] = {}
    for name, value in values.items():
        if value is None:
            continue
        convert = known.get(name)
        if convert is None:
            rest[name] = value
            continue
        try:
            fit = convert(value)
        except Exception:
            rest[name] = value
            continue
        if fit is not _ABSENT and not _is_blank(fit):
            event[name] = fit
    return rest


def _is_missing(value: Any) -> bool:
    """NaN of any kind and pandas' NaT are not equal to themselves; pandas' NA does not say."""
    try:
        return bool(value != value)
    except Exception:
        return type(value).__name__ == "NAType"


def _is_blank(value: Any) -> bool:
    return type(value) is str and (not value or value.isspace())


def _text(value: Any) -> Any:
    if type(value) is str:
        return value
    if _is_missing(value):
        return _ABSENT
    if isinstance(value, Enum):
        return _text(value.value)
    if isinstance(value, (dict, list, tuple, set, frozenset)):
        raise _Misfit
    if isinstance(value, bytes):
        return value.decode()
    # pandas makes floats of whole ids as soon as one of them is missing.
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return str(value)


def _number(value: Any) -> Any:
    """Whole numbers stay whole; anything else that `float` understands, as Decimal, numpy's and text, is a float."""
    if type(value) is int:
        return value
    if type(value) is float and value - value == 0.0:
        return value
    if _is_missing(value):
        return _ABSENT
    if isinstance(value, Enum):
        return _number(value.value)
    if isinstance(value, bool):
        raise _Misfit
    try:
        return operator.index(value)
    except TypeError:
        number = float(value)
    if number - number != 0.0:
        raise _Misfit
    return number


def _time(value: Any) -> Any:
    """Text as it is; a datetime without a zone is local time; a number is seconds since 1970."""
    if type(value) is str:
        return value
    if _is_missing(value):
        return _ABSENT
    if isinstance(value, datetime):
        return _utc(value)
    if isinstance(value, date):
        return _utc(datetime(value.year, value.month, value.day))
    seconds = _number(value)
    # Larger ones are milliseconds, most likely: nothing to guess about.
    if not 0 <= seconds < 100_000_000_000:
        raise _Misfit
    return _utc(datetime.fromtimestamp(seconds, timezone.utc))


def _utc(moment: datetime) -> str:
    # pandas' own have nanoseconds, which the service does not take.
    to_datetime = getattr(moment, "to_pydatetime", None)
    if to_datetime is not None:
        moment = to_datetime(warn=False)
    return moment.astimezone(timezone.utc).replace(tzinfo=None).isoformat() + "Z"


def _date(value: Any) -> Any:
    """The day as it stands there, never shifted by a zone."""
    if type(value) is str:
        return value
    if _is_missing(value):
        return _ABSENT
    if isinstance(value, date):
        return date(value.year, value.month, value.day).isoformat()
    raise _Misfit


def _users(value: Any) -> Any:
    """Each once. One more than the service takes is enough for it to refuse them."""
    if _is_blank(value):
        return _ABSENT
    if isinstance(value, (str, bytes, int)):
        value = [value]
    texts = (_text(user) for user in itertools.islice(value, 5_001) if user is not None)
    return list(dict.fromkeys(text for text in texts if text is not _ABSENT and not _is_blank(text)))


def _raw(value: Any) -> Dict[Any, Any]:
    if isinstance(value, dict):
        return value
    raise _Misfit


_CALL_FIELDS: Dict[str, Callable[[Any], Any]] = {
    **dict.fromkeys(
        "call_id call_type sport league team_a team_b market book_a book_b odds_format source".split(), _text
    ),
    **dict.fromkeys(
        "odds_a odds_b roi_percent stake_a stake_b total_stake profit_expected users_notified".split(), _number
    ),
    **dict.fromkeys("commence_time sent_at expires_at".split(), _time),
    "match_date": _date,
    "notified_user_ids": _users,
    "raw": _raw,
}
_CLICK_FIELDS: Dict[str, Callable[[Any], Any]] = {
    **dict.fromkeys("call_id event_id user_id action".split(), _text),
    "clicked_at": _time,
}
_RESULT_FIELDS: Dict[str, Callable[[Any], Any]] = {
    **dict.fromkeys("call_id event_id outcome line_movement_speed".split(), _text),
    **dict.fromkeys("profit_actual closing_line_a closing_line_b clv_a clv_b".split(), _number),
    **dict.fromkeys("closed_at settled_at".split(), _time),
}


def _unusual(value: Any) -> Any:
    """Anything JSON has no word for, in words that it has. For what lies under raw."""
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, datetime):
        return _utc(value)
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, (set, frozenset)):
        return list(value)
    if isinstance(value, bytes):
        return value.decode(errors="replace")
    # Scalars and arrays of numpy and pandas.
    if hasattr(value, "tolist"):
        return value.tolist()
    try:
        return float(value)
    except (TypeError, ValueError):
        return str(value)


_to_json = json.JSONEncoder(allow_nan=False, separators=(",", ":"), default=_unusual).encode


def _line(event: Dict[str, Any]) -> bytes:
    """As NDJSON. Made at once, since the bot may change its objects afterwards."""
    try:
        return _to_json(event).encode("ascii") + b"\n"
    except Exception:
        return _to_json(_plain(event, ())).encode("ascii") + b"\n"


def _plain(value: Any, above: Tuple[int, ...]) -> Any:
    """What JSON can say of it: NaN is null, and whatever has no end or no text is named by its type."""
    if value is None or isinstance(value, bool) or type(value) is str:
        return value
    try:
        if isinstance(value, int):
            return int(value) if value.bit_length() < 1_024 else f"<{value.bit_length()} bits>"
        if isinstance(value, float):
            return float(value) if value - value == 0.0 else None if value != value else str(value)
        if id(value) in above or len(above) > 32:
            return f"<{type(value).__name__}>"
        inside = (*above, id(value))
        if isinstance(value, dict):
            return {str(_plain(name, inside)): _plain(item, inside) for name, item in value.items()}
        if isinstance(value, (list, tuple)):
            return [_plain(item, inside) for item in value]
        return _plain(_unusual(value), inside)
    except Exception:
        return f"<{type(value).__name__}>"


def _new_id() -> str:
    """A UUID of version 7. From the system's random numbers, so that forked processes never make the same."""
    ms = time.time_ns() // 1_000_000
    bits = int.from_bytes(os.urandom(10), "big")
    tail = 0x8000_0000_0000_0000 | (bits & 0x3FFF_FFFF_FFFF_FFFF)
    return (
        f"{ms >> 16:08x}-{ms & 0xFFFF:04x}-7{bits >> 68:03x}-{tail >> 48:04x}-{tail & 0xFFFF_FFFF_FFFF:012x}"
    )


def _now() -> str:
    return datetime.now(timezone.utc).isoformat()


# --- The queue, and the thread that sends --------------------------------------------------------------------------


class _Verdict(NamedTuple):
    """What the service made of a request."""

    reason: str
    # None: settled, the batch is done with.
    wait: Optional[str] = None  # 'outage': it will pass by itself; 'settings': somebody has to mend something
    # The batch as a whole is refused: it has to be halved until the reason stands alone.
    is_refused: bool = False
    # Of events that are refused for good: their place in the batch, and why.
    rejected: Tuple[Tuple[int, str], ...] = ()
    retry_after_s: Optional[float] = None


class _Sender:
    """Events wait in `_queue`; the worker takes some into `_hand`, as chunks, and sends them until they are settled.

    With an overflow file nothing stays in memory while the service is away: the worker puts it into the file, and
    afterwards sends the file before what is new. All fields are guarded by `_lock`, which a signal handler or a
    finaliser may take again; `_wake` is of the one kind that is made to be used from there.
    """

    def __init__(
        self, open_wire: Callable[[], _Wire], overflow: Optional[_Overflow], queue_events: int
    ) -> None:
        self._open_wire = open_wire
        self._overflow = overflow
        self._queue_events = queue_events
        # Number of the run; a worker of an earlier one that hangs in a request has no say any more.
        self._run = 0
        self._be_born()
        _senders.add(self)

    def _be_born(self) -> None:
        self._lock = threading.RLock()
        self._wake: SimpleQueue[None] = SimpleQueue()
        self._counts = dict.fromkeys(("logged", "accepted", "rejected", "skipped", "lost", "spilled"), 0)
        self._last_error: Optional[str] = None
        self._spill_error: Optional[str] = None
        self._skip_reason = ""
        self._skipped_told = 0
        self._begin()

    def _begin(self) -> None:
        self._queue: Deque[bytes] = collections.deque()
        self._queue_bytes = 0
        self._hand: List[List[bytes]] = []
        self._is_hand_in_file = False
        self._thread: Optional[threading.Thread] = None
        self._wire: Optional[_Wire] = None
        self._is_idle = False
        self._stop_at: Optional[float] = None
        self._failures = 0
        self._trouble: Optional[str] = None
        self._no_spill_before = 0.0
        self._tell_skipped_at = 0.0

    def after_fork(self) -> None:
        """In the child: the events are the parent's to send, so are its thread and its connection."""
        if self._overflow is not None:
            self._overflow.after_fork()
        self._be_born()

    def put(self, line: bytes) -> None:
        with self._lock:
            self._counts["logged"] += 1
            if not self._has_room(len(line)):
                self._counts["skipped"] += 1
                self._skip_reason = self._spill_error or "the queue is full"
                return
            self._queue.append(line)
            self._queue_bytes += len(line)
            was_idle, self._is_idle = self._is_idle, False
            is_running = self._thread is not None
        if was_idle:
            self._wake.put(None)
        if not is_running:
            self.start()

    def count_unsendable(self) -> None:
        with self._lock:
            self._counts["logged"] += 1
            self._counts["rejected"] += 1

    def start(self) -> None:
        with self._lock:
            if self._thread is not None:
                return
            thread = threading.Thread(target=self._work, args=(self._run,), name="call_logger", daemon=True)
            self._thread = thread
            try:
                thread.start()
            except RuntimeError as error:
                # The interpreter ends: what is queued is sent at exit, without a thread.
                self._thread = None
                _log.debug("no thread can be started: %s", error)

    def stop(self, within_s: float) -> None:
        with self._lock:
            run, thread = self._run, self._thread
            self._stop_at = time.monotonic() + within_s
        self._wake.put(None)
        if thread is not None and thread is not threading.current_thread():
            thread.join(within_s)
        # Without a worker, and for what was logged since it ended, the caller does the work.
        while not self._end(run):
            self._work(run)

    def stats(self) -> Dict[str, Any]:
        with self._lock:
            trouble, is_running = self._trouble, self._thread is not None
            return {
                **self._counts,
                "queued": len(self._queue) + self._events_in_hand(),
                "overflow_bytes": 0 if self._overflow is None else self._overflow.size_bytes(),
                "state": "stopped" if not is_running else "running" if trouble is None else "failing",
                "last_error": self._last_error,
            }

    def _events_in_hand(self) -> int:
        """Those in memory only."""
        return 0 if self._is_hand_in_file else sum(map(len, self._hand))

    def _has_room(self, size_bytes: int) -> bool:
        events = len(self._queue) + self._events_in_hand()
        if events < self._queue_events and self._queue_bytes + size_bytes <= QUEUE_BYTES:
            return True
        return self._spill(self._queue)

    def _spill(self, lines: Deque[bytes]) -> bool:
        """Moves the lines, and the queue is empty then, into the overflow file, if there is one and it has room."""
        now = time.monotonic()
        if self._overflow is None or now < self._no_spill_before:
            return False
        try:
            is_done = self._overflow.append(lines)
            reason = f"the overflow file has reached {OVERFLOW_BYTES} bytes"
        except (OSError, ValueError) as error:
            is_done, reason = False, f"the overflow file cannot be written: {_describe(error)}"
        if not is_done:
            # A disk that is full stays so for a while, and the bot is not to wait for it again and again.
            self._no_spill_before = now + 1.0
            self._last_error = self._spill_error = reason
            return False
        self._spill_error = None
        self._counts["spilled"] += len(lines)
        self._queue.clear()
        self._queue_bytes = 0
        return True

    # The worker. Only `_work`, and what it calls, sends.

    def _work(self, run: int) -> None:
        if self._overflow is not None:
            self._check(self._overflow)
        while self._run == run and not self._is_expired():
            try:
                if self._fetch(run):
                    self._deliver(run)
                elif self._stop_at is not None:
                    break
                else:
                    self._rest()
                self._tell_skipped()
            except Exception:
                _log.exception("the worker goes on after an error of its own")
                self._pause(1.0)

    def _check(self, overflow: _Overflow) -> None:
        """So that a wrong path is told before it is needed."""
        try:
            overflow.check()
        except (OSError, ValueError) as error:
            _log.error("the overflow file cannot be used: %s", _describe(error))

    def _is_expired(self) -> bool:
        stop_at = self._stop_at
        return stop_at is not None and time.monotonic() >= stop_at

    def _fetch(self, run: int) -> bool:
        """Fills the hand; False when there is nothing to send. On stopping the file may stay: it is safe."""
        if self._hand:
            return True
        lines = self._fetch_from_file() if self._overflow is not None and self._stop_at is None else []
        with self._lock:
            if run != self._run:
                return False
            self._is_hand_in_file = bool(lines)
            size_bytes = 0
            while not self._is_hand_in_file and self._queue:
                size_bytes += len(self._queue[0])
                if lines and (len(lines) >= BATCH_EVENTS or size_bytes > BATCH_BYTES):
                    break
                lines.append(self._queue.popleft())
                self._queue_bytes -= len(lines[-1])
            self._hand = [lines] if lines else []
            return bool(lines)

    def _fetch_from_file(self) -> List[bytes]:
        assert self._overflow is not None
        try:
            return self._overflow.take(BATCH_EVENTS, BATCH_BYTES)
        except (OSError, ValueError) as error:
            self._say(f"the overflow file cannot be read: {_describe(error)}", logging.ERROR)
            return []

    def _rest(self) -> None:
        """Until there is something to send; and then a moment longer, for more of it."""
        with self._lock:
            if self._queue or self._stop_at is not None:
                return
            self._is_idle = True
        self._wait(None if self._overflow is None else LOOK_AGAIN_S)
        with self._lock:
            self._is_idle = False
        if self._stop_at is None:
            self._wait(LINGER_S)

    def _wait(self, seconds: Optional[float]) -> None:
        with contextlib.suppress(Empty):
            self._wake.get(timeout=seconds)

    def _pause(self, seconds: float) -> None:
        """Before trying again; in a hurry when stopping."""
        stop_at = self._stop_at
        if stop_at is not None:
            seconds = min(seconds, 0.25, max(0.0, stop_at - time.monotonic()))
        self._wait(seconds)

    def _deliver(self, run: int) -> None:
        """Until the hand is empty, or has been put into the overflow file, or time is up."""
        while not self._is_expired():
            chunk = self._next_chunk(run)
            if chunk is None:
                return
            verdict = self._attempt(chunk)
            if verdict.wait is None:
                self._failures = 0
                self._say_recovered()
                self._settle(run, chunk, verdict)
                continue
            self._failures += 1
            is_outage = verdict.wait == "outage"
            if not is_outage:
                # The next one reads the keys again, from their files.
                self._wire = None
            self._say(verdict.reason, logging.WARNING if is_outage else logging.ERROR)
            self._tell_skipped()
            with self._lock:
                self._shelter(run)
            if self._hand or self._stop_at is None:
                self._pause(self._backoff_s(verdict))

    def _next_chunk(self, run: int) -> Optional[List[bytes]]:
        with self._lock:
            if self._run != run:
                return None
            if self._is_hand_in_file and self._stop_at is not None:
                # It is safe there, and what is in memory is not.
                self._hand = []
            return self._hand[0] if self._hand else None

    def _backoff_s(self, verdict: _Verdict) -> float:
        if verdict.retry_after_s is not None:
            # Not before, and not all at once.
            return min(verdict.retry_after_s, MAX_RETRY_AFTER_S) * random.uniform(1.0, 1.25)
        if verdict.wait == "settings":
            return SETTINGS_BACKOFF_S
        most = min(MAX_BACKOFF_S, FIRST_BACKOFF_S * 2.0 ** min(self._failures, 10))
        return random.uniform(most / 2, most)

    def _shelter(self, run: int) -> None:
        """Puts what is in memory into the overflow file, in its order."""
        if self._overflow is None or run != self._run:
            return
        lines: Deque[bytes] = collections.deque()
        if not self._is_hand_in_file:
            lines.extend(itertools.chain.from_iterable(self._hand))
        lines.extend(self._queue)
        if lines and self._spill(lines) and not self._is_hand_in_file:
            self._hand = []

    def _attempt(self, lines: List[bytes]) -> _Verdict:
        body = b"".join(lines)
        headers = {"content-type": "application/x-ndjson"}
        if len(body) >= GZIP_FROM_BYTES:
            body = gzip.compress(body, 1)
            headers["content-encoding"] = "gzip"
        timeout_s = REQUEST_TIMEOUT_S
        if self._stop_at is not None:
            timeout_s = min(timeout_s, max(0.05, self._stop_at - time.monotonic()))
        try:
            if self._wire is None:
                self._wire = self._open_wire()
            answer = self._wire.post("/v1/events", body, headers, timeout_s)
            return _judge(answer, len(lines))
        except (OSError, http.client.HTTPException) as error:
            return _Verdict(f"the service cannot be reached: {_describe(error)}", wait="outage")
        except Exception as error:
            return _Verdict(f"the service cannot be asked: {_describe(error)}", wait="settings")

    def _settle(self, run: int, chunk: List[bytes], verdict: _Verdict) -> None:
        rejected = verdict.rejected
        with self._lock:
            if run != self._run:
                return
            self._hand.pop(0)
            if verdict.is_refused and len(chunk) > 1:
                middle = len(chunk) // 2
                self._hand[:0] = [chunk[:middle], chunk[middle:]]
                return
            if verdict.is_refused:
                rejected = ((0, verdict.reason),)
            self._counts["rejected"] += len(rejected)
            self._counts["accepted"] += len(chunk) - len(rejected)
        for index, reason in rejected:
            _log.error("the service refused %s for good: %s", _name_of(chunk[index]), reason)

    def _end(self, run: int) -> bool:
        """Ends the run; False when there is something to send, time for it, and no worker."""
        self._tell_skipped_at = 0.0
        self._tell_skipped()
        with self._lock:
            if run != self._run:
                return True
            is_worker_there = self._thread is not None and self._thread.is_alive()
            if self._queue and not is_worker_there and not self._is_expired():
                return False
            self._shelter(run)
            lost = len(self._queue) + self._events_in_hand()
            self._counts["lost"] += lost
            wire = self._wire
            self._run += 1
            self._begin()
        if wire is not None:
            wire.close()
        if self._overflow is not None:
            self._overflow.release()
        if lost:
            _log.error("%d events could not be sent before the end, and there is no overflow file with room", lost)
        return True

    def _say(self, reason: str, level: int) -> None:
        """Once for each reason, until it has passed."""
        with self._lock:
            self._last_error = reason
            is_new = reason != self._trouble
            self._trouble = reason
        if is_new:
            _log.log(level, "%s; events wait and are sent again", reason)

    def _say_recovered(self) -> None:
        with self._lock:
            had_trouble, self._trouble = self._trouble is not None, None
        if had_trouble:
            _log.info("the service takes events again")

    def _tell_skipped(self) -> None:
        now = time.monotonic()
        with self._lock:
            skipped = self._counts["skipped"]
            count = skipped - self._skipped_told
            if count == 0 or now < self._tell_skipped_at:
                return
            self._skipped_told, self._tell_skipped_at = skipped, now + TELL_AGAIN_S
            reason = self._skip_reason
        _log.error("%d events were skipped: %s", count, reason)


# --- Talking to the service ----------------------------------------------------------------------------------------


class _Answer(NamedTuple):
    status: int
    retry_after: Optional[str]
    location: Optional[str]
    body: bytes


class _Wire:
    """One connection to the service, kept open. For one thread."""

    def __init__(self, url: str, key: Optional[str]) -> None:
        parts = urllib.parse.urlsplit(url.strip())
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ValueError(f"CALL_LOGGER_URL is {url!r}: expected http://host:port or https://host")
        self._path = parts.path.rstrip("/")
        self._headers = {
            "user-agent": f"call-logger-py/{__version__} python/{platform.python_version()}",
            "accept": "application/json, application/problem+json",
        }
        if key:
            self._headers["authorization"] = f"Bearer {key.strip()}"
        of_scheme = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
        # Without a port it would look for one in the host, which may be an IPv6 address.
        self._connection = of_scheme(parts.hostname, parts.port or of_scheme.default_port)

    def post(self, path: str, body: bytes, headers: Dict[str, str], timeout_s: float) -> _Answer:
        """
        :raises OSError, http.client.HTTPException: there was no whole answer; nothing is known about the request
        """
        was_open = self._connection.sock is not None
        try:
            return self._exchange(path, body, headers, timeout_s)
        except (ConnectionError, http.client.BadStatusLine):
            # Nothing is wrong with a service that closes a connection nobody used for a while.
            if not was_open:
                raise
            return self._exchange(path, body, headers, timeout_s)

    def close(self) -> None:
        self._connection.close()

    def _exchange(self, path: str, body: bytes, headers: Dict[str, str], timeout_s: float) -> _Answer:
        connection = self._connection
        connection.timeout = timeout_s
        if connection.sock is not None:
            connection.sock.settimeout(timeout_s)
        try:
            connection.request("POST", self._path + path, body, {**self._headers, **headers})
            response = connection.getresponse()
            told = response.read(ANSWER_BYTES)
            if response.length or not response.isclosed():
                raise http.client.HTTPException(f"only {len(told)} bytes of the answer arrived")
            retry_after, location = response.getheader("retry-after"), response.getheader("location")
            return _Answer(response.status, retry_after, location, told)
        except BaseException:
            connection.close()
            raise


def _judge(answer: _Answer, count: int) -> _Verdict:
    status, told = answer.status, _object_in(answer.body)
    reason = _describe_answer(answer)
    ids, errors = told.get("ids"), told.get("errors")
    # Only an answer of this shape says that the events are safe: a 200 of anything else behind the address does not.
    if status in (202, 207, 422) and isinstance(ids, list) and len(ids) == count and isinstance(errors, list):
        return _Verdict(reason, rejected=tuple(_rejected(errors)))
    problem = str(told.get("type", ""))
    is_ours = problem.startswith("urn:call-logger:problem:") and not problem.endswith(":incomplete_body")
    if status == 413 or (status in (400, 422) and is_ours):
        return _Verdict(reason, is_refused=True)
    if status in (408, 425, 429) or status >= 500:
        return _Verdict(reason, wait="outage", retry_after_s=_seconds(answer.retry_after))
    if status == 400 and problem:
        return _Verdict(reason, wait="outage")
    return _Verdict(f"{reason}; check CALL_LOGGER_URL and CALL_LOGGER_KEY", wait="settings")


def _rejected(errors: List[Any]) -> Iterator[Tuple[int, str]]:
    for error in errors:
        mistakes = "; ".join(f"{mistake.get('pointer')}: {mistake.get('message')}" for mistake in error["errors"])
        yield error["index"], mistakes


def _describe_answer(answer: _Answer) -> str:
    told = _object_in(answer.body)
    detail = told.get("detail") or told.get("title")
    if detail is None and answer.location is not None:
        detail = f"redirected to {answer.location}"
    return f"the service answered {answer.status}" + ("" if detail is None else f", {detail}")


def _seconds(retry_after: Optional[str]) -> Optional[float]:
    """Retry-After is seconds or a date."""
    if retry_after is None:
        return None
    try:
        return max(0.0, float(retry_after))
    except ValueError:
        pass
    try:
        return max(0.0, email.utils.parsedate_to_datetime(retry_after).timestamp() - time.time())
    except (TypeError, ValueError):
        return None


def _object_in(body: bytes) -> Dict[str, Any]:
    try:
        told = json.loads(body)
    except ValueError:
        return {}
    return told if isinstance(told, dict) else {}


def _name_of(line: bytes) -> str:
    event = _object_in(line)
    return f"{event.get('type', 'an event')} {event.get('event_id', event.get('call_id', ''))}".strip()


def _describe(error: BaseException) -> str:
    try:
        return f"{type(error).__name__}: {error}"
    except Exception:
        return type(error).__name__


def _secret(name: str) -> Optional[str]:
    """The variable, or the contents of the file that <name>_FILE names."""
    value, path = os.environ.get(name), os.environ.get(f"{name}_FILE")
    if value or not path:
        return value
    try:
        with open(path, encoding="utf-8") as file:
            return file.read().strip()
    except (OSError, ValueError) as error:
        _log.error("%s_FILE cannot be read: %s", name, _describe(error))
        return None


# --- On disk -------------------------------------------------------------------------------------------------------


class _Overflow:
    """Events that do not fit into memory: NDJSON, shared by any number of processes, which may end at any time.

    New lines are appended to PATH. To send them a process renames it to PATH.sending, keeps that locked, and removes it
    once every line is settled; after a crash whoever comes next sends it again from its start, which changes nothing in
    the service. PATH.lock guards the two names, for moments only. Written through to the system, not to the disk.
    """

    def __init__(self, path: str, max_bytes: int) -> None:
        self._path = os.path.abspath(path)
        self._max_bytes = max_bytes
        self._sending: Optional[BinaryIO] = None
        self._lock = threading.RLock()

    def check(self) -> None:
        """
        :raises OSError, ValueError: nothing can be kept there
        """
        os.makedirs(os.path.dirname(self._path), exist_ok=True)
        with self._lock, self._locked(), open(self._path, "ab", opener=_private):
            pass

    def append(self, lines: Deque[bytes]) -> bool:
        """All or none; False when there is no room.

        :raises OSError: from the file system, and TimeoutError when another process does not let go
        """
        data = b"".join(lines)
        with self._lock, self._locked():
            if self.size_bytes() + len(data) > self._max_bytes:
                return False
            with open(self._path, "ab+", buffering=0, opener=_private) as file:
                size_bytes = file.seek(0, os.SEEK_END)
                try:
                    _write_all(file, _line_end_missing(file, size_bytes) + data)
                except OSError:
                    file.truncate(size_bytes)
                    raise
            return True

    def take(self, max_events: int, max_bytes: int) -> List[bytes]:
        """The next lines, oldest first. Asking for more says that those before are settled.

        Empty: there are none, or another process sends them.
        """
        with self._lock:
            while self._sending is not None or self._claim():
                assert self._sending is not None
                lines: List[bytes] = []
                size_bytes = 0
                while len(lines) < max_events and size_bytes < max_bytes:
                    line = self._sending.readline(EVENT_BYTES)
                    if not line:
                        break
                    size_bytes += len(line)
                    if line.strip():
                        lines.append(line.rstrip(b"\n") + b"\n")
                if lines:
                    return lines
                with self._locked():
                    self._remove_sent()
            return []

    def release(self) -> None:
        """Lets another process, or a later run, send what this one has begun."""
        with self._lock:
            sending, self._sending = self._sending, None
            if sending is not None:
                sending.close()

    def after_fork(self) -> None:
        self._lock = threading.RLock()
        self.release()

    def size_bytes(self) -> int:
        total = 0
        for path in (self._path, f"{self._path}.sending"):
            with contextlib.suppress(OSError):
                total += os.stat(path).st_size
        return total

    def _claim(self) -> bool:
        if not os.path.exists(self._path) and not os.path.exists(f"{self._path}.sending"):
            return False
        with self._locked():
            if not os.path.exists(f"{self._path}.sending"):
                if not os.path.exists(self._path):
                    return False
                os.replace(self._path, f"{self._path}.sending")
            sending = open(f"{self._path}.sending", "rb")
            if not _try_lock(sending):
                sending.close()
                return False
            self._sending = sending
            return True

    def _remove_sent(self) -> None:
        assert self._sending is not None
        # Closed first because Windows removes no open file; the lock of the names keeps others out meanwhile.
        self.release()
        os.remove(f"{self._path}.sending")

    @contextlib.contextmanager
    def _locked(self) -> Iterator[None]:
        give_up_at = time.monotonic() + FILE_LOCK_WITHIN_S
        with open(f"{self._path}.lock", "ab", opener=_private) as file:
            while not _try_lock(file):
                if time.monotonic() > give_up_at:
                    raise TimeoutError(f"{self._path}.lock is held by another process")
                time.sleep(0.001)
            # Closing it lets go.
            yield


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)


def _try_lock(file: BinaryIO) -> bool:
    try:
        if fcntl is not None:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        else:
            msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
        return True
    except OSError:
        return False


def _line_end_missing(file: BinaryIO, size_bytes: int) -> bytes:
    """After a machine that stopped in the middle of a line, that line has to end before the next one begins."""
    if size_bytes == 0:
        return b""
    file.seek(size_bytes - 1)
    return b"" if file.read(1) == b"\n" else b"\n"


def _write_all(file: BinaryIO, data: bytes) -> None:
    rest = memoryview(data)
    while rest:
        rest = rest[file.write(rest) :]


# --- Of the process ------------------------------------------------------------------------------------------------

_loggers: Dict[Tuple[str, ...], CallLogger] = {}
_loggers_lock = threading.Lock()
_senders: weakref.WeakSet[_Sender] = weakref.WeakSet()


async def _in_thread(work: Callable[[], Any]) -> Any:
    try:
        waiting = asyncio.get_running_loop().run_in_executor(None, work)
    except RuntimeError:
        # The loop has closed its threads already.
        return work()
    return await waiting


def _after_fork() -> None:
    global _loggers_lock
    _loggers_lock = threading.Lock()
    for sender in list(_senders):
        sender.after_fork()


def _at_exit() -> None:
    for sender in list(_senders):
        try:
            sender.stop(STOP_WITHIN_S)
        except Exception as error:
            _log.error("stopping at exit failed: %s", _describe(error))


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
atexit.register(_at_exit)
