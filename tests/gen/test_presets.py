"""The presets in the modules that trained them: every spike, and every potential to float32 precision."""

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import nir
import numpy as np
import pytest
import snntorch as snn
import torch

from ranvier.gen.design import load_design
from ranvier.gen.network import channels_last
from ranvier.gen.simulate import simulate

from .importer.modules import equal, spread

SCRIPTS = Path(__file__).parents[2] / "scripts"
SAMPLES = 30


def script(name: str, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(str(SCRIPTS))
    spec = importlib.util.spec_from_file_location(name, SCRIPTS / f"{name}.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, name, module)
    spec.loader.exec_module(module)
    return module


def recorded(neurons: snn.Leaky, into: list[tuple[torch.Tensor, torch.Tensor]]) -> None:
    """Keep the spikes and potentials of every call of ``neurons``."""
    neurons.register_forward_hook(
        lambda module, _, out: into.append(out if isinstance(out, tuple) else (out, module.mem))
    )


def with_weights(modules: torch.nn.Module, path: Path) -> None:
    """Give ``modules`` the weights of the nodes of a file that have their names, in float64."""
    nodes = nir.read(path).nodes
    modules.double()
    for name, module in modules.named_children():
        if isinstance(module, torch.nn.Linear | torch.nn.Conv2d):
            module.register_forward_pre_hook(lambda _, given: (given[0].double(),))  # snnTorch's spikes are float32
            module.weight.data = torch.from_numpy(np.asarray(nodes[name].weight, np.float64))
            if module.bias is not None:
                module.bias.data = torch.from_numpy(np.asarray(nodes[name].bias, np.float64))


@pytest.mark.parametrize("preset", ["digits_residual", "vowels"])
def test_spikes_as_in_snntorch(preset: str, monkeypatch: pytest.MonkeyPatch) -> None:
    trainer = script(f"train_{preset}", monkeypatch)
    design = load_design(preset)
    modules = trainer.build() if preset == "digits_residual" else trainer.Network()
    with_weights(modules, design.configuration.model)
    modules.eval()
    spikes = design.measured.spikes[:SAMPLES]  # channels last; one channel, or no image
    traces = {
        layer.node: trace for layer, trace in zip(design.network.layers, simulate(design.network, spikes), strict=True)
    }
    calls: dict[str, list[tuple[torch.Tensor, torch.Tensor]]] = {name: [] for name in traces}
    for name, record in calls.items():
        recorded(getattr(modules, name) if preset == "vowels" else modules[name], record)
    with torch.no_grad():
        x = torch.from_numpy(spikes.astype(np.float64))
        modules(x) if preset == "vowels" else trainer.run(modules, x)
    compared = 0
    for name, trace in traces.items():
        shape = {layer.node: layer.shape for layer in design.network.layers}[name]
        places = channels_last(shape) if len(shape) > 1 else slice(None)
        fired, membrane = (
            torch.stack(each, 1).flatten(2).numpy()[..., places] for each in zip(*calls[name], strict=True)
        )
        if trace.spikes.any():
            np.testing.assert_array_equal(trace.spikes, fired > 0)
        np.testing.assert_allclose(trace.membrane, membrane, atol=1e-6)  # the file holds time constants in float32
        compared += trace.membrane.size
    print(f"{preset}: {compared} potentials")
    assert compared >= SAMPLES * 8 * 100


def test_the_transformer_as_in_spikingjelly(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With random weights and norms, as the file holds these folded."""
    network = script("train_digits_transformer", monkeypatch).Transformer()
    equal(tmp_path, spread(network, 2.0), (1, 8, 8))
