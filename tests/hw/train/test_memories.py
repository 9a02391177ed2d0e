"""Banks and words: latency with and without the register, what stays, what a collision gives."""

import numpy as np
import pytest

from ranvier.hw.train.memories import Banks, WordMemory

from .drive import simulate


@pytest.mark.parametrize("registered", [False, True])
@pytest.mark.parametrize("copies", [1, 3])
def test_banks_answer_after_their_latency(registered, copies):
    """Random reads and writes of every bank in every cycle, at addresses that differ; reads pause at random."""
    rng = np.random.default_rng(10 * copies + registered)
    lanes, depth, width = 4, 11, 9
    dut = Banks(lanes=lanes, depth=depth, width=width, copies=copies, registered=registered)
    ports = [getattr(dut, f"read{copy}") for copy in range(copies)]
    checked = 0

    async def testbench(ctx):
        nonlocal checked
        memory = np.zeros((lanes, depth), int)
        held = np.zeros((copies, lanes), int)  # what the memory gave last
        behind = held.copy()
        for _ in range(300):
            writes = rng.integers(0, depth, lanes)
            enables, values = rng.random(lanes) < 0.6, rng.integers(0, 1 << width, lanes)
            ctx.set(dut.write.enable, int(sum(int(bit) << lane for lane, bit in enumerate(enables))))
            reading = rng.random(copies) < 0.7
            reads = (writes + rng.integers(1, depth, (copies, lanes))) % depth  # never the word that is written
            for lane in range(lanes):
                ctx.set(dut.write.address[lane], int(writes[lane]))
                ctx.set(dut.write.data[lane], int(values[lane]))
            for copy, port in enumerate(ports):
                ctx.set(port.enable, int(reading[copy]))
                for lane in range(lanes):
                    ctx.set(port.address[lane], int(reads[copy, lane]))
            await ctx.tick()
            behind = held.copy()
            held[reading] = memory[np.arange(lanes), reads][reading]
            memory[np.arange(lanes)[enables], writes[enables]] = values[enables]
            for copy, port in enumerate(ports):
                found = [ctx.get(port.data[lane]) for lane in range(lanes)]
                assert found == (behind if registered else held)[copy].tolist()
                checked += lanes

    simulate(dut, testbench)
    print(f"seed {10 * copies + registered}: {checked} words")
    assert checked == 300 * lanes * copies


def test_words_are_there_a_cycle_after_the_address():
    """The word that is being written is not asked for."""
    rng = np.random.default_rng(0)
    dut, memory, checked = WordMemory(depth=5, width=7), [0] * 5, 0

    async def testbench(ctx):
        nonlocal checked
        held = 0
        for _ in range(300):
            reading, writing = bool(rng.random() < 0.7), bool(rng.random() < 0.7)
            read, write, value = (int(rng.integers(0, n)) for n in (5, 5, 128))
            if reading and writing and read == write:
                write = (write + 1) % 5
            for port, number in (("read_enable", reading), ("read_address", read), ("write_enable", writing)):
                ctx.set(getattr(dut, port), int(number))
            ctx.set(dut.write_address, write)
            ctx.set(dut.write_data, value)
            await ctx.tick()
            if writing:
                memory[write] = value
            if reading:
                held = memory[read]
            assert ctx.get(dut.read_data) == held
            checked += 1

    simulate(dut, testbench)
    print(f"seed 0: {checked} words")
    assert checked == 300
