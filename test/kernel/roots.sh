#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Copyright (C) 2026 the gitnfs authors
# gitnfs: git repositories as a read-only file system over NFSv3
#
# A repository with executables, links, submodules, deep paths and odd names
# through each type of root, mounted by the real Linux client: what ordinary
# tools see there is what git has.
#
# shellcheck disable=SC2016	# it is the guest that expands
# shellcheck source=test/functions.sh
. "${srcdir:=$(dirname "$0")/../..}/test/functions.sh"
kernel=$(cd "$srcdir/test/kernel" && pwd)

why=$("$kernel/vm" --check 2>&1) || skip "$why"
command -v perl >/dev/null || skip 'needs perl'
export GIT_AUTHOR_NAME=t GIT_AUTHOR_EMAIL=t@example.org \
	GIT_COMMITTER_NAME=t GIT_COMMITTER_EMAIL=t@example.org

# commit REPO ENTRY...: a commit of what ls-tree says.
commit() {
	local repo=$1

	git -C "$repo" update-ref refs/heads/main \
		"$(git -C "$repo" mktree -z --missing |
			xargs git -C "$repo" commit-tree -m less)"
}

# "odd" has everything but a directory of thousands of files; "text" what a
# service can say without git: no submodules, and names that are text.
octo=$dir/repos/octo
mkdir -p "$octo" "$dir/keys"
"$srcdir/test/oddrepo.sh" "$octo/odd.git" bare
cp -R "$octo/odd.git" "$octo/text.git"
git -C "$octo/odd.git" ls-tree -z main | grep -zv $'\twide$' |
	commit "$octo/odd.git"
deep=$(git -C "$octo/text.git" ls-tree -z main:deep | grep -zv $'\tmodule$' |
	git -C "$octo/text.git" mktree -z)
git -C "$octo/text.git" ls-tree -z main |
	grep -zE $'\t(README|run|history|links|order|same|sizes)$' | {
		cat
		printf '040000 tree %s\tdeep\0' "$deep"
	} | commit "$octo/text.git"
for repo in odd text; do
	git -C "$octo/$repo.git" config uploadpack.allowFilter true
	"$kernel/expect" "$octo/$repo.git" main >"$dir/$repo.expected"
done

echo s3cret >"$dir/token"
for org in octo github; do
	echo "k-$org" >"$dir/keys/$org"
	echo "k-$org me $org"
done >"$dir/tokens"
echo 's3cret me' >>"$dir/tokens"
touch "$dir/git"
start_host "$dir"
start_forge "$dir"

# root NAME TYPE API GIT REPOSITORY MORE...
list=
root() {
	printf '[root "%s"]\n\ttype = %s\n\tallow-address = 127.0.0.1\n' "$1" "$2"
	[ -z "$3" ] || printf '\tapi-url = %s/%s\n' "$api" "$3"
	[ -z "$4" ] || printf '\turl = %s/%s\n' "$host" "$4"
	[ $# -lt 6 ] || printf '\t%s\n' "${@:6}"
	list="$list $5:$1"
} >>"$dir/conf"

here='-/{owner}/{repo}.git' nowhere='status=403/{owner}/{repo}.git'
key="token-file = $dir/keys/{org}"
root git git '' "$here" octo/odd
root github github -/github "$here" octo/odd
root token github -/github "$here" octo/odd "token-file = $dir/token"
root alone github -/github "$nowhere" octo/text "token-file = $dir/token"
root mesa mesa -/mesa '' octo/odd 'org = octo' "$key"
root newer mesa -/mesa-c '' octo/odd 'org = octo' "$key"
root mirror mesa -/mesa '' github/octo/odd 'org = github' "$key"
root rest mesa -/mesa-b 'status=403/{org}/{repo}.git' octo/text 'org = octo' \
	"$key"

serve --config "$dir/conf"
export kernel dir list
"$kernel/vm" --port "$port" --options ro --env kernel --env dir --env list -- '
	for what in $list; do
		repo=${what%:*} root=${what#*:}
		"$kernel/manifest" "$MNT/$root/$repo" >"$TMPDIR/seen"
		cmp "$dir/${repo##*/}.expected" "$TMPDIR/seen"
		echo "$root"
	done' >"$dir/seen" || fail "beyond: $(tr '\n' ' ' <"$dir/seen")"
cat "$dir/seen"
[ "$(wc -l <"$dir/seen")" = 8 ] || fail 'not all types of roots were seen'
end_server TERM
! grep 'level=error' "$dir/log" || fail 'gitnfsd has logged an error'
! grep STRICT "$dir/log" || fail 'a service was asked what it has not'
