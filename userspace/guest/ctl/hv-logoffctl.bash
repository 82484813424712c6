# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
# Completion of the options and commands of hv-logoffctl.
_hv_logoffctl() {
	local word=${COMP_WORDS[COMP_CWORD]} words='status list history cancel doctor'

	[[ $word != -* ]] || words='--json --lines= --version --help'
	mapfile -t COMPREPLY < <(compgen -W "$words" -- "$word")
	[[ ${COMPREPLY[0]-} != *= ]] || compopt -o nospace
}
complete -F _hv_logoffctl hv-logoffctl
