# METADATA
# title: Notices
# description: Channels to the outside, and what is sent through them.
package formicary.notices

import data.formicary.entitlement

# METADATA
# title: Decision
# description: Allowed is what the caller is entitled to.
# entrypoint: true
decision := entitlement.granted if {
	entitlement.entitled("notices")
} else := {"decision": "deny", "reasons": entitlement.refusals, "obligations": []}
