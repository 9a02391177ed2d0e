"""Bad input ends in one line on stderr and exit status 2: no traceback, nothing written, nothing lost.

A case arranges files in an empty folder and gives the arguments of ``ranvier`` and a part of the line that must
appear. To add one, write a row in a list below, or a list for another command.
"""

import io
import os
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import h5py
import nir
import numpy as np
import pytest

from ranvier.gen.cli import main
from ranvier.gen.errors import RanvierError
from ranvier.gen.files import written_aside
from ranvier.gen.readers import hdf5


@dataclass(frozen=True)
class Case:
    """``arrange`` makes files in the current folder; ``arguments`` follow ``ranvier``."""

    name: str
    arguments: tuple[str, ...]
    message: str
    arrange: Callable[[], object] = lambda: None


def fails(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    """The one line that ``ranvier`` ends with."""
    before = {path: path.read_bytes() for path in Path().rglob("*") if path.is_file()}
    with pytest.raises(SystemExit) as stop:
        main(arguments)
    assert stop.value.code == 2
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 1, lines
    assert {path: path.read_bytes() for path in Path().rglob("*") if path.is_file()} == before
    return lines[0]


N, AXONS = 3, 4
INPUT = {"type": "Input", "shape": np.array([AXONS])}
OUTPUT = {"type": "Output", "shape": np.array([N])}
AFFINE = {"type": "Affine", "weight": np.ones((N, AXONS)), "bias": np.zeros(N)}
LIF = {
    "type": "LIF", "tau": np.full(N, 8e-4), "r": np.ones(N), "v_leak": np.zeros(N), "v_threshold": np.ones(N),
    "v_reset": np.zeros(N),
}  # fmt: skip
LI = {name: LIF[name] for name in ("tau", "r", "v_leak")} | {"type": "LI"}
CHAIN = {"input": INPUT, "fc": AFFINE, "lif": LIF, "output": OUTPUT}
EDGES = [("input", "fc"), ("fc", "lif"), ("lif", "output")]


def write_nir(nodes: dict[str, Any], edges: Sequence[tuple[str, ...]] = EDGES) -> None:
    """A ``.nir`` file of whatever nodes and edges, which nir itself would refuse to write."""
    with h5py.File("net.nir", "w") as file:
        file["version"], file["node/type"] = "1.0.8", "NIRGraph"
        file.create_group("node/nodes")
        width = len(edges[0]) if edges else 2
        file.create_dataset("node/edges", (len(edges), width), h5py.string_dtype())
        for row, edge in enumerate(edges):
            file["node/edges"][row] = edge
        for name, fields in nodes.items():
            for field, value in fields.items():
                file[f"node/nodes/{name}/{field}"] = value


def changed(node: str, **fields: object) -> Callable[[], None]:
    """The good chain with fields of one node changed; None removes one."""
    kept = {name: value for name, value in (CHAIN[node] | fields).items() if value is not None}
    return lambda: write_nir(CHAIN | {node: kept})


def model(name: str, message: str, arrange: Callable[[], object]) -> Case:
    return Case(name, ("check", "net.nir"), message, arrange)


def graph(name: str, message: str, edges: Sequence[tuple[str, ...]], **nodes: dict[str, object]) -> Case:
    return model(name, message, lambda: write_nir(CHAIN | nodes, edges))


def damaged(change: Callable[[bytes], bytes]) -> Callable[[], None]:
    def arrange() -> None:
        write_nir(CHAIN)
        path = Path("net.nir")
        path.write_bytes(change(path.read_bytes()))

    return arrange


def flipped(data: bytes) -> bytes:
    random = np.random.default_rng(1)
    flips = np.zeros(len(data), np.uint8)
    flips[8:600] = 1 << random.integers(0, 8, 592)
    return bytes(np.frombuffer(data, np.uint8) ^ flips)


def write_huge() -> None:
    write_nir(CHAIN)
    with h5py.File("net.nir", "a") as file:
        del file["node/nodes/fc/weight"]
        file.create_dataset("node/nodes/fc/weight", (1 << 20, 1 << 20), np.float64, chunks=(64, 64))


def write_link() -> None:
    changed("fc", weight=None)()
    with h5py.File("net.nir", "a") as file:
        file["node/nodes/fc/weight"] = h5py.ExternalLink("/etc/passwd", "/secret")


def write_deep() -> None:
    with h5py.File("net.nir", "w") as file:
        file["node/nodes"] = 3.0


FILES = [
    model("missing model", "Model ", lambda: None),
    model("model is a folder", "Is a directory", lambda: Path("net.nir").mkdir()),
    model("model without a byte", "must be a NIR file in HDF5; it begins with b''", lambda: Path("net.nir").touch()),
    model("model of random bytes", "must be a NIR file", lambda: Path("net.nir").write_bytes(np.random.bytes(4096))),
    model("model of text", "it begins with b", lambda: Path("net.nir").write_text("name = 'net'")),
    model("model cut in half", "is damaged", damaged(lambda data: data[: len(data) // 2])),
    model("model cut after its signature", "is damaged", damaged(lambda data: data[:8])),
    model(
        "model with random bytes after its signature", "is damaged", damaged(lambda d: d[:8] + np.random.bytes(5000))
    ),
    model("model with flipped bits", "export it again", damaged(flipped)),
    model("model that is not a graph", "has no group 'node/nodes'", write_deep),
    model("model of a petabyte", "has more than 67108864 numbers, at 'fc/weight'", write_huge),
    model("weights linked from another file", "node 'fc' (Affine): it has no weight", write_link),
    model("weights of text", "must hold real", changed("fc", weight=np.ones((N, AXONS), complex))),
]

GRAPHS = [
    model("no nodes", "has no nodes", lambda: write_nir({}, [])),
    model(
        "nothing to build",
        "is empty: there is neither a neuron nor a linear node",
        lambda: write_nir({"input": OUTPUT | {"type": "Input"}, "output": OUTPUT}, [("input", "output")]),
    ),
    model(
        "no input",
        "the graph has no Input node",
        lambda: write_nir({k: v for k, v in CHAIN.items() if k != "input"}, EDGES[1:]),
    ),
    model(
        "no output",
        "the graph has no Output node",
        lambda: write_nir({k: v for k, v in CHAIN.items() if k != "output"}, EDGES[:2]),
    ),
    graph("two inputs", "node 'other' (Input): it is a second Input node, besides input; use one", EDGES, other=INPUT),
    graph(
        "edge to nowhere",
        "the edge lif -> ghost names a node that does not exist; add the node",
        [*EDGES[:2], ("lif", "ghost")],
    ),
    graph("edge from nowhere", "the edge ghost -> fc names a node that does not exist", [("ghost", "fc"), *EDGES[1:]]),
    graph(
        "cycle without neurons",
        "it lies on the cycle fc -> more -> fc, in which nothing takes time; put neurons into the cycle, or",
        [("input", "fc"), ("fc", "more"), ("more", "fc"), ("more", "lif"), EDGES[-1]],
        more={"type": "Linear", "weight": np.ones((AXONS, N))},
    ),
    graph(
        "feedback of another size",
        f"node 'fc' (Affine): shapes [{AXONS}] and [{N}] meet at fc; make them agree",
        [*EDGES, ("lif", "fc")],
    ),
    graph(
        "branch", "node 'output' (Output): its input comes from several: lif, fc; use one", [*EDGES, ("fc", "output")]
    ),
    graph(
        "join of different sizes",
        f"node 'lif' (LIF): shapes [{N}] and [2] meet at lif; make them agree",
        [*EDGES, ("input", "other"), ("other", "lif")],
        other={"type": "Linear", "weight": np.ones((2, AXONS))},
    ),
    graph(
        "unconnected node",
        "node 'other' (Affine): no path of edges leads to it from the input; connect it",
        EDGES,
        other=AFFINE,
    ),
    graph("input that goes nowhere", "node 'input' (Input): its output goes nowhere", EDGES[1:]),
    graph("edge listed twice", "the edge lif -> output is listed 2 times; list it once", [*EDGES, EDGES[-1]]),
    graph("edges of three names", "pairs of node names", [("input", "fc", "lif")]),
    graph(
        "unsupported node",
        "node 'fc' (Conv3d): nodes of type Conv3d are not supported; use Affine, ",
        EDGES,
        fc={"type": "Conv3d", "weight": np.ones((1, 1, 3, 3))},
    ),
    graph(
        "graph within the graph",
        "has no list of edges, pairs of node names, in 'node/nodes/lif/edges'",
        EDGES,
        lif={"type": "NIRGraph", "nodes/a/type": "LIF"},
    ),
    graph(
        "name that cannot be printed", "has names in 'node/nodes' that cannot be printed", EDGES, **{"\x1b[2J": AFFINE}
    ),
    graph("node of no known type", "nodes of type Nonsense are not supported", EDGES, lif={"type": "Nonsense"}),
    graph(
        "silent neuron before another",
        "node 'li' (LI): it does not spike, but lif follows it; end the network with li, or",
        [("input", "fc"), ("fc", "li"), ("li", "lif"), EDGES[-1]],
        li=LI,
    ),
    graph(
        "matrix after a silent neuron",
        "node 'lif' (LI): it does not spike, but more follows it; end the network with lif",
        [("input", "fc"), ("fc", "lif"), ("lif", "more"), ("more", "output")],
        lif=LI,
        more={"type": "Linear", "weight": np.ones((N, N))},
    ),
]


def image(**changes: Any) -> Callable[[], None]:
    """A convolution of [2, 4, 4] by kernels of 3 x 3, with ``changes``."""
    convolution = {
        "type": "Conv2d", "input_shape": np.array([4, 4]), "weight": np.ones((4, 2, 3, 3)), "stride": np.array([1, 1]),
        "padding": np.array([0, 0]), "dilation": np.array([1, 1]), "groups": 1, "bias": np.zeros(4),
    }  # fmt: skip
    nodes = {
        "input": {"type": "Input", "shape": np.array([2, 4, 4])},
        "convolution": convolution | changes,
        "lif": {"type": "Threshold", "threshold": np.ones(1)},
        "output": {"type": "Output", "shape": np.array([4, 2, 2])},
    }
    names = list(nodes)
    return lambda: write_nir(nodes, list(pairwise(names)))


CONVOLUTIONS = [
    model(
        "kernel larger than the padded input",
        "node 'convolution' (Conv2d): a kernel must fit the padded input of 4, not span 5; make kernel, stride",
        image(dilation=np.array([2, 2])),
    ),
    model(
        "groups that do not divide",
        "node 'convolution' (Conv2d): a convolution's groups must divide its 2 channels and 3 filters, not 2; make",
        image(groups=2, weight=np.ones((3, 1, 3, 3)), bias=np.zeros(3)),
    ),
    model(
        "channels that do not meet",
        "node 'convolution' (Conv2d): its weight takes 6 channels in 2 groups but gets 2; make groups and",
        image(groups=2, weight=np.ones((4, 3, 3, 3))),
    ),
    model(
        "stride of a fraction",
        "node 'convolution' (Conv2d): its stride is [1.5, 1.0]; give one integer for each of 2 axes",
        image(stride=np.array([1.5, 1])),
    ),
    model(
        "padding of an unknown kind",
        "node 'convolution' (Conv2d): its padding is 'full' with a stride of [1, 1]; use 'valid', 'same' with a stride",
        image(padding="full"),
    ),
    model(
        "bias of another size than the filters",
        "node 'convolution' (Conv2d): its bias has 3 values for 4 filters; make the two agree",
        image(bias=np.zeros(3)),
    ),
    model(
        "weights along one axis",
        "node 'convolution' (Conv2d): its weight has shape [4, 2, 3]; use weights of [filters, channels, rows",
        image(weight=np.ones((4, 2, 3))),
    ),
]

NODES = [
    model(
        "matrix of another size than the input",
        "node 'fc' (Affine): it takes shape [5] but gets [4]; make the two agree",
        changed("fc", weight=np.ones((N, 5))),
    ),
    model(
        "neurons of another number than the matrix",
        "its parameters differ in shape: tau [5], r [3], ",
        changed("lif", tau=np.full(5, 1e-3)),
    ),
    model(
        "input that is not flat",
        "it takes shape [4] but gets [2, 2]; add a Flatten node before it",
        changed("input", shape=np.array([2, 2])),
    ),
    model("output of another size", "it takes shape [7] but gets [3]", changed("output", shape=np.array([7]))),
    model(
        "input of negative size",
        "its shape is [-4]; give the shape of the signal",
        changed("input", shape=np.array([-4])),
    ),
    model(
        "weights that are not numbers",
        "12 of 12 values of weight are not finite",
        changed("fc", weight=np.full((N, AXONS), np.nan)),
    ),
    model(
        "infinite weights",
        "12 of 12 values of weight are not finite",
        changed("fc", weight=np.full((N, AXONS), np.inf)),
    ),
    model(
        "weights of three dimensions",
        "its weight has shape [2, 3, 4]; use one matrix",
        changed("fc", weight=np.ones((2, N, AXONS))),
    ),
    model("no weights", "its weight has shape [0, 4]", changed("fc", weight=np.ones((0, AXONS)))),
    model("weights of 0", "Layer lif: all weights are 0", changed("fc", weight=np.zeros((N, AXONS)))),
    model("bias of another size", "its bias has 2 values for 3 outputs", changed("fc", bias=np.zeros(2))),
    model(
        "time constant that is not a number",
        "3 of 3 values of tau are not finite",
        changed("lif", tau=np.full(N, np.nan)),
    ),
    model(
        "negative time constant",
        "its tau is -0.001 s; time constants must be greater than 0",
        changed("lif", tau=np.full(N, -1e-3)),
    ),
    model(
        "time constant below the step",
        "its tau of 5e-05 s is shorter than the time step of 0.0001 s; set discretisation.dt_s",
        changed("lif", tau=np.full(N, 5e-5)),
    ),
    model(
        "infinite time constant",
        "its tau is infinite, which leaves its gain r*dt/tau undefined; use a neuron without a leak (IF, I), or",
        changed("lif", tau=np.full(N, np.inf), r=np.full(N, np.inf)),
    ),
    model("no time constant", "it has no tau; export the model again", changed("lif", tau=None)),
    model("no neurons", "it has no neurons", changed("lif", **{name: np.ones(0) for name in LIF if name != "type"})),
    model(
        "weights times gains that overflow",
        "weights times gains are not finite",
        lambda: write_nir(
            CHAIN | {"fc": AFFINE | {"weight": np.full((N, AXONS), 1e200)}, "lif": LIF | {"r": np.full(N, 1e200)}}
        ),
    ),
    model(
        "weights too small for the threshold",
        "its threshold becomes ",
        changed("fc", weight=np.full((N, AXONS), 1e-30)),
    ),
    model(
        "weights too small to compute with",
        "its weights times gains are at most 1.25e-311, too small to compute with; train it, or check tau",
        changed("fc", weight=np.full((N, AXONS), 1e-310)),
    ),
    model("weights smaller than any number", "all weights are 0", changed("fc", weight=np.full((N, AXONS), 5e-324))),
    model("bias that dwarfs the weights", "its bias becomes ", changed("fc", bias=np.full(N, 1e12))),
    model("infinite gain", "3 of 3 values of r are not finite", changed("lif", r=np.full(N, np.inf))),
]

TOML = 'name = "net"\nmodel = "net.nir"\n'
CORE = 'name = "net"\n[core]\naxons = 4\nneurons = 4\nthreshold = 9\nleak_shift = 2\n'


def toml(name: str, message: str, text: str | bytes) -> Case:
    def arrange() -> None:
        write_nir(CHAIN)
        Path("net.toml").write_bytes(text if isinstance(text, bytes) else text.encode())

    return Case(name, ("check", "net.toml"), message, arrange)


CONFIGURATIONS = [
    Case("neither file nor preset", ("check", "nonsense"), "or a preset (core1024, "),
    Case("preset outside its folder", ("check", "../presets/reference"), "MODEL must be a .toml file"),
    Case("model of another format", ("check", "net.onnx"), "not 'net.onnx'", lambda: Path("net.onnx").touch()),
    Case("missing configuration", ("check", "net.toml"), "cannot be read: No such file"),
    Case("configuration is a folder", ("check", "net.toml"), "Is a directory", lambda: Path("net.toml").mkdir()),
    toml("not TOML", "is not TOML: ", "name = "),
    toml("not text", "must be UTF-8 text", b'name = "\xff\xfe"'),
    toml("nested without end", "is not TOML", "a = " + "[" * 20000),
    toml("empty configuration", "name: Field required", ""),
    toml("neither model nor core", "exactly one of 'model', 'core' and 'training'", 'name = "net"'),
    toml("both model and core", "exactly one of 'model', 'core' and 'training'", TOML + CORE.partition("\n")[2]),
    toml(
        "unknown key",
        "quantisation.weigth_width: Extra inputs are not permitted",
        TOML + "[quantisation]\nweigth_width = 4",
    ),
    toml("unknown table", "network: Extra inputs", TOML + "[network]"),
    toml("table that is a number", "hardware: ", TOML + "hardware = 4"),
    toml("text for a number", "quantisation.steps: ", TOML + '[quantisation]\nsteps = "many"'),
    toml("name with a space", "name: String should match pattern", TOML.replace('"net"', '"my net"')),
    toml("name of 100 letters", "name: String should have at most 60", TOML.replace('"net"', f'"{"n" * 100}"')),
    toml("unknown framework", "discretisation.framework: ", TOML + '[discretisation]\nframework = "nest"'),
    toml("time step of 0", "discretisation.dt_s: ", TOML + "[discretisation]\ndt_s = 0"),
    toml("infinite time step", "discretisation.dt_s: ", TOML + "[discretisation]\ndt_s = inf"),
    toml(
        "time step above tau",
        "its tau of 0.0008 s is shorter than the time step of 0.1 s",
        TOML + "[discretisation]\ndt_s = 0.1",
    ),
    toml(
        "Norse's time constants in seconds",
        "would be 8 s times the step of 0.0001 s; set discretisation.tau = 'seconds', or 'times_dt' if it is meant",
        TOML + '[discretisation]\nframework = "norse"\ndt_s = 1e-4',
    ),
    replace(
        toml("model beside the configuration of a core", "beside net.nir is of a blank core; name the one", CORE),
        arguments=("check", "net.nir"),
    ),
    replace(
        toml(
            "model beside the configuration of another",
            "is of the model other.nir;",
            TOML.replace("net.nir", "other.nir"),
        ),
        arguments=("check", "net.nir"),
    ),
    toml("weights of 0 bits", "quantisation.weight_width: ", TOML + "[quantisation]\nweight_width = 0"),
    toml("weights of 17 bits", "quantisation.weight_width: ", TOML + "[quantisation]\nweight_width = 17"),
    toml("state of 1 bit", "quantisation.state_width: ", TOML + "[quantisation]\nstate_width = 1"),
    toml("state of 33 bits", "quantisation.state_width: ", TOML + "[quantisation]\nstate_width = 33"),
    toml("state too narrow", "leave state_width out to derive it", TOML + "[quantisation]\nstate_width = 4"),
    toml("no fraction bits", "quantisation.decay_fraction_bits: ", TOML + "[quantisation]\ndecay_fraction_bits = 0"),
    toml("no steps", "quantisation.steps: ", TOML + "[quantisation]\nsteps = 0"),
    toml("too many steps", "quantisation.steps: ", TOML + "[quantisation]\nsteps = 1000000000000"),
    toml(
        "no lanes",
        "hardware.lanes: must be a number from 1 up, or a list with one for each layer; got 0",
        TOML + "[hardware]\nlanes = 0",
    ),
    toml("empty list of lanes", "hardware.lanes: must be a number from 1 up", TOML + "[hardware]\nlanes = []"),
    toml("lanes for other layers", "one for each of the 1 layers", TOML + "[hardware]\nlanes = [1, 2]"),
    toml("more lanes than neurons", "at most its 3 neurons", TOML + "[hardware]\nlanes = [8]"),
    toml("rate above 1", "stimulus.rate: ", TOML + "[stimulus]\nrate = 2"),
    toml("core without axons", "core.axons: ", CORE.replace("axons = 4", "axons = 0")),
    toml("core with a threshold beyond its state", "set it to at most 7", CORE + "[quantisation]\nstate_width = 4"),
    toml("core of a billion neurons", "core.neurons: ", CORE.replace("neurons = 4", "neurons = 1000000000")),
]


def stimulus(name: str, message: str, file: str, write: Callable[[], object] = lambda: None) -> Case:
    def arrange() -> None:
        write_nir(CHAIN)
        Path("net.toml").write_text(f'{TOML}[stimulus]\nfile = "{file}"\n')
        write()

    return Case(name, ("check", "net.toml"), message, arrange)


def npy(name: str, message: str, values: object) -> Case:
    return stimulus(name, message, "spikes.npy", lambda: np.save("spikes.npy", np.asarray(values)))


def npz(name: str, message: str, **arrays: object) -> Case:
    return stimulus(name, message, "spikes.npz", lambda: np.savez("spikes.npz", **arrays))


def data(name: str, message: str, **observables: object) -> Case:
    contents = nir.NIRGraphData({"input": nir.NIRNodeData(observables)})
    return stimulus(name, message, "spikes.h5", lambda: nir.write_data("spikes.h5", contents))


def events(index: list[float], time: list[float]) -> nir.EventData:
    return nir.EventData(np.array([index]), np.array([time]), AXONS, 1e-3)


def npy_bytes(values: np.ndarray) -> bytes:
    file = io.BytesIO()
    np.save(file, values)
    return file.getvalue()


SPIKES = np.zeros((2, 8, AXONS))
STIMULI = [
    stimulus("missing stimulus", "cannot be read: No such file", "spikes.npy"),
    stimulus("stimulus of another format", "must be .npz, .npy or NIR data", "spikes.csv"),
    stimulus(
        "stimulus of random bytes",
        "must hold an array of numbers as numpy.save writes it; it is damaged",
        "spikes.npy",
        lambda: Path("spikes.npy").write_bytes(np.random.bytes(500)),
    ),
    stimulus("empty stimulus file", "must hold an array of numbers", "spikes.npy", lambda: Path("spikes.npy").touch()),
    stimulus(
        "archive of random bytes",
        "must hold arrays of numbers as numpy.savez writes them",
        "spikes.npz",
        lambda: Path("spikes.npz").write_bytes(np.random.bytes(500)),
    ),
    stimulus(
        "array in an archive's name",
        "must hold arrays of numbers",
        "spikes.npz",
        lambda: Path("spikes.npz").write_bytes(npy_bytes(SPIKES)),
    ),
    stimulus("model as a stimulus", "has no group 'nodes'", "net.nir"),
    npy("stimulus for other inputs", "must have shape [steps, 4] or [samples, steps, 4], not [8, 5]", np.zeros((8, 5))),
    npy("stimulus of one dimension", "not [4]", np.zeros(4)),
    npy("stimulus without a step", "not [2, 0, 4]", np.zeros((2, 0, 4))),
    npy("stimulus of twos", "must hold 0 and 1 only, not 2 at [0, 0, 0]", SPIKES + 2),
    npy("stimulus of halves", "must hold 0 and 1 only, not 0.5", SPIKES + 0.5),
    npy("stimulus that is not a number", "must hold 0 and 1 only, not nan", SPIKES + np.nan),
    npy("stimulus of text", "must hold numbers", np.full((8, AXONS), "spike")),
    npy("stimulus of objects", "must hold an array of numbers", np.full((8, AXONS), None)),
    npy("stimulus of more steps", "has 40 steps, but quantisation.steps is 16", np.zeros((40, AXONS))),
    npz("archive without spikes", "has no array 'spikes'", labels=np.zeros(2, int)),
    npz("labels for other samples", "one integer label for each of 2 samples", spikes=SPIKES, labels=np.zeros(3, int)),
    npz("labels that are fractions", "not float64 [2]", spikes=SPIKES, labels=np.zeros(2)),
    npz(
        "label beyond the outputs",
        "must have labels from 0 to 2, as there are 3 output neurons, not 500000 of sample 1",
        spikes=SPIKES,
        labels=np.array([2, 500000]),
    ),
    npz("negative label", "not -1 of sample 0", spikes=SPIKES, labels=np.array([-1, 0])),
    data(
        "grid of another step",
        "is a grid of 0.5 s, but a step of the network is 0.0001 s; make the grid again",
        spikes=nir.TimeGriddedData(SPIKES, 0.5),
    ),
    data("events of half a neuron", "must have whole numbers in 'idx', not 1.5", spikes=events([1.5], [2e-4])),
    data("events beyond the inputs", "has 1 events outside", spikes=events([AXONS], [0.0])),
    data("events beyond the time", "has 1 events outside", spikes=events([0], [1.0])),
    data("two events in a step", "2 events of one neuron within 0.0001 s", spikes=events([1, 1], [2e-4, 2.5e-4])),
    data("NIR data without observables", "must have 'spikes' of input, not []"),
]


def keep(text: str) -> Callable[[], object]:
    return lambda: Path("net.toml").write_text(text)


COMMANDS = [
    Case("unknown command", ("synthesise",), "No such command 'synthesise'"),
    Case("unknown option", ("check", "--fast", "reference"), "No such option: --fast"),
    Case("no model", ("check",), "Missing argument"),
    Case("two models", ("check", "reference", "tiny"), "unexpected extra argument"),
    Case("init over a file", ("init", "net.toml"), "net.toml exists; remove it", keep("mine")),
    Case("init with another extension", ("init", "net.json"), "must end in .toml"),
    Case("init in a missing folder", ("init", "no/net.toml"), "cannot be written: No such file or directory"),
    Case("init in a file", ("init", "net.toml/net.toml"), "cannot be written: Not a directory", keep("mine")),
]

CASES = [*FILES, *GRAPHS, *CONVOLUTIONS, *NODES, *CONFIGURATIONS, *STIMULI, *COMMANDS]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_bad_input(
    case: Case, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    np.random.seed(0)
    case.arrange()
    line = fails(capsys, *case.arguments)
    assert line.startswith("ranvier: ")
    assert case.message in line


def test_names_are_unique() -> None:
    assert len({case.name for case in CASES}) == len(CASES) >= 100


def test_the_good_chain_is_good(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What every broken model above is a change of."""
    monkeypatch.chdir(tmp_path)
    write_nir(CHAIN)
    with pytest.raises(SystemExit) as stop:
        main(["check", "net.nir"])
    assert not stop.value.code


def test_reader_that_hangs_or_crashes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    write_nir(CHAIN)
    monkeypatch.setattr(hdf5, "TIME_S", 0.001)
    assert "could not be read in 0.001 s; export it again" in fails(capsys, "check", "net.nir")
    monkeypatch.undo()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(hdf5.sys, "executable", "false")
    assert "HDF5 failed on it (status 1); export it again" in fails(capsys, "check", "net.nir")


RUN = [sys.executable, "-c", "from ranvier.gen.cli import main; main()"]


@pytest.mark.parametrize("arguments", [("--help",), ("check", "tiny"), ("check", "tiny", "--json")])
def test_a_reader_that_has_had_enough(arguments: tuple[str, ...]) -> None:
    """As in ``ranvier check tiny | head -1``, with buffers as a user has them."""
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONUNBUFFERED"}
    pipe, closed = os.pipe()
    os.close(pipe)
    try:
        done = subprocess.run([*RUN, *arguments], stdout=closed, stderr=subprocess.PIPE, env=environment, check=False)
    finally:
        os.close(closed)
    assert (done.returncode, done.stderr) == (1, b"")


def test_an_encoding_without_all_letters(tmp_path: Path) -> None:
    environment = os.environ | {"PYTHONIOENCODING": "ascii"}
    done = subprocess.run([*RUN, "generate", "tiny"], capture_output=True, cwd=tmp_path, env=environment, check=False)
    assert (done.returncode, done.stderr) == (0, b"")
    assert b"64 ? 64" in done.stdout


def test_interruption(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("ranvier.gen.config.load_configuration", interrupt)
    with pytest.raises(SystemExit) as stop:
        main(["check", "reference"])
    assert stop.value.code == 130
    assert capsys.readouterr().err == "ranvier: interrupted; nothing was left half-written\n"


def write_half(path: Path) -> None:
    with written_aside(path, "Answer") as aside:
        aside.write_text("half")
        raise KeyboardInterrupt


def test_what_was_there_survives_an_interruption(tmp_path: Path) -> None:
    path = tmp_path / "answer.json"
    path.write_text("before")
    with pytest.raises(KeyboardInterrupt):
        write_half(path)
    with pytest.raises(RanvierError, match="cannot be written"):
        write_half(path / "below")
    assert [(p.name, p.read_text()) for p in tmp_path.iterdir()] == [("answer.json", "before")]
