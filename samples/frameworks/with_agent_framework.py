"""Microsoft Agent Framework: an agent pays back once a person has agreed. Its model is a script."""

from agent_framework import Agent, BaseChatClient, ChatResponse, Content, FunctionInvocationLayer, Message, tool

from formicary import Worker
from formicary.agent_framework import work_with

call = Content.from_function_call(call_id="1", name="refund", arguments='{"invoice": "4711", "amount": 40}')


class Script(FunctionInvocationLayer, BaseChatClient):
    says = [call, "40 EUR for invoice 4711 are on their way."]

    async def _inner_get_response(self, **_):
        return ChatResponse(messages=[Message("assistant", [self.says.pop(0)])])


@tool(approval_mode="always_require")
def refund(invoice: str, amount: int) -> str:
    """Pays back so many EUR."""
    return f"{amount} EUR of {invoice} are paid back"


Worker(agent_type="story.refund").run(work_with(Agent(Script(), name="refunds", tools=[refund])))
