"""SpikingJelly's neurons that NIR does not have: imported as nodes of models, against the modules' own forward."""

import re

import pytest
import torch
from spikingjelly.activation_based import functional, neuron, surrogate
from torch import nn

from ranvier.gen.errors import RanvierError
from ranvier.gen.network import ModelNeurons

from .modules import equal, imported, network, spread


def sliding(k: int) -> nn.Module:
    module = neuron.SlidingPSN(k)
    module.bias.data = torch.tensor(-0.2)
    return module


def masked(steps: int) -> nn.Module:
    module = neuron.MaskedPSN(2, steps, lambda_init=1.0)
    module.weight.data = 0.4 + torch.rand(steps, steps, generator=torch.Generator().manual_seed(3))
    return module


MODULES = {
    "KLIF": lambda: neuron.KLIFNode(tau=3.0),
    "KLIF, input whole, soft": lambda: neuron.KLIFNode(tau=1.5, decay_input=False, v_reset=None),
    "SlidingPSN": lambda: sliding(3),
    "MaskedPSN": lambda: masked(8),
}


@pytest.mark.parametrize("mode", ["s", "m"])
@pytest.mark.parametrize("name", MODULES)
def test_models(tmp_path, name, mode):
    module = spread(nn.Sequential(nn.Linear(10, 12), MODULES[name](), nn.Linear(12, 4), neuron.IFNode()), 2.0)
    if name.startswith("KLIF"):
        module[1].k.data = torch.tensor(1.3)
    functional.set_step_mode(module, mode)
    equal(tmp_path, module, (10,))
    neurons = network(tmp_path).layers[0].neurons
    assert isinstance(neurons, ModelNeurons) and neurons.kind == name.split(",")[0]


@pytest.mark.parametrize(
    ("module", "message"),
    [
        (neuron.KLIFNode(scale_reset=True), "its reset is scaled by k; use scale_reset=False"),
        (neuron.KLIFNode(v_reset=-0.5), "it starts at v_reset = -0.5 and decays there; use v_reset=0.0 or None"),
        (neuron.MaskedPSN(2, 8), "its mask is not closed yet: lambda_ is 0; train until lambda_ is 1, or set it"),
        (neuron.SlidingPSN(2, surrogate_function=surrogate.ATan(spiking=False)), "its surrogate gives"),
    ],
)
def test_what_has_no_model_is_refused(tmp_path, module, message):
    with pytest.raises(RanvierError, match=re.escape(message)):
        imported(tmp_path, spread(nn.Sequential(nn.Linear(10, 12), module)), (10,))
