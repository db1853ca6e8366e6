#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Copyright (C) 2026 the gitnfs authors
# gitnfs: git repositories as a read-only file system over NFSv3
#
# big.sh REPOSITORY - by hand, in the build directory: everything in a large
# repository, such as Linux's, as the real Linux client sees it; then the
# same bytes again while gitnfsd is killed and started anew.
#
# shellcheck disable=SC2016	# it is the guest that expands
# shellcheck source=test/functions.sh
. "${srcdir:=$(dirname "$0")/../..}/test/functions.sh"
kernel=$(cd "$srcdir/test/kernel" && pwd)
repo=$(cd "${1:?usage: big.sh REPOSITORY}" && pwd)
RESTARTS=5

vm() {
	"$kernel/vm" --port "$port" --options ro --memory 1024 --timeout 1800 \
		--env kernel --env dir --env every -- "$@"
}
export kernel dir every=0

echo 'what git has'
"$kernel/expect" "$repo" HEAD >"$dir/expected"
serve "big=$repo"

echo 'what the client sees'
vm '"$kernel/manifest" $MNT/big' >"$dir/seen"
cmp "$dir/expected" "$dir/seen" || fail 'they differ'
echo "the same: $(tr -cd '\0' <"$dir/seen" | wc -c) lines"

# Hashes tar's output, and asks for a restart after every so many bytes.
tar_sum='set -o pipefail; tar cf - -C $MNT/big . | perl -MDigest::SHA -e '\''
	$| = 1;
	my ($sha, $total, $next) = (Digest::SHA->new(256), 0, $ENV{every});
	while (my $n = sysread STDIN, my $bytes, 1 << 20) {
		$sha->add($bytes);
		$total += $n;
		if ($next && $total >= $next) {
			print "please restart\n";
			$next += $ENV{every};
		}
	}
	print "$total ", $sha->hexdigest, "\n"'\'

undisturbed=$(vm "$tar_sum")
echo "tar, undisturbed: $undisturbed"
every=$((${undisturbed% *} / (RESTARTS + 1) + 1))
disturbed=
mkfifo "$dir/lines"
vm "$tar_sum" >"$dir/lines" &
tar=$!
while IFS= read -r line; do
	if [ "$line" = 'please restart' ]; then
		end_server KILL 2>/dev/null || :
		serve --listen "127.0.0.1:$port" "big=$repo"
		echo "killed, and started anew: process $server"
	else
		disturbed=$line
	fi
done <"$dir/lines"
wait "$tar" || fail 'tar has complained'
echo "tar, disturbed:   $disturbed"
[ "$undisturbed" = "$disturbed" ] || fail 'they differ'
end_server TERM
