# What may be proposed and taken at the gate, and what the named policies make of it.
package formicary.gate_test

import data.formicary.gate

ask(action, attributes) := {
	"action": action,
	"now": 1800000000000,
	"principal": {"tenant": "acme", "id": "bot", "kind": "agent", "level": "execute"},
	"resource": {"tenant": "acme", "category": "action", "id": "1"},
	"attributes": attributes,
}

# What the question and the command are answered.
answers(attributes) := [question.decision, command.decision] if {
	question := gate.decision with input as ask("action.gate", attributes)
	command := gate.decision with input as ask("action.execute", attributes)
}

free := ["allow", "allow"]

# When it is taken the gate itself weighs what was approved.
approve := ["needs_approval", "allow"]

forbidden := ["deny", "deny"]

test_an_action_of_which_nothing_is_known if answers({"kind": "k", "impact": "low", "risk": 0}) == free

test_commands_of_the_gate if {
	every action in ["action.propose", "action.challenge", "action.veto"] {
		answer := gate.decision with input as ask(action, {"environment": "production", "personal_data": true})
		answer == {"decision": "allow", "reasons": [], "obligations": []}
	}
}

test_who_is_not_entitled if {
	answer := gate.decision with input as ask("action.clear", {})
	answer == {"decision": "deny", "reasons": {"only the colony itself does this"}, "obligations": []}
}

test_production_protection if {
	every environment in ["production", "Production", " PROD ", "live", 1, null, {"sha256": "x"}, ["production"]] {
		every level in ["execute", "critical", "root", null, 1] {
			answers({"environment": environment, "level": level}) == approve
		}
		answers({"environment": environment}) == approve
		answers({"environment": environment, "level": "read_only"}) == free
		answers({"environment": environment, "level": "read_write"}) == free
	}
	answers({"environment": "staging", "level": "critical"}) == free
	answers({"level": "critical"}) == free
}

test_data_privacy if {
	answers({"personal_data": false}) == free
	every personal in [true, "yes", 1, null, {"sha256": "x"}] {
		answers({"personal_data": personal}) == forbidden
		answers({"personal_data": personal, "encrypted": "true"}) == forbidden
		answers({"personal_data": personal, "encrypted": false}) == forbidden
		answers({"personal_data": personal, "encrypted": true}) == free
	}
}

test_personal_data_are_audited if {
	answer := gate.decision with input as ask("action.execute", {"personal_data": true, "encrypted": true})
	answer.obligations == [{"must": "audit"}]
	without := gate.decision with input as ask("action.execute", {})
	without.obligations == []
}

test_resource_limits if {
	answers({"cpu_millis": 2000, "memory_bytes": 1073741824}) == free
	every attributes in [
		{"cpu_millis": 2001},
		{"memory_bytes": 1073741825},
		{"cpu_millis": -1},
		{"memory_bytes": "1"},
		{"cpu_millis": null},
	] {
		answers(attributes) == forbidden
	}
}

test_workflows if {
	answers({"agents": []}) == free
	answers({"agents": ["a"]}) == free
	answers({"agents": ["a", "b"], "validated": true}) == free
	every agents in [["a", "b"], "a, b", {"sha256": "x"}, 2, null] {
		answers({"agents": agents}) == approve
		answers({"agents": agents, "validated": "true"}) == approve
	}
}

test_remediation if {
	proven := {"remediation": true, "checked": true, "verified_by": "probe"}
	answers(proven) == free
	answers({"remediation": false}) == free
	answers({"remediation": true}) == approve
	answers({"remediation": "yes"}) == approve
	answers(object.union(proven, {"checked": false})) == approve
	answers(object.union(proven, {"verified_by": ""})) == approve
	answers(object.union(proven, {"verified_by": 1})) == approve
}

test_what_is_forbidden_is_not_asked_for if {
	answer := gate.decision with input as ask("action.gate", {"environment": "production", "personal_data": true})
	answer.decision == "deny"
	answer.reasons == {"data_privacy: personal data only encrypted"}
}
