# SPDX-License-Identifier: GPL-2.0-or-later
# Generates static assertions from the tables in docs/*.md:
#   ### struct NAME (SIZE bytes)
#   | offset | size | field | ...
# and
#   | op | name | ...
#   | state | name | ...
#   | outcome | name | ...
BEGIN {
	print "/* Generated from docs/ by tests/unit/layout.awk. */"
	print "#include <stddef.h>"
	print "#include \"driver/wire.h\""
}
function finish()
{
	if (name == "")
		return
	if (end != total) {
		print "layout: struct " name ": the fields end at " end ", not at " total > "/dev/stderr"
		failed = 1
	}
	printf "_Static_assert(sizeof(struct %s) == %d, \"%s\");\n", name, total, FILENAME
	structs++
	name = ""
}
/^#/ || (/^$/ && end) {
	finish()
	prefix = ""
}
/^### struct [a-z_]+ \([0-9]+ bytes\)/ {
	name = $3
	total = substr($4, 2)
	end = 0
}
name != "" && $1 == "|" && $2 ~ /^[0-9]+$/ {
	if ($2 != end) {
		print "layout: struct " name ": gap before " $6 > "/dev/stderr"
		failed = 1
	}
	end = $2 + $4
	printf "_Static_assert(offsetof(struct %s, %s) == %d, \"%s\");\n", name, $6, $2, FILENAME
	printf "_Static_assert(sizeof(((struct %s *)0)->%s) == %d, \"%s\");\n", name, $6, $4, FILENAME
	fields++
}
$1 == "|" && $2 ~ /^(op|state|outcome)$/ {
	finish()
	prefix = $2 == "op" ? "HVL_OP_" : "HV_LOGOFF_"
}
prefix != "" && $1 == "|" && $2 ~ /^[0-9]+$/ {
	printf "_Static_assert(%s%s == %d, \"%s\");\n", prefix, toupper($4), $2, FILENAME
	values++
}
END {
	finish()
	printf "enum { LAYOUT_VALUES = %d };\n", values
	printf "enum { LAYOUT_STRUCTS = %d, LAYOUT_FIELDS = %d };\n", structs, fields
	exit failed
}
