#!/usr/bin/perl
# SPDX-License-Identifier: MIT
# Copyright (C) 2026 the gitnfs authors
# gitnfs: git repositories as a read-only file system over NFSv3
#
# client.pl [-r ROUNDS] [-m MIB] REPOSITORY [DIRECTORY] - find, grep and tar
# of DIRECTORY in it by the real Linux client (test/kernel/vm, with so much
# memory), from gitnfsd and from nfs-ganesha in turn.
#
# Cold: after a fresh mount, the servers having all of it in memory; warm:
# the same again.  A machine in user mode is slow: only ratios mean anything.
use strict;
use warnings;
use Cwd 'abs_path';
use FindBin;
use Getopt::Std;
use lib $FindBin::Bin;
use POSIX 'sysconf', '_SC_CLK_TCK';
use Servers;

my %opt = (r => 3, m => 1024);
getopts('r:m:', \%opt) && @ARGV >= 1 && @ARGV <= 2
	or die "usage: client.pl [-r ROUNDS] [-m MIB] REPOSITORY [DIRECTORY]\n";
my $repo = abs_path($ARGV[0]) // die "$ARGV[0]: not there\n";
my $below = $ARGV[1] // '.';
my @works = ('find', 'grep -r', 'tar');

my $without = start_ganesha("tree=$repo");
die "without nfs-ganesha there is nothing to compare: $without\n" if $without;
start_gitnfsd(1, "tree=$repo");
my @names = qw(gitnfsd ganesha);

# What the guest does.  "begin" and "end" are said when they happen.
$ENV{where} = $below;
$ENV{rounds} = $opt{r};
for (@names) {
	(my $export = $server{$_}{path}) =~ s/:$//;
	($ENV{"export_$_"} = "$export/tree") =~ s,//,/,;
	$ENV{"ports_$_"} = "port=$server{$_}{port},mountport=$server{$_}{mount}";
}
my $guest = <<'END';
work() {
	case $1 in
	find) find . -size +0 | wc -l ;;
	'grep -r') grep -r 'what nobody has written' . | wc -l ;;
	tar) tar cf - . | wc -c ;;
	esac
}
set -eu
m=$MNT/m
mkdir "$m"
# The first round is for the servers' memory.
for round in $(seq 0 "$rounds"); do
	for work in find 'grep -r' tar; do
		for server in gitnfsd ganesha; do
			export="export_$server" ports="ports_$server"
			nfsmnt "${!export}" "$m" "${!ports},ro"
			cd "$m/$where"
			for client in cold warm; do
				echo "begin $round $server $client $work"
				start=$(date +%s%N)
				got=$(work "$work")
				end=$(date +%s%N)
				echo "end $round $server $client $((end - start)) $got $work"
			done
			cd /
			umount "$m"
		done
	done
done
END

sub cpu {	# seconds
	my @field = split ' ', text("/proc/$server{$_[0]}{pid}/stat") =~ s/.*\)//sr;
	return ($field[11] + $field[12]) / sysconf(_SC_CLK_TCK);
}

my $vm = "$FindBin::Bin/../kernel/vm";
open my $out, '-|', $vm, '--no-mount', '--port', $server{gitnfsd}{port}, '--timeout', 3600,
	'--memory', $opt{m}, (map { ('--env', $_) } 'where', 'rounds', grep { /^(export|ports)_/ } keys %ENV),
	'--', $guest or die "$vm: $!\n";
my (%took, %used, %got, $before);
while (<$out>) {
	if (/^begin \d+ (\S+)/) {
		$before = cpu($1);
	} elsif (my ($round, $server, $client, $ns, $got, $work) = /^end (\d+) (\S+) (\S+) (\d+) (\d+) (.*)/) {
		my $used = cpu($server) - $before;
		# git has no sizes of directories.
		$got{$work} //= $got if $work ne 'find';
		die "$work: $server has $got, not $got{$work}\n"
			if defined $got{$work} && $got{$work} != $got;
		next unless $round;
		push @{$took{"$work $client"}{$server}}, $ns / 1e9;
		push @{$used{"$work $client"}{$server}}, $used;
	}
}
close $out or die "it did not end well\n";

sub median {
	my @sorted = sort { $a <=> $b } @_;
	return ($sorted[$#sorted / 2] + $sorted[@sorted / 2]) / 2;
}

print "$below of $repo; medians of $opt{r}\n";
printf "%-14s %10s %10s %6s   %12s %12s %6s\n", 'seconds', 'gitnfsd', 'ganesha', 'ratio',
	'CPU: gitnfsd', 'ganesha', 'ratio';
for my $what (map { ("$_ cold", "$_ warm") } @works) {
	my @s = map { median(@{$took{$what}{$_}}) } qw(gitnfsd ganesha);
	my @c = map { median(@{$used{$what}{$_}}) } qw(gitnfsd ganesha);
	printf "%-14s %10.3f %10.3f %6.2f   %12.2f %12.2f %6s\n", $what, @s, $s[0] / $s[1], @c,
		$c[1] ? sprintf('%.2f', $c[0] / $c[1]) : '-';
}
