/* SPDX-License-Identifier: MIT
 * Copyright (C) 2026 the gitnfs authors
 * gitnfs: git repositories as a read-only file system over NFSv3
 */
#include "nfsd/places.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "backend/backend.h"
#include "cache/fs.h"
#include "common/cleanup.h"
#include "common/clock.h"
#include "common/list.h"
#include "common/log.h"
#include "nfsd/config/config_place.h"
#include "nfsd/config/config_value.h"

_Static_assert((int)FS_WHY >= (int)BACKEND_WHY &&
	       (int)CONFIG_WHY >= (int)FS_WHY, "one buffer fits all");

enum {
	MS = 1000,              /* a second */
	REF_MS = 5000,          /* to see whether a ref is there */
};

/* ---- one ---- */

/* Whether a ref is there: a backend's resolve, waited for. */
struct question {
	struct job job;
	pthread_mutex_t lock;
	pthread_cond_t answered;
	bool over;
	int err;
};

static void ignore_commit(struct job *job, const struct oid *commit)
{
	(void)job;
	(void)commit;
}

static void resolved(struct job *job, int err)
{
	struct question *q = container_of(job, struct question, job);

	LOCK_SCOPE(&q->lock);
	q->over = true;
	q->err = err;
	pthread_cond_signal(&q->answered);
}

static int find_ref(struct backend *b, const char *ref)
{
	static const struct job_ops ops = {
		.ref_is = ignore_commit,
		.done = resolved,
	};
	struct question q = {
		.job = {
			.ops = &ops,
			.ref = ref,
			.deadline = clock_ms() + REF_MS,
		},
		.lock = PTHREAD_MUTEX_INITIALIZER,
		.answered = PTHREAD_COND_INITIALIZER,
	};

	b->ops->resolve(b, &q.job);
	LOCK_SCOPE(&q.lock);
	while (!q.over)
		pthread_cond_wait(&q.answered, &q.lock);
	return q.err;
}

static struct backend_options options_of(const struct config *c,
					 const struct config_place *p)
{
	return (struct backend_options){
		.anonymous = p->exposed,
		.type = p->type,
		.api_url = p->api_url,
		.git_url = p->git_url,
		.user = p->user,
		.token_file = p->token_file,
		.ca_file = p->ca_file,
		.allow_address = p->allow_address,
		.spool_dir = c->cache_dir,
	};
}

static int open_source(const struct config *c, const struct config_place *s,
		       bool ask_far, struct backend **ret,
		       const char **key, char why[CONFIG_WHY])
{
	const struct backend_options opt = options_of(c, s);
	struct backend *b;
	int r = backend_open_with(&b, s->url, &opt, why);

	if (r)
		return r;
	/* A source that cannot be reached now may be later; a ref that is
	 * not there is a mistake.  But serving need not wait for others. */
	if (s->ref && (ask_far || !b->ops->far) &&
	    find_ref(b, s->ref) == -ENOENT) {
		backend_close(b);
		*key = "ref";
		snprintf(why, CONFIG_WHY, "%s has no branch, tag or commit "
			 "\"%s\"; \"git -C %s branch -a\" lists the branches",
			 s->url, s->ref, s->url);
		return -ENOENT;
	}
	*ret = b;
	return 0;
}

static void log_root(const struct config_place *p)
{
	log_info("root", "name=%s url=%s type=%s api-url=%s token-file=%s",
		 p->name, p->url, p->type ? p->type : "",
		 p->api_url ? p->api_url : "",
		 p->token_file ? p->token_file : "");
}

/* ---- files that are named ---- */

/* With a placeholder it is many. */
static bool is_one(const char *file)
{
	return file && !strchr(file, '{');
}

struct named_file {
	const char *key, *name;
};
enum { NAMED_FILES = 2 };

static void named_files(const struct config_place *p,
			struct named_file ret[NAMED_FILES])
{
	ret[0] = (struct named_file){ "token-file", p->token_file };
	ret[1] = (struct named_file){ "ca-file", p->ca_file };
}

/* What is read when it is needed may be there by then; but a name that leads
 * nowhere is worth a word to who asks. */
static int check_files(const struct config_place *p, const char **key,
		       char why[CONFIG_WHY])
{
	struct named_file file[NAMED_FILES];

	named_files(p, file);
	for (size_t i = 0; i < NAMED_FILES; i++) {
		int err;

		if (!is_one(file[i].name) || !access(file[i].name, R_OK))
			continue;
		err = errno;
		*key = file[i].key;
		snprintf(why, CONFIG_WHY, "%s: %s; the user that runs gitnfsd "
			 "has to be able to read it", file[i].name,
			 strerror(err));
		return -err;
	}
	return 0;
}

/* Meanwhile what needs none of them is shown. */
static void warn_of_files(const struct config_place *p)
{
	struct named_file file[NAMED_FILES];
	struct stat st;

	named_files(p, file);
	for (size_t i = 0; i < NAMED_FILES; i++)
		if (is_one(file[i].name) && access(file[i].name, R_OK))
			log_warning("file cannot be read", "name=%s key=%s "
				    "file=%s error=%s do=have the user that "
				    "runs gitnfsd read it; it is looked for "
				    "when a host asks", p->name, file[i].key,
				    file[i].name, strerror(errno));
	if (is_one(p->token_file) && !stat(p->token_file, &st) &&
	    st.st_mode & S_IROTH)
		log_warning("others can read a token", "name=%s file=%s "
			    "do=chmod o-r %s", p->name, p->token_file,
			    p->token_file);
}

/* ---- all ---- */

static size_t count(const struct config *c)
{
	return c->sources.n + c->roots.n;
}

static const struct config_place *place(const struct config *c, size_t i)
{
	return i < c->sources.n ? &c->sources.place[i] :
				  &c->roots.place[i - c->sources.n];
}

static bool same_text(const char *a, const char *b)
{
	return a && b ? !strcmp(a, b) : a == b;
}

/* Would what is open for 'old' do for 'new'? */
static bool is_same(const struct config_place *old,
		    const struct config_place *new)
{
	const struct config_setting *s = config_place_settings;

	while (s->key && (s->live || config_same(s, old, new)))
		s++;
	return !s->key && old->exposed == new->exposed &&
	       same_text(old->location, new->location) &&
	       same_text(old->git_url, new->git_url);
}

static const struct config_place *find(const struct config *c,
				       const char *name, bool root)
{
	return config_place_find(root ? &c->roots : &c->sources, name);
}

/* How much is found out before a place is shown. */
enum care {
	AT_START,               /* what may be there when it is needed will do */
	IN_USE,                 /* what is shown shall work now */
	AT_LEISURE,             /* also what others have to be asked for */
};

/* What places come to, with what that rests on. */
struct prepared {
	struct fs_place *place;
	struct fs_pattern *pattern;
	struct backend_options *options;
	size_t n;               /* that are made */
};

static void discard(struct prepared *all)
{
	for (size_t i = 0; i < all->n; i++)
		backend_close(all->place[i].backend);
	free(all->place);
	free(all->pattern);
	free(all->options);
}
#define CLEANUP_PREPARED __attribute__((cleanup(discard)))

static void describe(const struct config *c, size_t i, struct prepared *all)
{
	const struct config_place *p = place(c, i);
	struct fs_place *to = &all->place[i];

	*to = (struct fs_place){
		.name = p->name,
		.location = p->location,
		.ref = p->ref,
		.refresh = p->refresh == CONFIG_UNSET ? 0 :
			   (uint32_t)p->refresh * MS,
		.rule = p->rule,
	};
	if (i < c->sources.n)
		return;
	all->options[i] = options_of(c, p);
	all->pattern[i] = (struct fs_pattern){
		.url = p->url,
		.options = &all->options[i],
		.allow = (const char *const *)p->allow.item,
		.deny = (const char *const *)p->deny.item,
	};
	to->pattern = &all->pattern[i];
}

static int prepare(const struct config *c, const struct config_place *p,
		   enum care care, struct fs_place *to, char why[CONFIG_WHY])
{
	const char *key = "url";
	int r = care == AT_START ? 0 : check_files(p, &key, why);

	if (!r)
		r = to->pattern ? fs_check_pattern(to->pattern, why) :
				  open_source(c, p, care == AT_LEISURE,
					      &to->backend, &key, why);
	return config_place_blame(p, key, r, why);
}

/* 'old': what is shown, or NULL. */
static int prepare_all(const struct config *c, const struct config *old,
		       enum care care, struct prepared *all,
		       char why[CONFIG_WHY])
{
	int r = 0;

	*all = (struct prepared){
		.place = calloc(count(c) + 1, sizeof *all->place),
		.pattern = calloc(count(c) + 1, sizeof *all->pattern),
		.options = calloc(count(c) + 1, sizeof *all->options),
	};
	if (!all->place || !all->pattern || !all->options)
		return config_no_memory(why);
	for (size_t i = 0; !r && i < count(c); i++) {
		const struct config_place *p = place(c, i), *was;

		describe(c, i, all);
		all->n++;
		was = old ? find(old, p->name, i >= c->sources.n) : NULL;
		all->place[i].same = was && is_same(was, p);
		if (!all->place[i].same)
			r = prepare(c, p, care, &all->place[i], why);
	}
	return r;
}

int places_check(const struct config *c, char why[CONFIG_WHY])
{
	CLEANUP_PREPARED struct prepared all;
	size_t wrong;
	int r = prepare_all(c, NULL, AT_LEISURE, &all, why);

	if (r)
		return r;
	r = fs_check(all.place, all.n, &wrong, why);
	return r && wrong < all.n ?
		config_place_blame(place(c, wrong), NULL, r, why) : r;
}

static int add(struct fs *fs, struct fs_place *p, char why[CONFIG_WHY])
{
	int r = p->pattern ?
		fs_add_pattern(fs, p->name, p->pattern, why) :
		fs_add(fs, p->name, p->location, p->ref, TAKE(p->backend),
		       why);

	if (!r && p->refresh)
		r = fs_refresh(fs, p->name, p->refresh);
	if (!r && p->rule)
		r = fs_restrict(fs, p->name, p->rule);
	return r;
}

int places_add(struct fs *fs, const struct config *c, char why[CONFIG_WHY])
{
	CLEANUP_PREPARED struct prepared all;
	int r = prepare_all(c, NULL, AT_START, &all, why);

	for (size_t i = 0; !r && i < all.n; i++)
		r = config_place_blame(place(c, i), NULL,
				       add(fs, &all.place[i], why), why);
	return r;
}

void places_warn(const struct config *c)
{
	for (size_t i = 0; i < count(c); i++)
		warn_of_files(place(c, i));
}

void places_log(const struct config *c)
{
	for (size_t i = 0; i < c->sources.n; i++) {
		const struct config_place *s = &c->sources.place[i];

		log_info("source", "name=%s url=%s ref=%s", s->name, s->url,
			 s->ref ? s->ref : "");
	}
	for (size_t i = 0; i < c->roots.n; i++)
		log_root(&c->roots.place[i]);
}

/* ---- others ---- */

struct places_change {
	const struct config *to;
	struct prepared all;
};

int places_prepare(const struct config *from, const struct config *to,
		   struct places_change **ret, char why[CONFIG_WHY])
{
	struct places_change *ch = calloc(1, sizeof *ch);
	int r = config_no_memory(why);

	if (!ch)
		return r;
	ch->to = to;
	r = prepare_all(to, from, IN_USE, &ch->all, why);
	if (r)
		places_change_free(ch);
	else
		*ret = ch;
	return r;
}

void places_change_free(struct places_change *ch)
{
	if (!ch)
		return;
	discard(&ch->all);
	free(ch);
}

int places_change(struct fs *fs, struct places_change *ch,
		  char why[CONFIG_WHY])
{
	size_t wrong;
	int r = fs_change(fs, ch->all.place, ch->all.n, &wrong, why);

	return r && wrong < ch->all.n ?
		config_place_blame(place(ch->to, wrong), NULL, r, why) : r;
}

void places_count(const struct config *from, const struct config *to,
		  struct places_count *ret)
{
	size_t kept = 0;

	*ret = (struct places_count){ 0 };
	for (size_t i = 0; i < count(to); i++) {
		const struct config_place *p = place(to, i);
		const struct config_place *was =
			find(from, p->name, i >= to->sources.n);

		if (!was)
			ret->added++;
		else if (is_same(was, p))
			kept++;
		else
			ret->changed++;
	}
	ret->removed = count(from) - ret->changed - kept;
}
