# METADATA
# title: Remediation
# description: What repairs the system is known to be safe before, and verified after; else a person approves it.
package formicary.remediation

# METADATA
# title: Of another kind
# description: It repairs nothing; whatever else it says of that leaves it in doubt.
of_another_kind if object.get(input.attributes, "remediation", false) == false

# METADATA
# title: Proven
# description: It was checked before, and says how it is verified after.
proven if {
	input.attributes.checked == true
	is_string(input.attributes.verified_by)
	input.attributes.verified_by != ""
}

# METADATA
# title: To approve
# description: Why a person has to approve it.
to_approve contains "remediation: it is checked before, and says how it is verified after" if {
	not of_another_kind
	not proven
}
