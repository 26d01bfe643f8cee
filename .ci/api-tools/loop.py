"""The loop of docs/agents.md by a client that was generated: register, wait, accept, show life, complete."""

import sys

from client.api.agents import heartbeat_agent, put_agent, read_inbox
from client.api.tasks import accept_task, complete_task, get_task, post_task
from client.client import AuthenticatedClient
from client.models import (
    AgentInput,
    Assignment,
    ClaimInput,
    CompleteTaskBody,
    HeartbeatAgentBody,
    Holding,
    Problem,
    TaskInput,
)
from client.models.agent_input_limits import AgentInputLimits

URL, AGENT, SERVICE = sys.argv[1:]  # the tokens of the agent ada-2 and of a service
agent = AuthenticatedClient(base_url=URL, token=AGENT, timeout=40)
crm = AuthenticatedClient(base_url=URL, token=SERVICE)


def answered(answer):
    """What was answered; raises with what the problem says."""
    if answer is None or isinstance(answer, Problem):
        raise SystemExit(f"refused: {answer.detail if answer else 'no answer'}")
    return answer


profile = AgentInput(agent_type="crm.lead_scoring", capacity=2, limits=AgentInputLimits(presence_seconds=3600))
answered(put_agent.sync("ada-2", client=agent, body=profile))
task = answered(post_task.sync(client=crm, body=TaskInput(task_type="crm.lead_scoring", payload={"lead": 7}))).task
inbox = answered(read_inbox.sync("ada-2", client=agent, wait_seconds=20))
item = next(item for item in inbox.items if isinstance(item, Assignment) and item.task == task.id)
answered(accept_task.sync(task.id, client=agent, body=ClaimInput(award=item.award)))
holding = [Holding(task=task.id, award=item.award)]
beat = answered(heartbeat_agent.sync("ada-2", client=agent, body=HeartbeatAgentBody(holding=holding)))
assert beat.held[0].stands, "the claim does not stand"
done = answered(complete_task.sync(task.id, client=agent, body=CompleteTaskBody(award=item.award, result={"score": 0.8})))
assert done.task.status == "completed", f"the task is {done.task.status}"
missing = get_task.sync("nothing", client=agent)
assert isinstance(missing, Problem) and missing.status == 404, f"expected a problem, got {missing}"
print(f"openapi-python-client: {task.id} completed")
