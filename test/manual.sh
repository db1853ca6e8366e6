#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Copyright (C) 2026 the gitnfs authors
# gitnfs: git repositories as a read-only file system over NFSv3
#
# The manuals, --help, the completions and the tables in the code name the
# same keys, options and commands; and gitnfsd takes what the manuals give as
# examples of its configuration.
# shellcheck source=test/functions.sh
. "${srcdir:=$(dirname "$0")/..}/test/functions.sh"
src=$(cd "$srcdir" && pwd)
gitnfs=$PWD/gitnfs

# same WHAT AT-LEAST: $dir/code and $dir/doc, a name on each line.
same() {
	sort -u -o "$dir/code" "$dir/code"
	sort -u -o "$dir/doc" "$dir/doc"
	[ "$(wc -l <"$dir/code")" -ge "$2" ] || fail "hardly any of $1 found"
	diff "$dir/code" "$dir/doc" >&2 ||
		fail "$1: < is in the code only, > in the document only"
}

# ---- keys of the configuration ----

perl -ne '
	print "$1\n" if /^\t\{ "(\w+\.[\w-]+)", ("[\w-]+"|NULL), CONFIG_/;
	if (/^\t\{ "([\w-]+)", NULL, CONFIG_\w+, ([\w |]+),/) {
		my ($key, $in) = ($1, $2);
		$in =~ s/IN_ALL/IN_SOURCE IN_ROOT IN_LISTENER/;
		print lc($_), ".$key\n" for $in =~ /IN_(\w+)/g;
	}' "$src/nfsd/config/config_value.c" >"$dir/code"
perl -ne '
	@in = $1 if /^\.Ss The \[(\w+)/;
	@in = () if /^\.Sh/;
	@in = qw(server listener source root) if /^\.Sh ACCESS/;
	if (/^\.It Cm ([\w-]+) No =/) { print "$_.$1\n" for @in }' \
	"$src/man/gitnfs.conf.5" >"$dir/doc"
same 'gitnfs.conf(5), keys' 30
# For each the manual says what holds where nothing is said; of numbers the
# table knows, as it does of their bounds.
code=$src/nfsd/config/config_value.c perl -0777 -ne '
	for (/^(\.It Cm [\w-]+ No = .*?)(?=^\.(?:It Cm [\w-]+ No|S[hs]|El))/gms) {
		my ($key) = /^\.It Cm ([\w-]+)/;
		s/\n/ /g;
		$text{$key} .= $_;
		print "$key\n" if !/Default: |\(the default\)|Needed/ &&
			!/No = (?:Ar \w+|Ar \w+ : Ns \w+) $/ && !/As of a source/;
	}
	open my $code, "<", $ENV{code} or die;
	for (<$code> =~ /^\t\{ "(.*?)\},$/gms) {
		next unless /CONFIG_NUMBER/;
		my ($key) = /^(?:\w+\.)?([\w-]+)/;
		my %in = (10 => "k", 20 => "m", 30 => "g");
		my @known = /\.max = (\d+)/;
		push @known, "Default: $1" if /\.preset = (\d+)/;
		push @known, "Default: $1$in{$2}" if /\((\d+)\) << (\d+)/;
		print "$key: $_\n"
			for grep { index($text{$key}, $_) < 0 } @known;
	}' "$src/man/gitnfs.conf.5" >"$dir/doc"
[ ! -s "$dir/doc" ] ||
	{ cat "$dir/doc" >&2; fail 'gitnfs.conf(5) leaves that open'; }

# ---- options of gitnfsd ----

{
	sed -n 's/^	{ "[a-z]*\.[a-z-]*", "\([a-z-]*\)", CONFIG_.*/\1/p' \
		"$src/nfsd/config/config_value.c"
	sed -n '/struct option own/,/};/s/^	{ "\([a-z-]*\)", .*/\1/p' \
		"$src/nfsd/config/config_args.c"
} >"$dir/options"
cp "$dir/options" "$dir/code"
"$gitnfsd" --help | sed -n 's/^  .\{4\}--\([a-z-]*\).*/\1/p' >"$dir/doc"
same 'gitnfsd --help' 10
cp "$dir/options" "$dir/code"
sed -n '/^\.Sh DESC/,/^\.Sh WHAT/p' "$src/man/gitnfsd.8" |
	sed -n 's/^\.It Fl \([a-z] , \)\{0,1\}-\([a-z-]*\).*/\2/p' >"$dir/doc"
same 'gitnfsd(8)' 10
cp "$dir/options" "$dir/code"
# The short ones are those of two, which DESCRIPTION tells.
sed -n '/^\.Sh SYN/,/^\.Sh DESC/p' "$src/man/gitnfsd.8" |
	sed 's/Fl c /Fl -config /; s/Fl l /Fl -listen /' |
	grep -o 'Fl -[a-z-]*' | sed 's/Fl -//' >"$dir/doc"
same 'gitnfsd(8), synopsis' 10

# ---- commands of gitnfs, and their options ----

sed -n '/^} commands/,/^};/s/^	{ "\([a-z-]*\)", cli_[a-z_]*, ".*/\1/p' \
	"$src/cli/main.c" >"$dir/commands"
cp "$dir/commands" "$dir/code"
"$gitnfs" --help | sed -n 's/^  \([a-z][a-z-]*\) .*/\1/p' >"$dir/doc"
same 'gitnfs --help' 8
cp "$dir/commands" "$dir/code"
perl -ne 'print "$1\n" if /^\.It Cm ([\w-]+)/ || $xo && /^\.Cm ([\w-]+)/;
	$xo = /^\.It Xo/;
	last if /^\.Sh ENVIRONMENT/' "$src/man/gitnfs.1" >"$dir/doc"
same 'gitnfs(1), commands' 8
completion=$src/contrib/completion
cp "$dir/commands" "$dir/code"
sed -n "/local commands='/,/'$/p" "$completion/gitnfs.bash" |
	sed "s/local commands=//; s/'//g" | tr -s ' \t' '\n' | grep . >"$dir/doc"
same gitnfs.bash 8
cp "$dir/commands" "$dir/code"
sed -n "/commands=($/,/^	)/s/^		'\([a-z-]*\):.*/\1/p" \
	"$completion/_gitnfs" >"$dir/doc"
same _gitnfs 8
cp "$dir/commands" "$dir/code"
# shellcheck disable=SC2016	# it is fish's
sed -n 's/.*-n $none -a \([a-z-]*\) .*/\1/p' \
	"$completion/gitnfs.fish" >"$dir/doc"
same gitnfs.fish 8

{
	cat "$src"/cli/*.c |
		sed -n 's/^		{ "\([a-z-]*\)", \(NULL, &[a-z]*\|&[a-z]*, NULL\) },$/\1/p'
	printf '%s\n' state-dir config version help
} >"$dir/options"
cp "$dir/options" "$dir/code"
perl -ne '$in = 1 if /^\.It/;
	$in = 0 if /^[^.]/;
	if ($in) { print "$1\n" while /Fl -([a-z-]+)/g }
	if (/Fl [a-z] , -([a-z-]+)/) { print "$1\n" }
	last if /^\.Sh ENVIRONMENT/' "$src/man/gitnfs.1" >"$dir/doc"
same 'gitnfs(1), options' 10
cp "$dir/options" "$dir/code"
{
	"$gitnfs" --help
	while IFS= read -r command; do
		"$gitnfs" "$command" --help
	done <"$dir/commands"
} >"$dir/help"
! grep '.\{81,\}' "$dir/help" || fail 'help is wider than 80 columns'
grep -oE -e '--[a-z][a-z-]*' "$dir/help" | sed 's/^--//' >"$dir/doc"
same 'gitnfs COMMAND --help' 10
for file in gitnfs.bash _gitnfs gitnfs.fish; do
	cp "$dir/options" "$dir/code"
	grep -v '^#' "$completion/$file" |
		sed '/gitnfs status --json/d; /set -l/d' |
		grep -oE -e '(--| -l )[a-z][a-z-]*' |
		sed 's/^--//; s/^ -l //' | grep -vx 'name' >"$dir/doc"
	same "$file, options" 10
done

# ---- examples ----

# Each display with a section is a file.  What they name is elsewhere, or a
# file of somebody's: its own is made here.
mkdir -p "$dir/files/team"
perl -e '
	my ($dir, @pages) = @ARGV;
	my $n = 0;
	for my $page (@pages) {
		open my $in, "<", $page or die "$page: $!\n";
		local $/;
		for (<$in> =~ /^\.Bd -literal.*?\n(.*?)^\.Ed/gms) {
			next unless /^\[/m;
			s/\\\(dq/"/g;
			s/\\&//g;
			s{url = /srv/(.*?)(?=/?\{|$)}{url = $dir/files/$1}gm;
			s{(-file = )\S+/}{$1$dir/files/}g;
			open my $out, ">", "$dir/example" . $n++;
			print $out $_;
		}
	}' "$dir" "$src"/man/gitnfs.conf.5 "$src"/man/gitnfs-backends.7
git init -q -b linux-6.1.y "$dir/files/git/linux.git"
git -C "$dir/files/git/linux.git" -c user.name=t -c user.email=t@example.org \
	commit -q --allow-empty -m one
n=0
for file in "$dir"/example*; do
	sed -n 's/.*-file = //p' "$file" | while IFS= read -r name; do
		for org in hooli github; do
			(umask 077; echo 0123456789abcdef >"${name/\{org\}/$org}")
		done
	done
	"$gitnfsd" --check-config --state-dir "$dir/state" \
		--cache-dir "$dir/cache" --config "$file" >"$dir/out" 2>&1 ||
		{ cat "$file" "$dir/out" >&2; fail 'an example is wrong'; }
	n=$((n + 1))
done
[ $n -ge 10 ] || fail "only $n examples"
