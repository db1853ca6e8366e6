/* SPDX-License-Identifier: MIT
 * Copyright (C) 2026 the gitnfs authors
 * gitnfs: git repositories as a read-only file system over NFSv3
 */
/* access.h - rules for who may see something: by the address of the client,
 * its port, the uid it claims, and a secret in the path that it mounts.
 *
 * A rule admits who passes each of its parts; a part that is not set admits
 * everybody.  Only the address is worth anything against a machine that
 * lies.  NFS version 3 takes the client's word for its uids, and a port below
 * 1024 only tells that it was root's word.
 *
 * Listeners have a rule, asked on each call; so may sources and roots of the
 * file system, asked of each handle and each name on the way into one.
 *
 * Knows no configuration and no procedure.
 *
 * Threads: any; one that is in use changes only by rule_swap().
 * Errors: -EINVAL, -ENOMEM; rule_read_secret() as open(2) besides.
 */
#ifndef NFSD_ACCESS_H
#define NFSD_ACCESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

struct rule;

enum {
	RULE_SECRET_MIN = 16,   /* bytes: not to be guessed */
	RULE_SECRET_MAX = 255,
};

/* ---- making one ---- */

/* 'section' is that of the configuration: "server", "source.linux". */
int rule_new(struct rule **ret, const char *section);
void rule_free(struct rule *);                  /* NULL is allowed */

/* What the next two take. */
bool rule_is_network(const char *text);
bool rule_is_uid(const char *text);
/* One more network, "10.0.0.0/8", or address, "::1"; "any" for all. */
int rule_add_network(struct rule *, const char *text);
/* One more uid, "1000", or range of them, "1000-1999". */
int rule_add_uid(struct rule *, const char *text);
/* The client's port has to be below 1024. */
void rule_set_reserved_port(struct rule *, bool);
/* The first line of a file, which nobody else may read: 16 to 255 bytes of
 * letters, digits, '-', '_' and '.'. */
int rule_read_secret(struct rule *, const char *file);

/* Each becomes what the other was, while nobody asks. */
void rule_swap(struct rule *, struct rule *);

/* Has it been said which networks are admitted, or is there a secret?  Of
 * NULL: no. */
bool rule_restricts(const struct rule *);
/* Does it go by uids that anybody can claim who may open a socket? */
bool rule_trusts_anybody(const struct rule *);

/* ---- asking ---- */

/* Who is at the other end of a connection, and by which listener. */
struct client {
	uint64_t high, low;     /* IPv6; IPv4 as ::ffff:0:0/96 */
	uint16_t port;          /* 0: not known */
	bool known;             /* false: of another family */
	bool portmap;           /* the listener is a port mapper's */
	const struct rule *rule;        /* NULL: everybody */
};

/* Who makes a call. */
struct caller {
	const struct client *client;
	bool has_uid;
	uint32_t uid;
};

struct client client_at(const struct sockaddr *, socklen_t,
			const struct rule *);

/* "127.0.0.1:876", for people. */
enum { CLIENT_TEXT = 56 };
void client_text(const struct client *, char ret[CLIENT_TEXT]);

/* Is it an address of this machine's loopback? */
bool client_is_local(const struct client *);

/* May the caller, who is in already, go on?  A NULL rule admits everybody.
 * Who may not is logged, with the key of the configuration that says so. */
bool rule_admits(const struct rule *, const struct caller *);
/* As far as the address goes, and without a word. */
bool rule_admits_address(const struct rule *, const struct client *);
/* May the caller come in, having given the secret or not? */
bool rule_lets_in(const struct rule *, const struct caller *, bool secret);
/* The same, without a word. */
bool rule_would_let_in(const struct rule *, const struct caller *);

/* Does it ask for a secret, and is that the first component of this path?
 * '*path' and '*len' are moved behind it. */
bool rule_takes_secret(const struct rule *, const char **path, size_t *len);

#endif
