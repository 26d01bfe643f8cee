# METADATA
# title: Signals
# description: A signal stays within its tenant, and says of what type it is and where; what comes by a hub is checked again as it is emitted.
package formicary.signals

import data.formicary.entitlement

# METADATA
# title: Decision
# description: Allowed is what the caller is entitled to, for a signal with a type and a place.
# entrypoint: true
decision := entitlement.granted if {
	entitlement.entitled("signals")
	placed
} else := {"decision": "deny", "reasons": (entitlement.refusals | refusals), "obligations": []}

# METADATA
# title: Placed
# description: Taking in a batch is no signal yet.
# scope: document
placed if input.action == "signal.take-in"

placed if {
	is_string(input.attributes.type)
	is_string(input.attributes.location)
}

# METADATA
# title: Refusals
# description: Why it is refused, beside what the caller is not entitled to.
refusals contains "a signal needs a type and a place" if not placed
