"""What the agent does: a function for each type of task."""

from formicary import Fail, Refused, Task, Worker


def refund(task: Task) -> str:
    """Pays money back. A person decides first, and may correct how much."""
    try:
        order = task.ask_human(task.payload, why="it was paid twice", impact="low")
    except Refused as refused:
        raise Fail(refused.reason, retryable=False) from refused
    # Here it would be paid. What is done elsewhere should carry the task's id: an attempt may come twice.
    return f"{order['amount']} EUR are on their way"


def equip(worker: Worker) -> Worker:
    """Gives a worker what this agent can do."""
    worker.task("finance.refund")(refund)
    return worker
