# METADATA
# title: Resource limits
# description: |
#   The named policy resource_limits: one agent takes at most 1 GiB of memory and 2 cores, unless data.config.limits says
#   otherwise of its type.
package formicary.limits

# METADATA
# title: Most
# description: What an agent of the type may take.
# scope: document
most(type) := data.config.limits.agent_types[type]

most(type) := data.config.limits.agent if not own(type)

# METADATA
# title: Own limits
# description: The type has limits of its own.
own(type) if data.config.limits.agent_types[type]

# METADATA
# title: Holds
# description: |
#   Proves the limits: what is asked for are numbers from 0 to the most. What is missing, or is something else, proves
#   nothing.
holds(type, asked) if {
	is_number(asked.cpu_millis)
	is_number(asked.memory_bytes)
	asked.cpu_millis >= 0
	asked.memory_bytes >= 0
	asked.cpu_millis <= most(type).cpu_millis
	asked.memory_bytes <= most(type).memory_bytes
}
