"""A bot that does as it is told: a JSON command per line in, its results as JSON per line out. It logs to stderr."""

import asyncio
import inspect
import json
import logging
import sys

from call_logger import get_call_logger

logging.basicConfig(level=logging.INFO, format="%(levelname)s %(message)s")


async def main():
    logger = get_call_logger()
    for line in sys.stdin:
        command = json.loads(line)
        method = getattr(logger, command["method"])
        results = []
        for _ in range(command["times"]):
            result = method(*command["args"], **command["fields"])
            results.append(await result if inspect.isawaitable(result) else result)
        print(json.dumps(results), flush=True)


asyncio.run(main())
