#!/bin/sh
# SPDX-License-Identifier: MIT
# Copyright (C) 2026 the gitnfs authors
# gitnfs: git repositories as a read-only file system over NFSv3
#
# oddrepo.sh DIR [KIND] - make the repository DIR with everything odd that
# git can hold.  The same bytes, names and dates come out every time.
#
# KIND	worktree  (default) not bare, nothing checked out
#	bare      the same, bare
#	empty     no commit yet
#	hostile   trees that git itself would refuse to make
#	big       one file of 5 GiB, in a few megabytes
set -eu

usage="usage: oddrepo.sh DIR [worktree|bare|empty|hostile|big]"
dir=${1:?$usage}
kind=${2:-worktree}

# Nobody's configuration but ours.
unset GIT_DIR GIT_WORK_TREE GIT_INDEX_FILE GIT_OBJECT_DIRECTORY \
    GIT_ALTERNATE_OBJECT_DIRECTORIES GIT_CONFIG GIT_CONFIG_COUNT \
    GIT_CONFIG_PARAMETERS GIT_NAMESPACE GIT_CEILING_DIRECTORIES \
    GIT_COMMON_DIR GIT_TEMPLATE_DIR
GIT_CONFIG_NOSYSTEM=1 GIT_CONFIG_GLOBAL=/dev/null GIT_DEFAULT_HASH=sha1
GIT_AUTHOR_NAME='A U Thor' GIT_AUTHOR_EMAIL=author@example.org
GIT_COMMITTER_NAME='C O Mitter' GIT_COMMITTER_EMAIL=committer@example.org
GIT_AUTHOR_DATE='1700000000 +0000' GIT_COMMITTER_DATE='1700000000 +0000'
LC_ALL=C TZ=UTC
export GIT_CONFIG_NOSYSTEM GIT_CONFIG_GLOBAL GIT_DEFAULT_HASH \
    GIT_AUTHOR_NAME GIT_AUTHOR_EMAIL GIT_COMMITTER_NAME \
    GIT_COMMITTER_EMAIL GIT_AUTHOR_DATE GIT_COMMITTER_DATE LC_ALL TZ

case $kind in
worktree|empty)
	git init -q --template= --initial-branch=main "$dir" ;;
bare|hostile|big)
	git init -q --template= --initial-branch=main --bare "$dir" ;;
*)
	echo "$usage" >&2; exit 2 ;;
esac
cd "$dir"

# A tree object from lines "MODE OID NAME", unchecked and in that order;
# NAME is written as in a Perl string.
raw_tree() {
	perl -ne 'chomp; my ($mode, $oid, $name) = split / /, $_, 3;
	    print "$mode ", eval(qq("$name")), "\0", pack("H*", $oid)' |
	    git hash-object -t tree -w --stdin --literally
}
blob() {
	printf '%b' "$1" | git hash-object -w --stdin
}
commit() {	# TREE MESSAGE [PARENT]
	printf '%s\n' "$2" | git commit-tree "$1" ${3:+-p "$3"}
}

empty_tree=$(git hash-object -t tree -w --stdin </dev/null)

hostile() {
	b=$(blob 'hostile\n')
	good=$(printf '100644 %s inside\n' "$b" | raw_tree)
	plain() {	# NAME TREE: a branch of that name shows this tree
		git update-ref "refs/heads/$1" "$(commit "$2" "$1")"
	}

	# Names that must not be shown; what stands beside them must.
	for n in '' . .. .git .GIT 'a\x2fb' '\x2f' '..\x2fup'; do
		printf '100644 %s %s\n' "$b" "$n"
		printf '40000 %s %s\n' "$good" "$n"
	done | { cat; printf '100644 %s good\n' "$b"; } >.names
	plain names "$(raw_tree <.names)"
	rm .names
	# The same name twice, as two files and as file and directory.
	plain doubles "$({
		printf '100644 %s both\n' "$b"
		printf '100755 %s both\n' "$b"
		printf '100644 %s mixed\n' "$b"
		printf '40000 %s mixed\n' "$good"
		printf '100644 %s single\n' "$b"
	} | raw_tree)"
	# Not sorted.
	plain unsorted "$({
		for n in z m a b y; do
			printf '100644 %s %s\n' "$b" "$n"
		done
	} | raw_tree)"
	# Modes that git never writes.
	plain modes "$({
		printf '100600 %s m100600\n' "$b"
		printf '100777 %s m100777\n' "$b"
		printf '104755 %s m104755\n' "$b"
		printf '0 %s m0\n' "$b"
		printf '20644 %s m20644\n' "$b"
		printf '60644 %s m60644\n' "$b"
		printf '10644 %s m10644\n' "$b"
		printf '040000 %s m040000\n' "$good"
		printf '40755 %s m40755\n' "$good"
		printf '140000 %s m140000\n' "$b"
	} | raw_tree)"
	for m in 777777777777 8 -1 +1 100644x ''; do
		plain "mode-$m" "$(printf '%s %s x\n' "$m" "$b" | raw_tree)"
	done
	# Entries that name what is not there, or is of another kind.
	missing=00000000000000000000000000000000000000ff
	plain missing "$({
		printf '40000 %s blob-as-tree\n' "$b"
		printf '100644 %s good\n' "$b"
		printf '40000 %s no-dir\n' "$missing"
		printf '100644 %s no-file\n' "$missing"
		printf '120000 %s no-link\n' "$missing"
		printf '100644 %s tree-as-blob\n' "$good"
	} | raw_tree)"
	# Cut short: in an oid, in a name, in a mode.
	whole=$(printf '100644 %s good\n100644 %s last\n' "$b" "$b" | raw_tree)
	for cut in 1 20 23 26 30; do
		t=$(git cat-file tree "$whole" |
		    perl -0777 -ne "print substr \$_, 0, -$cut" |
		    git hash-object -t tree -w --stdin --literally)
		plain "cut-$cut" "$t"
		plain "in-cut-$cut" \
		    "$(printf '40000 %s cut\n100644 %s good\n' "$t" "$b" |
			raw_tree)"
	done
	# A link to nothing, one with a NUL, and one that is longer than any
	# system takes.
	e=$(git hash-object -w --stdin </dev/null)
	z=$(blob 'a\0b')
	l=$(perl -e 'print "l" x 70000' | git hash-object -w --stdin)
	plain links "$({
		printf '120000 %s empty\n' "$e"
		printf '120000 %s long\n' "$l"
		printf '120000 %s nul\n' "$z"
	} | raw_tree)"
	# 200 directories, one in another.
	t=$good
	for _ in $(seq 200); do
		t=$(printf '40000 %s d\n' "$t" | raw_tree)
	done
	plain abyss "$t"
	git symbolic-ref HEAD refs/heads/names
}

# 5 GiB of zeros, where each 16 MiB begins with eight bytes that tell its
# number; written as a loose object whose deflated parts are put together
# by hand, which takes no time.  Who reads it checks the name.
big() {
	perl -MCompress::Raw::Zlib -MFile::Path=make_path -e '
		use strict;
		my ($step, $n) = (16 << 20, 320);
		my $oid = "6b7395d25528678725977413e79c6b52bd472eb9";
		my $sum = 1;
		sub part {
			my ($data) = @_;
			my ($d) = Compress::Raw::Zlib::Deflate->new(
			    -WindowBits => -15, -AppendOutput => 1);
			my $out = "";
			$d->deflate($data, $out);
			$d->flush($out, Z_FULL_FLUSH);
			return ($out, adler32($data), length $data);
		}
		my @zeros = part("\0" x ($step - 8));
		my @parts = ([part(sprintf "blob %u\0", $step * $n)]);
		push @parts, [part(pack "Q>", $_)], \@zeros for 0 .. $n - 1;
		make_path("objects/" . substr $oid, 0, 2);
		open my $f, ">:raw",
		    "objects/" . substr($oid, 0, 2) . "/" . substr $oid, 2;
		print $f "\x78\x01";
		for (@parts) {
			print $f $_->[0];
			$sum = Compress::Raw::Zlib::adler32_combine($sum, $_->[1], $_->[2]);
		}
		print $f "\x03\0", pack "N", $sum;
		close $f or die;
		print "100644 blob $oid\tbig\n"' | git mktree --missing >.tree
	git update-ref refs/heads/main "$(commit "$(cat .tree)" big)"
	rm .tree
}

case $kind in
empty)   exit 0 ;;
hostile) hostile; exit 0 ;;
big)     big; exit 0 ;;
esac

# ---- the odd one ----

# What fast-import would tidy up: modes as old gits wrote them, and a
# directory without entries, which a commit cannot hold by other means.
text=$(blob 'legacy\n')
legacy=$({
	printf '100644 %s m100644\n' "$text"
	printf '100664 %s m100664\n' "$text"
	printf '100755 %s m100755\n' "$text"
	printf '100775 %s m100775\n' "$text"
} | raw_tree)
hollow=$({
	printf '40000 %s void\n' "$empty_tree"
} | raw_tree)
hollow=$({
	printf '40000 %s hollow\n' "$hollow"
	printf '40000 %s void\n' "$empty_tree"
} | raw_tree)

perl -e '
use strict;
my ($legacy, $hollow) = @ARGV;
my ($mark, $now) = (0, 1600000000);
my $sub = "1234567890123456789012345678901234567890";

sub q8 {	# quoted so that any byte goes
	return "\"" . join("", map { sprintf "\\%03o", ord } split //, $_[0]) .
	    "\"";
}
sub data { return "data " . length($_[0]) . "\n$_[0]\n" }
sub commit {	# REF MESSAGE FROM CHANGES...
	my ($ref, $message, $from, @changes) = @_;
	$now += 86400;
	print "commit $ref\nmark :", ++$mark, "\n",
	    "author A U Thor <author\@example.org> $now +0000\n",
	    "committer C O Mitter <committer\@example.org> $now +0000\n",
	    data($message), $from ? "from $from\n" : "", @changes;
	return ":$mark";
}
sub file { return "M 100644 inline " . q8($_[0]) . "\n" . data($_[1]) }
sub exec_ { return "M 100755 inline " . q8($_[0]) . "\n" . data($_[1]) }
sub symlink_ { return "M 120000 inline " . q8($_[0]) . "\n" . data($_[1]) }
sub gone { return "D " . q8($_[0]) . "\n" }
sub tag {	# NAME OF
	$now += 60;
	print "tag $_[0]\nfrom $_[1]\n",
	    "tagger T A Gger <tagger\@example.org> $now +0000\n",
	    data("tag $_[0]\n");
}
sub bytes {	# N pseudo-random ones, that neither deflate nor repeat
	my ($n) = @_;
	my ($x, $out) = ($n + 1, "");
	for (1 .. $n / 4 + 1) {
		$x = ($x * 1664525 + 1013904223) & 0xffffffff;
		$out .= pack "N", $x ^ ($x >> 15);
	}
	return substr $out, 0, $n;
}

my @c;
push @c, file("README", "odd\n"), exec_("run", "#!/bin/sh\n");
# Names.
push @c, map { file("names/$_", "named " . length($_) . "\n") }
    "space in it", " lead", "trail ", "new\nline", "\n", "tab\tin",
    "quote\"", "quote\x27", "back\\slash", "\\", "-dash", "--", "-rf",
    "#hash", "?", "*", "[a]", "\$HOME", ";", "|", "&", "`", "%2F", "%",
    "\@", "\@\@", "~", "...", ". ", ".hidden", ".gitmodules", ".git ",
    "git~1", "con", "nul", "C:", "\x01\x02\x1f\x7f", "\x1b[31mred",
    "\xff\xfe", "latin-\xe9", "\x80", "cut \xe2\x82", "\xc0\xaf",
    "\xed\xa0\x80", "euro \xe2\x82\xac", "\xf0\x9f\x8c\x8d",
    "nfc-\xc3\xa9", "nfd-e\xcc\x81", "\xc3\xa9", "e\xcc\x81",
    "\xef\xbb\xbfbom", "\xe2\x80\xaertl", "A", "b", "B",
    "n" x 254, "x" x 255, "\xc3\xa9" x 127 . "1", "y" x 256,
    "\xc3\xa9" x 128, "z" x 1000;
# Directories are sorted as if their names ended in a slash.
push @c, map { file("order/$_", "$_\n") }
    "a", "a.b", "a-b", "a0", "b/in", "b.c", "b-c", "b0", "c-", "c/in",
    "c0", "d/in", "d!/in", "d.d/in", "d0/in", "e\x01",
    "e/in", "e.";
# Links.
push @c, map { symlink_("links/$_->[0]", $_->[1]) }
    ["dangling", "nowhere"], ["absolute", "/etc/passwd"], ["up", ".."],
    ["self", "self"], ["dir", "../order"], ["file", "../README"],
    ["dot", "."], ["slashes", "..//./links///file"],
    ["spaced", " a b "], ["newline", "a\nb\n"], ["long", "t/" x 2000],
    ["bytes", "\xff\xfe/\x01"], ["exec", "../run"];
# Sizes.
push @c, map { file(sprintf("sizes/%d", $_), bytes($_)) }
    0, 1, 4095, 4096, 4097, 131071, 131072, 131073, 1048576, 1048577,
    9000001;
push @c, file("sizes/zeros", "\0" x 300000),
    file("sizes/crlf", "a\r\nb\r\n" x 100), file("sizes/no-newline", "x");
# The same bytes in many places.
push @c, map { file("same/$_", "the same\n") } "a", "b", "c/a", "c/d/a";
push @c, exec_("same/exec", "the same\n"), symlink_("same/link", "the same\n");
push @c, map { file("empty/$_", "") } "a", "b";
# Deep and wide.
my $deep = "deep";
for (1 .. 60) {
	$deep .= sprintf "/d%02d", $_;
	push @c, file("$deep/file", "depth $_\n");
}
push @c, map { file(sprintf("wide/f%04d", $_), "$_\n") } 0 .. 4999;
# What fast-import does not make itself, and a submodule.
push @c, "M 040000 $legacy legacy\n", "M 040000 $hollow hollow\n";
push @c, "M 160000 $sub module\n", "M 160000 $sub deep/module\n",
    file(".gitmodules", "[submodule \"module\"]\n\tpath = module\n" .
	"\turl = ../module\n");
# What changes later.
push @c, map { file("history/$_", "first $_\n") }
    "turns", "becomes-dir", "becomes-exec", "becomes-link", "vanishes",
    "stays", "dir/stays", "becomes-file/in", "goes/deep/in";
my $a = commit("refs/heads/main", "first\n", "", @c);
my $b = commit("refs/heads/main", "second\n", $a,
    file("history/turns", "second turns\n"), gone("history/becomes-dir"),
    file("history/becomes-dir/in", "second\n"),
    exec_("history/becomes-exec", "first becomes-exec\n"),
    gone("history/vanishes"), gone("history/becomes-file"),
    file("history/becomes-file", "second\n"),
    symlink_("history/becomes-link", "first becomes-link\n"),
    gone("history/goes"));
my $c = commit("refs/heads/main", "third\n", $b,
    file("history/turns", "first turns\n"),
    file("history/vanishes", "first vanishes\n"),
    file("history/goes/deep/in", "third\n"));
my $o = commit("refs/heads/orphan", "", "", file("only", "orphan\n"));
commit("refs/heads/$_", "$_\n", $b, file("branch", "$_\n"))
    for "feature/with/slash", "a\@b", "100%", "feature%2Fescaped", "\@x",
    "-dash", "d.o.t", "\xe9", "n" x 200;
commit("refs/heads/bare-dir", "nothing but a link\n", "",
    symlink_("link", "link"));
tag("annotated", $b);
print "reset refs/tags/light\nfrom $a\n";
tag("of/main", $c);
print "done\n";
' "$legacy" "$hollow" |
    git -c fastimport.unpackLimit=0 fast-import --quiet --done

# Tags of tags, of a tree and of a blob; one named as a branch is, and one
# whose target stands elsewhere.
git -c advice.nestedTag=false tag -a -m 'tag of a tag' nested annotated
git -c advice.nestedTag=false tag -a -m 'tag of a tag of a tag' nested-more nested
git tag of-tree 'main^{tree}'
git tag -a -m 'tag of a tree' annotated-of-tree 'main^{tree}'
git tag of-blob main:README
git tag orphan light
git update-ref refs/notes/x main
git symbolic-ref refs/heads/alias refs/heads/feature/with/slash

# Loose objects on top of the pack.
text=$(blob 'loose\n')
tree=$(git ls-tree main history | cut -f1 | cut -d' ' -f3)
tree=$({ git ls-tree -z "$tree"
    printf '100644 blob %s\tloose\0' "$text"; } | git mktree -z)
tree=$({ git ls-tree -z main |
    perl -0ne 'print unless /\thistory\0\z/'
    printf '040000 tree %s\thistory\0' "$tree"; } | git mktree -z --missing)
git update-ref refs/heads/main "$(commit "$tree" 'fourth, loose' main)"
