#!/usr/bin/perl
# SPDX-License-Identifier: MIT
# Copyright (C) 2026 the gitnfs authors
# gitnfs: git repositories as a read-only file system over NFSv3
#
# mnt.pl ADDRESS PORT PATH [UID [OWN-PORT]] - what MNT of PATH is answered
# by whom UID is (default 0): "ok", "status N", or "denied N".  After "ok" it
# is also tried what GETATTR of the handle is answered.
use strict;
use warnings;
use Socket qw(:all);

my ($address, $port, $path, $uid, $own) = (@ARGV, 0);
$uid //= 0;
my $family = $address =~ /:/ ? AF_INET6 : AF_INET;
my $host = inet_pton($family, $address) or die "no address: $address\n";
my $to = $family == AF_INET ? pack_sockaddr_in($port, $host)
			    : pack_sockaddr_in6($port, $host);
my $xid = 1;
alarm 20;
socket(my $s, $family, SOCK_STREAM, 0) or die "socket: $!\n";
if (@ARGV > 4) {
	bind($s, pack_sockaddr_in($ARGV[4], INADDR_ANY)) or die "bind: $!\n";
}
connect($s, $to) or die "connect: $!\n";
binmode $s;

sub opaque { my $d = shift; pack('N', length $d) . $d . "\0" x (-length($d) % 4) }

sub take {
	my ($n, $d) = (shift, '');
	while (length $d < $n) {
		sysread($s, $d, $n - length $d, length $d) or die "closed\n";
	}
	$d;
}

# The results, or "denied N".
sub call {
	my ($prog, $proc, $args) = @_;
	my $cred = pack('N', 0) . opaque('perl') . pack('N3', $uid, 0, 0);
	my $call = pack('N6', ++$xid, 0, 2, $prog, 3, $proc) .
		pack('N', 1) . opaque($cred) . pack('N2', 0, 0) . $args;
	my $all = pack('N', length($call) | 1 << 31) . $call;
	syswrite($s, $all) == length $all or die "write: $!\n";
	my $reply = take(unpack('N', take(4)) & 0x7fffffff);
	my (undef, undef, $stat, $why, $auth) = unpack('N5', $reply);
	if ($stat) {
		print "denied $auth\n";
		exit 0;
	}
	substr($reply, 24);
}

my $res = call(100005, 1, opaque($path));
my ($status, $len) = unpack('N2', $res);
if ($status) {
	print "status $status\n";
	exit 0;
}
$res = call(100003, 1, opaque(substr($res, 8, $len)));
$status = unpack('N', $res);
print $status ? "status $status\n" : "ok\n";
