# METADATA
# title: Workflows
# description: A workflow of several agents is validated as a whole before it runs; else a person approves it.
package formicary.workflows

# METADATA
# title: Of one
# description: At most one agent takes part in it; what is no list of agents proves nothing.
of_one if {
	agents := object.get(input.attributes, "agents", [])
	is_array(agents)
	count(agents) <= 1
}

# METADATA
# title: Validated
# description: It was validated as a whole.
validated if input.attributes.validated == true

# METADATA
# title: To approve
# description: Why a person has to approve it.
to_approve contains "workflows: one of several agents is validated as a whole before it runs" if {
	not of_one
	not validated
}
