# METADATA
# title: Tools and definitions
# description: |
#   What agents work with: tools, and definitions of agent types. A tool names the sandbox that its code runs in, and one
#   that is called elsewhere the level that whoever calls it must hold.
package formicary.tools

import data.formicary.entitlement

# METADATA
# title: Decision
# description: |
#   Allowed is what the caller is entitled to; a tool runs in a sandbox that is known, and is called by whoever holds its
#   level.
# entrypoint: true
decision := entitlement.granted if {
	entitlement.entitled("tools")
	sandboxed
	tool_permits
} else := {"decision": "deny", "reasons": (entitlement.refusals | refusals), "obligations": []}

# METADATA
# title: Sandboxed
# description: Only a tool's registration says what sandbox it takes.
# scope: document
sandboxed if input.action != "tool.register"

sandboxed if input.attributes.sandbox_level in data.config.tools.sandbox_levels

# METADATA
# title: Tool permits
# description: Only a call is of a tool that has a level of its own.
# scope: document
tool_permits if input.action != "tool.call"

tool_permits if entitlement.rank(input.principal.level) >= entitlement.rank(input.attributes.level)

# METADATA
# title: Refusals
# description: Why it is refused, beside what the caller is not entitled to.
refusals contains "a tool needs a sandbox that is known" if not sandboxed

refusals contains "the tool takes a higher level, or none that is known" if not tool_permits
