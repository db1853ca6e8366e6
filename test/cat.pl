#!/usr/bin/perl
# SPDX-License-Identifier: MIT
# Copyright (C) 2026 the gitnfs authors
# gitnfs: git repositories as a read-only file system over NFSv3
#
# cat.pl ADDRESS PORT DIR NAME - what is in NAME in DIR, as an NFS client
# reads it: up to 64 KiB.
use strict;
use warnings;
use IO::Socket::INET;

my ($address, $port, $dir, $name) = @ARGV;
my $s = IO::Socket::INET->new("$address:$port") or die "$address: $!\n";
my $xid = 0;
alarm 60;

sub opaque { my $d = shift; pack('N/a*', $d) . "\0" x (-length($d) % 4) }

sub take {
	my ($n, $d) = (shift, '');
	while (length $d < $n) {
		sysread($s, $d, $n - length $d, length $d) or die "closed\n";
	}
	$d;
}

# The results behind the status.
sub call {
	my ($prog, $proc, $args) = @_;
	my $call = pack('N10', ++$xid, 0, 2, $prog, 3, $proc, 0, 0, 0, 0) .
		$args;
	while (1) {
		syswrite $s, pack('N', length($call) | 1 << 31) . $call;
		my $reply = take(unpack('N', take(4)) & 0x7fffffff);
		my (undef, undef, $denied, undef, undef, $bad, $status) =
			unpack 'N7', $reply;
		die "refused\n" if $denied || $bad;
		if ($status == 10008) {		# JUKEBOX: later
			select undef, undef, undef, 0.1;
			next;
		}
		die "status $status\n" if $status;
		return substr $reply, 28;
	}
}

my $root = unpack 'N/a', call(100005, 1, opaque($dir));
my $file = unpack 'N/a', call(100003, 3, opaque($root) . opaque($name));
my $read = call(100003, 6, opaque($file) . pack('N3', 0, 0, 65536));
# Attributes, if any; count, end, data.
my $at = unpack('N', $read) ? 4 + 84 : 4;
print unpack 'N/a', substr $read, $at + 8;
