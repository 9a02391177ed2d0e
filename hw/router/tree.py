"""A tree of routers over the cores at its leaves."""

from amaranth.hdl import Cat, Module, Value
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out

from ..config import index_width
from .mesh import COUNTER_WIDTH, count_lost
from .router import Router
from .routing import Routing

PARENT = "parent"


def packet_layout(levels: int, children: int, tag: int, payload: int) -> data.StructLayout:
    """A packet of a tree, from the low bit.

    ``target``: a leaf, as ``levels`` digits below ``children``, the lowest first. ``level``: 0 for that leaf alone, n
    for all the leaves that share its digits from n on, ``levels`` or more for all. ``source``: a tag of ``tag`` bits by
    which receivers know the sender (see :class:`.tag_filter.TagFilter`). ``payload``.
    """
    digits = data.ArrayLayout(index_width(children), levels)
    return data.StructLayout({"target": digits, "level": index_width(levels + 1), "source": tag, "payload": payload})


class TreeNode(Routing):
    """A router at ``height`` (1: above the leaves) of a tree of ``levels``: up to the common ancestor, then down.

    Ports: ``parent`` (not at the root), ``child_0`` … Its position is its ``path``: its digits from ``height`` on, the
    lowest first. A packet for other subtrees goes up, one for a leaf below goes down. One for all the leaves below, or
    for more, is copied to all children but the one that it came from, which has been served, and if for more also up; a
    leaf, which has not been served, gets its copy back.
    """

    forking = True

    def __init__(self, height: int, levels: int, children: int, tag: int, payload: int) -> None:
        self.height, self.children = height, [f"child_{child}" for child in range(children)]
        self.ports = self.plain = (*([PARENT] if height < levels else []), *self.children)
        self.flit = packet_layout(levels, children, tag, payload)
        self.position = data.StructLayout({"path": data.ArrayLayout(index_width(children), levels - height)})

    def turns(self, port: str) -> tuple[str, ...]:
        return tuple(other for other in self.ports if other != port or (self.height == 1 and port != PARENT))

    def route(self, position: data.View, flit: data.View, port: str) -> dict[str, Value]:
        height = self.height
        alike = Cat(
            (flit.level > height + above) | (flit.target[height + above] == digit)
            for above, digit in enumerate(position.path)
        )
        inside, whole = alike.all(), flit.level >= height
        leaves = {
            name: inside & (whole | (flit.target[height - 1] == child)) for child, name in enumerate(self.children)
        }
        if PARENT in self.ports:
            leaves[PARENT] = ~inside | (flit.level > height)
        return leaves


class Tree(wiring.Component):
    """Routers in ``levels``, each over ``children`` others or, at the bottom, over as many leaves: one for each core.

        in_<leaf> → node 1 ─ node 2 ─ … ─ root … node 2 ─ node 1 → out_<leaf>

    Packets of :func:`packet_layout` go up to the common ancestor of their sender and their receiver, and down from
    there: to one leaf, or to all below a node of a chosen ``level``, the sender too if it is there. So the tree is a
    hierarchy of neighbourhoods, and a packet burdens only those that it needs, as in DYNAPs (Moradi et al., IEEE
    TBioCAS 12, 2018), MorphIC (Frenkel et al., IEEE TBioCAS 13, 2019) and Neurogrid (Merolla et al., IEEE TCAS-I 61,
    2014). Packets to digits that no child has are dropped and counted in ``rejected``, which sticks at its maximum; all
    others arrive, those of one sender at one receiver in order, whatever their levels: all take the same way.

    Deadlock-free: a packet in a link upwards waits for links upwards that are higher, and for links downwards; one in a
    link downwards only for lower ones (up*/down*: Schroeder et al., IEEE JSAC 9, 1991). So the links have an order.

    ``options`` are those of :class:`Router`. Latency: a packet that enters in cycle c is offered in c + n
    (``registered``: in c + 2 n), if no other is in its way, after n = 2 a - 1 nodes, of which the highest is at height
    a. Throughput: a packet a cycle in and out of each leaf and over each link.

    Raises ValueError for less than 1 level or 2 children, and for tags of less than 1 bit.
    """

    def __init__(self, levels: int, children: int, payload: int, *, tag: int, **options: int) -> None:
        if levels < 1:
            raise ValueError(f"Tree must have at least 1 level, not {levels}")
        if children < 2:
            raise ValueError(f"Nodes of a tree must have at least 2 children, not {children}")
        if tag < 1:
            raise ValueError(f"Tags must have at least 1 bit, not {tag}")
        self.levels, self.children, self.options = levels, children, options
        self.kinds = [TreeNode(height, levels, children, tag, payload) for height in range(1, levels + 1)]
        self.flit = packet_layout(levels, children, tag, payload)
        self.leaves = children**levels
        packets = stream.Signature(self.flit)
        members = {"rejected": Out(COUNTER_WIDTH)}
        for leaf in range(self.leaves):
            members |= {f"in_{leaf}": In(packets), f"out_{leaf}": Out(packets)}
        super().__init__(members)

    def elaborate(self, platform: object) -> Module:
        m = Module()
        lost: list[Value] = []
        below = [
            (wiring.flipped(getattr(self, f"in_{leaf}")), wiring.flipped(getattr(self, f"out_{leaf}")))
            for leaf in range(self.leaves)
        ]
        for height, kind in enumerate(self.kinds, 1):
            nodes = []
            for number in range(len(below) // self.children):
                m.submodules[f"node_{height}_{number}"] = node = Router(kind, **self.options)
                for level, digit in enumerate(node.position.path):
                    m.d.comb += digit.eq(number // self.children**level % self.children)
                for child, name in enumerate(kind.children):
                    upwards, downwards = below[number * self.children + child]
                    wiring.connect(m, upwards, getattr(node, f"{name}_in"))
                    wiring.connect(m, getattr(node, f"{name}_out"), downwards)
                lost.extend(node.rejected)
                nodes.append(node)
            below = [(node.parent_out, node.parent_in) for node in nodes if PARENT in kind.ports]
        count_lost(m, self.rejected, lost, registered=self.options.get("registered", False))
        return m
