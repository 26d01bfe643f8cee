# METADATA
# title: Entitlement
# description: |
#   What every action has to prove, whatever else its own rules ask: that the table of actions knows it, that it stays
#   within the caller's tenant, and that the caller is of the kind and holds the level that the action takes.
package formicary.entitlement

# METADATA
# title: Action
# description: What the table says of the action; undefined when it is not known.
action := data.config.actions[input.action]

# METADATA
# title: Rank
# description: The place of a permission level, weakest first; undefined for what is no level.
rank(level) := data.config.levels[level]

# METADATA
# title: Timed
# description: The time is part of every question.
timed if {
	is_number(input.now)
	input.now > 0
}

# METADATA
# title: Same tenant
# description: What would be written belongs to the tenant of whoever asks.
same_tenant if input.resource.tenant == input.principal.tenant

# METADATA
# title: High enough
# description: The caller holds the level that the action takes, or one above it.
high_enough if rank(input.principal.level) >= rank(action.level)

# METADATA
# title: Right kind
# description: Anyone may ask for it, or only the colony itself.
# scope: document
right_kind if action.by == "anyone"

right_kind if action.by == input.principal.kind

# METADATA
# title: Entitled
# description: All of the above, for an action of the concern whose rules were asked.
entitled(concern) if {
	action.concern == concern
	timed
	same_tenant
	high_enough
	right_kind
}

# METADATA
# title: Refusals
# description: Why the caller is not entitled, in words.
# scope: document
refusals contains "the rules do not know this action" if not action

refusals contains "it does not say when it is asked" if not timed

refusals contains "it reaches into another tenant" if not same_tenant

refusals contains concat("", ["it takes the level ", action.level]) if not high_enough

refusals contains "only the colony itself does this" if not right_kind

# METADATA
# title: Granted
# description: |
#   The answer where nothing stands against it: allowed, or, of the actions in data.config.approvals.actions, once people
#   have approved it. What the colony does itself waits for nobody.
granted := {"decision": "needs_approval", "reasons": ["people approve this first"], "obligations": []} if {
	for_people
} else := {"decision": "allow", "reasons": [], "obligations": []}

# METADATA
# title: For people
# description: The action is on the list, and somebody asks for it.
for_people if {
	input.action in data.config.approvals.actions
	input.principal.kind != "system"
}
