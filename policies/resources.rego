# METADATA
# title: Resources of an action
# description: An action that says what it takes keeps the limits of one agent.
package formicary.resources

import data.formicary.limits

# METADATA
# title: Asked for
# description: What the action says that it takes, and nothing for what it does not say.
asked := {
	"cpu_millis": object.get(input.attributes, "cpu_millis", 0),
	"memory_bytes": object.get(input.attributes, "memory_bytes", 0),
}

# METADATA
# title: Forbidden
# description: Why it is forbidden.
forbidden contains "resource_limits: one agent may not take so much memory, or so many cores" if {
	not limits.holds("", asked)
}
