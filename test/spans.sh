#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Copyright (C) 2026 the gitnfs authors
# gitnfs: git repositories as a read-only file system over NFSv3
#
# What takes time, told to people (gitnfs trace) and to a collector of
# OpenTelemetry's; and to nobody who was not named.
# shellcheck source=test/functions.sh
. "${srcdir:=$(dirname "$0")/..}/test/functions.sh"
command -v perl >/dev/null || skip 'no perl'
gitnfs() { timeout "$PATIENCE" "$PWD/gitnfs" -s "$dir/state" "$@"; }
here=$(cd "$srcdir/test" && pwd)

repo=$dir/host/repos/r
git init -q -b main "$repo"
git -C "$repo" config uploadpack.allowFilter true
git -C "$repo" config uploadpack.allowAnySHA1InWant true
commit() {
	echo "$1" >"$repo/file"
	git -C "$repo" add file
	git -C "$repo" -c user.name=t -c user.email=t@example.org commit \
		-q -m "$1"
}
commit one
start_host "$dir/host"
export no_proxy='*' HOME=$dir

c=$dir/collector
mkdir "$c"
mkfifo "$c/in"
perl "$here/collector.pl" "$c" <"$c/in" &
exec 7>"$c/in"
wait_for() {	# COMMAND...
	local i

	for ((i = 0; i < 10 * PATIENCE; i++)); do
		! "$@" || return 0
		sleep 0.1
	done
	fail "in vain: $*; $(cat "$dir/spans" 2>/dev/null)"
}
wait_for test -s "$c/port"
collector=http://127.0.0.1:$(cat "$c/port")

read_file() {
	perl "$here/cat.pl" "$address" "$port" /r file >"$dir/content" ||
		fail 'cannot read'
	cmp "$dir/content" "$repo/file" || fail 'read something else'
}
forget() { rm -rf "$dir/state" "$dir/cache" "$dir/log"; }

# ---- no setting, no connection ----

export OTEL_EXPORTER_OTLP_ENDPOINT=$collector \
	OTEL_EXPORTER_OTLP_TRACES_ENDPOINT=$collector OTEL_TRACES_EXPORTER=otlp
serve r="$host/well/r"
read_file
end_server TERM || fail "SIGTERM: exit status $?"
[ ! -e "$c/log" ] || fail "nobody asked for it: $(cat "$c/log")"
! grep -q traceparent "$dir/host/log" || fail 'traceparent, and no setting'
grep -q 'POST /well/r/git-upload-pack' "$dir/host/log" || fail 'not asked'
unset OTEL_EXPORTER_OTLP_ENDPOINT OTEL_EXPORTER_OTLP_TRACES_ENDPOINT \
	OTEL_TRACES_EXPORTER

# ---- to people ----

forget
serve r="$host/well/r"
mkfifo "$dir/trace"
"$PWD/gitnfs" -s "$dir/state" trace --json >"$dir/trace" &
watcher=$!
servers+=("$watcher")
exec 6<"$dir/trace"
watched() { gitnfs status --json | grep -q '"watchers": *1'; }
wait_for watched
read_file
calls='' requests=''
until [[ $calls == *READ* && $requests == *POST* ]]; do
	IFS= read -r -t "$PATIENCE" -u 6 line || fail 'nothing more is told'
	case $line in
	'{"call":'*) calls+=$line ;;
	'{"request":'*) requests+=$line ;;
	*) fail "what is this: $line" ;;
	esac
done
[[ $requests =~ \"method\":\"GET\",\"host\":\"127.0.0.1\",\"what\":\"$host/well/r/info/refs\?service=git-upload-pack\",\"status\":200,\"bytes\":[1-9][0-9]*,\"us\":[1-9] ]] ||
	fail "requests: $requests"
[[ $calls == *'"procedure":"MNT","path":"/r",'* ]] || fail "calls: $calls"
kill "$watcher"
exec 6<&-
unwatched() { gitnfs status --json | grep -q '"watchers": *0'; }
wait_for unwatched
end_server TERM || fail "SIGTERM: exit status $?"

# ---- to a collector ----

forget
config() {
	printf '[telemetry]\n\tcollector-url = %s\n' "$1" >"$dir/conf"
}
check() {
	perl "$here/collector.pl" --check "$c/told" >"$dir/spans" ||
		fail "not as OTLP has it: $(tail -n 1 "$c/told")"
}
told() { [ -e "$c/told" ] && check && grep -q "$1" "$dir/spans"; }

config nonsense
! "$gitnfsd" --check --config "$dir/conf" r="$host/well/r" 2>"$dir/why" ||
	fail 'nonsense is a URL'
grep -q 'conf:2: telemetry.collector-url' "$dir/why" || fail "$(cat "$dir/why")"
config "$collector"
: >"$dir/host/log"
serve --config "$dir/conf" --http-listen 127.0.0.1:0 r="$host/limits/r"
read_file
# The metrics have it, too.
web=$(sed -n 's/.* http=//p' "$dir/log" | tail -n 1)
perl -MIO::Socket::INET -e 'my $s = IO::Socket::INET->new(shift) or die;
	print $s "GET /metrics HTTP/1.0\r\n\r\n"; print while <$s>' "$web" \
	>"$dir/metrics"
for metric in 'requests_total{host="127.0.0.1",code="200"} [1-9]' \
	'requests_left{host="127.0.0.1"} 42' \
	'requests_limit{host="127.0.0.1"} 60' \
	'requests_reset_timestamp_seconds{host="127.0.0.1"} 2000000000'; do
	grep -q "^gitnfs_source_$metric" "$dir/metrics" ||
		fail "no $metric: $(grep source_ "$dir/metrics")"
done
! command -v promtool >/dev/null ||
	sed '1,/^\r*$/d' "$dir/metrics" | promtool check metrics ||
	fail promtool
wait_for told ' READ '
read_file
end_server TERM || fail "SIGTERM: exit status $?"
grep -q '^POST /v1/traces application/json$' "$c/log" || fail "$(cat "$c/log")"
# The call that waited, and below it the requests that were made for it.
check
awk '$1 == 2 && $2 == "MNT" { print $3, $4 }' "$dir/spans" >"$dir/mnt"
read -r trace span <"$dir/mnt" || fail 'no call'
[ "$(grep -cE "^3 (GET|POST) $trace [0-9a-f]+ $span .*http.response.status_code=200 .*url.full=$host" \
	"$dir/spans")" -ge 2 ] || fail "requests: $(cat "$dir/spans")"
grep -qE '^2 READ .* client.address=127.0.0.1:[0-9]+ file.path=/r/file .*rpc.system=onc_rpc' \
	"$dir/spans" || fail "no READ: $(cat "$dir/spans")"
# The second one had not to wait.
[ "$(grep -c '^2 READ' "$dir/spans")" -eq 1 ] || fail 'a hit is told of'
# They carried it with them.
grep -o 'traceparent 00-.*' "$dir/host/log" | while read -r _ parent; do
	[[ $parent =~ ^00-([0-9a-f]{32})-([0-9a-f]{16})-01$ ]] ||
		fail "traceparent $parent"
	grep -qE "^3 [A-Z]+ ${BASH_REMATCH[1]} ${BASH_REMATCH[2]} " \
		"$dir/spans" || fail "nobody told of $parent"
done
grep -q 'traceparent 00' "$dir/host/log" || fail 'no traceparent'

# ---- who waits for what was begun for another ----

forget
serve --config "$dir/conf" r="$host/hold=1/r"
read_file &
first=$!
read_file &
second=$!
two_wait() { [ "$(gitnfs status --json | grep -c '"procedure": *"MNT"')" -eq 2 ]; }
wait_for two_wait
: >"$dir/host/released"
wait "$first" "$second" || fail 'cannot read what was held'
end_server TERM || fail "SIGTERM: exit status $?"
check
awk '$1 == 2 && $2 == "MNT" && !/link/ { print $4, $3 }' "$dir/spans" |
	tail -n 1 >"$dir/mnt"
read -r span trace <"$dir/mnt" || fail 'nobody was first'
grep -q "^2 MNT .* link.$span=$trace " "$dir/spans" ||
	fail "no link to $span: $(grep MNT "$dir/spans")"

# ---- a request that is made for many ----

forget
for i in {1..8}; do
	mkdir "$repo/$i"
	echo "$i" >"$repo/$i/f"
	git -C "$repo" add "$i"
done
commit directories
serve --config "$dir/conf" --prefetch 0 r="$host/hold=1/r"
read_file
rm "$dir/host/released"
# There are four requests at a time: who comes then shares the next.
readers=()
for i in {1..8}; do
	perl "$here/cat.pl" "$address" "$port" "/r/$i" f >/dev/null &
	readers+=($!)
done
eight_wait() { [ "$(gitnfs status --json | grep -c '"procedure": *"LOOKUP"')" -eq 8 ]; }
wait_for eight_wait
: >"$dir/host/released"
wait "${readers[@]}" || fail 'cannot read what was held'
end_server TERM || fail "SIGTERM: exit status $?"
check
sed -n 's/^3 POST .* link\.\([0-9a-f]*\)=\([0-9a-f]*\) .*/\2 \1/p' "$dir/spans" |
	head -n 1 >"$dir/shared"
[ -s "$dir/shared" ] || fail "no request has a link: $(cat "$dir/spans")"
grep -qE "^2 [A-Z]+ $(cat "$dir/shared") " "$dir/spans" ||
	fail "a link to nobody: $(cat "$dir/shared")"

# ---- trouble is told once, and harms nobody ----

forget
rm "$c/told"
: >"$c/busy"
serve --config "$dir/conf" r="$host/well/r"
read_file
trouble() { grep -q 'msg="telemetry is not delivered".*HTTP 503' "$dir/log"; }
wait_for trouble
commit two
gitnfs refresh r >/dev/null
read_file
twice() { [ "$(wc -l <"$c/log")" -ge "$1" ]; }
asked=$(wc -l <"$c/log")
wait_for twice $((asked + 1))
rm "$c/busy"
commit three
gitnfs refresh r >/dev/null
read_file
again() { grep -q 'msg="telemetry is delivered again".*dropped=[1-9]' "$dir/log"; }
wait_for again
[ "$(grep -c 'not delivered' "$dir/log")" -eq 1 ] || fail 'told twice'
# Not one who never answers, at the end neither.
: >"$c/mute"
commit four
gitnfs refresh r >/dev/null
end_server TERM || fail "SIGTERM: exit status $?"
rm "$c/mute"
# Nor one who is not there.
forget
config http://127.0.0.1:1
serve --config "$dir/conf" r="$host/well/r"
read_file
end_server TERM || fail "SIGTERM: exit status $?"
exec 7>&-
