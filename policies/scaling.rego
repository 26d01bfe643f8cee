# METADATA
# title: Recruitment and scaling
# description: Agents come and go by policy, not by a person's word. An agent takes no more than its type may.
package formicary.scaling

import data.formicary.entitlement
import data.formicary.limits

# METADATA
# title: Decision
# description: Allowed is what the caller is entitled to, within the limits of resources.
# entrypoint: true
decision := entitlement.granted if {
	entitlement.entitled("scaling")
	within_limits
} else := {"decision": "deny", "reasons": (entitlement.refusals | refusals), "obligations": []}

# METADATA
# title: Within limits
# description: What an agent takes when it is registered is proven; the rest takes nothing.
# scope: document
within_limits if input.action != "agent.register"

within_limits if limits.holds(input.attributes.agent_type, input.attributes)

# METADATA
# title: Refusals
# description: Why it is refused, beside what the caller is not entitled to.
refusals contains "resource_limits: an agent of this type may not take so much memory, or so many cores" if {
	not within_limits
}
