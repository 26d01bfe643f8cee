"""CrewAI: a crew reads the letter again. Its model is a script."""

from crewai import Agent, BaseLLM, Crew, Task

from formicary import Worker
from formicary.crewai import work_with


class Script(BaseLLM):
    def call(self, *_, **__):
        return "Thought: it is polite\nFinal Answer: The letter may go out."

    def supports_function_calling(self):
        return False


reader = Agent(role="reader", goal="polite letters", backstory="wrote many", llm=Script(model="script"))
task = Task(description="Read {letter}", expected_output="whether it may go out", agent=reader)
Worker(agent_type="story.review").run(work_with(Crew(agents=[reader], tasks=[task])))
