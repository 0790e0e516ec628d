# Copyright (c) 2026, redisops.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One process that answers for the exporters of any number of nodes with what real ones said.

recorded/*.txt is what redis_exporter (of a master and of its replica), node_exporter and a probe of blackbox_exporter
said in the lab under a load of sixty different commands. Behind a value stands by how much it had changed in the 30 s
before, where it had. What had changed goes on changing: counters rise, gauges go up and down. All nodes say the same
at the same moment.
"""

from __future__ import annotations

import asyncio
import gzip
import random
import re
import sys
import time
from pathlib import Path
from typing import NamedTuple

RECORDED = Path(__file__).with_name("recorded")
KINDS = tuple(sorted(path.stem for path in RECORDED.glob("*.txt")))
RECORDED_AT = 1796028578.0
# Rises, whatever its type says.
RISING = re.compile(r"uptime|offset|_(total|count|sum|bucket)$")
# A moment: as long ago, or ahead, as it was then.
MOMENT = re.compile(r"timestamp|time_seconds|expiry")
CLOCK = "@now@"


class Series(NamedTuple):
    key: str  # name and labels
    value: float
    change: float
    rising: bool

    @property
    def name(self) -> str:
        return self.key.partition("{")[0]


def parsed(text: str, now: float) -> list[Series | str]:
    """The series and, as they are, the lines of comment between them."""
    found: list[Series | str] = []
    counter = False
    for line in text.splitlines():
        if line.startswith("#"):
            found.append(line)
            counter = line.endswith((" counter", " histogram", " summary"))
            continue
        key, value, change = re.fullmatch(r"(\w+(?:\{.*\})?) (\S+)(?: (\S+))?", line).groups()
        number = float(value)
        if MOMENT.search(key) and 1.6e9 < number < 2.6e9:
            number += now - RECORDED_AT
        name = key.partition("{")[0]
        found.append(Series(key, number, float(change or 0), counter or bool(RISING.search(name))))
    return found


def series(kind: str) -> list[Series]:
    text = (RECORDED / f"{kind}.txt").read_text()
    return [one for one in parsed(text, time.time()) if isinstance(one, Series)]


class Exporter:
    """What one exporter says, from one tick to the next."""

    def __init__(self, kind: str, seconds: float) -> None:
        self.lines = parsed((RECORDED / f"{kind}.txt").read_text(), time.time())
        self.values = [line.value if isinstance(line, Series) else 0.0 for line in self.lines]
        self.seconds, self.tick, self.text, self.body = seconds, -1, "", b""
        self.random = random.Random(kind)

    def answer(self) -> bytes:
        """Compressed, as exporters answer Prometheus."""
        tick = int(time.time() / self.seconds)
        if tick != self.tick:
            self.tick = tick
            said = [line if isinstance(line, str) else self.next(number) for number, line in enumerate(self.lines)]
            self.text = "\n".join([*said, ""])
            self.body = gzip.compress(self.text.encode(), 1)
        return self.at_once() if CLOCK in self.text else self.body

    def at_once(self) -> bytes:
        """With the time of this moment: a clock that is behind would be an alert."""
        return gzip.compress(self.text.replace(CLOCK, repr(time.time())).encode(), 1)

    def next(self, number: int) -> str:
        line = self.lines[number]
        if line.name == "node_time_seconds":
            return f"{line.key} {CLOCK}"
        if line.change and line.rising:
            self.values[number] += rounded(line.change * self.random.uniform(0.5, 1.5), line.change)
        elif line.change:
            self.values[number] = line.value + rounded(line.change * self.random.uniform(-1, 0), line.change)
        return f"{line.key} {self.values[number]!r}"


def rounded(value: float, like: float) -> float:
    return float(round(value)) if like == int(like) else value


def serve(port: int, seconds: float) -> None:
    """GET /<kind> of loopback, for ever; a new answer every so many seconds."""
    exporters = {kind: Exporter(kind, seconds) for kind in KINDS}

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                asked = await reader.readuntil(b"\r\n\r\n")
                kind = asked.split(b" ", 2)[1].decode().strip("/").partition("?")[0]
                body = exporters[kind].answer()
                head = (
                    f"Content-Type: text/plain; version=0.0.4\r\nContent-Encoding: gzip\r\nContent-Length: {len(body)}"
                )
                writer.write(b"HTTP/1.1 200 OK\r\n" + head.encode() + b"\r\n\r\n" + body)
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            pass  # Prometheus has gone
        finally:
            writer.close()

    async def forever() -> None:
        server = await asyncio.start_server(connected, "127.0.0.1", port, backlog=1024)
        async with server:
            await server.serve_forever()

    asyncio.run(forever())


if __name__ == "__main__":
    serve(int(sys.argv[1]), float(sys.argv[2]))
