"""A router whose buffers can be seen."""

import ranvier.hw.router.router as router


def opened(*arguments, **options):
    """A router that is elaborated at once; ``buffers`` are those of its inputs."""

    class Opened(router.Router):
        def __init__(self, *arguments, **options):
            super().__init__(*arguments, **options)
            self.buffers = {}
            self._inside = super().elaborate(None)

        def _input(self, m, port):
            self.buffers[port] = super()._input(m, port)
            return self.buffers[port]

        def elaborate(self, platform):
            return self._inside

    return Opened(*arguments, **options)
