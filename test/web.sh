#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Copyright (C) 2026 the gitnfs authors
# gitnfs: git repositories as a read-only file system over NFSv3
#
# Metrics, health and pushes over HTTP.
# shellcheck source=test/functions.sh
. "${srcdir:=$(dirname "$0")/..}/test/functions.sh"
gitnfs() { "$PWD/gitnfs" -s "$dir/state" "$@"; }

# http METHOD PATH [HEADER...] <BODY: leaves the body in $dir/body, and prints
# the status.
http() {
	# shellcheck disable=SC2016
	timeout "$PATIENCE" perl -MIO::Socket::INET -e '
		my ($to, $out, $method, $path, @head) = @ARGV;
		local $/;
		my $body = <STDIN>;
		my $s = IO::Socket::INET->new($to) or die "$to: $!\n";
		$s->print("$method $path HTTP/1.1\r\nHost: x\r\n",
			"Connection: close\r\n", map({ "$_\r\n" } @head),
			"Content-Length: ", length $body, "\r\n\r\n", $body);
		my ($answer, $rest) = split /\r\n\r\n/, <$s>, 2;
		open my $f, ">", $out or die;
		print $f $rest // "";
		$answer =~ m{^HTTP/1.1 (\d+)} or die "no HTTP\n";
		print "$1\n";
	' "$web" "$dir/body" "$@"
}
expect() {	# STATUS METHOD PATH [HEADER...]
	local wanted=$1 got

	shift
	got=$(http "$@") || fail "no answer to $*"
	[ "$got" = "$wanted" ] || fail "$* was answered $got, not $wanted"
}
get() { expect 200 GET "$1" </dev/null; }
has() { grep -qE -e "$1" "$dir/body" || { cat "$dir/body"; fail "no $1"; }; }

repo=$dir/repo
git init -q -b main "$repo"
commit() {
	echo "$1" >"$repo/file"
	git -C "$repo" add file
	git -C "$repo" -c user.name=t -c user.email=t@example.org commit \
		-q -m "$1"
}
commit one

# ---- only where it is asked for ----

serve "$repo"
end_server TERM
! grep -q http= "$dir/log" || fail 'HTTP, and nobody asked for it'
status=0
"$gitnfsd" --state-dir "$dir/state" --http-listen nonsense "$repo" \
	2>"$dir/stderr" || status=$?
[ $status -eq 2 ] || fail "a wrong address: exit status $status"

# ---- metrics ----

echo 'the "secret" of a test' >"$dir/secret"
cat >"$dir/conf" <<END
[http]
	listen = 127.0.0.1:0
	secret-file = $dir/secret
END
serve --config "$dir/conf" repo="$repo" "gone=http://127.0.0.1:1/x.git"
web=$(sed -n 's/.* http=//p' "$dir/log" | tail -n 1)
[ -n "$web" ] || fail 'it does not tell where'

check_metrics() {
	# shellcheck disable=SC2016
	perl -ne '
		our (%type, %last, $series);
		chomp;
		if (/^# HELP (\S+) (.+)$/) { $help{$1}++ and die "twice: $_\n" }
		elsif (/^# TYPE (\S+) (counter|gauge|histogram)$/) {
			$help{$1} or die "no help: $_\n";
			$type{$1} = $2;
		} elsif (/^(gitnfs_\w+?)(_bucket|_sum|_count)?(\{.*\})? (\S+)$/
			&& ($type{$1} // "") eq "histogram") {
			my ($labels, $n) = ($3, $4);
			if ($2 eq "_bucket") {
				$labels =~ s/,le="([^"]+)"//;
				$n >= ($last{$labels} // 0) or die "falls: $_\n";
				$last{$labels} = $n;
			} elsif ($2 eq "_count") {
				$last{$labels} == $n or die "count: $_\n";
			}
		} elsif (/^(gitnfs_\w+)(\{(\w+="([^"\\]|\\.)*",?)+\})? -?[0-9.e+-]+$/) {
			my ($name, $labels) = ($1, $2 // "");
			$type{$name} or die "no type: $_\n";
			$type{$name} ne "counter" || $name =~ /_total$/ or
				die "no _total: $_\n";
			$seen{"$name$labels"}++ and die "twice: $_\n";
		} else { die "what is this: $_\n" }
	' "$dir/body" || fail 'the metrics are not as they should be'
	if command -v promtool >/dev/null; then
		promtool check metrics <"$dir/body" || fail 'promtool'
	fi
}
get /metrics
check_metrics
has '^gitnfs_build_info\{version="[0-9.]+"\} 1$'
has '^gitnfs_memory_budget_bytes 268435456$'
! grep -q 'rpc_seconds_count' "$dir/body" || fail 'calls that nobody made'
# Three NULL calls to NFS, in one batch, and one to MOUNT.
# shellcheck disable=SC2016
perl -MIO::Socket::INET -e '
	my $s = IO::Socket::INET->new($ARGV[0]) or die;
	my $call = sub { pack "N11", 0x80000028, $_[0], 0, 2, $_[1], 3, 0,
		0, 0, 0, 0 };
	$s->print(map { $call->($_, 100003) } 1 .. 3);
	read $s, my $answers, 3 * 28;
	$s->print($call->(4, 100005));
	read $s, my $answer, 28;
' "127.0.0.1:$port"
gitnfs warm repo >/dev/null
! gitnfs warm gone 2>/dev/null || fail 'gone is there'
get /metrics
check_metrics
has 'rpc_seconds_count\{program="nfs",procedure="NULL",result="hit"\} 3$'
has 'rpc_seconds_count\{program="mount",procedure="NULL",result="hit"\} 1$'
has '^gitnfs_cache_misses_total\{kind="blobs"\} 1$'
has '^gitnfs_repository_up\{repository="repo"\} 1$'
has '^gitnfs_repository_up\{repository="gone"\} 0$'
has '^gitnfs_source_failures_total\{host="127.0.0.1"\} [1-9]'
has '^gitnfs_source_trouble_total\{kind="gone"\} [1-9]'
has '^gitnfs_sources_asked 2$'
has '^gitnfs_sources_failing 1$'

# The dashboard asks for what there is.
grep -oE 'gitnfs_[a-z_]+' "$srcdir/contrib/grafana/gitnfs.json" | sort -u |
while read -r name; do
	grep -qE "^# TYPE (${name%_*}|$name) " "$dir/body" ||
		fail "the dashboard asks for $name"
done

# ---- health ----

get /healthz
get /readyz
expect 404 GET / </dev/null
expect 404 GET /refresh/ </dev/null
expect 405 POST /metrics </dev/null
expect 405 GET /refresh/repo </dev/null

# ---- pushes ----

secret=$(cat "$dir/secret")
body='{"ref":"refs/heads/main"}'
# shellcheck disable=SC2016
signature=$(BODY=$body SECRET=$secret perl -MDigest::SHA=hmac_sha256_hex -e \
	'print hmac_sha256_hex($ENV{BODY}, $ENV{SECRET})')
push() {	# STATUS HEADER...
	local wanted=$1

	shift
	printf %s "$body" | http POST /refresh/repo "$@" >"$dir/status"
	[ "$(cat "$dir/status")" = "$wanted" ] ||
		fail "$*: $(cat "$dir/status"), not $wanted"
}
push 403
push 403 'Authorization: Bearer wrong'
push 403 "X-Hub-Signature-256: sha256=${signature%?}0${signature#?}"
push 403 "X-Hub-Signature-256: $signature"
push 403 "X-Hub-Signature-256: sha256="
push 403 "X-Gitea-Signature: $secret"
push 403 "X-Gitlab-Token: ${secret%?}"
# One that is wrong is not made good by another.
push 403 'X-Gitea-Signature: 00' "X-Gitlab-Token: $secret"

shown() { gitnfs status --json | grep '"commit":' | tail -n 1 |
	sed 's/.*:"//; s/".*//'; }
for header in "X-Hub-Signature-256: sha256=$signature" \
	"X-Gitea-Signature: $signature" "X-Forgejo-Signature: $signature" \
	"X-Gitlab-Token: $secret" "Authorization: bearer $secret"; do
	commit "$header"
	push 202 "$header"
	tries=0
	until [ "$(shown)" = "$(git -C "$repo" rev-parse HEAD)" ]; do
		[ $((tries += 1)) -lt 300 ] || fail "not looked at: $header"
		sleep 0.1
	done
done
# The host may spell a name in another way than who asked for it.
commit 'in capitals'
[ "$(printf %s "$body" | http POST /refresh/REPO \
	"X-Hub-Signature-256: sha256=$signature")" = 202 ] || fail 'REPO'
tries=0
until [ "$(shown)" = "$(git -C "$repo" rev-parse HEAD)" ]; do
	[ $((tries += 1)) -lt 300 ] || fail 'not looked at: REPO'
	sleep 0.1
done
body=other
push 403 "X-Hub-Signature-256: sha256=$signature"
# Without a secret nobody may.
rm "$dir/secret"
push 403 "Authorization: Bearer $secret"
push 403 'Authorization: Bearer '
! grep -qF "$secret" "$dir/log" || fail 'the secret is in the log'

# ---- a body that is too large, and a crowd ----

push 413 "Content-Length: 5000000"
# Who does not end his request keeps a file open; when there are no more, the
# others wait, and the log is not flooded.
if command -v prlimit >/dev/null; then
	prlimit --pid "$server" --nofile=100:100
	# shellcheck disable=SC2016
	perl -MIO::Socket::INET -e '
		my ($to, $log) = @ARGV;
		my @s = map { IO::Socket::INET->new($to) or die } 1 .. 90;
		for (1 .. 600) {
			open my $f, "<", $log or die;
			exit 0 if grep /cannot accept.*for=HTTP/, <$f>;
			select undef, undef, undef, 0.1;
		}
		exit 1;
	' "$web" "$dir/log" || fail 'a hundred files are enough for all'
	get /healthz
	! grep -q 'accept()' "$dir/log" || fail 'the log is flooded'
fi
end_server TERM || fail "SIGTERM: exit status $?"
