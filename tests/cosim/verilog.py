"""Changes of emitted Verilog."""

import re


def without_initial_values(text: str) -> str:
    """``text`` with registers that start undefined, as on an ASIC."""
    text, removed = re.subn(r"^(  reg [^=;]*\w) = [^;]*;", r"\1;", text, flags=re.MULTILINE)
    assert removed > 50
    return text
