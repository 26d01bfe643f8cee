"""The OpenAI Agents SDK: an agent says how far it is, and writes to the customer. Its model is a script."""

from agents import Agent, Model, ModelResponse, Usage, set_tracing_disabled
from openai.types.responses import ResponseFunctionToolCall, ResponseOutputMessage, ResponseOutputText

from formicary import Worker
from formicary.openai_agents import tools, work_with

set_tracing_disabled(True)
half = '{"fraction": 0.5, "note": "it has a beginning"}'
call = ResponseFunctionToolCall(call_id="1", name="report_progress", arguments=half, type="function_call")
letter = "Dear customer, you paid invoice 4711 twice: 40 EUR are on their way."
text = ResponseOutputText(text=letter, type="output_text", annotations=[])
said = ResponseOutputMessage(id="2", content=[text], role="assistant", status="completed", type="message")


class Script(Model):
    says = [call, said]

    async def get_response(self, *_, **__):
        return ModelResponse([self.says.pop(0)], Usage(), None)

    def stream_response(self, *_, **__):
        raise NotImplementedError


Worker(agent_type="story.letter").run(work_with(Agent(name="letters", model=Script(), tools=tools("report_progress"))))
