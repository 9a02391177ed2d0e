"""What a trainer's configuration refuses."""

from dataclasses import replace

import pytest

from ranvier.hw.train.config import TrainerConfig

from ...sim.test_training import small_setup


def test_only_what_is_kept_can_be_recomputed():
    with pytest.raises(ValueError) as caught:
        TrainerConfig(small_setup(), recompute=True)
    assert str(caught.value) == (
        "Potentials can only be recomputed where a hard reset has the exact path: none are kept"
    )


def test_nothing_is_recomputed_beside_the_next_sample():
    config = TrainerConfig(small_setup(reset_path="exact"), recompute=True)
    with pytest.raises(ValueError) as caught:
        replace(config, overlap=True)
    assert str(caught.value) == ("Potentials cannot be recomputed with overlap: the next sample is on its way forward")
