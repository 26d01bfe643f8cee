# METADATA
# title: Consensus outcomes
# description: |
#   Rounds of agents, approvals by people, and corrections. Agents settle nothing that a rule of compliance keeps for
#   people: the kinds in data.config.compliance.kinds_for_people.
package formicary.consensus

import data.formicary.entitlement

# METADATA
# title: Decision
# description: Allowed is what the caller is entitled to, where no rule of compliance is broken.
# entrypoint: true
decision := entitlement.granted if {
	entitlement.entitled("consensus")
	compliant
} else := {"decision": "deny", "reasons": (entitlement.refusals | refusals), "obligations": []}

# METADATA
# title: Compliant
# description: A round is opened on a kind of question that agents may settle.
# scope: document
compliant if input.action != "round.open"

compliant if {
	is_string(input.attributes.kind)
	not kept_for_people
}

# METADATA
# title: Kept for people
# description: The kind of the question is on the list.
kept_for_people if input.attributes.kind in data.config.compliance.kinds_for_people

# METADATA
# title: Refusals
# description: Why it is refused, beside what the caller is not entitled to.
refusals contains "compliance: people settle questions of this kind, not agents" if not compliant
