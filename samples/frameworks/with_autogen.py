"""AutoGen: an agent leaves a signal for others, and says what the rules are. Its model is a script."""

import json

from autogen_agentchat.agents import AssistantAgent
from autogen_core import FunctionCall
from autogen_core.models import CreateResult, ModelInfo, RequestUsage
from autogen_ext.models.replay import ReplayChatCompletionClient

from formicary import Worker
from formicary.autogen import tools, work_with

info = ModelInfo(vision=False, function_calling=True, json_output=False, family="unknown", structured_output=False)
signal = {"type": "paid_twice", "location": "finance/ledger", "strength": 0.8}
call = FunctionCall(id="1", name="emit_signal", arguments=json.dumps(signal))
asks = CreateResult(finish_reason="function_calls", content=[call], usage=RequestUsage(0, 0), cached=False)


def agent() -> AssistantAgent:
    says = "Up to 50 EUR are paid back where a person agrees."
    model = ReplayChatCompletionClient([asks, says], model_info=info)
    return AssistantAgent("rules", model, tools=[*tools("emit_signal")], max_tool_iterations=3)


Worker(agent_type="story.rules").run(work_with(agent))
