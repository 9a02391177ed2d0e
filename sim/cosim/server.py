"""The cocotb side: carries out what comes over a socket. Between two requests simulated time stands still."""

import json
import os
import socket
import time
from typing import Any

import cocotb
from cocotb.clock import Clock
from cocotb.triggers import FallingEdge

from ..bench import HALF_PERIOD_NS
from ..lifeline import die_with_parent


@cocotb.test()
async def serve(bench: Any) -> None:
    """Requests, one JSON object a line, until the other end closes the connection."""
    die_with_parent()
    if cocotb.SIM_NAME.lower().startswith("verilator"):
        Clock(bench.clk, 2 * HALF_PERIOD_NS, "ns", impl="gpi").start(start_high=False)
    server = _Server(bench)
    with socket.socket(fileno=os.dup(0)) as connection, connection.makefile("rw", buffering=1) as lines:
        while line := lines.readline():
            request = json.loads(line)
            await getattr(server, request.pop("do"))(**request)
            lines.write(json.dumps(server.state()) + "\n")


class _Server:
    """Requests: :meth:`reset`, :meth:`stall`, :meth:`run`, :meth:`read`, :meth:`write`."""

    def __init__(self, bench: Any) -> None:
        self.bench, self.finished, self.cpu_seconds = bench, True, 0.0
        self.received: dict[str, int] = {}
        self.idle = self.value = ""

    async def reset(self, cycles: int) -> None:
        self.bench.rst.value = 1
        for _ in range(cycles):
            await FallingEdge(self.bench.clk)
        self.bench.rst.value = 0

    async def stall(self, threshold: int, seeds: dict[str, int]) -> None:
        for name, seed in seeds.items():
            getattr(self.bench, f"{name}_state").value = seed
            getattr(self.bench, f"{name}_threshold").value = threshold

    async def run(self, receive: dict[str, int], words: int, idle: str | None, watched: int, limit: int) -> None:
        """Play ``words`` words from the files until all are taken and all is as :meth:`.CosimModel.run` says."""
        bench, cpu = self.bench, time.process_time()
        self.received, self.idle = dict.fromkeys(receive, 0), self.look(idle)
        self.finished = not words and not any(receive.values()) and self.idle == "1"
        if self.finished or not limit:
            return
        bench.deadline.value = int(bench.cycle.value) + limit
        bench.watched.value = watched
        for name, count in receive.items():
            getattr(bench, f"{name}_wanted").value = count
        bench.go.value = 1
        await FallingEdge(bench.go)
        self.finished = bool(bench.finished.value)
        self.received = {name: int(getattr(bench, f"{name}_received").value) for name in receive}
        self.idle = self.look(idle)
        self.cpu_seconds += time.process_time() - cpu

    async def read(self, name: str) -> None:
        self.value = self.look(name)

    async def write(self, name: str, value: int) -> None:
        getattr(self.bench, f"input_{name}").value = value

    def look(self, output: str | None) -> str:
        """The bits of an output, 1 where none is asked for."""
        return "1" if output is None else str(getattr(self.bench, f"output_{output}").value)

    def state(self) -> dict[str, Any]:
        return {
            "cycles": int(self.bench.cycle.value),
            "finished": self.finished,
            "received": self.received,
            "idle": self.idle,
            "value": self.value,
            "unknown": int(self.bench.unknown.value),
            "cpu_seconds": self.cpu_seconds,
        }
