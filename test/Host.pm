# SPDX-License-Identifier: MIT
# Copyright (C) 2026 the gitnfs authors
# gitnfs: git repositories as a read-only file system over NFSv3
#
# Host.pm - what the hosts of the tests share: a small HTTP server on a free
# port of 127.0.0.1, which it writes to DIR/port, with a log in DIR/log.  While
# there is a file DIR/off nothing is answered.
package Host;
use strict;
use warnings;
use Exporter 'import';
use Fcntl qw(:flock SEEK_SET);
use IO::Socket::INET;

our @EXPORT_OK = qw(answer count note run);
my $dir;

# Add one to a counter that all our processes share; returns what it was.
sub count {
	my ($name) = @_;
	$name =~ s/[^a-z0-9]/_/gi;
	open my $c, '+>>', "$dir/count-$name" or die;
	flock $c, LOCK_EX;
	seek $c, 0, SEEK_SET;
	my $n = <$c> // 0;
	truncate $c, 0;
	print $c $n + 1;
	close $c;
	return $n;
}

sub note {
	open my $l, '>>', "$dir/log" or die;
	syswrite $l, join('', @_, "\n");
	close $l;
}

sub answer {
	my ($client, $status, $type, $body, @more) = @_;
	print $client "HTTP/1.1 $status X\r\nContent-Type: $type\r\n",
		'Content-Length: ' . length($body) . "\r\n",
		"Connection: close\r\n", map({ "$_\r\n" } @more), "\r\n",
		$body;
}

# One request: (method, url, headers, body).
sub take {
	my ($client) = @_;
	return if -e "$dir/off";
	my $line = <$client> // return;
	my ($method, $url) = split ' ', $line;
	my %headers;
	while (defined($line = <$client>) && $line =~ /\S/) {
		$headers{lc $1} = $2 if $line =~ /^([^:]+):\s*(.*?)\r?\n/;
	}
	my $body = '';
	read $client, $body, $headers{'content-length'} // 0;
	return ($method, $url, \%headers, $body);
}

# For ever, or until our standard input is closed: serve(client, method, url,
# headers, body), in a process of its own but for what is_quick(url).
sub run {
	my ($in, $serve, $port, $name, $is_quick) = @_;
	$dir = $in;
	$SIG{PIPE} = 'IGNORE';
	$name //= 'port';
	setpgrp 0, 0;          # we end all of our group
	$SIG{CHLD} = 'IGNORE';
	my $listener = IO::Socket::INET->new(LocalAddr => '127.0.0.1',
		Listen => 64, ReuseAddr => 1) or die "cannot listen: $!\n";
	$$port = $listener->sockport;
	open my $f, '>', "$dir/$name.new" or die;
	print $f "$$port\n";
	close $f;
	rename "$dir/$name.new", "$dir/$name" or die;
	# End with whoever started us.
	if (fork() // die) {
		my $watch = <STDIN>;
		kill 'KILL', -getpgrp;
		exit;
	}
	while (1) {
		my $client = $listener->accept or next;
		if (!$is_quick) {
			next if fork;
			local $SIG{CHLD} = 'DEFAULT';
			my @request = take($client);
			$serve->($client, @request) if @request;
			close $client;
			exit;
		}
		my @request = take($client) or next;
		my $quick = $is_quick->($request[1]);
		next if !$quick && fork;
		local $SIG{CHLD} = 'DEFAULT';
		$serve->($client, @request);
		close $client;
		exit unless $quick;
	}
}

1;
