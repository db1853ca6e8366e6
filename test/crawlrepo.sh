#!/bin/sh
# SPDX-License-Identifier: MIT
# Copyright (C) 2026 the gitnfs authors
# gitnfs: git repositories as a read-only file system over NFSv3
#
# crawlrepo.sh DIR [AREAS] - a repository like those that people crawl: in
# each of so many areas (default 8) 240 files of 1 to 16 KiB in 40
# directories, three and four levels down, some of them alike, some empty,
# a link here and there.
set -eu
dir=$1 areas=${2:-8}
git init -q -b main "$dir"
perl -e '
	my ($areas, $seed) = (shift, 1);
	sub rnd { $seed = $seed * 1103515245 + 12345 & 0x7fffffff; $seed >> 8 }
	my @word = map { join "", map { chr 97 + rnd() % 26 } 0 .. rnd() % 9 }
		0 .. 4095;
	sub text {
		my ($len, $text) = (shift, "");
		while (length $text < $len) {
			$text .= $word[rnd() % @word];
			$text .= rnd() % 9 ? " " : ";\n";
		}
		return "$text\n";
	}
	sub file {
		my ($path, $text, $mode) = (@_, "100644");
		printf "M %s inline \"%s\"\ndata %d\n%s\n", $mode, $path,
			length $text, $text;
	}
	print "commit refs/heads/main\ncommitter A <a\@b> 1700000000 +0000\n",
		"data 2\nm\n\n";
	file("README", "To be crawled.\n");
	for my $a (0 .. $areas - 1) {
		my $like = text(8000);
		file("area-$a/Makefile", "obj-y := part-*/\n");
		for my $p (0 .. 3) {
			for my $d (0 .. 9) {
				my $at = "area-$a/part-$p/dir-$d";
				$at .= "/deep" if $d % 3 == 0;
				file("$at/file-$_.c", text(1000 + rnd() % 15000))
					for 0 .. 3;
				file("$at/like.h", "$a $p $d\n$like");
				file("$at/main.c", $d ? "#include \"like.h\"\n" : "");
				file("$at/link", "main.c", "120000") unless $d;
			}
		}
	}
	print "done\n"' "$areas" | git -C "$dir" fast-import --quiet --done
git -C "$dir" repack -adq
