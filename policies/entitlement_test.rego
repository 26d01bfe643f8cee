package formicary.entitlement_test

import data.formicary.entitlement

asked := {
	"action": "task.post",
	"now": 1800000000000,
	"principal": {"tenant": "acme", "id": "ann", "kind": "human", "level": "read_write"},
	"resource": {"tenant": "acme", "category": "task", "id": "1"},
	"attributes": {},
}

# The question with one thing changed.
changed(path, value) := json.patch(asked, [{"op": "replace", "path": path, "value": value}])

missing(path) := json.remove(asked, [path])

test_entitled if {
	entitlement.entitled("assignment") with input as asked
	count(entitlement.refusals) == 0 with input as asked
}

test_levels_are_ordered if {
	every level in ["read_write", "execute", "critical"] {
		entitlement.entitled("assignment") with input as changed("/principal/level", level)
	}
	entitlement.refusals == {"it takes the level read_write"} with input as changed("/principal/level", "read_only")
}

test_a_level_that_is_none if {
	every level in ["root", "", null, 3, ["critical"], {"critical": 1}] {
		not entitlement.entitled("assignment") with input as changed("/principal/level", level)
	}
	not entitlement.entitled("assignment") with input as missing("principal/level")
}

test_another_concern if not entitlement.entitled("signals") with input as asked

test_unknown_action if {
	not entitlement.entitled("assignment") with input as changed("/action", "task.steal")
	refused := entitlement.refusals with input as changed("/action", "task.steal")
	"the rules do not know this action" in refused
	not entitlement.entitled("assignment") with input as missing("action")
}

test_another_tenant if {
	not entitlement.entitled("assignment") with input as changed("/resource/tenant", "other")
	refused := entitlement.refusals with input as changed("/resource/tenant", "other")
	refused == {"it reaches into another tenant"}
}

test_no_tenant if {
	not entitlement.entitled("assignment") with input as missing("resource/tenant")
	not entitlement.entitled("assignment") with input as missing("principal/tenant")
	not entitlement.entitled("assignment") with input as {}
}

test_no_time if {
	every now in ["1", null, -1, 0] {
		not entitlement.entitled("assignment") with input as changed("/now", now)
	}
	refused := entitlement.refusals with input as missing("now")
	refused == {"it does not say when it is asked"}
}

test_what_the_colony_does_itself if {
	award := changed("/action", "task.award")
	refused := entitlement.refusals with input as json.patch(award, [{"op": "replace", "path": "/principal/level", "value": "critical"}])
	refused == {"only the colony itself does this"}
	system := {"tenant": "acme", "id": "market", "kind": "system", "level": "execute"}
	entitlement.entitled("assignment") with input as json.patch(award, [{"op": "replace", "path": "/principal", "value": system}])
}

test_every_action_has_a_level_and_somebody_who_gives_it if {
	count(data.config.actions) > 0
	every row in data.config.actions {
		data.config.levels[row.level] >= 0
		row.by in {"anyone", "system"}
	}
}

test_granted if {
	entitlement.granted == {"decision": "allow", "reasons": [], "obligations": []} with input as asked
	listed := {"actions": ["task.post"]}
	answer := entitlement.granted with input as asked with data.config.approvals as listed
	answer.decision == "needs_approval"
	count(answer.reasons) == 1
	own := entitlement.granted with input as changed("/principal/kind", "system") with data.config.approvals as listed
	own.decision == "allow"
	other := entitlement.granted with input as changed("/action", "task.bid") with data.config.approvals as listed
	other.decision == "allow"
}
