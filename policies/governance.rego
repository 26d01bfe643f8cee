# METADATA
# title: Governance
# description: |
#   What rules the colony itself: stops, pauses, tokens, checkpoints, retention, the rules of oversight, and policy. An
#   agent gets no token above the level of its type.
package formicary.governance

import data.formicary.entitlement

# METADATA
# title: Decision
# description: Allowed is what the caller is entitled to; a token gives no more than the type of its agent may.
# entrypoint: true
decision := entitlement.granted if {
	entitlement.entitled("governance")
	within_type
} else := {"decision": "deny", "reasons": (entitlement.refusals | refusals), "obligations": []}

# METADATA
# title: Within type
# description: Only a token gives a level. A type without one of its own gets what the caller may give.
# scope: document
within_type if input.action != "token.issue"

within_type if not bounded

within_type if entitlement.rank(input.attributes.level) <= entitlement.rank(bound)

# METADATA
# title: Bound
# description: The level of the agent's type, by the last part of its name; undefined when it has none.
bound := data.config.agent_levels[name] if {
	parts := split(input.attributes.agent_type, ".")
	name := parts[count(parts) - 1]
}

# METADATA
# title: Bounded
# description: The agent's type has a level of its own.
bounded if bound

# METADATA
# title: Refusals
# description: Why it is refused, beside what the caller is not entitled to.
refusals contains "the token would give more than the type of the agent may" if not within_type
