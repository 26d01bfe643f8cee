# METADATA
# title: Gate
# description: |
#   Actions that agents propose before they take them. `action.gate` is the question whether what is proposed may be
#   done: the answer is what the named policies say of it together. All other actions here are commands of the gate.
package formicary.gate

import data.formicary.classification
import data.formicary.entitlement
import data.formicary.production
import data.formicary.remediation
import data.formicary.resources
import data.formicary.workflows

# METADATA
# title: Decision
# description: Denied is what a named policy forbids; a person approves what one of them wants approved.
# entrypoint: true
decision := {"decision": "deny", "reasons": entitlement.refusals, "obligations": []} if {
	not entitled
} else := {"decision": "allow", "reasons": [], "obligations": []} if {
	not is_about_taking
} else := {"decision": "deny", "reasons": forbidden, "obligations": []} if {
	count(forbidden) > 0
} else := {"decision": "needs_approval", "reasons": to_approve, "obligations": obligations} if {
	input.action == "action.gate"
	count(to_approve) > 0
} else := {"decision": "allow", "reasons": [], "obligations": obligations}

# METADATA
# title: Entitled
# description: The caller is entitled to it.
entitled if entitlement.entitled("gate")

# METADATA
# title: About taking
# description: |
#   Whether the action itself is in question. When it is taken the gate has asked already, and holds what it heard then
#   against what it hears now: so only what is forbidden is refused here.
is_about_taking if input.action in {"action.gate", "action.execute"}

# METADATA
# title: Forbidden
# description: What no approval allows.
forbidden := classification.forbidden | resources.forbidden

# METADATA
# title: To approve
# description: What a person has to approve.
to_approve := (production.to_approve | workflows.to_approve) | remediation.to_approve

# METADATA
# title: Obligations
# description: The conditions of the named policies.
obligations := [{"must": "audit"} | classification.personal]
