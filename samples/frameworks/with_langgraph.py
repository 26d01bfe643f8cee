"""LangGraph: a graph without a model finds what was paid twice."""

from typing import TypedDict

from langgraph.graph import END, START, StateGraph

from formicary import Worker
from formicary.langgraph import work_with


class Ledger(TypedDict, total=False):
    lines: list[dict[str, str | int]]
    twice: list[dict[str, str | int]]


def find(state: Ledger) -> Ledger:
    lines = state["lines"]
    return {"twice": [line for number, line in enumerate(lines) if line in lines[:number]]}


graph = StateGraph(Ledger)
graph.add_node("find", find)
graph.add_edge(START, "find").add_edge("find", END)
Worker(agent_type="story.facts").run(work_with(graph.compile(), output=lambda state: {"twice": state["twice"]}))
