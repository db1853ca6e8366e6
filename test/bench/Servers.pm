# SPDX-License-Identifier: MIT
# Copyright (C) 2026 the gitnfs authors
# gitnfs: git repositories as a read-only file system over NFSv3
#
# Servers.pm - those that the benches compare, each serving the same
# repositories; they end with the program that started them.
package Servers;
use strict;
use warnings;
use Cwd 'abs_path';
use Exporter 'import';
use File::Temp 'tempdir';
use IO::Socket::INET;
use POSIX ':sys_wait_h';

our @EXPORT = qw($dir %server text start end pin start_gitnfsd start_ganesha);

our $dir = tempdir('gitnfs-bench.XXXXXX', TMPDIR => 1, CLEANUP => 1);
our %server;	# name => { pid, port, mount, path }
END {
	my $status = $?;
	end($_) for keys %server;
	$? = $status;
}
$SIG{$_} = sub { exit 1 } for qw(INT TERM HUP);

sub text {	# of a file
	open my $in, '<', $_[0] or return '';
	local $/;
	return scalar <$in> // '';
}

die "bench: this build has a sanitizer: its times mean nothing\n"
	if text('config.h') =~ /^#define SANITIZED/m;

sub start {	# NAME, COMMAND...; returns its standard output
	my ($name, @command) = @_;
	my $pid = open my $out, '-|';
	die "fork: $!" unless defined $pid;
	if (!$pid) {
		open STDERR, '>>', "$dir/$name.log";
		exec @command or exit 127;
	}
	# Closing it would wait for the end of the server.
	$server{$name} = { pid => $pid, out => $out };
	return $out;
}

sub end {	# NAME
	kill KILL => $server{$_[0]}{pid};
	waitpid $server{$_[0]}{pid}, 0;
	delete $server{$_[0]};
}

sub pin {	# CPUS: where the servers may run from now on
	my $cpus = shift;
	system("taskset -a -p -c $cpus $_->{pid} >/dev/null") for values %server;
}

sub start_gitnfsd {	# LOOPS, NAME=REPOSITORY...
	my ($loops, @sources) = @_;
	my $out = start(gitnfsd => abs_path('gitnfsd'), '--log-level', 'warning',
		'--loops', $loops, '--cache-memory', '2g', '--state-dir', "$dir/state",
		'--cache-dir', "$dir/cache", '--listen', '127.0.0.1:0', @sources);
	my ($port) = (<$out> // '') =~ /:(\d+)$/ or die "gitnfsd does not start:\n", text("$dir/gitnfsd.log");
	@{$server{gitnfsd}}{qw(port mount path)} = ($port, $port, '/:');
}

sub free_port {
	return IO::Socket::INET->new(Listen => 1, LocalAddr => '127.0.0.1')->sockport;
}

# nfs-ganesha does not start without somebody to register with.
sub start_rpcbind {
	return if IO::Socket::INET->new(PeerAddr => '127.0.0.1:111');
	start(rpcbind => 'rpcbind', '-f');
	for (1 .. 30) {
		return if IO::Socket::INET->new(PeerAddr => '127.0.0.1:111');
		select undef, undef, undef, 0.1;
	}
}

# Why it does not run here, if so.
sub start_ganesha {	# NAME=REPOSITORY...
	my ($program) = grep { -x } '/usr/bin/ganesha.nfsd', '/usr/sbin/ganesha.nfsd';
	return 'not installed (Debian: nfs-ganesha, nfs-ganesha-vfs)' unless $program;
	return 'needs root' if $>;
	start_rpcbind();
	my $export = "$dir/export";
	mkdir $export;
	for (@_) {
		my ($name, $repo) = split /=/, $_, 2;
		mkdir "$export/$name";
		system("git -C '$repo' archive HEAD | tar xf - -C '$export/$name'") == 0 or die;
	}
	my ($port, $mount) = (free_port(), free_port());
	open my $conf, '>', "$dir/ganesha.conf" or die;
	print $conf <<"END";
NFS_CORE_PARAM {
	Protocols = 3;
	NFS_Port = $port;
	MNT_Port = $mount;
	Enable_NLM = false;
	Enable_RQUOTA = false;
	Enable_UDP = false;
	Enable_NFS_Stats = false;
	DRC_Disabled = true;
	mount_path_pseudo = false;
}
MDCACHE { Entries_HWMark = 1000000; Chunks_HWMark = 1000000; }
LOG { Default_Log_Level = EVENT; }
EXPORT {
	Export_Id = 1;
	Path = $export;
	Pseudo = /bench;
	Access_Type = RO;
	Squash = No_Root_Squash;
	SecType = sys, none;
	Protocols = 3;
	Transports = TCP;
	Attr_Expiration_Time = 3600;
	FSAL { Name = VFS; }
}
END
	close $conf;
	start(ganesha => $program, '-F', '-f', "$dir/ganesha.conf", '-L', "$dir/ganesha.log", '-p', "$dir/ganesha.pid");
	for (1 .. 100) {
		if (IO::Socket::INET->new(PeerAddr => "127.0.0.1:$port")) {
			@{$server{ganesha}}{qw(port mount path)} = ($port, $mount, "$export:");
			return;
		}
		last if waitpid($server{ganesha}{pid}, WNOHANG);
		select undef, undef, undef, 0.1;
	}
	end('ganesha');
	return "does not start: " . (split /\n/, text("$dir/ganesha.log"))[-1];
}

1;
