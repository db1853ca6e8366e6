# SPDX-License-Identifier: MIT
# bash completion for gitnfs(1)
# shellcheck shell=bash disable=SC2207

# What the server shows, and where it shows any that there is; with the options
# that say which server.
_gitnfs_names() {
	gitnfs "$@" status --json 2>/dev/null | sed -n '
		/"repositories":/,/^  ]/ s/^ *"name":"\(.*\)",*$/\1/p
		/"roots":/,/^  ]/ s,^ *"name":"\(.*\)"\,*$,\1/,p'
}

_gitnfs_pins() {
	gitnfs "$@" pin --json 2>/dev/null |
		sed -n 's/^ *"path":"\(.*\)",*$/\1/p'
}

_gitnfs() {
	local cur=${COMP_WORDS[COMP_CWORD]} command='' i server=()
	local commands='mount umount status warm pin unpin du gc refresh trace
		reload log-level stop doctor'

	for ((i = 1; i < COMP_CWORD; i++)); do
		case ${COMP_WORDS[i]} in
		-s | -c | --state-dir | --config)
			server+=("${COMP_WORDS[i]}" "${COMP_WORDS[i + 1]-}")
			((i++)) ;;
		-*) ;;
		*) command=${COMP_WORDS[i]} && break ;;
		esac
	done
	if [ "$i" -gt "$COMP_CWORD" ]; then	# what belongs to -s or -c
		COMPREPLY=($(compgen -f -- "$cur"))
		return
	fi
	case $command,$cur in
	,-*) COMPREPLY=($(compgen -W '--state-dir --config --help --version' \
		-- "$cur")) ;;
	,*) COMPREPLY=($(compgen -W "$commands" -- "$cur")) ;;
	mount,-*) COMPREPLY=($(compgen -W \
		'--pinned --follow --server --options' -- "$cur")) ;;
	status,*) COMPREPLY=($(compgen -W '--json --watch --all' -- "$cur")) ;;
	trace,*) COMPREPLY=($(compgen -W '--misses --slow --json' \
		-- "$cur")) ;;
	log-level,*) COMPREPLY=($(compgen -W 'error warning info debug' \
		-- "$cur")) ;;
	umount,*) COMPREPLY=($(compgen -W "$(awk \
		'/ - nfs gitnfs:/ { print $5 }' /proc/self/mountinfo \
		2>/dev/null)" -- "$cur")) ;;
	du,-* | pin,-*) COMPREPLY=($(compgen -W '--json' -- "$cur")) ;;
	gc,*) COMPREPLY=($(compgen -W '--to' -- "$cur")) ;;
	unpin,*) COMPREPLY=($(compgen -W \
		"$(_gitnfs_pins ${server[@]+"${server[@]}"})" -- "$cur")) ;;
	warm,* | pin,* | du,* | refresh,*) COMPREPLY=($(compgen -W \
		"$(_gitnfs_names ${server[@]+"${server[@]}"})" -- "$cur"))
		[[ ${COMPREPLY[*]} != */ ]] || compopt -o nospace ;;
	*) COMPREPLY=($(compgen -f -- "$cur")) ;;
	esac
}
complete -o filenames -F _gitnfs gitnfs
