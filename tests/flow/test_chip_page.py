"""The test bench in docs/chip.md, as it stands there, against golden."""

import re
import shutil
import subprocess
from pathlib import Path

import numpy as np

from ranvier.gen.design import load_design
from ranvier.gen.emit import generate
from ranvier.golden.inference import run_program

PAGE = Path(__file__).parents[2] / "docs" / "chip.md"


def test_the_bench_of_the_page_prints_what_golden_computes(tmp_path: Path) -> None:
    design = load_design("digits")
    folder = tmp_path / "build"
    generate(design, folder)
    code = re.search(r"```verilog\n(.*?)```", PAGE.read_text(), re.DOTALL)
    assert code is not None
    (folder / "tb.v").write_text(code[1])
    spikes = design.samples(seed=0).spikes[:1]
    events = []
    for step, row in enumerate(spikes[0]):
        events += [int(index) for index in np.flatnonzero(row)]
        events.append(0x40 | 0x80 * (step == len(spikes[0]) - 1))
    (folder / "events.hex").write_text("".join(f"{event:02x}\n" for event in events))

    iverilog = shutil.which("iverilog")
    assert iverilog is not None
    subprocess.run([iverilog, "-g2012", "-o", "tb", "tb.v", "digits.v"], cwd=folder, check=True)
    run = subprocess.run(["vvp", "tb"], cwd=folder, check=True, capture_output=True, text=True, timeout=60)

    printed = [tuple(map(int, pair)) for pair in re.findall(r"^neuron (\d+): (-?\d+)$", run.stdout, re.MULTILINE)]
    membrane = run_program(design.program, spikes)[-1].membrane[0]
    assert len(printed) == 80
    assert printed == [(neuron, int(value)) for row in membrane for neuron, value in enumerate(row)]
