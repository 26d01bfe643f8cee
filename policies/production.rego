# METADATA
# title: Production protection
# description: |
#   The named policy production_protection: nothing of the level execute, or above, in production without approval. What
#   does not say its level is taken for the highest, and an environment that is no name for production.
package formicary.production

# METADATA
# title: Outside production
# description: The action names no environment, or one that is not among data.config.production.environments.
outside if {
	environment := object.get(input.attributes, "environment", "")
	is_string(environment)
	not is_production(environment)
}

# METADATA
# title: Is production
# description: The name is one of those, in whatever case.
is_production(name) if lower(trim_space(name)) in data.config.production.environments

# METADATA
# title: Free
# description: Its level is one of those that need no approval.
free if input.attributes.level in data.config.production.free_levels

# METADATA
# title: To approve
# description: Why a person has to approve it.
to_approve contains "production_protection: nothing of the level execute in production without approval" if {
	not outside
	not free
}
