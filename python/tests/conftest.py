"""A live host of this checkout: what is built in its `dist/`, in a process of its own, on a folder of its own."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

import httpx
import pytest

from formicary import Formicary

ROOT = Path(__file__).resolve().parents[2]
PATIENCE = 60.0
"""Seconds after which a test that waits has failed: how long something takes on a busy machine says nothing."""

T = TypeVar("T")


def node() -> str:
    """The project's own Node, where it is installed."""
    own = ROOT / "node_modules/.bin/node"
    return str(own) if own.exists() else "node"


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def eventually(look: Callable[[], T | bool | None]) -> T:
    """What `look` gives, once that is true."""
    ends = time.monotonic() + PATIENCE
    while True:
        seen = look()
        if seen:
            return seen  # type: ignore[return-value] # whatever is true
        assert time.monotonic() < ends, "it did not happen"
        time.sleep(0.05)


@dataclass
class Host:
    """A host that can be killed and started again on the same folder."""

    data: Path
    env: dict[str, str] = field(default_factory=dict)
    port: int = field(default_factory=free_port)
    process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        env = {
            **os.environ,
            "FORMICARY_PORT": str(self.port),
            "FORMICARY_DATA": str(self.data),
            "FORMICARY_LOG": "error",
            # Whoever calls says who they are, but where a test shows a token; what is asked for is answered.
            "FORMICARY_DEV_HEADERS": "on",
            "FORMICARY_ADMISSION": "off",
            **self.env,
        }
        self.data.mkdir(parents=True, exist_ok=True)
        with (self.data / "host.log").open("ab") as log:
            self.process = subprocess.Popen([node(), str(ROOT / "dist/local/main.js")], env=env, stdout=log, stderr=log)
        eventually(self._is_ready)

    def _is_ready(self) -> bool:
        assert self.process is not None
        assert self.process.poll() is None, (self.data / "host.log").read_text()
        try:
            return httpx.get(f"{self.url}/health/ready").is_success
        except httpx.TransportError:
            return False

    def kill(self) -> None:
        """As if the power went."""
        assert self.process is not None
        self.process.kill()
        self.process.wait()

    def formicary(self, principal: str = "service:tests") -> Formicary:
        """A client that says who it is."""
        return Formicary(self.url, principal=principal)

    def token(self, name: str) -> str:
        """A token, given by the owner on the command line."""
        env = {**os.environ, "FORMICARY_DATA": str(self.data), "XDG_CONFIG_HOME": str(self.data)}
        command = [node(), str(ROOT / "dist/cli/main.js"), "--url", self.url, "token", name]
        return subprocess.run(command, env=env, check=True, capture_output=True, text=True).stdout.strip()


@pytest.fixture(autouse=True)
def _ends() -> Iterator[None]:
    """A test that hangs fails."""

    def late(_number: int, _frame: object) -> None:
        raise TimeoutError("the test does not end")

    signal.signal(signal.SIGALRM, late)
    signal.alarm(4 * int(PATIENCE))
    yield
    signal.alarm(0)


@pytest.fixture
def make_host(tmp_path: Path) -> Iterator[Callable[..., Host]]:
    """Starts hosts of a test's own, with settings."""
    hosts: list[Host] = []

    def make(**env: str) -> Host:
        host = Host(tmp_path / f"host-{len(hosts)}", env)
        hosts.append(host)
        host.start()
        return host

    yield make
    for host in hosts:
        host.kill()


@pytest.fixture(scope="session")
def host(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Host]:
    """One host for all tests that leave it alive."""
    started = Host(tmp_path_factory.mktemp("host"))
    started.start()
    yield started
    started.kill()
    shutil.rmtree(started.data, ignore_errors=True)


@pytest.fixture
def formicary(host: Host) -> Iterator[Formicary]:
    """Who posts tasks."""
    with host.formicary() as client:
        yield client


@dataclass
class Process:
    """A worker in a process of its own."""

    child: subprocess.Popen[str]

    def send(self, number: signal.Signals) -> None:
        self.child.send_signal(number)

    def said(self, word: str) -> None:
        """Waits until it has said that, in a line of its own."""
        assert self.child.stdout is not None
        for line in self.child.stdout:
            if line.strip() == word:
                return
        raise AssertionError(f"it has ended with {self.child.wait()} without saying {word}")


@pytest.fixture
def spawn() -> Iterator[Callable[..., Process]]:
    """Runs a program with this Python; killed after the test."""
    children: list[subprocess.Popen[str]] = []

    def start(program: str, **env: str) -> Process:
        child = subprocess.Popen(
            [sys.executable, "-u", "-c", program], env={**os.environ, **env}, stdout=subprocess.PIPE, text=True
        )
        children.append(child)
        return Process(child)

    yield start
    for child in children:
        child.kill()
        child.wait()
        if child.stdout is not None:
            child.stdout.close()


class Terminal:
    """A shell in which `npx formicary` is the compiled command line."""

    def __init__(self, folder: Path, url: str) -> None:
        python = Path(getattr(sys, "_base_executable", sys.executable)).parent
        self.url = url
        self._folder = folder
        self._before = f'npx() {{ shift; "{node()}" "{ROOT}/dist/cli/main.js" "$@"; }}\n'
        self._env = {
            **{name: value for name, value in os.environ.items() if not name.startswith("FORMICARY_")},
            "FORMICARY_URL": url,
            "FORMICARY_PORT": url.rsplit(":", 1)[1],
            "PATH": f"{python}:{os.environ['PATH']}",
            "XDG_CONFIG_HOME": str(folder),
        }
        self.running: list[subprocess.Popen[str]] = []

    def run(self, command: str) -> str:
        done = subprocess.run(
            ["bash", "-c", f"{self._before}{command}"],
            cwd=self._folder,
            env=self._env,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        assert done.returncode == 0, f"$ {command}\n{done.stdout}"
        return done.stdout

    def start(self, command: str) -> None:
        with (self._folder / "running.log").open("a") as log:
            self.running.append(
                subprocess.Popen(
                    ["bash", "-c", f"{self._before}{command}"],
                    cwd=self._folder,
                    env=self._env,
                    stdout=log,
                    stderr=log,
                    text=True,
                    start_new_session=True,
                )
            )

    def keep(self, line: str) -> None:
        """A line that later ones build on: an export, or a variable."""
        self._before += line + "\n"


@pytest.fixture
def terminal(tmp_path: Path) -> Iterator[Terminal]:
    (tmp_path / "python").symlink_to(ROOT / "python")
    terminal = Terminal(tmp_path, f"http://127.0.0.1:{free_port()}")
    yield terminal
    for child in terminal.running:
        os.killpg(child.pid, 9)
        child.wait()
