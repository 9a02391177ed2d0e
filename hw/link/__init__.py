"""Off the chip: four-phase address events, and a serial link that corrects its errors."""

from .aer import AerReceiver, AerSender
from .serial import Link

__all__ = ["AerReceiver", "AerSender", "Link"]
