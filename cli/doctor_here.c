/* SPDX-License-Identifier: MIT
 * Copyright (C) 2026 the gitnfs authors
 * gitnfs: git repositories as a read-only file system over NFSv3
 */
/* doctor: what can be seen on this machine without the server. */
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <time.h>
#include <unistd.h>

#include "cli/address.h"
#include "cli/cli.h"
#include "cli/doctor.h"
#include "cli/mounts.h"
#include "cli/text.h"
#include "common/cleanup.h"
#include "common/dirs.h"
#include "common/json.h"

enum {
	FREE_MIN = 100 << 20,   /* bytes on a disk */
	BUILT = 1767225600,     /* 2026: no clock is right that is before */
	AHEAD_S = 300,          /* of a commit, with clocks that are right */
};

#ifdef __linux__
static bool file_has(const char *path, const char *text)
{
	FILE *f = fopen(path, "re");
	CLEANUP_FREE char *line = NULL;
	size_t room = 0;
	bool found = false;

	while (f && !found && getline(&line, &room, f) > 0)
		found = strstr(line, text);
	if (f)
		fclose(f);
	return found;
}

/* Where that is told need not be in the PATH of who is not root. */
static bool has_module(void)
{
	return !system("PATH=$PATH:/usr/sbin:/sbin "
		       "modinfo nfs >/dev/null 2>&1");
}

static void check_client(struct doctor *d)
{
	if (file_has("/proc/filesystems", "\tnfs\n")) {
		doctor_find(d, FINE, "NFS client", "this kernel has it");
	} else if (has_module()) {
		doctor_find(d, FINE, "NFS client", "a module, to be loaded "
			    "when it is needed");
	} else {
		doctor_find(d, WRONG, "NFS client", "this kernel has none");
		doctor_advise("in a container: mount outside, pass the "
			      "directory in;");
		doctor_advise("else install the kernel's extra modules, then: "
			      "modprobe nfs");
	}
}

static void check_privileges(struct doctor *d)
{
	if (!geteuid())
		doctor_find(d, FINE, "privileges", "root may mount");
	else if (!system("command -v sudo >/dev/null 2>&1"))
		doctor_find(d, FINE, "privileges", "sudo is asked to mount");
	else if (!system("command -v pkexec >/dev/null 2>&1"))
		doctor_find(d, FINE, "privileges", "pkexec is asked to mount");
	else {
		doctor_find(d, WRONG, "privileges", "only root may mount, and "
			    "there is neither sudo nor pkexec");
		doctor_advise("install sudo, or have root mount (mount.gitnfs "
			      "in fstab)");
	}
}

/* What mount(8) looks for. */
static void check_helper(struct doctor *d)
{
	static const char helper[] = "/sbin/mount.gitnfs";

	if (!access(helper, X_OK)) {
		doctor_find(d, FINE, "mount helper", "%s", helper);
		return;
	}
	doctor_find(d, NOTE, "mount helper", "there is no %s, which fstab and "
		    "\"mount -t gitnfs\" need", helper);
	doctor_advise("a package or \"make install\" has it; gitnfs mount "
		      "needs none");
}
#else
static void check_helper(struct doctor *d)
{
	(void)d;        /* there is no such thing */
}

static void check_client(struct doctor *d)
{
	if (!system("command -v mount_nfs >/dev/null 2>&1"))
		doctor_find(d, FINE, "NFS client", "mount_nfs is there");
	else
		doctor_find(d, WRONG, "NFS client", "there is no mount_nfs");
}

static void check_privileges(struct doctor *d)
{
	doctor_find(d, FINE, "privileges", "any user may mount here");
}
#endif

static bool listens_at(const struct doctor *d, int port)
{
	struct json_object *list = doctor_listeners(d);
	size_t n = list ? json_object_array_length(list) : 0;

	for (size_t i = 0; i < n; i++) {
		struct address at;

		if (!address_parse(json_object_get_string(
				json_object_array_get_idx(list, i)), &at) &&
		    atoi(at.port) == port)
			return true;
	}
	return false;
}

/* What gitnfs mounts is told the port; what others mount asks for it. */
static void check_rpcbind(struct doctor *d)
{
	int port = address_mapped();

	if (port < 0)
		doctor_find(d, FINE, "rpcbind", "none; gitnfs mount needs "
			    "none");
	else if (listens_at(d, port))
		doctor_find(d, FINE, "rpcbind", "tells clients that NFS is at "
			    "port %d", port);
	else if (port)
		doctor_find(d, NOTE, "rpcbind", "tells clients of another NFS "
			    "server, at port %d", port);
	else
		doctor_find(d, NOTE, "rpcbind", "knows no NFS server");
	if (port >= 0 && !listens_at(d, port))
		doctor_advise("\"mount -t nfs\" has to be told port= and "
			      "mountport=; gitnfs mount does that");
}

static void check_mounts(struct doctor *d)
{
	struct address server;
	struct mounts all;
	unsigned n = 0, dead = 0;

	if (mounts_read(&all)) {
		doctor_find(d, NOTE, "mounts", "cannot tell what is mounted");
		return;
	}
	for (size_t i = 0; i < all.n; i++) {
		if (!mounts_is_ours(&all.mount[i], &server))
			continue;
		n++;
		if (address_answers(&server))
			continue;
		dead++;
		doctor_find(d, WRONG, "mounts", "%s waits for a server that is "
			    "gone", all.mount[i].dir);
		doctor_advise("gitnfs mount %s brings it back, gitnfs umount "
			      "%s ends it", all.mount[i].dir, all.mount[i].dir);
	}
	if (!n)
		doctor_find(d, FINE, "mounts", "none; gitnfs mount DIR makes "
			    "one");
	else if (!dead)
		doctor_find(d, FINE, "mounts", "%u, and all are served", n);
	mounts_free(&all);
}

static void check_clock(struct doctor *d)
{
	struct json_object *list = doctor_list(d, "repositories");
	size_t n = list ? json_object_array_length(list) : 0;
	time_t now = time(NULL);

	if (now < BUILT) {
		doctor_find(d, WRONG, "clock", "it is before 2026 here: TLS "
			    "will fail");
		doctor_advise("set the clock");
		return;
	}
	for (size_t i = 0; i < n; i++) {
		struct json_object *o = json_object_array_get_idx(list, i);

		if (json_i64_at(o, "committed") <= now + AHEAD_S)
			continue;
		doctor_find(d, NOTE, "clock", "the commit of %s is of the "
			    "future: this clock may be late", json_text_at(o,
			    "name"));
		return;
	}
	doctor_find(d, FINE, "clock", "as far as can be told");
}

/* ---- what is kept ---- */

static void check_dir(struct doctor *d, const char *what, const char *dir,
		      bool private)
{
	struct statvfs fs;
	struct stat st;
	char free_text[TEXT_SIZE];

	if (!dir || (stat(dir, &st) && errno == ENOENT)) {
		doctor_find(d, FINE, what, "%s is made when it is needed", dir ?
			    dir : "it");
		return;
	}
	if (access(dir, R_OK | W_OK | X_OK)) {
		doctor_find(d, WRONG, what, "%s: %s", dir, strerror(errno));
		doctor_advise("whose is it?  ls -ld %s", dir);
		return;
	}
	if (private && !stat(dir, &st) && st.st_mode & 022) {
		doctor_find(d, WRONG, what, "%s can be written by others", dir);
		doctor_advise("chmod go-w %s", dir);
	}
	if (statvfs(dir, &fs)) {
		doctor_find(d, NOTE, what, "%s: %s", dir, strerror(errno));
		return;
	}
	uint64_t left = (uint64_t)fs.f_bavail * fs.f_frsize;

	doctor_find(d, left < FREE_MIN ? WRONG : FINE, what, "%s, %s free", dir,
		    text_bytes(left, free_text));
	if (left < FREE_MIN)
		doctor_advise("make room, or say less for cache.disk");
}

/* As the server tells; else the configuration; else where it would be. */
static char *cache_dir(const struct doctor *d)
{
	CLEANUP_FREE char *usual = dirs_default(DIRS_STATE);
	struct json_object *server = d->status ?
		json_at(d->status, "server", json_type_object) : NULL;
	const char *told = server ? json_text_at(server, "cache_dir") : NULL;
	char *dir = told ? strdup(told) : cli_configured(d->cli, "cache.dir");

	if (dir || told)
		return dir;
	if (!usual || !strcmp(usual, d->cli->state_dir))
		return dirs_default(DIRS_CACHE);
	/* One that is not the usual one has a cache of its own. */
	return asprintf(&dir, "%s/cache", d->cli->state_dir) < 0 ? NULL : dir;
}

static void check_dirs(struct doctor *d)
{
	CLEANUP_FREE char *cache = cache_dir(d);

	check_dir(d, "state", d->cli->state_dir, true);
	check_dir(d, "cache", cache, true);
}

static void check_credentials(struct doctor *d)
{
	if (!system("git --version >/dev/null 2>&1")) {
		if (!system("git config credential.helper >/dev/null 2>&1"))
			doctor_find(d, FINE, "credentials", "git has a helper");
		else
			doctor_find(d, FINE, "credentials", "none; public "
				    "repositories need none");
		return;
	}
	doctor_find(d, NOTE, "credentials", "there is no git to ask for them");
	doctor_advise("install git, or name a token-file in gitnfs.conf(5)");
}

void doctor_here(struct doctor *d)
{
	check_client(d);
	check_privileges(d);
	check_helper(d);
	check_rpcbind(d);
	check_mounts(d);
	check_dirs(d);
	check_clock(d);
	check_credentials(d);
}
