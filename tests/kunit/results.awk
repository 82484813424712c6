# SPDX-License-Identifier: GPL-2.0-or-later
# Turns the console of a run into TAP: a line for each case, one for each suite that was
# asked for and ran all its cases, and one for a clean log.
/^kunit-init: begin/ { begun = 1 }
/^kunit-init: end/ { ended = 1 }
!begun { next }
/^ *# Subtest: / { suite = $3; ran = 0 }
/^ +1\.\.[0-9]+/ { planned = substr($1, 4) }
/^ +(not )?ok [0-9]+ / {
	sub(/^ +/, "")
	name = $0
	sub(/^(not )?ok [0-9]+ -? ?/, "", name)
	print ($1 == "not" ? "not ok" : "ok") " - " suite ": " name
	ran++
	total++
	next
}
/^(not )?ok [0-9]+ / && planned { complete[suite] = ran == planned; planned = 0 }
/BUG:|WARNING:|KASAN|UBSAN|unreferenced object|possible circular|INFO: task|Call Trace/ {
	print "# " $0
	dirty = 1
}
END {
	count = split(suites, wanted, " ")
	for (i = 1; i <= count; i++)
		print (complete[wanted[i]] ? "ok" : "not ok") " - " wanted[i] " ran all its cases"
	print (ended && !dirty ? "ok" : "not ok") " - the kernel has nothing to complain about"
	print "1.." total + count + 1
}
