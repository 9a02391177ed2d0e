"""Neurons of each framework and each of their options, against the module's own forward."""

import norse.torch as norse
import pytest
import snntorch as snn
import torch
from norse.torch.functional.iaf import IAFParameters
from norse.torch.functional.leaky_integrator_box import LIBoxParameters
from norse.torch.functional.lif_box import LIFBoxParameters
from norse.torch.functional.reset import reset_subtract
from norse.torch.module.leaky_integrator_box import LIBoxCell
from norse.torch.module.lif_box import LIFBoxCell
from spikingjelly.activation_based import functional, layer, neuron, surrogate
from torch import nn

from .modules import equal, imported, network, spread

BETAS = torch.linspace(0.5, 0.95, 12)
SNNTORCH = {
    "delayed subtraction": snn.Leaky(0.9, init_hidden=True),
    "delayed zero": snn.Leaky(0.8, reset_mechanism="zero", init_hidden=True),
    "zero at once": snn.Leaky(0.8, reset_mechanism="zero", reset_delay=False, init_hidden=True),
    "no reset": snn.Leaky(0.5, reset_mechanism="none", init_hidden=True),
    "own betas and thresholds": snn.Leaky(BETAS, threshold=0.5 + BETAS, init_hidden=True),
    "no leak": snn.Leaky(1.0, init_hidden=True),
    "no memory": snn.Leaky(0.0, reset_mechanism="none", init_hidden=True),
    "clamped beta": snn.Leaky(1.5, init_hidden=True),
    "factor of spikes": snn.Leaky(0.9, graded_spikes_factor=0.5, init_hidden=True),
    "lapicque": snn.Lapicque(beta=0.8, R=2.0, init_hidden=True),
    "current": snn.Synaptic(alpha=0.7, beta=0.8, init_hidden=True),
    "current, zero at once": snn.Synaptic(0.7, 0.8, reset_mechanism="zero", reset_delay=False, init_hidden=True),
    "recurrent": snn.RLeaky(0.8, linear_features=12, init_hidden=True),
    "recurrent, zero at once": snn.RLeaky(
        0.8, linear_features=12, reset_mechanism="zero", reset_delay=False, init_hidden=True
    ),
    "one to one": snn.RLeaky(0.8, V=-0.4, all_to_all=False, init_hidden=True),
    "recurrent current": snn.RSynaptic(0.6, 0.8, linear_features=12, init_hidden=True),
}


@pytest.mark.parametrize("option", SNNTORCH)
def test_snntorch_with_hidden_states(tmp_path, option):
    equal(tmp_path, spread(nn.Sequential(nn.Linear(10, 12), SNNTORCH[option])), (10,))


def test_snntorch_subtraction_at_once_is_not_quite_that_of_the_hardware(tmp_path):
    """The same where no potential reaches twice the threshold; else it is said, and measured."""
    for weight, differs in ((0.5, False), (3.0, True)):
        module = spread(nn.Sequential(nn.Linear(10, 12), snn.Leaky(0.5, reset_delay=False, init_hidden=True)), weight)
        done = imported(tmp_path / str(weight), module, (10,))
        assert list(done.draft.notes) == ["1"]
        assert bool(done.comparison.differing) == differs
        assert done.comparison.fired


class Stateful(nn.Module):
    """snnTorch's states as parameters of forward; the last neurons give their membrane potential."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second, self.third = nn.Linear(10, 12), nn.Linear(12, 8), nn.Linear(8, 4)
        self.own, self.other = snn.Leaky(0.9), snn.RSynaptic(0.6, 0.8, linear_features=8)
        self.last = snn.Leaky(0.7, reset_mechanism="none")

    def forward(self, x, mem1, spk2, syn2, mem2, mem3):
        spk1, mem1 = self.own(self.first(x), mem1)
        spk2, syn2, mem2 = self.other(self.second(spk1), spk2, syn2, mem=mem2)
        _, mem3 = self.last(self.third(spk2), mem3)
        return mem3, mem1, spk2, syn2, mem2, mem3


def test_snntorch_with_states_as_parameters(tmp_path):
    done = equal(tmp_path, spread(Stateful()), (10,))
    assert type(done.draft.nodes["last"]).__name__ == "LI"
    assert network(tmp_path).layers[-1].neurons.threshold is None


def sj(kind, **options):
    return kind(surrogate_function=surrogate.ATan(), **options)


SPIKINGJELLY = {
    "IF": lambda: sj(neuron.IFNode),
    "IF, soft": lambda: sj(neuron.IFNode, v_reset=None),
    "IF, other reset": lambda: sj(neuron.IFNode, v_reset=-0.25, v_threshold=0.75),
    "LIF": lambda: sj(neuron.LIFNode, tau=3.0),
    "LIF, soft": lambda: sj(neuron.LIFNode, tau=2.0, v_reset=None),
    "LIF, input whole": lambda: sj(neuron.LIFNode, tau=4.0, decay_input=False),
    "LIF, other reset": lambda: sj(neuron.LIFNode, v_reset=0.25, v_threshold=0.75),
    "PLIF": lambda: sj(neuron.ParametricLIFNode, init_tau=3.0),
    "PLIF, input whole, soft": lambda: sj(neuron.ParametricLIFNode, decay_input=False, v_reset=None),
    "CUBA": lambda: sj(neuron.CUBALIFNode),
}


@pytest.mark.parametrize("mode", "sm")
@pytest.mark.parametrize("option", SPIKINGJELLY)
def test_spikingjelly(tmp_path, option, mode):
    module = spread(nn.Sequential(layer.Linear(10, 12), SPIKINGJELLY[option]()), 3.0)
    functional.set_step_mode(module, mode)
    equal(tmp_path, module, (10,))


@pytest.mark.parametrize("mode", "sm")
def test_spikingjelly_recurrent_container(tmp_path, mode):
    container = layer.LinearRecurrentContainer(neuron.LIFNode(v_threshold=0.5), 12, 12, step_mode=mode)
    equal(tmp_path, spread(nn.Sequential(layer.Linear(10, 12, step_mode=mode), container), 2.0), (10,))


NORSE = {
    "LIF": norse.LIFCell(norse.LIFParameters(v_th=torch.tensor(0.3))),
    "LIF at rest elsewhere": norse.LIFCell(
        norse.LIFParameters(v_leak=torch.tensor(0.1), v_reset=torch.tensor(-0.1), v_th=torch.tensor(0.3))
    ),
    "box": LIFBoxCell(LIFBoxParameters(v_th=torch.tensor(0.2), v_leak=torch.tensor(0.05))),
    "box, soft": LIFBoxCell(LIFBoxParameters(v_th=torch.tensor(0.2), reset_method=reset_subtract)),
    "IAF": norse.IAFCell(IAFParameters(v_reset=torch.tensor(-0.25))),
    "recurrent": norse.LIFRecurrentCell(10, 10, norse.LIFParameters(v_th=torch.tensor(0.3))),
    "other step": norse.LIFCell(norse.LIFParameters(v_th=torch.tensor(0.3)), dt=2e-3),
}


@pytest.mark.parametrize("option", NORSE)
def test_norse(tmp_path, option):
    torch.manual_seed(1)
    equal(tmp_path, spread(norse.SequentialState(nn.Linear(10, 10), NORSE[option])), (10,), 20)


@pytest.mark.parametrize("last", [norse.LICell(), LIBoxCell(LIBoxParameters(tau_mem_inv=torch.tensor(300.0)))])
def test_norse_leaky_integrators_give_their_potential(tmp_path, last):
    hidden = norse.LIFCell(norse.LIFParameters(v_th=torch.tensor(0.3)))
    equal(tmp_path, spread(norse.SequentialState(nn.Linear(10, 12), hidden, nn.Linear(12, 4), last)), (10,), 20)


class Cells(nn.Module):
    """Norse's cells with their states as parameters."""

    def __init__(self) -> None:
        super().__init__()
        self.linear, self.own, self.last = (
            nn.Linear(10, 12),
            norse.LIFCell(norse.LIFParameters(v_th=0.3)),
            norse.LICell(),
        )

    def forward(self, x, own, last):
        z, own = self.own(self.linear(x), own)
        v, last = self.last(z, last)
        return v, own, last


def test_norse_with_states_as_parameters(tmp_path):
    equal(tmp_path, spread(Cells()), (10,), 20)
