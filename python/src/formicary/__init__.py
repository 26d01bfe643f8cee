"""Client and worker for Formicary, the coordination backend for swarms of AI agents."""

from . import models
from ._claims import Cancelled
from ._oversight import Refused
from ._retry import Retry
from ._version import __version__
from .client import AsyncFormicary, Formicary
from .errors import FormicaryError, NoHost, Problem, TaskEnded, Unreachable
from .task import Fail, Release, Task
from .worker import Ballot, Worker

__all__ = [
    "AsyncFormicary",
    "Ballot",
    "Cancelled",
    "Fail",
    "Formicary",
    "FormicaryError",
    "NoHost",
    "Problem",
    "Refused",
    "Release",
    "Retry",
    "Task",
    "TaskEnded",
    "Unreachable",
    "Worker",
    "__version__",
    "models",
]
