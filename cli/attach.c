/* SPDX-License-Identifier: MIT
 * Copyright (C) 2026 the gitnfs authors
 * gitnfs: git repositories as a read-only file system over NFSv3
 */
#include "cli/attach.h"

#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cli/address.h"
#include "cli/cli.h"
#include "common/cleanup.h"

/* ---- programs ---- */

static bool have(const char *program)
{
	const char *path = getenv("PATH");
	CLEANUP_FREE char *copy = strdup(path ? path : "/usr/bin:/bin");
	char *save = NULL;

	for (char *d = copy ? strtok_r(copy, ":", &save) : NULL; d;
	     d = strtok_r(NULL, ":", &save)) {
		CLEANUP_FREE char *file = NULL;

		if (asprintf(&file, "%s/%s", d, program) < 0)
			file = NULL;
		if (file && !access(file, X_OK))
			return true;
	}
	return false;
}

/* Its exit status; 127: it could not be run. */
static int run(const char *const argv[])
{
	pid_t pid = fork();
	int status;

	if (!pid) {
		/* It changes none of them. */
		execvp(argv[0], (char *const *)(uintptr_t)argv);
		_exit(127);
	}
	if (pid < 0)
		return 127;
	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			return 127;
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128;
}

#ifdef __linux__
/* Ourselves, as root.  argv[0] to argv[2] are left for how. */
static int run_as_root(const struct cli *cli, const char *argv[])
{
	int status;

	argv[2] = cli->self;
	if (have("sudo")) {
		argv[0] = "sudo";
		/* Without a terminal nobody could answer. */
		argv[1] = isatty(STDIN_FILENO) ? "--" : "-n";
	} else if (have("pkexec")) {
		argv++;
		argv[0] = "pkexec";
	} else {
		cli_say(cli, "mounting needs root, and there is neither sudo "
			"nor pkexec; ask root to run: %s %s \"%s\" \"%s\" "
			"\"%s\" \"%s\"", cli->self, argv[3], argv[4], argv[5],
			argv[6] ? argv[6] : "", argv[6] ? argv[7] : "");
		return END_FAILED;
	}
	cli_say(cli, "this needs root: asking %s", argv[0]);
	status = run(argv);
	return status <= END_TROUBLE ? status : END_FAILED;
}
#endif

/* ---- Linux ---- */

#ifdef __linux__
/* A handle's content never changes, so neither do a file's attributes, nor
 * is there anything to look at when it is opened (nocto).  What a directory
 * lists moves with its branch, unless that is pinned. */
#define ALWAYS "vers=3,nolock,noacl,nocto,noresvport,soft,"
static const char follow[] =
	ALWAYS "acregmin=60,acregmax=3600,acdirmin=1,acdirmax=3";
static const char pinned[] = ALWAYS "actimeo=3600";

/* How long programs wait for a server that is gone, before they are told: timeo
 * times one more than retrans.  Whatever is asked is answered within ten
 * seconds, so nothing is sent twice to one that is there.  On this machine it
 * is there again within seconds, or nobody has started it; another machine may
 * have to be started first. */
static const char *patience(const struct address *at)
{
	return strncmp(at->host, "127.", 4) && strcmp(at->host, "::1") ?
	       "timeo=600,retrans=5" : "timeo=150,retrans=3";
}

/* mount(2) takes some options as flags, and NFS none of those.  What is
 * shown is read-only, and without devices or set-uid programs, in any case. */
static unsigned long take_flags(char *list, char *rest)
{
	static const struct {
		const char *name;
		unsigned long flag;
	} flags[] = {
		{ "ro", 0 }, { "rw", 0 }, { "nosuid", 0 }, { "nodev", 0 },
		{ "suid", 0 }, { "dev", 0 }, { "exec", 0 },
		{ "noexec", MS_NOEXEC },
		{ "relatime", MS_RELATIME }, { "noatime", MS_NOATIME },
		{ "nodiratime", MS_NODIRATIME },
		{ "strictatime", MS_STRICTATIME }, { "silent", MS_SILENT },
	};
	unsigned long ret = MS_RDONLY | MS_NOSUID | MS_NODEV;
	char *save = NULL;

	*rest = '\0';
	for (char *o = strtok_r(list, ",", &save); o;
	     o = strtok_r(NULL, ",", &save)) {
		size_t i = 0, n = sizeof flags / sizeof *flags;

		while (i < n && strcmp(flags[i].name, o))
			i++;
		if (i < n)
			ret |= flags[i].flag;
		else
			rest = stpcpy(stpcpy(rest, ","), o);
	}
	return ret;
}

static int say_why(const struct cli *cli, const struct attach *a, int err)
{
	switch (err) {
	case ENODEV:
		cli_say(cli, "this kernel has no NFS client; try: modprobe "
			"nfs");
		break;
	case EPERM:
		cli_say(cli, "not permitted to mount at %s; in a container, "
			"mount outside and pass the directory in", a->dir);
		break;
	case ENOENT:
		cli_say(cli, "there is no %s, or it is private and there is "
			"no token for it; see gitnfs-backends(7)", a->path);
		break;
	case EACCES:
		cli_say(cli, "%s may not be read: a token is refused or "
			"missing, or a rule of the server says so", a->path);
		break;
	case EIO:
		cli_say(cli, "%s cannot be read now; \"gitnfs doctor\" and "
			"the server's log tell why", a->path);
		break;
	default:
		cli_say(cli, "cannot mount %s at %s: %s", a->path, a->dir,
			strerror(err));
	}
	return END_FAILED;
}

static int mount_here(const struct cli *cli, const struct attach *a)
{
	CLEANUP_FREE char *source = NULL, *data = NULL;
	CLEANUP_FREE char *list = strdup(a->options);
	CLEANUP_FREE char *rest = malloc(strlen(a->options) + 2);
	unsigned long flags;
	struct address at;
	const char *tcp;

	if (address_parse(a->address, &at)) {
		cli_say(cli, "\"%s\" is no ADDRESS:PORT", a->address);
		return END_FAILED;
	}
	tcp = at.v6 ? "tcp6" : "tcp";
	/* "gitnfs" is what others see in the place of a host. */
	if (!list || !rest ||
	    asprintf(&source, "gitnfs:%s", a->path) < 0) {
		cli_say(cli, "out of memory");
		return END_FAILED;
	}
	flags = take_flags(list, rest);
	if (asprintf(&data, "addr=%s,port=%s,proto=%s,mountaddr=%s,"
		     "mountport=%s,mountproto=%s,%s,%s%s", at.host, at.port,
		     tcp, at.host, at.port, tcp, patience(&at),
		     a->pinned ? pinned : follow, rest) < 0) {
		data = NULL;
		cli_say(cli, "out of memory");
		return END_FAILED;
	}
	if (!mount(source, a->dir, "nfs", flags, data))
		return END_WELL;
	return say_why(cli, a, errno);
}

int attach_mount(const struct cli *cli, const struct attach *a)
{
	const char *argv[] = {
		NULL, NULL, NULL, "attach", a->address,
		a->path, a->dir,
		a->pinned ? "pinned" : "follow",
		a->options, NULL,
	};

	return geteuid() ? run_as_root(cli, argv) : mount_here(cli, a);
}

static int unmount_here(const struct cli *cli, const char *dir, bool dead)
{
	if (!umount2(dir, dead ? MNT_FORCE | UMOUNT_NOFOLLOW :
			  UMOUNT_NOFOLLOW))
		return END_WELL;
	/* Nobody would ever let go of it. */
	if (dead && !umount2(dir, MNT_DETACH | UMOUNT_NOFOLLOW))
		return END_WELL;
	if (errno == EBUSY)
		cli_say(cli, "%s is in use; \"fuser -vm %s\" tells by whom",
			dir, dir);
	else
		cli_say(cli, "cannot unmount %s: %s", dir, strerror(errno));
	return END_FAILED;
}

int attach_unmount(const struct cli *cli, const char *dir, bool dead)
{
	const char *argv[] = {
		NULL, NULL, NULL, "attach", dead ? "-f" : "-u",
		dir, NULL,
	};

	return geteuid() ? run_as_root(cli, argv) :
			   unmount_here(cli, dir, dead);
}

int cli_attach(struct cli *cli, int argc, char **argv)
{
	if (argc == 3 && argv[1][0] == '-')
		return unmount_here(cli, argv[2], argv[1][1] == 'f');
	if (argc != 6)
		return cli_usage(cli, "\"attach\" is not for people");
	return mount_here(cli, &(struct attach){
		.address = argv[1],
		.path = argv[2],
		.dir = argv[3],
		.pinned = !strcmp(argv[4], "pinned"),
		.options = argv[5],
	});
}
#else

/* ---- macOS, and other systems with mount_nfs ---- */

#ifdef __APPLE__
#define ALWAYS "vers=3,locallocks,soft,intr,deadtimeout=0,rdonly,nobrowse," \
	"mutejukebox"
static const char follow[] = ALWAYS ",acdirmin=1,acdirmax=3,nonegnamecache";
#else
#define ALWAYS "nfsv3,nolockd,soft,intr,ro"
static const char follow[] = ALWAYS ",acdirmin=1,acdirmax=3";
#endif
static const char pinned[] = ALWAYS ",acdirmin=3600,acdirmax=3600";

int attach_mount(const struct cli *cli, const struct attach *a)
{
	CLEANUP_FREE char *source = NULL, *options = NULL;
	struct address at;

	if (address_parse(a->address, &at) ||
	    asprintf(&source, at.v6 ? "[%s]:%s" : "%s:%s", at.host,
		     a->path) < 0 ||
	    asprintf(&options, "%s,tcp,port=%s,mountport=%s%s%s",
		     a->pinned ? pinned : follow, at.port, at.port,
		     *a->options ? "," : "", a->options) < 0) {
		cli_say(cli, "\"%s\" is no ADDRESS:PORT", a->address);
		return END_FAILED;
	}
	const char *argv[] = { "mount_nfs", "-o", options, source,
			 a->dir, NULL };

	return run(argv) ? END_FAILED : END_WELL;
}

int attach_unmount(const struct cli *cli, const char *dir, bool dead)
{
	const char *argv[] = { "umount", dir, NULL, NULL };

	(void)cli;
	if (dead) {
		argv[1] = "-f";
		argv[2] = dir;
	}
	return run(argv) ? END_FAILED : END_WELL;
}

int cli_attach(struct cli *cli, int argc, char **argv)
{
	(void)argc;
	(void)argv;
	return cli_usage(cli, "\"attach\" is not for people");
}
#endif
