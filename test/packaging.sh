#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Copyright (C) 2026 the gitnfs authors
# gitnfs: git repositories as a read-only file system over NFSv3
#
# What packages are made from agrees with what is built: versions, files,
# what is needed.  That they are made is for "make deb", "make rpm".
# shellcheck source=test/functions.sh
. "${srcdir:=$(dirname "$0")/..}/test/functions.sh"
src=$(cd "$srcdir" && pwd)

same() {	# WHAT FILE FILE
	diff "$2" "$3" >&2 || fail "$1"
}

# ---- versions ----

version=$("$gitnfsd" --version)
version=${version#gitnfsd }
debian=$(sed -n '1s/^gitnfs (\(.*\)-[^-]*) .*/\1/p' "$src/debian/changelog")
[ "$debian" = "$version" ] || fail "debian/changelog has $debian, not $version"
rpm=$(sed -n 's/^Version: *//p' "$src/contrib/rpm/gitnfs.spec")
[ "$rpm" = "$version" ] || fail "gitnfs.spec has $rpm, not $version"

# ---- what is needed ----

libraries() {
	tr -cs 'a-z0-9.+-' '\n' | grep -E "$1" | grep -vx libc6-dev | sort -u
}
debian='^(.*-dev|pkg-config|rpcsvc-proto)$'
fedora='^(.*-devel|rpcgen)$'
sed -n '/apt-get install/,/generators=/p' "$src/bootstrap" |
	tr -d "'" | libraries "$debian" >"$dir/bootstrap"
sed -n '/^Build-Depends:/,/^$/p' "$src/debian/control" | grep -v nocheck |
	libraries "$debian" >"$dir/control"
sed -n '/ AS build/,/^COPY/p' "$src/contrib/Dockerfile" |
	libraries "$debian" >"$dir/Dockerfile"
[ "$(wc -l <"$dir/bootstrap")" -gt 8 ] || fail 'bootstrap needs nothing'
same 'debian/control needs something else' "$dir/bootstrap" "$dir/control"
same 'the Dockerfile needs something else' "$dir/bootstrap" "$dir/Dockerfile"
sed -n '/dnf install/,/generators=/p' "$src/bootstrap" |
	tr -d "'" | libraries "$fedora" >"$dir/bootstrap"
sed '/^%if/,/^%endif/d' "$src/contrib/rpm/gitnfs.spec" |
	sed -n 's/^BuildRequires: *//p' | libraries "$fedora" >"$dir/spec"
[ "$(wc -l <"$dir/bootstrap")" -gt 8 ] || fail 'bootstrap needs nothing'
same 'gitnfs.spec needs something else' "$dir/bootstrap" "$dir/spec"

# ---- what is installed ----

unset MAKEFLAGS         # this is no part of the make that runs the tests
make -s install prefix=/usr mounthelperdir=/usr/sbin DESTDIR="$dir/root" \
	>/dev/null
(cd "$dir/root" && find . -type f -o -type l | sed 's/^.//' | sort) \
	>"$dir/installed"
sed -n '/^%files/,/^%changelog/p' "$src/contrib/rpm/gitnfs.spec" |
	sed -n 's/\*$//
		s,^%{_bindir},/usr/bin,p
		s,^%{_sbindir},/usr/sbin,p
		s,^%{_datadir},/usr/share,p
		s,^%{_mandir},/usr/share/man,p' | sort >"$dir/listed"
same 'gitnfs.spec lists other files than are installed' \
	"$dir/listed" "$dir/installed"
"$dir/root/usr/bin/gitnfs" --version >/dev/null || fail 'gitnfs'
"$dir/root/usr/sbin/gitnfsd" --version >/dev/null || fail 'gitnfsd'
[ "$(readlink "$dir/root/usr/sbin/mount.gitnfs")" = /usr/bin/gitnfs ] ||
	fail 'mount.gitnfs'
sed -n 's/^Exec[A-Za-z]*=\([^ ]*\).*/\1/p' "$src/contrib/gitnfsd.service" \
	>"$dir/run"
[ "$(wc -l <"$dir/run")" -eq 2 ] || fail 'gitnfsd.service runs something else'
while IFS= read -r name; do
	[ -x "$dir/root$name" ] || fail "gitnfsd.service runs $name"
done <"$dir/run"
make -s uninstall prefix=/usr mounthelperdir=/usr/sbin DESTDIR="$dir/root" \
	>/dev/null
find "$dir/root" ! -type d >"$dir/left"
[ ! -s "$dir/left" ] || fail "uninstall leaves $(cat "$dir/left")"

# What is named from elsewhere is there.
cat "$src/debian/gitnfs.install" "$src/debian/gitnfs.examples" \
	"$src/debian/gitnfs.docs" <(sed -n 's/^install -D -m 644 //p; s/^%doc //p' \
		"$src/contrib/rpm/gitnfs.spec") |
	tr ' ' '\n' | grep -E '^(contrib|doc)/' >"$dir/named"
while IFS= read -r name; do
	compgen -G "$src/$name" >/dev/null || fail "there is no $name"
done <"$dir/named"

# ---- what is run ----

"$gitnfsd" --check-config --state-dir "$dir/state" --cache-dir "$dir/cache" \
	--config "$src/contrib/gitnfs.conf" >"$dir/out" 2>&1 ||
	fail "gitnfs.conf: $(cat "$dir/out")"
sed '/^\[/,$s/^#\([^ ]\)/\1/; s,/srv/git/linux.git,https://example.org/x.git,' \
	"$src/contrib/gitnfs.conf" | sed "s,/etc/gitnfs/.*,$dir/named," >"$dir/conf"
grep -q '^\[source' "$dir/conf" || fail 'gitnfs.conf has no example'
"$gitnfsd" --check-config --state-dir "$dir/state" --cache-dir "$dir/cache" \
	--config "$dir/conf" >"$dir/out" 2>&1 ||
	fail "gitnfs.conf, all of it: $(cat "$dir/out")"
for script in gitnfs.prerm gitnfs.postrm tests/smoke; do
	sh -n "$src/debian/$script" || fail "debian/$script"
done
if command -v rpmspec >/dev/null; then
	rpmspec -P "$src/contrib/rpm/gitnfs.spec" >"$dir/out" 2>&1 ||
		fail "gitnfs.spec: $(cat "$dir/out")"
fi
# The formula, of something that is no tarball.
echo tarball >"$dir/dist.tar.xz"
make -s -o dist formula distdir="$dir/dist" packages="$dir/package" >/dev/null
formula=$dir/package/gitnfs.rb
grep -q "^  url \".*/gitnfs-$version.tar.xz\"$" "$formula" ||
	fail "the formula's URL: $(grep url "$formula")"
sum=$(openssl dgst -sha256 -r "$dir/dist.tar.xz" | cut -d' ' -f1)
grep -qx "  sha256 \"$sum\"" "$formula" || fail "the formula's hash"
! grep -n '@[A-Z0-9]*@' "$formula" >&2 || fail 'the formula is not filled in'
if command -v ruby >/dev/null; then
	ruby -wc "$formula" >/dev/null || fail 'the formula is no ruby'
fi
if command -v python3 >/dev/null; then
	# The names as launchd.plist(5) has them; others it passes over.
	python3 -c 'import plistlib, sys
job = plistlib.load(sys.stdin.buffer)
assert job.keys() == {"Label", "ProgramArguments", "Sockets"}
assert job["Sockets"].keys() == {"nfs"}
assert job["Sockets"]["nfs"].keys() <= {"SockType", "SockPassive",
	"SockNodeName", "SockServiceName", "SockFamily", "SockProtocol"}' \
		<"$src/contrib/launchd/org.gitnfs.gitnfsd.plist" ||
		fail 'launchd cannot read its file'
	grep -q 'launch_activate_socket("nfs"' "$src/nfsd/handover.c" ||
		fail 'launchd is asked for another socket'
fi
