"""A PyTorch module on a chip: residual forms, attention, delays and norms, from ``ranvier import`` to the Verilog."""

import torch
from spikingjelly.activation_based import layer, neuron

from ranvier.gen.design import load_design

from ..gen.importer.modules import equal, spread
from .test_networks import SAMPLES, simulated


class Forms(torch.nn.Module):
    """SEW blocks of ADD, AND and IAND, one whose neurons come before its synapses and whose drive skips them, Q-K
    attention of both kinds, and a delayed branch."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = layer.SeqToANNContainer(torch.nn.Conv1d(2, 4, 3, padding=1, bias=False), torch.nn.BatchNorm1d(4))
        for name in ("a", "b", "c", "d"):
            own = layer.SeqToANNContainer(torch.nn.Conv1d(4, 4, 3, padding=1), torch.nn.BatchNorm1d(4))
            setattr(self, f"conv_{name}", own)
        for name in ("stem", "a", "b", "c", "before", "after"):
            setattr(self, f"fire_{name}", neuron.LIFNode(detach_reset=True, step_mode="m"))
        self.delay = layer.Delay(3, step_mode="m")
        self.token, self.channel = layer.TokenQKAttention(4, 2), layer.ChannelQKAttention(4, 2)
        self.head = layer.Linear(20, 3, step_mode="m")

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.fire_stem(self.stem(x))
        added = x + self.fire_a(self.conv_a(x))
        both = x * self.fire_b(self.conv_b(added))
        only = (1 - both) * self.fire_c(self.conv_c(self.delay(x)))
        drive = self.conv_a(only)
        drive = drive + self.conv_d(self.fire_before(drive))
        x = self.fire_after(drive)
        return self.head((self.token(x) + self.channel(x)).flatten(2))


def test_residual_forms_attention_and_delays_equal_golden(tmp_path):
    imported = equal(tmp_path, spread(Forms(), 2.5), (2, 5))
    design = simulated(tmp_path, str(imported.configuration), "icarus")
    kinds = {core.organisation for core in design.chip.cores}
    print(
        f"{len(design.chip.cores)} cores: {[(core.name, core.organisation, core.delays) for core in design.chip.cores]}"
    )
    assert kinds == {"convolution"} or kinds == {"convolution", "dense"}
    assert any(core.delays == "axonal" for core in design.chip.cores)
    assert SAMPLES == 20 and load_design(str(imported.configuration)).chip == design.chip
