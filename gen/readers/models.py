"""Neurons of the models that NIR does not have: a node's type names the model, its fields are the model's.

Time is discrete in these: a ``decay`` is what a state keeps in a step.
"""

import numpy as np

from ranvier.golden.neurons.neuron import NEURONS

from ..frameworks import TimeModel
from ..network import ModelNeurons
from ..neuron_fields import MODELS, problem
from .graph import Node, NodeError
from .maps import Shape
from .nodes import Population, Stage, field, matched, size_of, translates


@translates(*MODELS)
def _neurons(node: Node, shape: Shape | None, time: TimeModel) -> tuple[Stage, Shape]:
    arrays, own = {}, set[Shape]()
    for name, limits in NEURONS[node.type].FIELDS.items():
        default = None if name in node.fields else limits.default
        array = field(node, name) if default is None else np.array(default)
        wrong = problem(node.type, name, array)
        if wrong:
            raise NodeError(*wrong)
        arrays[name] = array
        if array.size > 1 and not limits.whole:
            own.add(array.shape)
    if len(own) > 1:
        shapes = ", ".join(str(list(each)) for each in sorted(own))
        raise NodeError(f"its parameters differ in shape: {shapes}", "give each neuron one value of each")
    if own:
        matched(node, next(iter(own)), shape)
        shape = shape or next(iter(own))
    shape = shape or (1,)
    n = size_of(shape)
    fields = NEURONS[node.type].FIELDS
    values = {k: a if fields[k].whole else np.broadcast_to(a.reshape(-1), n).copy() for k, a in arrays.items()}
    return Population(np.ones(n), ModelNeurons(node.type, values, n)), shape
