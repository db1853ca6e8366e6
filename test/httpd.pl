#!/usr/bin/perl
# SPDX-License-Identifier: MIT
# Copyright (C) 2026 the gitnfs authors
# gitnfs: git repositories as a read-only file system over NFSv3
#
# httpd.pl DIR - a git host that misbehaves as asked: git http-backend behind
# a small HTTP server on a free port of 127.0.0.1, which it writes to
# DIR/port.
#
# The first part of a path says how: /FAULT[,FAULT...]/REPOSITORY/...  A
# fault may be FAULT=VALUE, and FAULT@N happens to the first N requests of
# its kind only.  Every request gets a line in DIR/log:
#	METHOD PATH authorization=VALUE wants=N filter=F encoding=E
use strict;
use warnings;
use FindBin;
use lib $FindBin::Bin;
use Host qw(answer count note run);

my $dir = shift or die "usage: httpd.pl DIR\n";
my $backend = `git --exec-path`;
chomp $backend;
$backend .= '/git-http-backend';
my $port;

sub pkt {
	return sprintf('%04x', 4 + length $_[0]) . $_[0];
}

# The packets of a message, without their lengths; undef for a special one.
sub each_pkt {
	my ($data, $change) = @_;
	my $out = '';
	while (length $data >= 4) {
		my $n = hex substr $data, 0, 4;
		if ($n < 4) {
			$out .= substr $data, 0, 4, '';
			next;
		}
		my $payload = substr $data, 4, $n - 4;
		substr $data, 0, $n, '';
		$payload = $change->($payload);
		$out .= pkt($payload) if defined $payload;
	}
	return $out;
}

# Let git answer: (status, content type, body).
sub git_answers {
	my ($method, $path, $query, $headers, $body) = @_;
	local %ENV = (%ENV, GIT_PROJECT_ROOT => "$dir/repos",
		GIT_HTTP_EXPORT_ALL => '', REQUEST_METHOD => $method,
		PATH_INFO => $path, QUERY_STRING => $query,
		CONTENT_TYPE => $headers->{'content-type'} // '',
		CONTENT_LENGTH => length $body,
		HTTP_CONTENT_ENCODING => $headers->{'content-encoding'} // '',
		HTTP_GIT_PROTOCOL => $headers->{'git-protocol'} // '');
	my $in = "$dir/in.$$";
	open my $i, '>', $in or die;
	print $i $body;
	close $i;
	my $answer = `'$backend' <'$in' 2>/dev/null`;
	unlink $in;
	my ($head, $rest) = split /\r?\n\r?\n/, $answer, 2;
	my $status = $head =~ /^Status: (\d+)/mi ? $1 : 200;
	my $type = $head =~ /^Content-Type: (\S+)/mi ? $1 : 'text/plain';
	return ($status, $type, $rest // '');
}

sub inflated {
	my ($body) = @_;
	return $body unless length $body > 2 && substr($body, 0, 2) eq "\x1f\x8b";
	open my $i, '>', "$dir/gz.$$" or die;
	print $i $body;
	close $i;
	my $plain = `gzip -dc <'$dir/gz.$$'`;
	unlink "$dir/gz.$$";
	return $plain;
}

my @limits;	# headers
sub serve {
	my ($client, $method, $url, $headers, $body) = @_;
	my %headers = %$headers;
	my $get = $method eq 'GET';
	my ($path, $query) = split /\?/, $url, 2;
	my ($how, $rest) = $path =~ m{^/([^/]*)(/.*)$} or return;
	my $plain = inflated($body);
	my $wants = () = $plain =~ /(?:want|oid) [0-9a-f]{40}/g;
	my ($filter) = $plain =~ /filter (\S+)/;
	note("$method $path authorization=", $headers{authorization} // '',
		" wants=$wants filter=", $filter // '', ' encoding=',
		$headers{'content-encoding'} // '');
	note("traceparent $headers{traceparent}") if $headers{traceparent};

	my %fault;
	for (split /,/, $how) {
		my ($name, $times) = split /@/;
		my $kind;
		($name, my $value) = split /=/, $name, 2;
		next if defined $times && $name !~ /^(get|post)-/ &&
			count("$how-$name") >= $times;
		if ($name =~ /^(get|post)-(.*)/) {
			next if ($1 eq 'get') != $get;
			$name = $2;
			next if defined $times && count("$how-$1-$name") >= $times;
		}
		$fault{$name} = $value // 1;
	}

	if (my $status = $fault{status}) {
		my @more;
		push @more, 'WWW-Authenticate: Basic realm="x"'
			if $status == 401;
		push @more, "Retry-After: $fault{after}" if $fault{after};
		my $says = $fault{says};
		answer($client, $status, $says ? 'text/plain' : 'text/html',
			$says ? "$says\x1b[1m\nand more" : '<p>no', @more);
		return;
	}
	@limits = ("X-RateLimit-Limit: 60", "X-RateLimit-Remaining: 42",
		"X-RateLimit-Reset: 2000000000") if $fault{limits};
	if ($fault{auth}) {	# in base64
		my $got = $headers{authorization} // '';
		if ($got ne "Basic $fault{auth}") {
			answer($client, 401, 'text/html', '<p>who?',
				'WWW-Authenticate: Basic realm="x"');
			return;
		}
	}
	if (my $to = $fault{redirect}) {	# to this prefix, perhaps elsewhere
		$to =~ s/:/,/g;
		my $host = $fault{host} ? "$fault{host}:$port" : "127.0.0.1:$port";
		answer($client, 301, 'text/html', '<p>there',
			"Location: http://$host/$to$rest" .
			($query ? "?$query" : ''));
		return;
	}
	# Renamed: DIR/moved has lines OLD NEW.
	if (open my $moved, '<', "$dir/moved") {
		for (map { [split] } <$moved>) {
			my ($old, $new) = @$_;
			next unless $rest =~ m{^/\Q$old\E\.git(/.*)$};
			answer($client, 301, 'text/html', '<p>there',
				"Location: http://127.0.0.1:$port/$how/$new.git$1" .
				($query ? "?$query" : ''));
			return;
		}
	}
	if ($fault{circle}) {
		answer($client, 302, 'text/html', '<p>here', "Location: $url");
		return;
	}
	if (my $long = $fault{head}) {		# KiB
		answer($client, 302, 'text/html', '<p>here', ('X-More: ' .
			'x' x 1014) x $long, "Location: $url");
		return;
	}
	if ($fault{hang}) {
		sleep 3600;
		return;
	}
	if ($fault{hold} && $wants >= $fault{hold}) {	# until it is let go
		select undef, undef, undef, 0.01 until -e "$dir/released";
	}
	if ($fault{large} && $wants > $fault{large}) {
		answer($client, 413, 'text/html', '<p>too large');
		return;
	}
	my $result = 'application/x-git-upload-pack-result';
	if ($fault{empty} || ($fault{nofilters} && $filter) ||
	    ($fault{nocombine} && ($filter // '') =~ /^combine/)) {
		answer($client, 200, $result, '');
		return;
	}
	# Some give only what they advertise.
	if ($fault{tips} && $plain =~ /command=fetch/) {
		my ($repo) = $rest =~ m{^/([^/]+)};
		my %tip = map { (split)[0] => 1 }
			`git -C '$dir/repos/$repo' show-ref --head -d`;
		for ($plain =~ /want ([0-9a-f]+)/g) {
			next if $tip{$_};
			answer($client, 200, $result,
				pkt("ERR upload-pack: not our ref $_\n"));
			return;
		}
	}
	if ($fault{vague} && $plain =~ /want ($fault{vague})/) {
		answer($client, 200, $result,
			pkt("ERR upload-pack: not our ref"));
		return;
	}
	delete $headers{'git-protocol'} if $fault{v0};
	my ($status, $type, $out) = git_answers($method, $rest, $query // '',
		\%headers, $body);
	if ($get && $status == 200) {
		$out = each_pkt($out, sub {
			my ($p) = @_;
			return undef if $fault{noinfo} && $p =~ /^object-info/;
			$p =~ s/ filter// if $fault{nofilter};
			return $p;
		});
		$out = pkt("# service=git-upload-pack\n") . '0000' . $out
			if $fault{prelude};
	}
	$type = $fault{type} =~ s/:/\//r if $fault{type};
	if (defined $fault{flip}) {	# a bit, counted from the end
		my $at = length($out) - $fault{flip};
		substr($out, $at, 1) = chr(ord(substr $out, $at, 1) ^ 1)
			if $at >= 0;
	}
	if (defined $fault{cut}) {
		# A length that does not come, or a clean end too soon.
		my $n = int($fault{cut});
		my $said = $fault{clean} ? $n : length $out;
		$n = length $out if $n > length $out;
		$said = $n if $fault{clean};
		print $client "HTTP/1.1 200 X\r\nContent-Type: $type\r\n",
			"Content-Length: $said\r\nConnection: close\r\n\r\n",
			substr $out, 0, $n;
		return;
	}
	if ($fault{stall}) {		# the start of it, then silence
		print $client "HTTP/1.1 200 X\r\nContent-Type: $type\r\n\r\n",
			substr $out, 0, $fault{stall};
		$client->flush;
		sleep 3600;
	}
	if ($fault{chat}) {		# a byte of progress for ever
		print $client "HTTP/1.1 200 X\r\nContent-Type: $type\r\n\r\n",
			pkt("packfile\n");
		$client->flush;
		while (print $client pkt("\x02.")) {
			$client->flush;
			select undef, undef, undef, 0.05;
		}
		return;
	}
	if ($fault{flood}) {		# ever more, and nothing of use
		my ($first, $more) = $get ? ("version 2\n", 'x=') :
			$plain =~ /command=ls-refs/ ? ('', '0' x 40 . ' refs/') :
			("packfile\n", "\x02");
		print $client "HTTP/1.1 200 X\r\nContent-Type: $type\r\n\r\n",
			$first ? pkt($first) : '';
		$more = pkt($more . 'x' x 60000);
		1 while print $client $more;
		return;
	}
	answer($client, $status, $type, $out, @limits);
}

run($dir, \&serve, \$port);
