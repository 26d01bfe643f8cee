# METADATA
# title: Assignment
# description: |
#   Tasks, from the posting to the end, and the slots of the agents that hold them. A task goes to an agent whose tenant,
#   capabilities and permissions fit.
package formicary.assignment

import data.formicary.entitlement

# METADATA
# title: Decision
# description: Allowed is what the caller is entitled to, where the agent fits the task.
# entrypoint: true
decision := entitlement.granted if {
	entitlement.entitled("assignment")
	fits
} else := {"decision": "deny", "reasons": (entitlement.refusals | refusals), "obligations": []}

# METADATA
# title: Fits
# description: A task is awarded to an agent that has every capability that the task requires; nothing else is an award.
# scope: document
fits if input.action != "task.award"

fits if input.attributes.capable == true

# METADATA
# title: Refusals
# description: Why it is refused, beside what the caller is not entitled to.
refusals contains "the agent lacks a capability that the task requires" if not fits
