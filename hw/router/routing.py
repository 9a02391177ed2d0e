"""What the members of the family of routers differ in."""

from abc import ABC, abstractmethod

from amaranth.hdl import Module, Value
from amaranth.lib import data, stream


class Routing(ABC):
    """``ports``: names of a router's ports. ``flit``: layout of a packet. ``position``: layout of what a router knows
    of itself. ``plain``: ports where flits come in without the route that the router before has found out.
    ``expiring``: those of them where a flit may be stale. ``forking``: whether a flit may leave at several ports.
    """

    ports: tuple[str, ...]
    flit: data.StructLayout
    position: data.StructLayout
    plain: tuple[str, ...]
    expiring: tuple[str, ...] = ()
    forking: bool = False

    @abstractmethod
    def turns(self, port: str) -> tuple[str, ...]:
        """The ports where a flit that came in at ``port`` may leave, in the order of ``ports``."""

    def find(self, m: Module, position: data.View, flit: data.View, port: str) -> dict[str, Value]:
        """As :meth:`route`, in the module ``m`` of a router, for what needs parts of its own."""
        return self.route(position, flit, port)

    def route(self, position: data.View, flit: data.View, port: str) -> dict[str, Value]:
        """For each port whether ``flit``, which came in at ``port``, leaves there: at most one, unless ``forking``."""
        raise NotImplementedError

    def enter(self, position: data.View, flit: data.View, port: str) -> Value | data.View:
        """What becomes of ``flit`` as it comes in at ``port``; a route that came with it is known before."""
        return flit

    def stale(self, position: data.View, flit: data.View) -> Value:
        """Whether ``flit`` has lived too long: it is taken and lost, if its port is ``expiring``."""
        raise NotImplementedError

    def place(self, x: int, y: int) -> dict[str, int]:
        """The fields of the position of the router at (``x``, ``y``) of a grid."""
        return {"x": x, "y": y}

    def onward(self, port: str) -> tuple[str, ...]:
        """The ports where a flit that left at ``port`` may leave the router behind it."""
        return ()

    def ahead(self, position: data.View, port: str, flit: data.View) -> dict[str, Value]:
        """The route of ``flit`` at the router behind ``port``, as :meth:`route` there."""
        raise NotImplementedError

    def link_in(self, port: str) -> stream.Signature:
        """The stream into ``port``; between routers a flit comes with its route, a bit for each turn."""
        return self._link(port, len(self.turns(port)))

    def link_out(self, port: str) -> stream.Signature:
        """The stream out of ``port``: what the port at its other end takes in."""
        return self._link(port, len(self.onward(port)))

    def _link(self, port: str, routes: int) -> stream.Signature:
        if port in self.plain:
            return stream.Signature(self.flit)
        return stream.Signature(data.StructLayout({"flit": self.flit, "route": routes}))
