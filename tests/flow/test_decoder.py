"""The table [decoder] as a user writes it."""

from pathlib import Path

import pytest

from ranvier.sim.cli import main

CORE = """
name = "probe"
[core]
axons = 12
neurons = 10
threshold = 9
leak_shift = 2
[quantisation]
weight_width = 4
state_width = 8
steps = 5
[decoder]
"""
OTHERS = "take one of counts, first_spike, population"


@pytest.mark.parametrize(
    ("table", "message"),
    [
        (
            'name = "membrane"',
            f"Design probe: Decoder membrane must stand behind a readout, but layer core spikes: {OTHERS}",
        ),
        (
            'name = "population"\nmargin = 2',
            "Design probe: Decoder population must have no margin: every spike moves a mean",
        ),
        (
            'name = "population"\npreferred = [1, 2]',
            "Design probe: Decoder population must have a preferred value for each of 10 neurons, not 2",
        ),
        (
            'name = "counts"\nmargin = 0',
            "Configuration probe.toml: decoder.margin: Input should be greater than or equal to 1; got 0",
        ),
        (
            'name = "votes"',
            "Configuration probe.toml: decoder.name: Input should be 'counts', 'first_spike', 'membrane' or"
            " 'population'; got 'votes'",
        ),
    ],
)
def test_refusals_are_one_line_and_status_2(tmp_path, monkeypatch, capsys, table, message):
    monkeypatch.chdir(tmp_path)
    Path("probe.toml").write_text(CORE + table)
    with pytest.raises(SystemExit) as stop:
        main(["generate", "probe.toml"])
    assert stop.value.code == 2
    assert capsys.readouterr().err == f"ranvier: {message}\n"
    assert not Path("build").exists()
