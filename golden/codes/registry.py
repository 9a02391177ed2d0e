"""The codes by name."""

from .address import AddressEvents
from .delta import Delta
from .direct import Direct
from .latency import Latency
from .population import Population
from .rate import Rate
from .regular import Regular
from .static import StaticCode

Code = StaticCode | Delta | AddressEvents
CODES: dict[str, type[Code]] = {
    code.name: code for code in (Rate, Regular, Latency, Population, Direct, Delta, AddressEvents)
}
