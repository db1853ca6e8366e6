#!/bin/sh
# SPDX-License-Identifier: MIT
# Copyright (C) 2026 the gitnfs authors
# gitnfs: git repositories as a read-only file system over NFSv3
#
# The layers lean one way: nfsd -> cache/fs.h -> cache -> backend/backend.h
# <- drivers, and common below all.  And descriptors that programs which are
# started meanwhile must not have are made in one place.
cd "${srcdir:-.}" || exit 99
for d in common backend cache nfsd cli; do
	test -d $d || { echo "no $d here"; exit 99; }
done

# Who includes what: FILE:LINE:#include "what".
includes() {
	find "$1" -name '*.[ch]' -exec grep -HnE \
		'^[[:space:]]*#[[:space:]]*include[[:space:]]*"' {} +
}

bad=$(
	includes common | grep -E '"(nfsd|cache|backend|test)/'
	includes backend | grep -E '"(nfsd|cache|test)/'
	includes cache | grep -E '"(nfsd|test)/'
	includes cache | grep '"backend/' | grep -v '"backend/backend\.h"'
	includes nfsd | grep '"cache/' | grep -v '"cache/fs\.h"'
	includes nfsd | grep '"backend/' |
	    grep -v '^nfsd/places\.c:.*"backend/backend\.h"' |
	    grep -v '^nfsd/main\.c:.*"backend/otlp\.h"'
	includes nfsd | grep -E '"(test|cli)/'
	includes cli | grep -E '"(nfsd|cache|backend|test)/'
	# By a path from the top only, or nothing above would see it.
	for d in common backend cache nfsd cli; do
		includes $d | grep -vE '"(common|backend|cache|nfsd|cli)/'
	done
	grep -rnE --include='*.c' \
	    '[^a-z_](socket|accept4?|pipe2?|socketpair|dup)\([^0-9)]' \
	    common backend cache nfsd | grep -v '^common/fd\.c:'
)
test -z "$bad" || { printf '%s\n' "$bad"; exit 1; }
