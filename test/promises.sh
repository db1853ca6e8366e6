#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Copyright (C) 2026 the gitnfs authors
# gitnfs: git repositories as a read-only file system over NFSv3
#
# Every test that doc/promises.md names exists.
set -eu -o pipefail
cd "${srcdir:-$(dirname "$0")/..}"
perl -e '
	my (%tests, $named, $bad);
	for my $file (glob "test/*.c") {
		my ($program) = $file =~ m{([^/]+)\.c$};
		open my $in, "<", $file or die "$file: $!\n";
		local $/;
		my $text = <$in>;
		$tests{$program}{$1} = 1
			while $text =~ /^START_TEST\((\w+)\)/mg;
	}
	open my $in, "<", "doc/promises.md" or die "doc/promises.md: $!\n";
	while (<$in>) {
		# "PROGRAM: test, test; PROGRAM: test"
		while (/\b((?:test|it)_\w+): ([a-z_0-9]+(?:, [a-z_0-9]+\b(?! [a-z]))*)/g) {
			my ($program, $list) = ($1, $2);
			for my $test (split /, /, $list) {
				next if $test eq "all"; # "all tests, ..."
				$named++;
				next if $tests{$program}{$test};
				print "line $.: $program has no $test\n";
				$bad = 1;
			}
		}
	}
	die "hardly any tests are named\n" if $named < 200;
	exit !!$bad;'
