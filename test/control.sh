#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Copyright (C) 2026 the gitnfs authors
# gitnfs: git repositories as a read-only file system over NFSv3
#
# The control socket, as programs use it that are not gitnfs.
# shellcheck source=test/functions.sh
. "${srcdir:=$(dirname "$0")/..}/test/functions.sh"

# ask LINE...: send them, and print the answers.
ask() {
	# shellcheck disable=SC2016
	timeout "$PATIENCE" perl -MIO::Socket::UNIX -e '
		my $s = IO::Socket::UNIX->new(Peer => shift) or die "$!\n";
		$s->print("$_\n") for @ARGV;
		shutdown $s, 1;
		print while <$s>;
	' "$dir/state/control" "$@"
}

# expect REGEX LINE...: all answers together are so.
expect() {
	local wanted=$1 got

	shift
	got=$(ask "$@") || fail "no answer to ${1:0:80}"
	[[ $got =~ $wanted ]] ||
		fail "${1:0:80} was answered $got, not $wanted"
}

repo=$dir/repo
git init -q -b main "$repo"
commit() {
	git -C "$repo" -c user.name=t -c user.email=t@example.org commit -q \
		--allow-empty -m "$1"
}
commit one

serve "$repo"
[ "$(stat -c %a "$dir/state/control")" = 600 ] || fail 'others may open it'

expect '^\{"ok":true,"result":\{"version":"[0-9.]+","pid":'"$server"'\}\}$' \
	'{"command":"ping"}'

# ---- what is wrong is said, and harms nobody ----

expect '"ok":false.*"errno":"ENOSYS"' '{"command":"no such thing"}'
expect '"ok":false.*"errno":"ENOSYS"' '{}'
expect '"errno":"EBADMSG"' nonsense
expect '"errno":"EBADMSG"' '[1]'
expect '"errno":"EINVAL"' '{"command":"log-level","level":"loud"}'
for to in -1 1.5 '"1"' null; do
	expect '"errno":"EINVAL"' "{\"command\":\"gc\",\"to\":$to}"
done
long=$(printf '%070000d' 0)
expect '"errno":"EBADMSG"' "{\"command\":\"$long\"}"
# One connection, several requests.
[ "$(ask '{"command":"ping"}' '{"command":"x"}' '{"command":"ping"}' |
	grep -c '"ok"')" -eq 3 ] || fail 'three requests, not three answers'
# More connections than it takes: those that are there are served.
# shellcheck disable=SC2016
perl -MIO::Socket::UNIX -e '
	my @s = map { IO::Socket::UNIX->new(Peer => $ARGV[0]) } 1 .. 100;
	$s[0]->print(qq({"command":"ping"}\n));
	exit($s[0]->getline =~ /"ok":true/ ? 0 : 1);
' "$dir/state/control" || fail 'not served among many'
expect '"ok":true' '{"command":"ping"}'

# ---- refresh ----

# Nobody has asked for it yet: nothing to look at again.
expect '^\{"ok":true,"result":\[\]\}$' '{"command":"refresh"}'
end_server TERM || fail "SIGTERM: exit status $?"
[ ! -e "$dir/state/control" ] || fail 'the socket is still there'
