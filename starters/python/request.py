"""Somebody who has work: posts a task, and waits for what comes of it."""

from formicary import Formicary

with Formicary() as formicary:
    task = formicary.tasks.post({"task_type": "finance.refund", "payload": {"amount": 40}})["task"]["id"]
    print(f"{task} is posted, and waits for a person", flush=True)
    print(formicary.tasks.result(task))
