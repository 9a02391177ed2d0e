"""Which samples of a stimulus are simulated."""

from pathlib import Path

import typer

from ranvier.gen.stimulus import Samples

DEFAULT_IMAGES = 20


def chosen(samples: Samples, images: int | None, file: Path | None) -> Samples:
    """The first ``images``, else all of a ``file`` that was named, else the first few; says so if there are fewer."""
    if images and len(samples.spikes) < images:
        typer.echo(
            f"ranvier: the stimulus has {len(samples.spikes)} samples, not {images}: all are simulated", err=True
        )
    return samples.first(images or (len(samples.spikes) if file else DEFAULT_IMAGES))
