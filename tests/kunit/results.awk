# SPDX-License-Identifier: GPL-2.0-or-later
# Converts the console output to TAP: a result for each case, one for each requested suite (whether
# it ran all of its cases), and one for the sanitizers (whether they reported nothing).
/^kunit-init: begin/ { begun = 1 }
/^kunit-init: end/ { ended = 1 }
!begun { next }
/^    # Subtest: / { suite = $3; ran = 0 }
/^    1\.\.[0-9]+/ { planned = substr($1, 4) }
# A parameter of a case, whose own result follows.
/^        not ok [0-9]+ / { print "#" $0 }
/^    (not )?ok [0-9]+ / {
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
	print (ended && !dirty ? "ok" : "not ok") " - no report of KASAN, UBSAN, lockdep or kmemleak"
	print "1.." total + count + 1
}
