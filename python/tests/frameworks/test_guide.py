"""What docs/frameworks.md tells to type for one framework, typed in its order: the environment is there already."""

from __future__ import annotations

import os
import re
import sys
from pathlib import Path

import httpx
from conftest import ROOT, Terminal, eventually
from test_page import commands, pattern

TITLES = {
    "agent_framework": "Microsoft Agent Framework",
    "autogen": "AutoGen",
    "crewai": "CrewAI",
    "langgraph": "LangGraph",
    "openai_agents": "OpenAI Agents SDK",
}
COMMON = ("In ten minutes", "A task, and a person")


def section(title: str) -> str:
    """What stands below a heading."""
    (text,) = re.findall(rf"^## {title}\n(.*?)(?=^## |\Z)", (ROOT / "docs/frameworks.md").read_text(), re.M | re.S)
    return str(text)


def test_the_guide_can_be_followed(terminal: Terminal, tmp_path: Path) -> None:
    framework = TITLES[os.environ["FORMICARY_FRAMEWORK"]]
    (tmp_path / ".formicary").mkdir()
    (tmp_path / ".formicary/python").symlink_to(sys.prefix)
    page = section(COMMON[0]) + section(framework) + section(COMMON[1])
    name = ""
    typed = 0
    for heading, language, text in re.findall(r"^### `([^`]+)`$|^```(\w+)\n(.*?)^```$", page, re.M | re.S):
        name = heading or name
        if language == "python":
            (tmp_path / name).write_text(text)
        elif language:
            typed += sum(type_in(terminal, command, expected) for command, expected in commands(language, text))
    assert typed == 11


def type_in(terminal: Terminal, command: str, expected: str) -> int:
    """Types one command; 1."""
    if "pip install" in command or "-m venv" in command:
        return 1
    if command.startswith(("export ", "APPROVAL=")):
        terminal.keep(command)
    elif "npx formicary start" in command or ".formicary/worker.py" in command:
        terminal.start(command)
        eventually(lambda: is_ready(terminal.url))
    else:
        printed = terminal.run(command)
        assert re.fullmatch(pattern(expected), printed), f"$ {command}\n{printed}\ninstead of\n{expected}"
    return 1


def is_ready(url: str) -> bool:
    """Whether the host answers."""
    try:
        return httpx.get(f"{url}/health/ready").is_success
    except httpx.TransportError:
        return False
