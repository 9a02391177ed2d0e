"""What models that are LIF neurons with other parameters must pass."""

from collections.abc import Mapping

import numpy as np

from ranvier.gen.emit import emit_part
from ranvier.golden.neurons.lif import Lif
from ranvier.golden.neurons.neuron import Neuron, parameter_error
from ranvier.golden.neurons.record import described, restored
from ranvier.hw.core.lane import Lane

from ..golden.oracle import State, step
from .bench import config_of, stepped
from .exact import DRIVES
from .floats import fit

STEPS = 40


def check_circuit(model: Lif, **options: object) -> None:
    """Its lane is, letter by letter, that of the plain LIF with ``options``, which test_lif.py holds against golden."""
    plain = Lif(model.state_width, model.membrane_decay, **options)
    assert emit_part(Lane(config_of(model)), "lane") == emit_part(Lane(config_of(plain)), "lane")
    assert restored(described(model)) == model != plain


def check_integers(kind: type[Neuron], values: Mapping[str, np.ndarray], scale: float, seed: int) -> None:
    """Fitted and rounded, steps of integers equal the oracle in fractions."""
    rng = np.random.default_rng(seed)
    model, found = fit(kind, values, scale)
    count = next(iter(values.values())).size
    parameters = {name: np.broadcast_to(np.rint(v).astype(np.int64), count) for name, v in found.items()}
    parameters["bias"] = np.zeros(count, np.int64)
    assert parameter_error(model, parameters, count) is None
    settings = [{name: int(array[k]) for name, array in parameters.items()} for k in range(count)]
    states, total, fired = [State()] * count, np.zeros(count, np.int64), 0
    for _ in range(STEPS):
        drives = rng.integers(*DRIVES, count)
        left = stepped(model, parameters | {"noise": np.zeros(count, np.int64), "total": total + drives})
        seen = [step(model, *each) for each in zip(settings, states, drives.tolist(), strict=True)]
        for name in ("spike", "membrane"):
            np.testing.assert_array_equal(left[name], [getattr(each, name) for each in seen])
        states, total = [each.state for each in seen], left["integrator"]
        fired += sum(each.spike for each in seen)
    print(f"seed {seed}: {count * STEPS} updates, {fired} spikes")
    assert 0 < fired < count * STEPS
