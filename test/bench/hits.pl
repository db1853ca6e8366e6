#!/usr/bin/perl
# SPDX-License-Identifier: MIT
# Copyright (C) 2026 the gitnfs authors
# gitnfs: git repositories as a read-only file system over NFSv3
#
# hits.pl [-r ROUNDS] [-t SECONDS] [-c CORE] [-o FILE] [REPOSITORY] - what a
# hit costs: gitnfsd, beside the floor (floor.c) and, where it is installed
# and we are root, nfs-ganesha serving the same files from the local disk.
#
# All of it is one run: every shape is asked of each server in turn, ROUNDS
# times, and the median is told.  The figure that counts is the server's CPU
# time per call, with client and server on one core, and its ratio to the
# floor's in the same round: that holds on a busy machine too.  REPOSITORY is
# walked and read besides; the default is one that is made here.
use strict;
use warnings;
use Cwd 'abs_path';
use FindBin;
use Getopt::Std;
use JSON::PP;
use lib $FindBin::Bin;
use Servers;

my %opt = (r => 5, t => 1, c => 0, o => 'bench.json');
getopts('r:t:c:o:', \%opt) && @ARGV <= 1
	or die "usage: hits.pl [-r ROUNDS] [-t SECONDS] [-c CORE] [-o FILE] [REPOSITORY]\n";
my $srcdir = $ENV{srcdir} // '.';
my ($load, $floor) = map { abs_path($_) } 'test/bench/load', 'test/bench/floor';

# ---- the files ----

use constant {
	DIRS => 64, FILES => 32,	# in each, of 4 to 20 KiB
	LISTED => 330,			# in the directory that is listed
	BLOCKS => 24,			# files of 1 MiB
};

sub make_repository {
	my $repo = "$dir/made";
	system('git', 'init', '-q', '--bare', '-b', 'main', $repo) == 0 or die;
	open my $out, '|-', 'git', '-C', $repo, 'fast-import', '--quiet' or die;
	my $seed = 1;
	my $data = sub {
		my $bytes = pack 'L*', map { $seed = ($seed * 1103515245 + 12345) & 0x7fffffff } 1 .. $_[0] / 4;
		print $out 'data ', length $bytes, "\n$bytes\n";
	};
	print $out "commit refs/heads/main\ncommitter B <b\@example.org> 1700000000 +0000\ndata 0\n";
	for my $d (1 .. DIRS) {
		for my $f (1 .. FILES) {
			printf $out "M 644 inline files/dir-%02d/file-%02d.c\n", $d, $f;
			$data->(4096 + 512 * (($d * $f) % 32));
		}
	}
	for (1 .. LISTED) {
		printf $out "M 644 inline listed/file-%05d.c\n", $_;
		$data->(64);
	}
	for (1 .. BLOCKS) {
		print $out "M 644 inline blocks/$_\n";
		$data->(1 << 20);
	}
	close $out or die "git fast-import has failed\n";
	return $repo;
}

my $made = make_repository();
my $tree = abs_path($ARGV[0] // $made) // die "$ARGV[0]: not there\n";

# ---- one measurement ----

sub measure {	# SERVER, CPUS, PATH, OPTIONS...; undef: has failed
	my ($name, $cpus, $path, @options) = @_;
	my $s = $server{$name};
	my @where = $name eq 'floor' ? '-R' : $s->{path} . $path;
	my @command = ('taskset', '-c', $cpus, $load, '-p', $s->{port}, '-m', $s->{mount}, '-P', $s->{pid}, @options, @where);
	open my $out, '-|', @command or die;
	my %got = map { split /=/ } split ' ', <$out> // '';
	close $out;
	return %got && !$got{errors} ? \%got : undef;
}

sub median {
	my @sorted = sort { $a <=> $b } @_;
	return @sorted ? ($sorted[$#sorted / 2] + $sorted[@sorted / 2]) / 2 : undef;
}

# [title, path, options for load, target as a ratio to the floor]
my @deep = ('-d', 16);
my @shapes = (
	['GETATTR, one at a time', 'made/files', ['-o', 'getattr', '-n', 2000], 1.2],
	['GETATTR', 'made/files', ['-o', 'getattr', '-n', 2000, @deep], 1.6],
	['LOOKUP', 'made/files', ['-o', 'lookup', '-n', 2000, @deep], 2.0],
	['ACCESS', 'made/files', ['-o', 'access', '-n', 2000, @deep], 1.6],
	['READ 4 KiB', 'made/files', ['-o', 'read', '-n', 2000, '-s', 4096, @deep], 1.5],
	['READ 128 KiB', 'made/blocks', ['-o', 'read', '-s', 131072, @deep], 1.2],
	['READ 1 MiB', 'made/blocks', ['-o', 'read', '-s', 1048576, @deep], 1.2],
	['READDIRPLUS 64 KiB', 'made/listed', ['-o', 'readdirplus', @deep], 2.0],
	['mix', 'made/files', ['-o', 'mix', '-n', 2000, @deep], 2.0],
	['GETATTR, 8 connections', 'made/files', ['-o', 'getattr', '-n', 2000, '-c', 8, @deep], 1.6],
	['LOOKUP, 8 connections', 'made/files', ['-o', 'lookup', '-n', 2000, '-c', 8, @deep], 2.0],
	['READ 4 KiB, 8 connections', 'made/files', ['-o', 'read', '-n', 2000, '-c', 8, @deep], 1.5],
	['mix, 8 connections', 'made/files', ['-o', 'mix', '-n', 2000, '-c', 8, @deep], 2.0],
	['GETATTR of the whole tree', 'tree', ['-o', 'getattr', '-n', 1000000, @deep]],
	['walk, per entry', 'tree', ['-o', 'walk', @deep]],
	['read every file, per call', 'tree', ['-o', 'cat', '-s', 1048576, @deep]],
);

sub rounds {	# CPUS, SHAPES...
	my ($cpus, @shapes) = @_;
	my @names = grep { $server{$_} } qw(gitnfsd floor ganesha);
	my @rows;
	for my $shape (@shapes) {
		my ($title, $path, $options, $target) = @$shape;
		my $ends = $options->[1] =~ /walk|cat/;
		my @asked = grep { $_ ne 'floor' || (!$ends && $target) } @names;
		my (%runs, @ratio);
		# What is not in memory yet is not what is measured here.
		measure($_, $cpus, $path, @$options, '-t', 0.2) for @asked;
		for (1 .. $opt{r}) {
			my %now = map { $_ => measure($_, $cpus, $path, @$options, '-t', $opt{t}) } @asked;
			for (grep { $now{$_} } @asked) {
				my $g = $now{$_};
				$g->{cpu} *= $g->{calls} / $g->{entries} if $options->[1] eq 'walk';
				push @{$runs{$_}}, $g;
			}
			push @ratio, $now{gitnfsd}{cpu} / $now{floor}{cpu} if $now{gitnfsd} && $now{floor};
		}
		my %row = (shape => $title, target => $target, ratio => median(@ratio));
		for my $name (@asked) {
			my @got = @{$runs{$name} // []} or next;
			$row{$name} = { map { my $key = $_; $key => median(map { $_->{$key} } @got) }
				qw(cpu per_second p50 p99 p999 rss) };
		}
		push @rows, \%row;
		print_row(\%row);
	}
	return \@rows;
}

# ---- what is told ----

sub number { return defined $_[0] ? sprintf($_[0] < 10 ? '%.3f' : '%.1f', $_[0]) : '-' }

sub print_row {
	my $r = shift;
	my $g = $r->{gitnfsd} // {};
	printf "%-28s %8s %8s %8s %7s %6s %9.0f %7s %8s %8s %7.0f\n", $r->{shape},
		(map { number($r->{$_}{cpu}) } qw(gitnfsd floor ganesha)),
		defined $r->{ratio} ? sprintf('%.2f', $r->{ratio}) : '-', $r->{target} // '-',
		$g->{per_second} // 0, (map { number($g->{$_}) } qw(p50 p99 p999)), ($g->{rss} // 0) / 1024;
}

sub print_head {
	print "\n$_[0]\n";
	printf "%-28s %8s %8s %8s %7s %6s %9s %7s %8s %8s %7s\n", 'server CPU, us',
		qw(gitnfsd floor ganesha ratio target calls/s p50 p99 p99.9 MiB);
}

my ($cpu) = text('/proc/cpuinfo') =~ /^model name\s*:\s*(.*)/m;
my $cores = () = text('/proc/cpuinfo') =~ /^processor/mg;
chomp(my $kernel = `uname -sr`);
chomp(my $commit = `git -C '$srcdir' describe --always --dirty 2>/dev/null` || 'none');
my ($flags) = text('config.status') =~ /S\["CFLAGS"\]="([^"]*)"/;
my ($version) = text('config.h') =~ /PACKAGE_VERSION "([^"]*)"/;
my %about = (cpu => $cpu, cores => $cores, kernel => $kernel, commit => $commit, version => $version,
	cflags => $flags, rounds => $opt{r}, seconds => $opt{t}, core => $opt{c}, tree => $ARGV[0] // 'made');
print "$cpu, $cores cores, $kernel\ngitnfs $version, commit $commit, CFLAGS $flags\n",
	"$opt{r} rounds of $opt{t} s, medians; the tree: $about{tree}\n";

my $out = start(floor => $floor, '-m', BLOCKS);
chomp(my $port = <$out> // die "floor does not start\n");
@{$server{floor}}{qw(port mount path)} = ($port, $port, '');
my @sources = ("made=$made", "tree=$tree");
my $without = start_ganesha(@sources);
print "without nfs-ganesha: $without\n" if $without;
start_gitnfsd(1, @sources);
pin($opt{c});
print_head("one loop; client and server on core $opt{c}; 16 calls under way on each connection");
$about{one_core} = rounds($opt{c}, @shapes);

# On all cores: as many loops and as many clients, which take most of the cores.
# What that leaves out is in the server's CPU time per call: had it the cores to
# itself, it would carry so many times as much.  The floor has one thread.
sub both {
	my ($title, $path, $options) = @{$_[0]};
	my @clients = map {
		open my $out, '-|', $load, '-p', $server{gitnfsd}{port}, '-P', $server{gitnfsd}{pid}, '-c', 4,
			@$options, '-t', $opt{t}, $server{gitnfsd}{path} . $path or die;
		$out;
	} 1 .. $cores;
	my ($sum, $per_cpu) = (0, 0);
	for (@clients) {
		my %got = map { split /=/ } split ' ', <$_> // '';
		$sum += $got{per_second} // 0;
		$per_cpu += 1 / $got{cpu} if $got{cpu};	# each counts its own calls
		close $_;
	}
	return [$sum, $per_cpu ? 1 / $per_cpu : 0];
}
print "\n$cores clients of 4 connections, all cores\n";
printf "%-28s %36s   %36s\n", '', 'calls per second', 'server CPU, us per call';
printf "%-28s %14s %14s %7s  %14s %14s %7s\n", '', ('one loop', "$cores loops", 'times') x 2;
my @both = grep { $_->[0] =~ /^(GETATTR|LOOKUP|READ 4 KiB|mix)$/ } @shapes;
my %speed;
for my $loops (1, $cores) {
	end('gitnfsd');
	start_gitnfsd($loops, @sources);
	for my $shape (@both) {
		both($shape);
		my @got = map { both($shape) } 1 .. $opt{r};
		$speed{$shape->[0]}{$loops} = {
			per_second => median(map { $_->[0] } @got),
			cpu => median(map { $_->[1] } @got),
		};
	}
}
for (map { $_->[0] } @both) {
	my ($one, $all) = @{$speed{$_}}{1, $cores};
	printf "%-28s %14.0f %14.0f %7.2f  %14.3f %14.3f %7.2f\n", $_,
		$one->{per_second}, $all->{per_second}, $all->{per_second} / ($one->{per_second} || 1),
		$one->{cpu}, $all->{cpu}, $cores * $one->{cpu} / ($all->{cpu} || 1);
}
$about{all_cores} = \%speed;

open my $json, '>', $opt{o} or die "$opt{o}: $!\n";
print $json JSON::PP->new->canonical->pretty->encode(\%about);
close $json or die "$opt{o}: $!\n";
print "\nall of it: $opt{o}\n";
