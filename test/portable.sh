#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Copyright (C) 2026 the gitnfs authors
# gitnfs: git repositories as a read-only file system over NFSv3
#
# What only Linux has is never used without something else beside it: in the
# build directory, each source is run through the preprocessor as where
# configure has found none of that, and searched for the words.
#
# Shared libraries of systems with the same name for something else (macOS's
# pthread_setname_np) are behind __APPLE__, and not seen here.
# shellcheck source=test/functions.sh
. "${srcdir:=$(dirname "$0")/..}/test/functions.sh"
words='accept4|pipe2|memfd_create|reallocarray|fdatasync|posix_fallocate|fallocate|MSG_MORE|SOCK_NONBLOCK|SOCK_CLOEXEC|prctl|epoll_[a-z]*|eventfd|timerfd_[a-z]*|signalfd|sigtimedwait|splice|sendfile|copy_file_range|statx|renameat2|syncfs|mremap|gettid|getrandom|explicit_bzero|strchrnul|mempcpy|memrchr|secure_getenv|canonicalize_file_name|posix_fadvise|ppoll|prlimit|sched_setaffinity|qsort_r|pthread_barrier_[a-z]*|program_invocation_name|st_mtim|inotify_[a-z0-9_]*'

top=$(cd "$srcdir" && pwd)
sed -E 's/^#define (HAVE_(ACCEPT4|PIPE2|MEMFD_CREATE|MALLOC_H|SYS_PRCTL_H|RPCB_SET)) .*//
	s/^#define HAVE_DECL_.*/& - 1/' config.h >"$dir/config.h"
flags=$(sed -n 's/^[A-Z0-9]*_CFLAGS = \(.*-I.*\)/\1/p' Makefile |
	grep -v '[$]' | tr '\n' ' ')

cd "$top"
bad=$(
	for file in common/*.c backend/*.c backend/*/*.c cache/*.c nfsd/*.c \
		nfsd/*/*.c cli/*.c; do
		case $file in
		cli/attach.c) continue ;; # has a part for each system
		esac
		# shellcheck disable=SC2086
		${CC:-cc} -E -D_GNU_SOURCE -include "$dir/config.h" \
			-I"$dir" -I. -I"$OLDPWD" $flags "$file" 2>"$dir/why" ||
			echo "$file: $(head -n 1 "$dir/why")"
	done |
	# Lines of our own, with the file they are in.
	awk -v words="[^A-Za-z0-9_](${words})[^A-Za-z0-9_]" '
		/^# [0-9]+ "/ {
			at = $3
			gsub(/"/, "", at)
			ours = at ~ /^(\.\/)?(common|backend|cache|nfsd|cli)\//
			next
		}
		/: .*error:/ { print; next }
		ours && (" " $0 " ") ~ words { print at ": " $0 }'
)
[ -z "$bad" ] || { printf '%s\n' "$bad" >&2; fail 'Linux only'; }
