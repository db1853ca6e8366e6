/* SPDX-License-Identifier: MIT
 * Copyright (C) 2026 the gitnfs authors
 * gitnfs: git repositories as a read-only file system over NFSv3
 */
#include "nfsd/config/config_rules.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "common/cleanup.h"
#include "common/log.h"
#include "nfsd/endpoint.h"
#include "nfsd/config/config_place.h"
#include "nfsd/config/config_value.h"

/* ---- making them ---- */

static int read_secret(struct rule *r, const char *file, char *why)
{
	const char *problem;
	int err = rule_read_secret(r, file);

	if (!err || err == -ENOMEM)
		return err;
	if (err == -EPERM)
		problem = "others may read it; chmod 600 helps";
	else if (err == -EINVAL)
		problem = "its first line has to be 16 to 255 letters, "
			  "digits, '-', '_' and '.'";
	else
		problem = strerror(-err);
	return config_fail(why, -EBADMSG, "secret-file \"%s\": %s", file,
			   problem);
}

static const struct config_access nothing = {
	.reserved_port = CONFIG_UNSET,
};

static bool says_nothing(const struct config_access *a)
{
	return !a->allow.n && !a->uids.n && !a->secret_file &&
	       a->reserved_port != 1;
}

/* Of each key what 'own' says, else 'g'. */
static int make_rule(const struct config_access *own,
		     const struct config_access *g, const char *section,
		     struct rule **ret, char *why)
{
	const struct config_list *allow =
		own->allow.n ? &own->allow : &g->allow;
	const struct config_list *uids = own->uids.n ? &own->uids : &g->uids;
	const char *secret = own->secret_file ? own->secret_file :
						g->secret_file;
	bool reserved = (own->reserved_port != CONFIG_UNSET ?
			 own->reserved_port : g->reserved_port) == 1;
	struct rule *r;
	int err;

	err = rule_new(&r, section);
	if (err)
		return err;
	for (size_t i = 0; !err && i < allow->n; i++)
		err = rule_add_network(r, allow->item[i]);
	for (size_t i = 0; !err && i < uids->n; i++)
		err = rule_add_uid(r, uids->item[i]);
	rule_set_reserved_port(r, reserved);
	if (!err && secret)
		err = read_secret(r, secret, why);
	if (err) {
		rule_free(r);
		return err;
	}
	*ret = r;
	return 0;
}

/* The sources, then the roots. */
static size_t places(const struct config *c)
{
	return c->sources.n + c->roots.n;
}

static struct config_place *place(const struct config *c, size_t i)
{
	return i < c->sources.n ? &c->sources.place[i] :
				  &c->roots.place[i - c->sources.n];
}

static const char *section_of(const struct config *c, size_t i)
{
	return i < c->sources.n ? "source" : "root";
}

static int make_listeners(const struct config *c, struct config_rules *rs,
			  char *why)
{
	int r = 0;

	for (size_t i = 0; !r && i < c->listen.n; i++) {
		const struct config_place *own =
			config_place_find(&c->listeners, c->listen.item[i]);
		CLEANUP_FREE char *section = NULL;

		if (asprintf(&section, own ? "listener.%s" : "server",
			     c->listen.item[i]) < 0) {
			section = NULL;
			return -ENOMEM;
		}
		r = make_rule(own ? &own->access : &c->access,
			      own ? &c->access : &nothing, section,
			      &rs->listen[i], why);
		if (own)
			config_place_blame(own, NULL, r, why);
	}
	return r;
}

static int make_places(const struct config *c, struct config_rules *rs,
		       char *why)
{
	for (size_t i = 0; i < places(c); i++) {
		struct config_place *p = place(c, i);
		CLEANUP_FREE char *section = NULL;
		struct rule *rule = NULL;
		int r;

		if (says_nothing(&p->access))
			continue;
		if (asprintf(&section, "%s.%s", section_of(c, i), p->name) < 0) {
			section = NULL;
			return -ENOMEM;
		}
		r = make_rule(&p->access, &nothing, section, &rule, why);
		if (r)
			return config_place_blame(p, NULL, r, why);
		rs->place[rs->nplace++] = rule;
		p->rule = (unsigned)rs->nplace;
	}
	return 0;
}

void config_rules_free(struct config_rules *rs)
{
	for (size_t i = 0; i < rs->nlisten; i++)
		rule_free(rs->listen[i]);
	for (size_t i = 0; i < rs->nplace; i++)
		rule_free(rs->place[i]);
	free(rs->listen);
	free(rs->place);
	*rs = (struct config_rules){ 0 };
}

/* ---- what they come to ---- */

static bool is_beyond(const char *address)
{
	struct sockaddr_storage addr = { 0 };
	struct client c;

	if (endpoint_parse(address, &addr))
		return true;
	c = client_at((const struct sockaddr *)&addr, endpoint_len(&addr), NULL);
	return !client_is_local(&c);
}

/* The first address beyond this machine of which nothing is said. */
static const char *open_to_all(const struct config_rules *rs,
			       const struct config *c)
{
	for (size_t i = 0; i < rs->nlisten; i++)
		if (is_beyond(c->listen.item[i]) &&
		    !rule_restricts(rs->listen[i]))
			return c->listen.item[i];
	return NULL;
}

static bool is_path(const char *url)
{
	if (!strncmp(url, "file://", 7))
		return true;
	/* git's HOST:PATH is none. */
	return !strstr(url, "://") && url[strcspn(url, ":/")] != ':';
}

/* By what is it known that not everybody may read it?  NULL: it is not. */
static const char *private_by(const struct config_place *p)
{
	if (p->token_file)
		return "a token";
	if (!strncmp(p->url, "http://", 7) || !strncmp(p->url, "https://", 8) ||
	    is_path(p->url))
		return NULL;
	return "the key of a user";
}

static int refuse(const struct config *c, size_t i, const char *address,
		  char *why)
{
	const struct config_place *p = place(c, i);
	const char *section = section_of(c, i);

	config_fail(why, -EBADMSG, "%s \"%s\" is read with %s, and everybody "
		    "who reaches %s could read it: set %s.%s.allow or "
		    "server.allow to the networks that may, as in 10.0.0.0/8, "
		    "or to any", section, p->name, private_by(p), address,
		    section, p->name);
	return config_place_blame(p, NULL, -EBADMSG, why);
}

static int check_exposed(const struct config_rules *rs,
			 const struct config *c, char *why)
{
	const char *address = open_to_all(rs, c);

	for (size_t i = 0; address && i < places(c); i++) {
		struct config_place *p = place(c, i);

		if (p->rule && rule_restricts(rs->place[p->rule - 1]))
			continue;
		if (private_by(p))
			return refuse(c, i, address, why);
		p->exposed = true;
	}
	return 0;
}

int config_rules_make(struct config *c, struct config_rules *ret,
		      char why[CONFIG_WHY])
{
	int r;

	*ret = (struct config_rules){ 0 };
	config_no_memory(why);
	ret->listen = calloc(c->listen.n + 1, sizeof *ret->listen);
	ret->place = calloc(places(c) + 1, sizeof *ret->place);
	if (!ret->listen || !ret->place)
		return -ENOMEM;
	ret->nlisten = c->listen.n;
	r = make_listeners(c, ret, why);
	if (!r)
		r = make_places(c, ret, why);
	return r ? r : check_exposed(ret, c, why);
}

void config_rules_warn(const struct config_rules *rs, const struct config *c)
{
	const char *address = open_to_all(rs, c);
	bool trusting = false;

	if (address)
		log_warning("everybody may read", "address=%s key=server.allow "
			    "do=name the networks that may, or say any", address);
	for (size_t i = 0; i < rs->nlisten; i++)
		trusting |= rule_trusts_anybody(rs->listen[i]);
	for (size_t i = 0; i < rs->nplace; i++)
		trusting |= rule_trusts_anybody(rs->place[i]);
	if (trusting)
		log_warning("any program may claim a uid",
			    "key=server.reserved-port do=set it to true, so "
			    "that only root of a client is believed");
}
