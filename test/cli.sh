#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Copyright (C) 2026 the gitnfs authors
# gitnfs: git repositories as a read-only file system over NFSv3
#
# The command line of gitnfsd, which scripts depend on.
# shellcheck source=test/functions.sh
. "${srcdir:=$(dirname "$0")/..}/test/functions.sh"

# run EXPECTED-STATUS ARGS...: leaves what it wrote in $dir/stdout, stderr.
run() {
	local expected=$1 status=0

	shift
	timeout $PATIENCE "$gitnfsd" "$@" </dev/null \
		>"$dir/stdout" 2>"$dir/stderr" || status=$?
	[ "$status" -eq "$expected" ] || {
		cat "$dir/stdout" "$dir/stderr" >&2
		fail "exit status $status instead of $expected: gitnfsd $*"
	}
}

# says WORD: standard error is one line with WORD in it, and that is all.
says() {
	[ ! -s "$dir/stdout" ] || fail "unasked: $(cat "$dir/stdout")"
	if [ "$(wc -l <"$dir/stderr")" -ne 1 ] ||
		! grep -qi -e "$1" "$dir/stderr"; then
		cat "$dir/stderr" >&2
		fail "this is not one line with '$1'"
	fi
}

# refuse WORD ARGS...: wrong for a reason outside the command line.
refuse() {
	local word=$1

	shift
	run 1 --state-dir "$dir/state" --cache-dir "$dir/cache" \
		--listen 127.0.0.1:0 --portmap off "$@"
	says "$word"
}

# What comes on fd 9 after the "ready" lines, until gitnfsd ends.
nothing_more() {
	local rest

	rest=$(timeout $PATIENCE cat <&9)
	[ -z "$rest" ] || fail "more on standard output: $rest"
}

repo=$dir/repo.git
"$srcdir/test/oddrepo.sh" "$repo" bare
export repo
state=(--state-dir "$dir/state" --cache-dir "$dir/cache" --portmap off)

# ---- asking ----

run 0 --help
for option in --config --listen --state-dir --cache-dir --cache-memory \
	--cache-disk --prefetch --portmap --loops --allow --user --log-level --log-format --log-to --http-listen --check-config --version --help; do
	grep -q -e "$option" "$dir/stdout" || fail "--help lacks $option"
done
[ ! -s "$dir/stderr" ] || fail '--help writes to standard error'
run 0 --version
grep -qx 'gitnfsd [0-9][0-9.]*' "$dir/stdout" || fail '--version'

# ---- wrong usage: 2 ----

run 2 --no-such-option
says no-such-option
run 2 --listen
says listen
for address in '' nonsense 127.0.0.1 127.0.0.1: 127.0.0.1:99999 :: \
	'[::1]' '127.0.0.1:1x' '127.0.0.1:-1'; do
	run 2 "${state[@]}" --listen "$address" "$repo"
	says "${address:-listen}"
done
for wrong in --portmap=maybe --loops=0 --loops=x --prefetch=-1 --log-level=loud \
	--cache-memory=lots --cache-memory=-1 --cache-memory=1q \
	--cache-disk=-1; do
	run 2 "${state[@]}" "$wrong" "$repo"
	says "${wrong#*=}"
done

# ---- wrong otherwise: 1, and one line ----

refuse "$dir/none" "$dir/none"
mkdir "$dir/plain"
refuse "$dir/plain" "$dir/plain"
refuse README "$srcdir/README.md"
refuse no-such-branch "$repo@no-such-branch"
refuse repo "$repo" "$repo"
refuse 'a/b' "a/b=$repo"
refuse gopher "gopher://example.org/x.git"
run 1 --state-dir "$dir/repo.git/HEAD" --cache-dir "$dir/cache" \
	--listen 127.0.0.1:0 "$repo"
says "HEAD: .*--state-dir"
run 1 --state-dir "$dir/state" --cache-dir "$dir/repo.git/HEAD" \
	--listen 127.0.0.1:0 "$repo"
says "HEAD: .*--cache-dir"
refuse conf --config "$dir/none.conf"

# Root may read everything, so ask as nobody.
if [ "$(id -u)" -ne 0 ]; then
	nobody=()
else
	nobody=(setpriv --reuid=65534 --regid=65534 --clear-groups)
fi
cp -r "$repo" "$dir/secret.git"
chmod 000 "$dir/secret.git"
chmod 755 "$dir"
mkdir -m 777 "$dir/nobody"
if ${nobody[@]+"${nobody[@]}"} test -x "$gitnfsd" 2>/dev/null; then
	real=$gitnfsd
	printf '#!/bin/sh\nexec %s "%s" "$@"\n' "${nobody[*]}" "$real" \
		>"$dir/as-nobody"
	chmod 755 "$dir/as-nobody"
	gitnfsd=$dir/as-nobody
	run 1 --state-dir "$dir/nobody/s" --cache-dir "$dir/nobody/c" \
		--listen 127.0.0.1:0 --portmap off "$dir/secret.git"
	says secret.git
	mkdir -m 555 "$dir/closed"
	run 1 --state-dir "$dir/closed/a/s" --cache-dir "$dir/nobody/c" \
		--listen 127.0.0.1:0 --portmap off "$srcdir"
	says 'closed/a/s: .*Permission denied'
	gitnfsd=$real
fi
chmod 700 "$dir/secret.git"

# ---- the configuration file ----

cat >"$dir/conf" <<END
[server]
	listen = 127.0.0.1:0
	listen = 127.0.0.1:0
	loops = 2
	log-level = debug
[state]
	dir = $dir/state
[cache]
	dir = $dir/cache
	memory = 64m
[source "odd"]
	url = $repo
[source "old"]
	url = $repo
	ref = light
[root "mine/all"]
	type = local
	url = $dir/{owner}/{repo}
END
# However little is logged else.
sed 's/log-level = .*/log-level = error/' "$dir/conf" >"$dir/quiet"
run 0 --config "$dir/quiet" --check-config
grep -q 'name=mine/all ' "$dir/stderr" || fail 'nothing is listed'
run 0 --config "$dir/conf" --check-config
[ ! -s "$dir/stdout" ] || fail '--check-config has written something'
for name in odd old mine/all; do
	grep -q "name=$name " "$dir/stderr" ||
		fail "--check-config does not list $name"
done
wrong_config() {	# WORD LINES: the file with LINES added
	{ cat "$dir/conf"; printf '%s\n' "$2"; } >"$dir/wrong"
	run 1 --config "$dir/wrong" --check-config
	says "$1"
}
wrong_config nonsense '[nonsense]
	key = value'
wrong_config lisen '[server]
	lisen = 127.0.0.1:0'
wrong_config url '[source "x"]
	ref = main'
wrong_config lots '[cache]
	memory = lots'
wrong_config "wrong:20: source.x.url: $dir/none" "[source \"x\"]
	url = $dir/none"
wrong_config 'wrong:21: source.x.ref: ' "[source \"x\"]
	url = $repo
	ref = none"
wrong_config 'wrong:20: "a//b"' "[source \"a//b\"]
	url = $repo"
wrong_config 'wrong:20: "../x"' '[root "../x"]
	url = https://example.org/{repo}'
wrong_config 'wrong:21: root.x.url: .*OWNER/NAME' '[root "x"]
	type = github
	url = https://example.org/{repo}'
wrong_config root.x.url "[root \"x\"]
	url = $dir"
wrong_config "$dir/none" "[root \"x\"]
	url = $dir/none/{repo}"
wrong_config ftp '[root "x"]
	url = ftp://example.org/{repo}'
wrong_config wrong '[unfinished'
wrong_config "wrong:21: root.x.token-file: $dir/no-token" "[root \"x\"]
	url = https://example.org/{repo}
	token-file = $dir/no-token"
# One for each owner; and one that others can read is told of.
echo secret >"$dir/token"
chmod 644 "$dir/token"
{
	cat "$dir/conf"
	printf '[root "x"]\n\turl = https://example.org/{owner}/{repo}\n'
	printf '\ttoken-file = %s/keys/{owner}\n' "$dir"
	printf '[root "y"]\n\turl = https://example.org/{repo}\n'
	printf '\ttoken-file = %s\n' "$dir/token"
} >"$dir/tokens"
run 0 --config "$dir/tokens" --check-config
grep -q "others can read a token\" name=y .* do=\"chmod o-r $dir/token\"$" \
	"$dir/stderr" || fail 'a token that others can read'
chmod 600 "$dir/token"
run 0 --config "$dir/tokens" --check-config
! grep -q 'level=warning' "$dir/stderr" || fail "$(cat "$dir/stderr")"
{ cat "$dir/conf"; printf '[source "x"]\n\turl = %s\n\tuid = 0\n' "$repo"; } \
	>"$dir/ruled"
run 0 --config "$dir/ruled" --check-config

# ---- serving ----

serve "$repo"
first=$port
# The same port, with another state directory.
run 1 --state-dir "$dir/state2" --cache-dir "$dir/cache2" \
	--listen "127.0.0.1:$first" "$repo"
says "$first"
# The same state directory, at another port.
refuse "$dir/state" "$repo"
start=${EPOCHREALTIME/[.,]/}
end_server TERM || fail "SIGTERM: exit status $?"
took=$((${EPOCHREALTIME/[.,]/} - start))
[ $took -lt 1000000 ] || fail "SIGTERM took $took microseconds"
nothing_more

serve --listen 127.0.0.1:0 --listen 127.0.0.1:0 "$repo"
first=$port
IFS= read -r -t $PATIENCE -u 9 line || fail 'one "ready" line for two'
[[ $line =~ ^ready\ nfs=127\.0\.0\.1:([0-9]+)$ ]] || fail "it said: $line"
[ "${BASH_REMATCH[1]}" != "$first" ] || fail 'the same port twice'
end_server INT || fail "SIGINT: exit status $?"
nothing_more

serve --listen "127.0.0.1:$first" "$repo"
[ "$port" = "$first" ] || fail "asked for $first, got $port"
end_server TERM || fail "SIGTERM: exit status $?"

if [ -e /proc/net/if_inet6 ] &&
	grep -q '^00000000000000000000000000000001 ' /proc/net/if_inet6; then
	serve --listen '[::1]:0' "$repo"
	[ "$address" = '[::1]' ] || fail "asked for [::1], got $address"
	exec 8<>"/dev/tcp/::1/$port" 8>&- || fail 'nobody is at [::1]'
	end_server TERM || fail "SIGTERM: exit status $?"
	nothing_more
else
	echo 'no IPv6 here: [::1] is not tried'
fi

# A token that is not there is told of, and what needs none is served.
rm "$dir/token"
serve --config "$dir/tokens" --listen 127.0.0.1:0
end_server TERM || fail "SIGTERM: exit status $?"
grep -q "file cannot be read\" name=y key=token-file file=\"$dir/token\" .*do=" \
	"$dir/log" || fail 'nothing about a token that is not there'
nothing_more

# The option goes before the file: one listener, though the file has two.
serve --config "$dir/conf" --listen 127.0.0.1:0
end_server TERM || fail "SIGTERM: exit status $?"
nothing_more

# ---- how things stand ----

serve --log-level error --prefetch 3 "$repo"
kill -USR1 "$server"
end_server TERM || fail "SIGUSR1, then SIGTERM: exit status $?"
nothing_more
for kind in roots trees blobs sizes directories levels; do
	grep -q "msg=\"$kind\" hits=[0-9]* misses=[0-9]* joined=0 failed=0 " \
		"$dir/log" || fail "SIGUSR1: nothing about $kind"
done
for what in 'memory" bytes=[0-9]* budget=268435456' 'parked" calls=0' \
	'prefetch" jobs=0 running=0 queued=0 dropped=0 throttled=0' \
	'trouble" unsound=0 gone=0 refused=0 limited=0 other=0'; do
	grep -q "msg=\"$what\$" "$dir/log" || fail "SIGUSR1: no $what"
done

# ---- the log, as programs want it, and in a file ----

run 2 "${state[@]}" --log-format=xml "$repo"
says xml
run 1 "${state[@]}" --log-to "$dir/none/log" "$repo"
says "$dir/none/log"
serve --log-format json --log-to "$dir/json" "odd=$repo"
[ -s "$dir/json" ] || fail 'the file has no log'
mv "$dir/json" "$dir/json.old"
kill -HUP "$server"
tries=0
until [ -e "$dir/json" ]; do
	[ $((tries += 1)) -lt 600 ] || fail 'SIGHUP: the log is not opened again'
	sleep 0.1
done
end_server TERM || fail "SIGHUP, then SIGTERM: exit status $?"
nothing_more
# shellcheck disable=SC2016
perl -MJSON::PP -e '
	my @line = map { decode_json($_) } <>;
	my %by = map { $_->{msg} => $_ } @line;
	die "source\n" unless $by{source}{name} eq "odd" &&
		$by{source}{url} eq $ENV{repo} && $by{source}{ref} eq "";
	die "started\n" unless $by{started}{nfs} =~ /^127\.0\.0\.1:\d+$/;
	die "level\n" if grep { $_->{level} ne "info" } @line;
	die "time\n" if grep { $_->{time} !~ /^[-0-9]+T[:0-9]+\.\d{3}Z$/ } @line;
	die "stopped\n" unless $by{stopped}{sources} == 1;
' "$dir/json.old" "$dir/json" || fail 'that is not JSON as it should be'
grep -q '"stopped"' "$dir/json" || fail 'what came later is not in the new file'

# ---- systemd ----

perl -MIO::Socket::UNIX -e '
	my ($path, @command) = @ARGV;
	my $socket = IO::Socket::UNIX->new(Type => SOCK_DGRAM, Local => $path)
		or die "socket: $!\n";
	defined(my $pid = fork) or die "fork: $!\n";
	if (!$pid) {
		$ENV{NOTIFY_SOCKET} = $path;
		exec @command;
	}
	$SIG{ALRM} = sub { kill KILL => $pid; die "not notified\n" };
	alarm 60;
	my $said = "";
	until ($said =~ /^READY=1$/m) {
		$socket->recv(my $message, 4096);
		$said .= "$message\n";
	}
	kill TERM => $pid;
	waitpid $pid, 0;
	exit $? >> 8;
' "$dir/notify" "$gitnfsd" "${state[@]}" --listen 127.0.0.1:0 "$repo" \
	>"$dir/stdout" 2>>"$dir/log" || fail 'systemd is not notified'
[ "$(grep -c '^ready nfs=' "$dir/stdout")" -eq 1 ] || fail 'with NOTIFY_SOCKET'

# The journal's own protocol, to a socket of ours where the journal's would
# be: each datagram is a line, and its fields are these.
how=-m
[ "$(id -u)" -eq 0 ] || how=-mr
if unshare $how sh -c 'mount -t tmpfs none /run' 2>/dev/null; then
	cat >"$dir/journal.pl" <<-'END'
		use strict; use warnings; use IO::Socket::UNIX; use Socket;
		my ($dir, @command) = @ARGV;
		mkdir $_ or die "$_: $!\n"
			for qw(/run/systemd /run/systemd/journal);
		my $s = IO::Socket::UNIX->new(Type => SOCK_DGRAM,
			Local => '/run/systemd/journal/socket') or die "$!\n";
		# As systemd connects what is written to standard error.
		pipe my $r, my $w or die;
		my ($dev, $ino) = stat $w;
		defined(my $pid = fork) or die "fork: $!\n";
		if (!$pid) {
			$ENV{JOURNAL_STREAM} = "$dev:$ino";
			open STDERR, '>&', $w or die;
			exec @command;
		}
		close $w;
		$SIG{ALRM} = sub { kill KILL => $pid; die "nothing more\n" };
		alarm 60;
		my %priority;
		until (defined $priority{stopped}) {
			defined $s->recv(my $datagram, 65536) or die "$!\n";
			my ($level, $line) = $datagram =~
				/\ASYSLOG_IDENTIFIER=gitnfsd\nPRIORITY=([0-7])\nMESSAGE=([^\n]+)\n\z/
				or die "a datagram: $datagram\n";
			my ($what) = $line =~ /^time=\S+ level=\w+ msg="([^"]+)"/
				or die "a line: $line\n";
			$priority{$what} = $level;
			kill TERM => $pid if $what eq 'started';
		}
		waitpid $pid, 0;
		local $/;
		my $rest = <$r>;
		die "on standard error: $rest\n" if $rest ne '';
		open my $said, '>', "$dir/said" or die;
		printf $said "%s %s %s %d\n", @priority{'started', 'stopped',
			'file cannot be read'}, $? >> 8;
	END
	# shellcheck disable=SC2016
	timeout $PATIENCE unshare $how sh -c 'mount -t tmpfs none /run &&
		exec perl "$0" "$@"' "$dir/journal.pl" "$dir" "$gitnfsd" \
		--config "$dir/tokens" --listen 127.0.0.1:0 --portmap off \
		>/dev/null || fail 'the journal'
	[ "$(cat "$dir/said")" = '6 6 4 0' ] ||
		fail "the journal: $(cat "$dir/said")"
else
	echo 'no name space here: the journal is not tried'
fi
