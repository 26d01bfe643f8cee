"""Tasks by the package for Python: posted and waited for by some threads, done by a worker in the same process.

`doors.py URL TASK_TYPE CALLERS` says `ready`, and then, for each number of tasks that it reads, `done`.
"""

import sys
from concurrent.futures import ThreadPoolExecutor

from formicary import Formicary, Worker

url, task_type, callers = sys.argv[1], sys.argv[2], int(sys.argv[3])


def one(number: int) -> None:
    posted = requester.tasks.post({"task_type": task_type, "payload": {"request": number}})
    requester.tasks.result(posted["task"]["id"])


with Formicary(url, principal="service:doors") as requester, Formicary(url, principal="doors-python") as client:
    worker = Worker(client=client, agent="doors-python", agent_type=task_type, capacity=50)
    worker.start(lambda task: {"ok": True})
    print("ready", flush=True)
    with ThreadPoolExecutor(callers) as threads:
        for line in sys.stdin:
            for _ in threads.map(one, range(int(line))):
                pass
            print("done", flush=True)
    worker.stop()
