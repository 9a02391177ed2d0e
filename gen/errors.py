"""The one exception that reaches a user."""


class RanvierError(Exception):
    """A problem that the user can mend, as one line: the thing, the contract, the value, a way out.

    The command line prints it after ``ranvier:`` and exits with status 2.
    """
