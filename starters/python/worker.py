"""The agent at work, until it is told to stop. The host and the token stand in FORMICARY_URL and FORMICARY_TOKEN."""

from formicary import Worker

from agent import equip

equip(Worker(capacity=4)).run()
