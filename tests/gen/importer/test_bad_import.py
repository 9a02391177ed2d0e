"""Bad input to ``ranvier import`` ends in one line and status 2, and no file is written or changed."""

import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from ranvier.gen.cli import main

HEAD = """
import norse.torch as norse
import snntorch as snn
import torch
from spikingjelly.activation_based import layer, neuron
from torch import nn


def leaky(**options):
    return snn.Leaky(0.9, init_hidden=True, **options)


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.a, self.b, self.c = nn.Linear(4, 4), nn.Linear(4, 4), nn.Linear(4, 2)
        self.conv, self.again, self.lif, self.own = nn.Conv2d(1, 2, 3), nn.Conv2d(1, 2, 2), leaky(), snn.Leaky(0.9)
        self.norms = snn.BatchNormTT1d(4, 5)

    def forward(self, {parameters}):
        {forward}


class Mean(nn.Module):
    def __init__(self):
        super().__init__()
        self.a, self.fire = layer.Linear(4, 4, step_mode="m"), neuron.IFNode(step_mode="m")

    def forward(self, x):
        return self.fire(self.a(x)).mean(0)


def net():
    {returns}
"""
MODEL = "Model net.py:net: "
FUNCTION = "Function net.py:net "


@dataclass(frozen=True)
class Case:
    """``message``: the whole line after ``ranvier: ``."""

    name: str
    message: str
    text: str | None
    arguments: tuple[str, ...] = ("net.py:net",)


def source(
    returns: str = "return Net().eval(), 4", forward: str = "return self.lif(self.a(x))", parameters: str = "x"
) -> str:
    return HEAD.format(parameters=parameters, forward=forward, returns=returns)


def chain(name: str, message: str, *modules: str, shape: str = "4") -> Case:
    return Case(name, message, source(f"return nn.Sequential({', '.join(modules)}).eval(), {shape}"))


def forward(name: str, message: str, text: str, parameters: str = "x", shape: str = "4") -> Case:
    return Case(name, message, source(f"return Net().eval(), {shape}", text, parameters))


A_STEP = "; give the forward of one step, without loops over time and branches that depend on values"
PART = "; use all of its values; of a sequence take all steps, or give the forward of one"
OPERATIONS = "; use modules, sums, products of spikes, constants, and what flattens"
DIFFER = "; a network has one discretisation: make them agree"
CASES = [
    Case("no function named", "Model must be given as MODULE.py:FUNCTION, not 'net.py'", source(), ("net.py",)),
    Case("no Python", "Model must be given as MODULE.py:FUNCTION, not 'net.pt:net'", None, ("net.pt:net",)),
    Case("no such file", "Module no.py cannot be read: there is no such file", None, ("no.py:net",)),
    Case(
        "no such function",
        "Module net.py must have a function 'made', which takes no argument",
        source(),
        ("net.py:made",),
    ),
    Case(
        "module raises",
        "Module net.py raised ZeroDivisionError: division by zero; it must run without arguments",
        "1/0",
    ),
    Case("module exits", "Module net.py raised SystemExit: 1; it must run without arguments", "exit(1)"),
    Case(
        "function raises", f"{FUNCTION}raised ValueError: no weights", source("raise ValueError('no weights\\nat all')")
    ),
    Case(
        "function returns a module only",
        f"{FUNCTION}must return (module, input_shape), a torch.nn.Module and the shape of its input without batch and"
        " time, not Net",
        source("return Net()"),
    ),
    Case(
        "shape of nothing",
        f"{FUNCTION}must return an input_shape such as (1, 8, 8), not (0, 4)",
        source("return Net().eval(), (0, 4)"),
    ),
    Case(
        "still in training",
        f"{FUNCTION}must return a module in eval mode; call its eval() first",
        source("return Net(), 4"),
    ),
    chain(
        "unknown module",
        f"{MODEL}module '1' (GELU): modules of this class are not read; use AdaptiveAvgPool2d, AvgPool2d, BatchNorm1d,"
        " BatchNorm2d, Conv1d, Conv2d, Dropout, Dropout1d, Dropout2d, Flatten, Identity, Linear, MaxPool2d,"
        " SyncBatchNorm, Upsample, UpsamplingNearest2d",
        *("nn.Linear(4, 4)", "nn.GELU()", "leaky()"),
    ),
    forward(
        "unknown operation",
        f"{MODEL}operation 'relu': relu of a signal is not read{OPERATIONS}",
        "return self.lif(self.a(x).relu())",
    ),
    chain(
        "two discretisations",
        f"{MODEL}neurons '1' and '3' differ in reset, soft and hard{DIFFER}",
        *("nn.Linear(4, 4)", "leaky()", "nn.Linear(4, 4)", "leaky(reset_mechanism='zero')"),
    ),
    chain(
        "two frameworks",
        f"{MODEL}neurons '1' and '3' differ in framework, snntorch and spikingjelly{DIFFER}",
        *("nn.Linear(4, 4)", "leaky()", "nn.Linear(4, 4)", "neuron.LIFNode(v_reset=None)"),
    ),
    chain(
        "two time steps",
        f"{MODEL}neurons '0.1' and '0.2' differ in dt_s, 0.001 and 0.002{DIFFER}",
        "norse.SequentialState(nn.Linear(4, 4), norse.LIFCell(), norse.LIFCell(dt=0.002))",
    ),
    chain(
        "no running statistics",
        f"{MODEL}module '1' (BatchNorm1d): it has no running statistics, so that it normalises by the batch that it"
        " gets; train it with track_running_stats=True",
        *("nn.Linear(4, 4)", "nn.BatchNorm1d(4, track_running_stats=False)", "leaky()"),
    ),
    Case(
        "norms for other steps",
        f"{MODEL}norm 'norms' has 5 steps, not 8; use --steps 5",
        source(forward="return self.lif(self.norms[step](self.a(x)))", parameters="x, step"),
        ("net.py:net", "--steps", "8"),
    ),
    forward(
        "branch on values",
        f"{MODEL}its forward cannot be traced (symbolically traced variables cannot be used as inputs to control flow)"
        + A_STEP,
        "return self.lif(self.a(x)) if x.sum() > 0 else x",
    ),
    forward(
        "loop over steps",
        f"{MODEL}operation 'getitem': it takes a part of a signal{PART}",
        "return torch.stack([self.lif(self.a(x[t])) for t in range(x.shape[0])])",
    ),
    forward(
        "loop of a number of steps",
        f"{MODEL}module 'lif' (Leaky): forward calls it more than once; give the forward of one step, without a loop"
        " over time",
        "return sum(self.lif(self.a(x)) for _ in range(3))",
    ),
    forward(
        "states made in forward",
        f"{MODEL}module 'own' (Leaky): its state does not come from the step before; give the forward of one step,"
        " which takes states as parameters, or init_hidden=True",
        "return self.own(self.a(x), self.own.init_leaky())",
    ),
    forward(
        "forward without a signal",
        f"{MODEL}its forward must return the signal, or a tuple that begins with it",
        "return {'spikes': self.lif(self.a(x))}",
    ),
    forward(
        "potential that spikes reset",
        f"{MODEL}its output: its membrane potential leaves the network, but spikes reset it; use"
        " reset_mechanism='none', or return the spikes",
        "return self.own(self.a(x), mem)[1], None",
        "x, mem",
    ),
    forward(
        "potential within the network",
        f"{MODEL}module 'b' (Linear): it gets no signal; give it what a module gives; of neurons that is"
        " (spikes, state)",
        "return self.lif(self.b(self.own(self.a(x), mem)[1]))",
        "x, mem",
    ),
    forward(
        "product of drives",
        f"{MODEL}operation 'mul': it multiplies signals that are not both spikes; put neurons before it, or add them",
        "return self.lif(self.a(x) * self.b(x))",
    ),
    forward(
        "argument that is not read",
        f"{MODEL}operation 'add': it cannot be read (_add() got an unexpected keyword argument 'alpha')",
        "return self.lif(torch.add(self.a(x), other=self.b(x), alpha=2))",
    ),
    forward(
        "shape that does not fit",
        f"{MODEL}operation 'view': it cannot be read (shape '[-1, 5]' is invalid for input of size 12)",
        "return self.lif(self.a(x).view(-1, 5))",
    ),
    forward(
        "list of signals",
        f"{MODEL}operation 'cat': cat of a signal is not read{OPERATIONS}",
        "return self.lif(torch.cat([self.a(x), self.b(x)], 1))",
    ),
    forward(
        "part of a signal",
        f"{MODEL}operation 'getitem': it takes a part of a signal{PART}",
        "return self.lif(self.a(x)[:, :2])",
    ),
    forward(
        "sum of two shapes",
        f"{MODEL}operation 'add': signals of shape [4] and [2] meet; only signals of one shape are added or multiplied",
        "return self.lif(self.a(x) + self.c(x))",
    ),
    forward(
        "picture that was flattened",
        f"{MODEL}module 'again' (Conv2d): it makes [1, 2, 2] of [4]; only neighbouring axes can be joined",
        "return self.lif(self.again(self.a(x).view(-1, 1, 2, 2)))",
    ),
    forward(
        "other pictures",
        f"{MODEL}module 'conv' (Conv2d): it takes 1 channels along 2 axes but gets [4]; make the two agree",
        "return self.lif(self.conv(x))",
    ),
    chain(
        "maximum of drives",
        f"{MODEL}module '1' (MaxPool2d): it takes the maximum of a signal that is no spikes; put it behind neurons, or"
        " use AvgPool2d",
        *("nn.Conv2d(1, 2, 3)", "nn.MaxPool2d(2)", "leaky()"),
        shape="(1, 8, 8)",
    ),
    chain(
        "matrix before flatten",
        f"{MODEL}module '0' (Linear): it takes 4 values but gets a signal of shape [2, 4]; flatten the signal"
        " before it",
        "nn.Linear(4, 4)",
        shape="(2, 4)",
    ),
    chain(
        "reset that drops the input",
        f"{MODEL}module '1' (Synaptic): its reset to zero of the step after a spike also drops the input of that step;"
        " use reset_mechanism='subtract', or reset_delay=False where there is one",
        *("nn.Linear(4, 4)", "snn.Synaptic(0.5, 0.5, reset_mechanism='zero', init_hidden=True)"),
    ),
    chain(
        "inhibition",
        f"{MODEL}module '1' (Leaky): it has inhibition=True; leave it out; integers are Ranvier's own",
        *("nn.Linear(4, 4)", "leaky(inhibition=True)"),
    ),
    chain(
        "surrogate that leaks",
        f"{MODEL}module '1' (Leaky): its surrogate gives [-0.5, 0.0, 0.5] for potentials [-0.5, 0.0, 0.5] above the"
        " threshold; use one that gives 0 below the threshold and 1 above it",
        *("nn.Linear(4, 4)", "leaky(spike_grad=nn.Identity())"),
    ),
    chain(
        "some neurons without a leak",
        f"{MODEL}module '1' (Leaky): it keeps 1 of a state in a step; use a factor of at least 0 and below 1, or"
        " neurons that all keep the whole",
        *("nn.Linear(4, 4)", "snn.Leaky(torch.tensor([0.5, 1, 1, 1]), init_hidden=True)"),
    ),
    chain(
        "step modes mixed",
        f"{MODEL}module '1' (IFNode): its step_mode is 's', and it gets all steps as one axis of samples; set one"
        " step_mode for all (functional.set_step_mode)",
        *("layer.Linear(4, 4, step_mode='m')", "neuron.IFNode()"),
    ),
    forward(
        "batch of its own",
        f"{MODEL}its forward fails on a batch of 4 samples: shape '[3, 4]' is invalid for input of size 16",
        "return self.lif(self.a(x.view(3, 4)))",
    ),
    chain(
        "mean over time",
        f"{MODEL}operation 'mean': it adds up the axes [0] of 2 for time and batch and [4]; add up all places of an"
        " image, and steps outside of the network",
        "Mean()",
    ),
    Case(
        "files that are there",
        "File there/net.nir exists; use --force, or name another folder with --output",
        source(),
        ("net.py:net", "--output", "there"),
    ),
    Case(
        "folder in a file",
        "Folder net.py/there cannot be made: Not a directory; name another with --output",
        source(),
        ("net.py:net", "--output", "net.py/there"),
    ),
]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_bad_import(case, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    Path("there").mkdir()
    Path("there/net.nir").write_text("mine")
    if case.text is not None:
        Path("net.py").write_text(case.text)
    before = {path: path.read_bytes() for path in Path().rglob("*.*") if path.is_file()}
    with pytest.raises(SystemExit) as stop:
        main(["import", *case.arguments])
    after = {path: path.read_bytes() for path in Path().rglob("*.*") if path.is_file() and path.suffix != ".pyc"}
    (line,) = capsys.readouterr().err.splitlines()
    assert (stop.value.code, after) == (2, before)
    assert line.startswith(f"ranvier: {case.message}")


def test_without_torch(tmp_path, monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "torch", None)
    with pytest.raises(SystemExit) as stop:
        main(["import", "net.py:net"])
    assert stop.value.code == 2
    assert capsys.readouterr().err == "ranvier: ranvier import needs PyTorch: pip install 'ranvier[train]'\n"


def test_names_are_unique():
    assert len({case.name for case in CASES}) == len(CASES) >= 30


def test_the_good_one_is_good(tmp_path, monkeypatch, capsys):
    """What the bad ones are changes of; files that are there are replaced where that is asked for."""
    monkeypatch.chdir(tmp_path)
    Path("net.py").write_text(source())
    for arguments in ((), ("--force", "--steps", "4")):
        with pytest.raises(SystemExit) as stop:
            main(["import", "net.py:net", *arguments])
        assert not stop.value.code
        assert "output spikes differ" in capsys.readouterr().out
    with pytest.raises(SystemExit) as stop:
        main(["check", "net.nir"])
    assert not stop.value.code
    assert "reset_timing = next_step: set in the configuration" in capsys.readouterr().out
