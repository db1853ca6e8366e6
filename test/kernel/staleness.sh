#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Copyright (C) 2026 the gitnfs authors
# gitnfs: git repositories as a read-only file system over NFSv3
#
# staleness.sh [ROUNDS] - by hand, in the build directory: how long after a
# push the real Linux client shows a new name, new content, and that a name
# is gone, with each of the mount profiles of gitnfsd(8).  Prints the table
# that is there, in seconds, the longest of the rounds.
#
# shellcheck disable=SC2016	# it is the guest that expands
# shellcheck source=test/functions.sh
. "${srcdir:=$(dirname "$0")/../..}/test/functions.sh"
kernel=$(cd "$srcdir/test/kernel" && pwd)
rounds=${1:-2}
LIMIT=75		# seconds to wait for what may never show

repo=$dir/repo
git init -q -b main "$repo"
mkdir "$repo/sub"
for i in $(seq "$rounds"); do echo going >"$repo/sub/gone-$i"; done
commit() {
	echo "$1" >"$repo/sub/content"
	git -C "$repo" add -A
	git -C "$repo" -c user.name=t -c user.email=t@example.org \
		commit -qm "$1"
}
commit 0

serve "$repo"
export rounds LIMIT
"$kernel/vm" --port "$port" --no-mount --timeout 1200 --env rounds \
	--env LIMIT -- 'perl -e '\''
	use strict;
	use warnings;
	use Time::HiRes qw(time sleep);
	$| = 1;
	my @profile = (
		["defaults", ""],
		["actimeo=3", "actimeo=3"],
		["moving", "actimeo=1,lookupcache=positive"],
		["no caching", "noac,lookupcache=none"],
		["pinned", "actimeo=3600,nocto"],
	);
	my @see = ("new name", "new content", "name gone");
	for my $p (@profile) {
		($p->[2] = "$ENV{TMPDIR}/$p->[0]") =~ tr/ =/--/;
		mkdir $p->[2];
		system("nfsmnt", "/", $p->[2],
			join ",", "ro,nosharecache", $p->[1] || ()) == 0
			or die "cannot mount $p->[0]\n";
	}
	sub content {
		open my $in, "<", "$_[0]/repo/sub/content" or return "";
		return <$in> // "";
	}
	my %longest;
	for my $round (1 .. $ENV{rounds}) {
		my (%seen, $left);
		# Everything is known, that there is no such name too.
		for my $p (@profile) {
			my $sub = "$p->[2]/repo/sub";
			opendir my $d, $sub or die "$sub: $!\n";
			my @names = readdir $d;
			stat "$sub/$_" for @names, "new-$round";
			content($p->[2]);
		}
		print "please push $round\n";
		my $start = time;
		do {
			$left = 0;
			for my $p (@profile) {
				my ($name, undef, $at) = @$p;
				my @now = (-e "$at/repo/sub/new-$round",
					content($at) eq "$round\n",
					!-e "$at/repo/sub/gone-$round");
				for my $i (0 .. 2) {
					my $known = \$seen{$name}[$i];
					next if defined $$known;
					if ($now[$i]) { $$known = time - $start }
					elsif ($name ne "pinned") { $left++ }
				}
			}
			sleep 0.05;
		} while ($left && time - $start < $ENV{LIMIT});
		for my $p (@profile) {
			for my $i (0 .. 2) {
				my $now = $seen{$p->[0]}[$i] // 1e9;
				my $l = \$longest{$p->[0]}[$i];
				$$l = $now if !defined $$l || $now > $$l;
			}
		}
	}
	printf "%-12s%-34s%12s%13s%11s\n", "", "options", @see;
	for my $p (@profile) {
		printf "%-12s%-34s%12s%13s%11s\n", $p->[0], $p->[1],
			map { $_ < 1e9 ? sprintf "%.1f", $_ : "-" }
			@{$longest{$p->[0]}};
	}
'\''' | while IFS= read -r line; do
	case $line in
	'please push '*)
		round=${line##* }
		echo new >"$repo/sub/new-$round"
		rm "$repo/sub/gone-$round"
		commit "$round"
		;;
	*) echo "$line" ;;
	esac
done
end_server TERM
