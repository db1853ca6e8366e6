#!/usr/bin/perl
# SPDX-License-Identifier: MIT
# Copyright (C) 2026 the gitnfs authors
# gitnfs: git repositories as a read-only file system over NFSv3
#
# collector.pl DIR - one who is told of spans, on a free port of 127.0.0.1,
# which it writes to DIR/port.  Every request gets a line in DIR/log, its body
# one in DIR/told.  While there is a file DIR/busy it answers 503, while there
# is DIR/mute nothing, ever.
#
# collector.pl --check FILE... - are these bodies as OTLP 1.0 has them?  Prints
# a line for each span: KIND NAME TRACE SPAN PARENT KEY=VALUE...
use strict;
use warnings;
use FindBin;
use lib $FindBin::Bin;
use Host qw(answer note run);
use JSON::PP;

sub must { $_[0] or die "$_[1]\n" }

# An object with these members only; those with a '?' need not be there.
sub members {
	my ($o, $what, @allowed) = @_;
	must(ref $o eq 'HASH', "$what is no object");
	my %left = %$o;
	for (@allowed) {
		my ($name, $maybe) = /^(\w+)(\??)$/;
		must($maybe || exists $left{$name}, "$what has no $name");
		delete $left{$name};
	}
	must(!%left, "$what has a " . join ' and a ', keys %left);
}

sub list {
	my ($l, $what) = @_;
	must(ref $l eq 'ARRAY', "$what is no list");
	return @$l;
}

sub is_text {
	my ($v, $what, $form) = @_;
	# A number in JSON would come out without quotes.
	must(defined $v && !ref $v && encode_json([$v]) =~ /^\["/,
		"$what is no text");
	must($v =~ /^(?:$form)$/, "$what is $v");
}

sub attributes {
	my ($list, $what) = @_;
	my %value;
	for my $a (list($list, "$what attributes")) {
		members($a, "$what attribute", qw(key value));
		is_text($a->{key}, "$what key", '[a-z_]+(\.[a-z_]+)*');
		my ($type, @more) = keys %{$a->{value}};
		must(defined $type && !@more, "$a->{key} has not one value");
		my $v = $a->{value}{$type};
		if ($type eq 'intValue') {
			is_text($v, $a->{key}, '-?\d+');
		} elsif ($type eq 'boolValue') {
			must(JSON::PP::is_bool($v), "$a->{key} is no flag");
		} else {
			must($type eq 'stringValue', "$a->{key}: $type");
			is_text($v, $a->{key}, '(?s).*');
		}
		must(!exists $value{$a->{key}}, "$a->{key} twice");
		$value{$a->{key}} = $v;
	}
	return %value;
}

sub ids {
	my ($o) = @_;
	is_text($o->{traceId}, 'traceId', '(?!0{32})[0-9a-f]{32}');
	is_text($o->{spanId}, 'spanId', '(?!0{16})[0-9a-f]{16}');
}

sub span {
	my ($s) = @_;
	members($s, 'span', qw(traceId spanId parentSpanId? name kind
		startTimeUnixNano endTimeUnixNano attributes links? status));
	ids($s);
	is_text($s->{parentSpanId}, 'parentSpanId', '(?!0{16})[0-9a-f]{16}')
		if exists $s->{parentSpanId};
	is_text($s->{name}, 'name', '.+');
	must(encode_json([$s->{kind}]) =~ /^\[[1-5]\]$/, 'no kind');
	is_text($s->{"${_}TimeUnixNano"}, $_, '\d{19}') for qw(start end);
	must($s->{startTimeUnixNano} <= $s->{endTimeUnixNano} &&
		abs($s->{endTimeUnixNano} / 1e9 - time) < 1000,
		'it took less than nothing, or was at another time');
	members($s->{status}, 'status', qw(code? message?));
	my %a = attributes($s->{attributes}, 'span');
	for my $l (list($s->{links} // [], 'links')) {
		members($l, 'link', qw(traceId spanId));
		ids($l);
		$a{"link.$l->{spanId}"} = $l->{traceId};
	}
	print join(' ', $s->{kind}, @$s{qw(name traceId spanId)},
		$s->{parentSpanId} // '-', map { "$_=$a{$_}" } sort keys %a),
		"\n";
}

sub check {
	my ($text) = @_;
	my $all = decode_json($text);
	members($all, 'request', 'resourceSpans');
	for my $r (list($all->{resourceSpans}, 'resourceSpans')) {
		members($r, 'resourceSpans', qw(resource scopeSpans));
		members($r->{resource}, 'resource', 'attributes');
		my %a = attributes($r->{resource}{attributes}, 'resource');
		must(($a{'service.name'} // '') eq 'gitnfsd', 'service.name');
		for my $s (list($r->{scopeSpans}, 'scopeSpans')) {
			members($s, 'scopeSpans', qw(scope spans));
			members($s->{scope}, 'scope', qw(name version));
			span($_) for list($s->{spans}, 'spans');
		}
	}
}

if (@ARGV > 1 && $ARGV[0] eq '--check') {
	shift;
	check($_) while <>;
	exit;
}

my $dir = shift or die "usage: collector.pl DIR\n";
my $port;
run($dir, sub {
	my ($client, $method, $url, $headers, $body) = @_;
	note("$method $url ", $headers->{'content-type'} // '');
	sleep 3600 if -e "$dir/mute";
	if (-e "$dir/busy") {
		answer($client, 503, 'text/plain', 'later');
		return;
	}
	open my $t, '>>', "$dir/told" or die;
	syswrite $t, "$body\n";
	close $t;
	answer($client, 200, 'application/json', '{}');
}, \$port);
