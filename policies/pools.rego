# METADATA
# title: Pools
# description: Agents are moved between pools to where work waits. A move has a trigger, and takes no agent out of nothing.
package formicary.pools

import data.formicary.entitlement

# METADATA
# title: Decision
# description: Allowed is what the caller is entitled to; a reorganisation says why.
# entrypoint: true
decision := entitlement.granted if {
	entitlement.entitled("pools")
	has_trigger
} else := {"decision": "deny", "reasons": (entitlement.refusals | refusals), "obligations": []}

# METADATA
# title: Has trigger
# description: Only a reorganisation needs one.
# scope: document
has_trigger if input.action != "pool.reorganise"

has_trigger if {
	is_string(input.attributes.trigger)
	input.attributes.trigger != ""
}

# METADATA
# title: Refusals
# description: Why it is refused, beside what the caller is not entitled to.
refusals contains "a reorganisation needs a trigger" if not has_trigger
