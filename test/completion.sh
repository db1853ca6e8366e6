#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Copyright (C) 2026 the gitnfs authors
# gitnfs: git repositories as a read-only file system over NFSv3
#
# What bash, zsh and fish complete of the same lines; those that are not here
# are left out.
# shellcheck source=test/functions.sh
. "${srcdir:=$(dirname "$0")/..}/test/functions.sh"
PATH=$PWD:$PATH
HOME=$dir
completion=$(cd "$srcdir/contrib/completion" && pwd)
export HOME completion dir

git init -q -b main "$dir/repo"
git -C "$dir/repo" -c user.name=t -c user.email=t@example.org commit -q \
	--allow-empty -m one
printf '[source "team/tools"]\n\turl = %s\n[root "any"]\n\turl = %s\n' \
	"$dir/repo" "$dir/{repo}" >"$dir/conf"
serve --config "$dir/conf"
ln -s "$dir/state" "$dir/s"
cd "$dir"

# What is typed, and all that might come; one such line in 'completed' is
# "TYPED: WORD WORD", sorted.
cat >expected <<'END'
gitnfs st: status stop
gitnfs -s s st: status stop
gitnfs status --: --all --json --watch
gitnfs -s s warm t: team/tools
gitnfs -s s refresh a: any/
gitnfs -s s pin --: --json
gitnfs mount --p: --pinned
gitnfs log-level w: warning
gitnfs mount con: conf
gitnfs -c con: conf
END
cut -d: -f1 expected >typed

compare() {	# SHELL
	diff expected completed >&2 || fail "$1 completes something else"
	echo "$1: as it should"
}

# shellcheck disable=SC2016
bash --norc -c '
	set -u
	compopt() { :; }	# readline is not there to be told
	. "$completion/gitnfs.bash"
	while IFS= read -r line; do
		read -ra COMP_WORDS <<<"$line"
		COMP_CWORD=$((${#COMP_WORDS[@]} - 1))
		COMPREPLY=()
		_gitnfs
		printf "%s: " "$line"
		printf "%s\n" "${COMPREPLY[@]}" | sort | paste -sd" "
	done <typed >completed'
compare bash

if command -v fish >/dev/null; then
	# shellcheck disable=SC2016
	fish --no-config -c '
		source $completion/gitnfs.fish
		while read -l line
			echo "$line: "(complete -C $line | cut -f1 | sort |
				string join " ")
		end <typed' >completed
	compare fish
fi

command -v zsh >/dev/null || exit 0
# Its completion needs a terminal.  What it adds is noted, and ^X tells that
# it is over.
cat >rc <<'END'
KEYTIMEOUT=1
fpath=($completion $fpath)
autoload -Uz compinit && compinit -u -d $dir/dump
bindkey '^I' list-choices
compadd() {
	local -a words
	[[ ${@[1,(i)(-|--)]} == *-(O|A|D)\ * ]] || {
		builtin compadd -A words "$@"
		[[ -z $words ]] || print -rl -- $words >>$dir/words
	}
	builtin compadd "$@"
}
over() { : >$dir/over }
zle -N over
bindkey '^X' over
over
END
cat >driver <<'END'
zmodload zsh/zpty zsh/zselect
zpty -b z zsh -f -i
wait_over() {
	local out
	integer i
	for ((i = 0; i < 100 * PATIENCE; i++)); do
		zpty -rt z out
		[[ ! -e over ]] || break
		zselect -t 1
	done
	rm -f over
}
zpty -w z '. $dir/rc'
wait_over
while IFS= read -r line; do
	: >words
	zpty -w -n z "$line"$'\t\x18'
	wait_over
	print -r -- "$line: $(sort -u words | paste -sd' ')"
	zpty -w -n z $'\x15'
done <typed >completed
zpty -d z
END
PATIENCE=$PATIENCE timeout $((2 * PATIENCE)) zsh -f driver
compare zsh
