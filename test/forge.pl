#!/usr/bin/perl
# SPDX-License-Identifier: MIT
# Copyright (C) 2026 the gitnfs authors
# gitnfs: git repositories as a read-only file system over NFSv3
#
# forge.pl DIR - the REST APIs of GitHub and of a Mesa depot, over the real
# repositories in DIR/repos/OWNER/NAME.git, on a free port of 127.0.0.1, which
# it writes to DIR/forge-port.  Strict: what is not in the published schema,
# in method, path, query, headers or encoding, is refused, and leaves a line
# with STRICT in DIR/log, which has one for every request:
#	METHOD URL status=N user=WHO
#
# URLs are /FAULTS/github/... and /FAULTS/mesa/..., or mesa-b and mesa-c for
# later generations of that; FAULTS is "-" or some of these, with commas
# between; FAULT@N happens N times only:
#	status=N[,after=S]	this answer, with Retry-After
#	html			its body is a web page
#	hang, drop, cut=BYTES	no answer; none at all; the start of it
#	delay=MS		before an answer
#	limit=N,reset=S		requests that are left, until in S seconds
#	busy			a secondary limit, without Retry-After
#	trunc=N			recursive listings end after N entries
#	nohead			HEAD is no name of a commit
#	nolength		files come without their length
#	lie			a listing has another file's id
#	nulls			no id where the schema allows that
#	stuck			a page whose next is itself
#	page=N			so many entries in a page, not 16
# Files in DIR say the rest: "tokens" has lines TOKEN WHO [ORGANISATION],
# "private" OWNER/NAME of repositories only for those with one, "moved"
# OLD NEW of those that were renamed.  With "git" git's protocol is spoken, at
# /ORGANISATION/NAME.git, to those with a token as their password.
use strict;
use warnings;
use Encode;
use File::Glob ':bsd_glob';	# blanks are no separators
use FindBin;
use IO::Compress::Gzip qw(gzip);
use JSON::PP;
use MIME::Base64;
use lib $FindBin::Bin;
use Host qw(count note run);

my $dir = shift or die "usage: forge.pl DIR\n";
my $json = JSON::PP->new->canonical->ascii;
my $port;
my %fault;
my ($client, $prefix, $who, $gzip, $line);
my $backend = `git --exec-path`;
chomp $backend;
$backend .= '/git-http-backend';

sub reply {
	my ($status, $type, $body, @more) = @_;
	$body .= ' ' x ($fault{pad} // 0);
	select undef, undef, undef, $fault{delay} / 1000 if $fault{delay};
	if ($gzip && $type =~ /json/ && length $body > 200) {
		my $packed;
		gzip \$body => \$packed;
		$body = $packed;
		push @more, 'Content-Encoding: gzip';
	}
	my $length = 'Content-Length: ' . length $body;
	$length = 'X-No-Length: 1'
		if $fault{nolength} && $type =~ /octet-stream|raw/;
	my @time = gmtime;
	my $date = sprintf '%s, %02d %s %d %02d:%02d:%02d GMT',
		(qw(Sun Mon Tue Wed Thu Fri Sat))[$time[6]], $time[3],
		(qw(Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec))[$time[4]],
		$time[5] + 1900, @time[2, 1, 0];
	note("$line status=$status user=$who");
	$body = substr $body, 0, $fault{cut} if defined $fault{cut};
	print $client "HTTP/1.1 $status X\r\nContent-Type: $type\r\n",
		"$length\r\nDate: $date\r\nConnection: close\r\n",
		map({ "$_\r\n" } @more), "\r\n", $status == 304 ? '' : $body;
	no warnings 'exiting';
	last REQUEST;
}

sub strict {
	note("STRICT: @_: $line");
	reply(400, 'application/json', $json->encode({ message => "@_" }));
}

sub say_json {
	my ($status, $what, @more) = @_;
	reply($status, 'application/json; charset=utf-8', $json->encode($what),
		@more);
}

# ---- git ----

my %known;	# what is told of objects does not change

sub git {
	my ($repo, @args) = @_;
	my $key = join "\0", @_;
	return $known{$key} if exists $known{$key};
	open my $g, '-|', 'sh', '-c', 'exec git --git-dir "$@" 2>/dev/null', 'sh',
		"$dir/repos/$repo.git", @args or die;
	binmode $g;
	local $/;
	my $out = <$g> // '';
	close $g;
	return undef if $?;
	$known{$key} = $out if grep { /^[0-9a-f]{40}/ } @args;
	return $out;
}

sub commit_of {
	my ($repo, $name) = @_;
	my $id = git($repo, 'rev-parse', '--verify', '-q', "$name^{commit}");
	chomp $id if defined $id;
	return $id;
}

my %listed;

# [mode, type, id, size or "-", path], in git's order.
sub entries {
	my ($repo, $tree, @args) = @_;
	my $key = join "\0", @_;
	return $listed{$key} if $listed{$key};
	my $out = git($repo, 'ls-tree', '-z', '-l', @args, $tree) // return;
	return $listed{$key} = [map {
		/^(\d+) (\w+) (\w+) +(\d+|-)\t(.*)$/s ?
		[$1, $2, $3, $4, $5] : () } split /\0/, $out];
}

sub text {
	return decode('UTF-8', $_[0]);	# what is no text gets replaced
}

sub date {
	my ($seconds, $fraction) = @_;
	my @t = gmtime $seconds;
	return sprintf '%04d-%02d-%02dT%02d:%02d:%02d%sZ', $t[5] + 1900,
		$t[4] + 1, @t[3, 2, 1, 0], $fraction;
}

sub person {
	my ($raw, $role, $fraction) = @_;
	$raw =~ /^$role (.*?) <(.*?)> (\d+) [-+]\d+$/m or die;
	return { name => text($1), email => text($2),
		date => date($3, $fraction) };
}

# ---- requests ----

# Undo what a client must have encoded.
sub decoded {
	my ($s) = @_;
	strict('encoding') if $s =~ /[^A-Za-z0-9._~%-]/ ||
		$s =~ /%(?![0-9A-F]{2})/;
	$s =~ s/%(..)/chr hex $1/ge;
	return $s;
}

sub params {
	my ($query, @allowed) = @_;
	my %p;
	for (split /&/, $query // '') {
		my ($name, $value) = /^(\w+)=(.*)$/ or strict('query');
		strict("parameter $name") unless grep { $_ eq $name } @allowed;
		strict("$name twice") if exists $p{$name};
		$p{$name} = decoded($value);
	}
	return \%p;
}

sub lines {
	open my $f, '<', "$dir/$_[0]" or return;
	chomp(my @l = <$f>);
	return map { [split] } @l;
}

sub is_private {
	my ($repo) = @_;
	return grep { $_->[0] eq $repo } lines('private');
}

sub bearer {
	my ($headers) = @_;
	my $auth = $headers->{authorization} // return;
	$auth =~ /^Bearer (\S+)$/ or strict('authorization');
	for (lines('tokens')) {
		return @$_ if $_->[0] eq $1;
	}
	return '';
}

# ---- GitHub ----

sub gh_error {
	my ($status, $message, @more) = @_;
	say_json($status, { message => $message, status => "$status",
		documentation_url => 'https://example.org/rest' }, @more);
}

# What every answer says of the limit; none are left: refused.
sub gh_limit {
	my ($free) = @_;
	my $limit = $fault{limit} // return;
	my $reset = $fault{reset} // 3600;
	my $start = "$dir/count-window_$limit";
	my $now = time;
	# A window of that length, by when it was first asked.
	my $end;
	if (open my $f, '<', "$start-time") {
		$end = <$f> + $reset;
	}
	if (!$end || $now >= $end) {
		open my $f, '>', "$start-time" or die;
		print $f $now;
		close $f;
		unlink "$dir/count-window_$limit";
		$end = $now + $reset;
	}
	my $used = count("window-$limit");
	my $left = $limit - $used - 1;
	my @h = ("X-RateLimit-Limit: $limit", 'X-RateLimit-Remaining: ' .
		($left > 0 ? $left : 0), "X-RateLimit-Reset: $end",
		"X-RateLimit-Resource: core");
	gh_error(403, 'API rate limit exceeded for 127.0.0.1.', @h)
		if $left < 0;
	return @h;
}

my %accepts = (
	json => 'application/vnd.github+json',
	sha => 'application/vnd.github.sha',
	raw => 'application/vnd.github.raw+json',
);

sub gh_accept {
	my ($headers, $kind) = @_;
	strict("accept $headers->{accept}, not $kind")
		if $headers->{accept} ne $accepts{$kind};
}

sub gh_tree {
	my ($repo, $tree, $recursive) = @_;
	my $list = entries($repo, $tree, $recursive ? ('-r', '-t') : ());
	gh_error(404, 'Not Found') unless $list;
	my $truncated = 0;
	if ($recursive && defined $fault{trunc} && @$list > $fault{trunc}) {
		$list = [@$list[0 .. $fault{trunc} - 1]];
		$truncated = 1;
	}
	my @tree;
	for (@$list) {
		my ($mode, $type, $id, $size, $path) = @$_;
		my %e = (path => text($path), mode => $mode, type => $type,
			sha => $id);
		$e{size} = $size + 0 if $type eq 'blob';
		$e{url} = "https://example.org/$id" if $type ne 'commit';
		push @tree, \%e;
	}
	$tree[0]{sha} =~ tr/0-9a-f/1-9a-f0/ if $fault{lie} && @tree;
	return { sha => $tree, url => 'https://example.org/t', tree => \@tree,
		truncated => $truncated ? JSON::PP::true : JSON::PP::false };
}

sub gh_commit {
	my ($repo, $id) = @_;
	my $raw = git($repo, 'cat-file', 'commit', $id) // return;
	my ($head, $message) = split /\n\n/, $raw, 2;
	$head .= "\n";
	my %v = (verified => JSON::PP::false, reason => 'unsigned',
		signature => undef, payload => undef);
	if ($head =~ /^gpgsig (.*?\n)(?! )/ms) {
		my $signature = $1;
		(my $payload = $head) =~ s/^gpgsig .*?\n(?! )//ms;
		$signature =~ s/^ //mg;
		$signature =~ s/\n\z//;
		%v = (verified => JSON::PP::false, reason => 'unknown_key',
			signature => text($signature),
			payload => text("$payload\n$message"));
	}
	$message =~ s/\n\z//;
	$head =~ /^tree (\w+)/ or die;
	return { sha => $id, message => text($message),
		tree => { sha => $1, url => 'https://example.org/t' },
		parents => [map { { sha => $_ } } $head =~ /^parent (\w+)/mg],
		author => person($head, 'author', ''),
		committer => person($head, 'committer', ''),
		verification => \%v };
}

# Two to a page, whatever was asked for.  Of a user only what is public; what
# is private too is for that user, who is in "tokens" as the organisation.
sub gh_repos {
	my ($path, $kind, $owner, $query, @token) = @_;
	my $own = $kind eq 'user';
	my $p = params($query, qw(per_page page type),
		$own ? qw(visibility affiliation) : ());
	strict('per_page') unless ($p->{per_page} // 30) =~ /^\d+$/ &&
		($p->{per_page} // 30) <= 100;
	strict('which') if $own && ($p->{visibility} ne 'private' ||
		$p->{affiliation} ne 'owner');
	gh_error(401, 'Requires authentication') if $own && !@token;
	$owner = $token[2] // 'nobody' if $own;
	my $is_org = -e "$dir/repos/$owner/.org";
	gh_error(404, 'Not Found') if $kind eq 'orgs' ? !$is_org :
		!$own && !-d "$dir/repos/$owner";
	my @names = sort map { m{([^/]+)\.git$} ? $1 : () }
		glob "$dir/repos/$owner/*.git";
	@names = grep { my $private = is_private("$owner/$_");
		$own ? $private : !$private || ($is_org && @token) } @names;
	my $page = $p->{page} // 1;
	my @more;
	$query =~ s/&page=\d+//;
	push @more, "Link: <http://127.0.0.1:$port$prefix$path?$query&page=" .
		($page + 1) . '>; rel="next", <http://example.org/>; rel="last"'
		if @names > 2 * $page;
	@names = grep { defined } @names[2 * $page - 2, 2 * $page - 1];
	say_json(200, [map { { id => 1, name => $_, full_name => "$owner/$_",
		owner => { login => ucfirst $owner } } } @names], @more);
}

sub github {
	my ($path, $query, $headers) = @_;
	strict('no User-Agent') unless $headers->{'user-agent'};
	strict('API version')
		unless ($headers->{'x-github-api-version'} // '') eq '2022-11-28';
	strict('trailing slash') if $path =~ m{/$};
	my @token = bearer($headers);
	gh_error(401, 'Bad credentials') if @token && !$token[0];
	$who = $token[1] if @token;
	my @h = gh_limit();
	if ($fault{busy}) {
		gh_error(403, 'You have exceeded a secondary rate limit.', @h,
			$fault{after} ? "Retry-After: $fault{after}" : ());
	}

	my ($kind, $owner) = $path =~ m{^/(orgs|users)/([^/]+)/repos$};
	$kind = 'user' if $path eq '/user/repos';
	if ($kind) {
		gh_accept($headers, 'json');
		gh_repos($path, $kind, decoded($owner // ''), $query, @token);
	}
	my ($repo, $rest);
	if ($path =~ m{^/repositories/(\d+)(/.*)?$}) {
		$rest = $2 // '';
		($repo) = map { $_->[1] } (lines('moved'))[$1];
	} elsif ($path =~ m{^/repos/([^/]+)/([^/]+)(/.*)?$}) {
		$rest = $3 // '';
		$repo = decoded($1) . '/' . decoded($2);
		my @moved = lines('moved');
		for my $i (0 .. $#moved) {
			next if $moved[$i][0] ne $repo;
			my $to = "http://127.0.0.1:$port$prefix/repositories/$i$rest" .
				(defined $query ? "?$query" : '');
			say_json(301, { message => 'Moved Permanently',
				url => $to }, "Location: $to", @h);
		}
	} else {
		strict('path');
	}
	gh_error(404, 'Not Found', @h) if !-d "$dir/repos/$repo.git" ||
		(is_private($repo) && $who eq '-');
	my $empty = !defined git($repo, 'rev-parse', '-q', '--verify', 'HEAD');

	if ($rest eq '') {
		gh_accept($headers, 'json');
		params($query);
		my $branch = git($repo, 'symbolic-ref', '--short', 'HEAD');
		chomp $branch;
		say_json(200, { id => 1, full_name => $repo, size => 1,
			default_branch => $branch, private =>
			is_private($repo) ? JSON::PP::true : JSON::PP::false },
			@h);
	}
	if ($rest =~ m{^/commits/([^/]+)$}) {
		my $name = decoded("$1");
		gh_accept($headers, 'sha');
		params($query);
		gh_error(409, 'Git Repository is empty.', @h) if $empty;
		my $id = $name eq 'HEAD' && $fault{nohead} ? undef :
			$name =~ /[\^~:@]/ ? undef :
			commit_of($repo, $name =~ m{^(heads|tags)/} ?
				"refs/$name" : $name);
		gh_error(422, "No commit found for SHA: $name", @h) unless $id;
		my $etag = 'W/"' . substr($id, 0, 12) . "-$who\"";
		if (my $have = $headers->{'if-none-match'}) {
			strict('etag') unless $have =~ m{^W/"};
			reply(304, 'text/plain', '', "ETag: $etag", @h)
				if $have eq $etag;
		}
		reply(200, 'application/vnd.github.sha; charset=utf-8', $id,
			"ETag: $etag", @h);
	}
	if ($rest =~ m{^/git/trees/([^/]+)$}) {
		my $tree = decoded("$1");
		gh_accept($headers, 'json');
		strict('gzip') unless ($headers->{'accept-encoding'} // '') =~ /gzip/;
		my $p = params($query, 'recursive');
		gh_error(409, 'Git Repository is empty.', @h) if $empty;
		say_json(200, gh_tree($repo, $tree, exists $p->{recursive}), @h);
	}
	if ($rest =~ m{^/git/blobs/([0-9a-f]{40})$}) {
		my $id = $1;
		gh_accept($headers, 'raw');
		params($query);
		my $data = git($repo, 'cat-file', 'blob', $id);
		gh_error(404, 'Not Found', @h) unless defined $data;
		reply(200, 'application/vnd.github.raw; charset=utf-8', $data,
			@h);
	}
	if ($rest =~ m{^/git/commits/([0-9a-f]{40})$}) {
		my $id = $1;
		gh_accept($headers, 'json');
		params($query);
		my $commit = gh_commit($repo, $id);
		gh_error(404, 'Not Found', @h) unless $commit;
		say_json(200, $commit, @h);
	}
	strict('path');
}

# ---- Mesa ----

# What the generations call things.
my %generation = (
	'mesa' => { list => 'repos', branch => 'default_branch',
		head => 'head_sha', version => 'ref', commit => 'commits' },
	'mesa-b' => { list => 'repo', branch => 'default_branch',
		head => 'head_oid', version => 'oid', commit => 'commit' },
	'mesa-c' => { list => 'repo', branch => 'default_bookmark',
		head => 'head_change_id', version => 'change_id' },
);
my $g;		# the one that is spoken

# A commit by another name, of letters that no other has.
sub change_of {
	my ($id) = @_;
	return ($id // '0' x 40) =~ s/^(.{32}).*/$1/r
		=~ tr/0-9a-f/zyxwvutsrqponmlk/r;
}

sub commit_of_change {
	my ($repo, $change) = @_;
	strict('change id') unless $change =~ /^[zyxwvutsrqponmlk]{32}$/;
	my $id = $change =~ tr/zyxwvutsrqponmlk/0-9a-f/r;
	for (split /\n/, git($repo, 'rev-list', '--all') // '') {
		return $_ if index($_, $id) == 0;
	}
	mesa_error(404, 'not_found', 'no such change');
}

# A file's mode, as it is told.
sub mesa_mode {
	my ($mode) = @_;
	return mode => "$mode" if $g->{list} ne 'repos' && !$g->{commit};
	return mode => oct $mode if $g->{list} ne 'repos';
	return executable => $mode eq '100755' ? JSON::PP::true :
		JSON::PP::false;
}

sub mesa_error {
	my ($status, $code, $message, @more) = @_;
	say_json($status, { error => { code => $code, message => $message } },
		@more);
}

sub mesa_repo {
	my ($org, $name, $repo) = @_;
	my $head = commit_of($repo, 'HEAD');
	my $branch = git($repo, 'symbolic-ref', '--short', 'HEAD');
	chomp $branch;
	return { id => 'r_01', org => $org, name => $name,
		$g->{branch} => $branch, $g->{head} =>
		$g->{commit} ? $head : change_of($head),
		size_bytes => 20480, last_push_at => undef,
		created_at => '2026-01-05T09:00:00.000Z', upstream => undef,
		color => 'a member that nobody knows' };
}

# One page of a list, at the place that the cursor says.
sub mesa_page {
	my ($p, $size, @all) = @_;
	my $at = 0;
	if (defined $p->{cursor}) {
		decode_base64($p->{cursor}) =~ /^at (\d+)$/ or
			mesa_error(400, 'bad_request', 'cursor');
		$at = $1;
	}
	my $more = $at + $size < @all;
	my $next = $more ? encode_base64('at ' . ($fault{stuck} ? $at :
		$at + $size), '') : undef;
	my @page = grep { defined } @all[$at .. $at + $size - 1];
	return (\@page, next_cursor => $next,
		has_more => $more ? JSON::PP::true : JSON::PP::false);
}

sub mesa_file {
	my ($repo, $entry, $path) = @_;
	my ($mode, undef, $id) = @$entry;
	my $data = git($repo, 'cat-file', 'blob', $id);
	return { type => $mode eq '120000' ? 'symlink' : 'file',
		name => text($path =~ s{.*/}{}sr), path => text($path),
		sha => $fault{nulls} ? undef : $id, size => length $data,
		encoding => 'base64', mesa_mode($mode),
		content => length $data ? encode_base64($data, '') : undef,
		last_commit_at => undef };
}

# In what is listed: files, links and directories, and no submodules.
sub mesa_entry {
	my ($entry, $path) = @_;
	my ($mode, $type, $id, $size) = @$entry;
	my %e = (name => text($path =~ s{.*/}{}sr), path => text($path),
		sha => $id);
	return { %e, type => 'dir' } if $type eq 'tree';
	return { %e, type => $mode eq '120000' ? 'symlink' : 'file',
		size => "\@$size\@", mesa_mode($mode),
		last_commit_at => undef };
}

sub mesa_dir {
	my ($repo, $tree, $path, $p) = @_;
	my $list = entries($repo, $tree);
	my $at = length $path ? "$path/" : '';
	my @all = map { [$_, $at] } @$list;
	if (($p->{depth} // 1) > 1) {
		for my $sub (@$list) {
			next if $sub->[1] ne 'tree';
			push @all, map { [$_, "$at$sub->[4]/"] }
				@{ entries($repo, $sub->[2]) };
		}
	}
	@all = grep { $_->[0][1] ne 'commit' } @all;
	my $count = @all;
	my ($page, @more) = mesa_page($p, $fault{page} // 16, @all);
	$page = [map { mesa_entry($_->[0], "$_->[1]$_->[0][4]") } @$page];
	$page->[0]{sha} =~ tr/0-9a-f/1-9a-f0/ if $fault{lie} && @$page;
	my $text = $json->encode({ type => 'dir', name => undef,
		path => length $path ? text($path) : undef,
		sha => $fault{nulls} ? undef : $tree, child_count => $count,
		entries => $page, @more });
	# Numbers of both forms.
	$text =~ s/"\@(\d*[02468])\@"/$1.0/g;
	$text =~ s/"\@(\d+)\@"/$1/g;
	reply(200, 'application/json', $text);
}

sub mesa_content {
	my ($repo, $query, $headers) = @_;
	my $p = params($query, $g->{version}, qw(path depth cursor));
	my $path = $p->{path} // '';
	my $version = $p->{$g->{version}} // 'HEAD';
	strict("version $version") if $g->{version} eq 'oid' &&
		$version !~ /^[0-9a-f]{40}$/;
	my $commit = $g->{commit} ? commit_of($repo, $version) :
		commit_of_change($repo, $version);
	mesa_error(400, 'bad_request', 'depth')
		unless ($p->{depth} // 1) =~ /^[1-9]\d*$/;
	mesa_error(404, 'not_found', 'no such ref') unless $commit;
	my $tree = git($repo, 'rev-parse', '-q', '--verify', "$commit^{tree}");
	chomp $tree;
	my $entry = ['040000', 'tree', $tree];
	for my $name (split m{/}, $path) {
		my $list = entries($repo, $entry->[2]) // [];
		($entry) = grep { $_->[4] eq $name } @$list;
		last unless $entry;
	}
	mesa_error(404, 'not_found', 'no such path')
		if !$entry || $entry->[1] eq 'commit';
	my $accept = $headers->{accept} // '';
	if ($accept eq 'application/octet-stream') {
		strict('depth of a file') if exists $p->{depth};
		mesa_error(406, 'not_acceptable', 'directories have no raw form')
			if $entry->[1] eq 'tree';
		my $data = git($repo, 'cat-file', 'blob', $entry->[2]);
		# A link is followed, as far as that goes.
		if ($entry->[0] eq '120000') {
			my $target = git($repo, 'cat-file', 'blob',
				"$commit:./" . ($path =~ m{^(.*/)} ? $1 : '') .
				$data);
			$data = $target if defined $target;
		}
		reply(200, $accept, $data);
	}
	strict("accept $accept") unless $accept eq 'application/json';
	if ($entry->[1] eq 'tree') {
		mesa_dir($repo, $entry->[2], $path, $p);
	}
	say_json(200, mesa_file($repo, $entry, $path));
}

sub mesa {
	my ($path, $query, $headers) = @_;
	strict('no User-Agent') unless $headers->{'user-agent'};
	my ($org, @rest) = map { decoded($_) } ($path =~ m{[^/]+}g);
	strict('path') if !defined $org || $path =~ m{//|/$};
	my @token = bearer($headers);
	mesa_error(401, 'unauthorized', 'who?') unless @token && $token[0];
	$who = $token[1];
	mesa_error(403, 'forbidden', 'not yours')
		if ($token[2] // '') ne $org;
	if (!@rest) {
		params($query);
		my @repos = glob "$dir/repos/$org/*.git";
		say_json(200, { created_at => undef, last_commit_at => undef,
			num_repos => scalar @repos });
	}
	if (@rest == 1 && $rest[0] eq $g->{list}) {
		my $p = params($query, qw(cursor limit));
		strict('limit') if ($p->{limit} // 50) !~ /^\d+$/ ||
			($p->{limit} // 50) > 100 || !($p->{limit} // 50);
		my @all = map { m{([^/]+)\.git$} ? mesa_repo($org, $1,
			"$org/$1") : () } sort glob "$dir/repos/$org/*.git";
		# One without a name, to be skipped.
		splice @all, 1, 0, { %{ $all[0] }, name => undef,
			$g->{branch} => undef, $g->{head} => undef } if @all;
		my ($page, @more) = mesa_page($p, 2, @all);
		say_json(200, { repos => $page, @more });
	}
	my $name = shift @rest;
	my $repo = "$org/$name";
	if ($org eq 'github') {
		$repo = decode_base64($name);
		strict('name') unless $repo =~ m{^[\w.-]+/[\w.-]+$} &&
			encode_base64($repo, '') eq $name;
	}
	mesa_error(404, 'not_found', 'no such repository')
		unless -d "$dir/repos/$repo.git";
	if (!@rest) {
		params($query);
		my $r = mesa_repo($org, $name, $repo);
		if ($fault{sync}) {
			say_json(202, { %$r, $g->{branch} => undef,
				$g->{head} => undef, status => 'syncing' });
		}
		say_json(200, $r);
	}
	my $what = shift @rest;
	if ($what eq 'content' && !@rest) {
		mesa_content($repo, $query, $headers);
	}
	if ($what eq 'bookmarks' && !$g->{commit} && @rest == 1) {
		params($query);
		my $commit = commit_of($repo, "refs/heads/$rest[0]");
		mesa_error(404, 'not_found', 'no such bookmark') unless $commit;
		say_json(200, { name => $rest[0], is_default => JSON::PP::false,
			change_id => change_of($commit) });
	}
	if ($what eq 'changes' && !$g->{commit} && @rest == 1) {
		params($query);
		my $commit = commit_of_change($repo, $rest[0]);
		my $raw = git($repo, 'cat-file', 'commit', $commit);
		say_json(200, { id => $rest[0], current_commit_oid => $commit,
			is_conflicted => JSON::PP::false, message => '',
			author => person($raw, 'author', '.000'),
			committer => person($raw, 'committer', '.000'),
			parents => [], files => [], conflicts => [] });
	}
	strict("path $what") unless $what eq ($g->{commit} // '');
	if (!@rest) {
		my $p = params($query, qw(ref cursor limit));
		my $commit = commit_of($repo, $p->{ref} // 'HEAD');
		mesa_error(404, 'not_found', 'no such ref') unless $commit;
		my $raw = git($repo, 'cat-file', 'commit', $commit);
		say_json(200, { commits => [{ sha => $commit, message => '',
			author => person($raw, 'author', '.000'),
			committer => person($raw, 'committer', '.000') }],
			next_cursor => undef, has_more => JSON::PP::false });
	}
	if (@rest == 1) {
		params($query);
		my $raw = git($repo, 'cat-file', 'commit', $rest[0]);
		mesa_error(404, 'not_found', 'no such commit')
			unless defined $raw;
		say_json(200, { sha => $rest[0], message => '',
			author => person($raw, 'author', '.000'),
			committer => person($raw, 'committer', '.000') });
	}
	strict('path');
}

# git's protocol, where the service speaks it.
sub git_protocol {
	my ($repo, $rest, $method, $query, $headers, $body) = @_;
	my ($password) = decode_base64(($headers->{authorization} // '') =~
		/^Basic (.*)$/ ? $1 : '') =~ /:(.*)$/;
	my ($token) = grep { $_->[0] eq ($password // '') } lines('tokens');
	if (!$token) {
		reply(401, 'text/plain', 'who?',
			'WWW-Authenticate: Basic realm="x"');
	}
	$who = "$token->[1] protocol=git";
	if (!-e "$dir/git" || !-d "$dir/repos/$repo.git") {
		reply(404, 'text/plain', 'no such repository');
	}
	local %ENV = (%ENV, GIT_PROJECT_ROOT => "$dir/repos",
		GIT_HTTP_EXPORT_ALL => '', REQUEST_METHOD => $method,
		PATH_INFO => "/$repo.git$rest", QUERY_STRING => $query // '',
		CONTENT_TYPE => $headers->{'content-type'} // '',
		CONTENT_LENGTH => length $body,
		HTTP_CONTENT_ENCODING => $headers->{'content-encoding'} // '',
		HTTP_GIT_PROTOCOL => $headers->{'git-protocol'} // '');
	open my $in, '>', "$dir/in.$$" or die;
	print $in $body;
	close $in;
	my $answer = `'$backend' <'$dir/in.$$' 2>/dev/null`;
	unlink "$dir/in.$$";
	my ($head, $out) = split /\r?\n\r?\n/, $answer, 2;
	reply($head =~ /^Status: (\d+)/mi ? $1 : 200,
		$head =~ /^Content-Type: (\S+)/mi ? $1 : 'text/plain', $out);
}

# ---- both ----

# 'FAULT=VALUE@N': whether it happens this time.
sub faults {
	my ($how) = @_;
	%fault = ();
	for (split /,/, $how) {
		next if $_ eq '-';
		my ($name, $times) = split /@/;
		next if defined $times && count("$how-$name") >= $times;
		($name, my $value) = split /=/, $name, 2;
		$fault{$name} = $value // 1;
	}
}

sub serve {
	my ($to, $method, $url, $headers, $body) = @_;
	my ($path, $query) = split /\?/, $url, 2;
	$client = $to;
	$who = '-';
	$line = "$method $url";
	$gzip = ($headers->{'accept-encoding'} // '') =~ /gzip/;
	%fault = ();
	REQUEST: {
		if ($path =~ m{^/(.*)\.git(/.*)$}) {
			my ($repo, $rest) = ($1, $2);
			my ($org, $name) = map { decoded($_) } split m{/}, $repo;
			$repo = $org eq 'github' ? decode_base64($name) :
				"$org/$name";
			git_protocol($repo, $rest, $method, $query, $headers,
				$body);
		}
		my ($how, $service, $rest) =
			$path =~ m{^/([^/]+)/(github|mesa|mesa-[bc])(/.*|)$}
			or strict('path');
		$g = $generation{$service};
		$prefix = "/$how/$service";
		%fault = ();
		strict("method $method") if $method ne 'GET' || length $body;
		faults($how);
		if ($fault{drop} || $fault{hang}) {
			note("$line status=none user=-");
			sleep 3600 if $fault{hang};
			last REQUEST;
		}
		if ($fault{away}) {	# to another host
			my ($at) = $url =~ m{^/[^/]+(.*)$};
			reply(301, 'text/html', '<p>there',
				"Location: http://localhost:$port/-$at");
		}
		if (my $status = $fault{status}) {
			my @more;
			push @more, 'X-RateLimit-Remaining: 0',
				'X-RateLimit-Reset: ' . (time + $fault{none})
				if $fault{none};
			push @more, "Retry-After: $fault{after}" if $fault{after};
			reply($status, 'text/html', '<p>no', @more)
				if $fault{html} || $service eq 'github';
			mesa_error($status, 'X', 'as told', @more);
		}
		$service eq 'github' ? github($rest, $query, $headers) :
			mesa($rest, $query, $headers);
	}
}

# What takes long would keep others waiting.
sub is_quick {
	return $_[0] !~ m{^/[^/]*(hang|delay)|\.git/};
}

run($dir, \&serve, \$port, 'forge-port', \&is_quick);
