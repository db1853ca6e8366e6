#!/usr/bin/perl
# SPDX-License-Identifier: MIT
# Copyright (C) 2026 the gitnfs authors
# gitnfs: git repositories as a read-only file system over NFSv3
#
# growth.pl DIRECTORY - what a call costs gitnfsd when there is more of
# everything: entries in a directory, repositories, connections.  Writes
# growth.data and, with gnuplot, growth.svg into DIRECTORY.
use strict;
use warnings;
use Cwd 'abs_path';
use File::Temp 'tempdir';

$| = 1;
my $to = shift // die "usage: growth.pl DIRECTORY\n";
my ($load, $gitnfsd) = map { abs_path($_) } 'test/bench/load', 'gitnfsd';
my $dir = tempdir('gitnfs-growth.XXXXXX', TMPDIR => 1, CLEANUP => 1);
my ($pid, $port, $out);
END {
	my $status = $?;
	kill KILL => $pid if $pid;
	$? = $status;
}
$SIG{$_} = sub { exit 1 } for qw(INT TERM HUP);

sub serve {
	if ($pid) {
		kill KILL => $pid;
		close $out;
	}
	$pid = open $out, '-|', 'taskset', '-c', 0, $gitnfsd, '--log-level', 'error', '--loops', 1,
		'--cache-memory', '2g', '--state-dir', "$dir/state", '--cache-dir', "$dir/cache",
		'--listen', '127.0.0.1:0', @_ or die;
	($port) = (<$out> // '') =~ /:(\d+)$/ or die "gitnfsd does not start\n";
}

# The least of three: what else the machine does only adds.
sub cost {
	my ($path, @options) = @_;
	my $least;
	for (1 .. 3) {
		open my $in, '-|', 'taskset', '-c', 0, $load, '-p', $port, '-P', $pid, '-t', 0.3, @options, "/:$path" or die;
		my %got = map { split /=/ } split ' ', <$in> // '';
		close $in;
		die "load has failed\n" unless %got && !$got{errors};
		my $cost = $got{cpu};
		$cost *= $got{calls} / $got{entries} if grep { $_ eq 'readdirplus' } @options;
		$least = $cost if !defined $least || $cost < $least;
	}
	return $least;
}

sub git {	# NAME, INPUT, COMMAND...; returns a line
	my ($name, $input, @command) = @_;
	open my $in, '>', "$dir/input" or die;
	print $in $input;
	close $in or die;
	chomp(my $line = `git -C '$dir/$name' @command <'$dir/input'`);
	die "git @command has failed\n" if $?;
	return $line;
}

sub repository {	# NAME, then for each directory its name and how many files
	my ($name, %files) = @_;
	system('git', 'init', '-q', '--bare', '-b', 'main', "$dir/$name") == 0 or die;
	my $blob = git($name, 'x', qw(hash-object -w --stdin));
	my $top = join '', map {
		my $tree = git($name, join('', map { "100644 blob $blob\tfile-$_\n" } 1 .. $files{$_}), 'mktree');
		"040000 tree $tree\t$_\n";
	} sort keys %files;
	my $tree = git($name, $top, 'mktree');
	my $commit = git($name, '', qw(-c user.name=b -c user.email=b@example.org commit-tree -m b), $tree);
	git($name, '', qw(update-ref refs/heads/main), $commit);
	return "$dir/$name";
}

open my $data, '>', "$to/growth.data" or die "$to: $!\n";
my @ops = qw(getattr lookup readdirplus);
print $data "# what: how many, then us of CPU per call (readdirplus: per entry): @ops\n";
sub note {
	print $data join(' ', @_), "\n";
	print join(' ', @_), "\n";
}

# Entries in a directory: the calls go to up to 2,000 of them, or to all.
print $data "\"entries in a directory\"\n";
my @sizes = (10, 100, 1000, 10000, 100000, 1000000);
repository('wide', map { ("d$_" => $_) } @sizes);
serve("wide=$dir/wide");
for my $n (@sizes) {
	cost("wide/d$n", '-o', 'readdirplus', '-d', 16);	# once, to have it in memory
	note($n, map { cost("wide/d$n", '-o', $_, '-d', 16) } @ops);
}

# Connections, each with one call at a time.
print $data "\n\n\"connections\"\n";
for my $n (1, 10, 100, 1000) {
	note($n, map { cost('wide/d1000', '-o', $_, '-c', $n) } @ops);
}

# Repositories: the calls go to the files of all of them.
print $data "\n\n\"repositories\"\n";
my $one = repository('one', d => 10);
mkdir "$dir/many";
for my $n (1, 10, 100, 1000, 10000) {
	for (1 .. $n) {
		system('cp', '-r', $one, "$dir/many/r$_.git") == 0 or die unless -e "$dir/many/r$_.git";
	}
	serve(map { "r$_=$dir/many/r$_.git" } 1 .. $n);
	note($n, map { cost('', '-o', $_, '-d', 16, '-n', 11 * $n) } @ops);
}
close $data or die "$to: $!\n";

open my $plot, '|-', 'gnuplot' or exit 0;
print $plot <<"END";
set terminal svg size 900,330 font 'sans,11'
set output '$to/growth.svg'
set multiplot layout 1,3
set logscale x
set format x '10^{%L}'
set yrange [0:*]
set ylabel 'server CPU, us'
set key top left
set style data linespoints
do for [i=0:2] {
	set xlabel i == 0 ? 'entries in a directory' : i == 1 ? 'connections' : 'repositories'
	plot '$to/growth.data' index i using 1:2 title 'GETATTR', \\
	     '' index i using 1:3 title 'LOOKUP', \\
	     '' index i using 1:4 title 'READDIRPLUS, per entry'
}
END
close $plot;
