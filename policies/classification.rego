# METADATA
# title: Data privacy
# description: |
#   The named policy data_privacy: personal data only encrypted, and with an audit. Whoever proposes an action says
#   whether it touches personal data, and whether those are encrypted.
package formicary.classification

# METADATA
# title: Personal
# description: It touches personal data, or leaves it in doubt.
# scope: document
personal if input.attributes.personal_data == true

personal if not is_boolean(object.get(input.attributes, "personal_data", false))

# METADATA
# title: Encrypted
# description: What it touches is encrypted.
encrypted if input.attributes.encrypted == true

# METADATA
# title: Forbidden
# description: Why it is forbidden.
forbidden contains "data_privacy: personal data only encrypted" if {
	personal
	not encrypted
}
