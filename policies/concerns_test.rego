# What the concerns ask besides: each with a question that passes, and the same with one thing changed.
package formicary.concerns_test

import data.formicary.assignment
import data.formicary.consensus
import data.formicary.governance
import data.formicary.notices
import data.formicary.pools
import data.formicary.scaling
import data.formicary.signals
import data.formicary.tools

ask(action, attributes) := {
	"action": action,
	"now": 1800000000000,
	"principal": {"tenant": "acme", "id": "x", "kind": "system", "level": "critical"},
	"resource": {"tenant": "acme", "category": "c", "id": "1"},
	"attributes": attributes,
}

allowed := {"decision": "allow", "reasons": [], "obligations": []}

denied(reason) := {"decision": "deny", "reasons": {reason}, "obligations": []}

test_assignment if {
	assignment.decision == allowed with input as ask("task.post", {})
	assignment.decision == allowed with input as ask("task.award", {"capable": true})
	lacks := denied("the agent lacks a capability that the task requires")
	every attributes in [{}, {"capable": false}, {"capable": "true"}, {"capable": null}] {
		assignment.decision == lacks with input as ask("task.award", attributes)
	}
}

test_assignment_of_another_concern if {
	answer := assignment.decision with input as ask("signal.emit", {"type": "t", "location": "l"})
	answer.decision == "deny"
}

registering(cpu, memory) := ask("agent.register", {"agent_type": "x.y", "cpu_millis": cpu, "memory_bytes": memory})

test_scaling if {
	scaling.decision == allowed with input as ask("agent.deregister", {})
	scaling.decision == allowed with input as registering(0, 0)
	scaling.decision == allowed with input as registering(2000, 1073741824)
	too_much := denied("resource_limits: an agent of this type may not take so much memory, or so many cores")
	every asked in [
		registering(2001, 0),
		registering(0, 1073741825),
		registering(-1, 0),
		registering(0, -1),
		registering("1", 0),
		registering(0, null),
		registering(null, 0),
		ask("agent.register", {}),
		ask("agent.register", {"agent_type": "x.y"}),
		ask("agent.register", {"cpu_millis": 1, "memory_bytes": 1}),
	] {
		scaling.decision == too_much with input as asked
	}
}

test_limits_of_a_type if {
	asked := ask("agent.register", {"agent_type": "big.one", "cpu_millis": 4000, "memory_bytes": 8589934592})
	more := {"big.one": {"cpu_millis": 4000, "memory_bytes": 8589934592}}
	scaling.decision == allowed with input as asked with data.config.limits.agent_types as more
	answer := scaling.decision with input as asked with data.config.limits.agent_types as {}
	answer.decision == "deny"
}

test_pools if {
	pools.decision == allowed with input as ask("pool.change-objective", {})
	pools.decision == allowed with input as ask("pool.reorganise", {"trigger": "load"})
	every attributes in [{}, {"trigger": ""}, {"trigger": 1}] {
		pools.decision == denied("a reorganisation needs a trigger") with input as ask("pool.reorganise", attributes)
	}
}

test_consensus if {
	consensus.decision == allowed with input as ask("round.vote", {})
	consensus.decision == allowed with input as ask("round.open", {"kind": "hr.dismissal"})
	kept := ["hr.dismissal"]
	people := denied("compliance: people settle questions of this kind, not agents")
	consensus.decision == people with input as ask("round.open", {"kind": "hr.dismissal"})
		with data.config.compliance.kinds_for_people as kept
	consensus.decision == allowed with input as ask("round.open", {"kind": "hr.leave"})
		with data.config.compliance.kinds_for_people as kept
	consensus.decision == people with input as ask("round.open", {})
}

test_signals if {
	signals.decision == allowed with input as ask("signal.take-in", {})
	signals.decision == allowed with input as ask("signal.emit", {"type": "load_high", "location": "a/b"})
	unplaced := denied("a signal needs a type and a place")
	every attributes in [{}, {"type": "t"}, {"location": "l"}, {"type": 1, "location": "l"}] {
		signals.decision == unplaced with input as ask("signal.emit", attributes)
	}
}

test_tools if {
	tools.decision == allowed with input as ask("tool.deprecate", {})
	tools.decision == allowed with input as ask("tool.register", {"sandbox_level": "restricted"})
	every attributes in [{}, {"sandbox_level": "none"}, {"sandbox_level": null}] {
		tools.decision == denied("a tool needs a sandbox that is known") with input as ask("tool.register", attributes)
	}
	tools.decision == allowed with input as ask("tool.call", {"level": "execute"})
	every attributes in [{}, {"level": "none"}, {"level": null}] {
		refused := denied("the tool takes a higher level, or none that is known")
		tools.decision == refused with input as ask("tool.call", attributes)
	}
}

test_notices if {
	notices.decision == allowed with input as ask("channel.set", {})
	answer := notices.decision with input as ask("task.post", {})
	answer.decision == "deny"
}

test_governance if {
	governance.decision == allowed with input as ask("stop.freeze", {})
	governance.decision == allowed with input as ask("token.issue", {"level": "critical"})
	governance.decision == allowed with input as ask("token.issue", {"level": "execute", "agent_type": "it.helpdesk"})
	governance.decision == allowed with input as ask("token.issue", {"level": "read_only", "agent_type": "watcher"})
	governance.decision == allowed with input as ask("token.issue", {"level": "execute", "agent_type": "ops.deployer"})
	above := denied("the token would give more than the type of the agent may")
	every attributes in [
		{"level": "read_write", "agent_type": "watcher"},
		{"level": "execute", "agent_type": "ops.indexer"},
		{"level": "critical", "agent_type": "ops.deployer"},
		{"level": "root", "agent_type": "ops.deployer"},
		{"agent_type": "ops.deployer"},
	] {
		governance.decision == above with input as ask("token.issue", attributes)
	}
}
