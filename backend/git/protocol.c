/* SPDX-License-Identifier: MIT
 * Copyright (C) 2026 the gitnfs authors
 * gitnfs: git repositories as a read-only file system over NFSv3
 */
#include "backend/git/protocol.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { IDLE_MAX = 1 << 20 };    /* bytes of progress, which is not asked for */

/* ---- capabilities ---- */

/* Is 'word' among those that 'list' separates by blanks? */
static bool has_word(const char *list, const char *word)
{
	size_t len = strlen(word);

	while (*list) {
		size_t n = strcspn(list, " ");

		if (n == len && !memcmp(list, word, len))
			return true;
		list += n + (list[n] == ' ');
	}
	return false;
}

/* The value of the line "KEY=VALUE", or "" of "KEY", else NULL. */
static const char *value(const char *line, const char *key)
{
	size_t len = strlen(key);

	if (strncmp(line, key, len))
		return NULL;
	if (!line[len])
		return "";
	return line[len] == '=' ? line + len + 1 : NULL;
}

static int note_capability(struct caps *c, const char *line, bool *fetch)
{
	const char *v;

	if ((v = value(line, "ls-refs"))) {
		c->unborn = has_word(v, "unborn");
	} else if ((v = value(line, "fetch"))) {
		*fetch = true;
		c->shallow = has_word(v, "shallow");
		c->filter = has_word(v, "filter");
	} else if (value(line, "object-info")) {
		c->object_info = true;
	} else if ((v = value(line, "object-format"))) {
		if (strcmp(v, "sha1") && strcmp(v, "sha256"))
			return -EPROTONOSUPPORT;
		c->oid_len = !strcmp(v, "sha1") ? OID_SHA1 : OID_SHA256;
	}
	return 0;
}

/* The line "version 2", which hosts may put a line and a flush before. */
static int read_version(struct pkt_reader *r)
{
	static const char service[] = "# service=";
	const char *line;
	size_t len;
	int kind = pkt_read_line(r, &line, &len);

	if (kind == PKT_DATA && !strncmp(line, service, sizeof service - 1)) {
		kind = pkt_read_line(r, &line, &len);
		if (kind == PKT_FLUSH)
			kind = pkt_read_line(r, &line, &len);
	}
	if (kind < 0)
		return kind;
	if (kind == PKT_DATA && !strncmp(line, "ERR ", 4))
		return -ENOENT;
	return kind == PKT_DATA && !strcmp(line, "version 2") ? 0 :
		-EPROTONOSUPPORT;
}

int protocol_read_caps(struct pkt_reader *r, struct caps *ret)
{
	struct caps c = { .oid_len = OID_SHA1 };
	bool fetch = false;
	const char *line;
	size_t len;
	int kind, err = read_version(r);

	if (err)
		return err;
	while ((kind = pkt_read_line(r, &line, &len)) == PKT_DATA) {
		err = note_capability(&c, line, &fetch);
		if (err)
			return err;
	}
	if (kind != PKT_FLUSH)
		return kind < 0 ? kind : -ECONNRESET;
	if (!fetch)
		return -EPROTONOSUPPORT;
	*ret = c;
	return 0;
}

/* ---- commands ---- */

static void start(struct pkt_buf *b, const struct caps *c,
		  const char *command)
{
	pkt_line(b, "command=%s", command);
	pkt_line(b, "agent=" PACKAGE_NAME "/" PACKAGE_VERSION);
	pkt_line(b, "object-format=%s",
		 c->oid_len == OID_SHA1 ? "sha1" : "sha256");
	pkt_delim(b);
}

void protocol_refs_start(struct pkt_buf *b, const struct caps *c)
{
	start(b, c, "ls-refs");
	pkt_line(b, "peel");
	pkt_line(b, "symrefs");
	if (c->unborn)
		pkt_line(b, "unborn");
}

void protocol_refs_prefix(struct pkt_buf *b, const char *prefix)
{
	pkt_line(b, "ref-prefix %s", prefix);
}

void protocol_refs_end(struct pkt_buf *b)
{
	pkt_flush(b);
}

void protocol_fetch(struct pkt_buf *b, const struct caps *c,
		    const struct oid *want, size_t n, bool shallow,
		    const char *filter)
{
	char hex[OID_HEX + 1];

	start(b, c, "fetch");
	for (size_t i = 0; i < n; i++) {
		oid_hex(&want[i], hex);
		pkt_line(b, "want %s", hex);
	}
	if (shallow)
		pkt_line(b, "deepen 1");
	if (filter)
		pkt_line(b, "filter %s", filter);
	pkt_line(b, "ofs-delta");
	pkt_line(b, "no-progress");
	pkt_line(b, "done");
	pkt_flush(b);
}

void protocol_sizes(struct pkt_buf *b, const struct caps *c,
		    const struct oid *oid, size_t n)
{
	char hex[OID_HEX + 1];

	start(b, c, "object-info");
	pkt_line(b, "size");
	for (size_t i = 0; i < n; i++) {
		oid_hex(&oid[i], hex);
		pkt_line(b, "oid %s", hex);
	}
	pkt_flush(b);
}

/* ---- answers ---- */

/* What an error packet says.  An enum answer. */
static int refusal(const char *line, struct oid *missing)
{
	static const char not_ours[] = "not our ref";
	const char *what = strstr(line, not_ours);

	*missing = (struct oid){ .len = 0 };
	if (!what)
		return ANSWER_REFUSED;
	what += sizeof not_ours - 1;
	what += *what == ' ';
	oid_parse(what, strspn(what, "0123456789abcdefABCDEF"), missing);
	return ANSWER_MISSING;
}

static bool is_error(const char *line)
{
	return !strncmp(line, "ERR ", 4);
}

/* "OID NAME[ symref-target:NAME][ peeled:OID]" and "unborn NAME ..."; the
 * line is cut into its words. */
static int parse_ref(char *line, const struct caps *c, struct ref_line *ret)
{
	struct ref_line ref = { .target = NULL };
	char *at = line, *word = strsep(&at, " ");

	if (strcmp(word, "unborn") &&
	    (oid_parse(word, strlen(word), &ref.oid) ||
	     ref.oid.len != c->oid_len))
		return -EBADMSG;
	ref.name = strsep(&at, " ");
	if (!ref.name || !*ref.name)
		return -EBADMSG;
	while ((word = strsep(&at, " "))) {
		if (!strncmp(word, "symref-target:", 14))
			ref.target = word + 14;
		else if (!strncmp(word, "peeled:", 7) &&
			 (oid_parse(word + 7, strlen(word + 7),
				    &ref.peeled) ||
			  ref.peeled.len != c->oid_len))
			return -EBADMSG;
	}
	*ret = ref;
	return 0;
}

int protocol_read_refs(struct pkt_reader *r, const struct caps *c,
		       void (*each)(void *arg, const struct ref_line *),
		       void *arg)
{
	const char *line;
	bool any = false;
	size_t len;
	int kind;

	for (;; any = true) {
		struct ref_line ref;
		int err;

		kind = pkt_read_line(r, &line, &len);
		if (kind != PKT_DATA)
			break;
		if (is_error(line))
			return ANSWER_REFUSED;
		err = parse_ref((char *)line, c, &ref);
		if (err)
			return err;
		each(arg, &ref);
	}
	if (kind == PKT_EOF)
		return any ? -ECONNRESET : (int)ANSWER_EMPTY;
	return kind < 0 ? kind : kind == PKT_FLUSH ? 0 : -EBADMSG;
}

static ssize_t sideband_read(struct stream *s, void *buf, size_t len)
{
	struct sideband *b = (struct sideband *)s;

	while (!b->len && !b->ended) {
		int kind = pkt_read(b->from, &b->data, &b->len);

		if (kind < 0)
			return kind;
		if (kind == PKT_EOF)
			return -ECONNRESET;
		b->ended = kind != PKT_DATA;
		if (b->ended || !b->len) {
			b->len = 0;
			continue;
		}
		if (*b->data == 3)
			return -EIO;            /* it cannot go on */
		if (*b->data == 1) {
			b->data++;
			b->len--;
		} else {
			b->idle += b->len;      /* progress */
			b->len = 0;
			if (b->idle > IDLE_MAX)
				return -EBADMSG;
		}
	}
	if (len > b->len)
		len = b->len;
	if (!len)                               /* nor any data */
		return 0;
	memcpy(buf, b->data, len);
	b->data += len;
	b->len -= len;
	return (ssize_t)len;
}

/* Sections come before the pack that do not matter to those who keep no
 * history. */
int protocol_read_fetch(struct pkt_reader *r, struct sideband *ret,
			struct oid *missing)
{
	const char *line;
	bool any = false;
	size_t len;
	int kind;

	for (;; any = true) {
		kind = pkt_read_line(r, &line, &len);
		if (kind == PKT_DELIM)
			continue;
		if (kind != PKT_DATA)
			break;
		if (is_error(line))
			return refusal(line, missing);
		if (!strcmp(line, "packfile")) {
			*ret = (struct sideband){
				.stream.read = sideband_read, .from = r,
			};
			return ANSWER_GOOD;
		}
	}
	if (kind == PKT_EOF)
		return any ? -ECONNRESET : (int)ANSWER_EMPTY;
	return kind < 0 ? kind : -EBADMSG;
}

int protocol_read_sizes(struct pkt_reader *r, const struct caps *c,
			void (*each)(void *arg, const struct oid *,
				     uint64_t size),
			void *arg)
{
	const char *line;
	bool any = false;
	size_t len;
	int kind;

	for (;; any = true) {
		size_t hex = 2u * c->oid_len;
		unsigned long long size;
		struct oid oid;
		char *end;

		kind = pkt_read_line(r, &line, &len);
		if (kind != PKT_DATA)
			break;
		if (is_error(line))
			return ANSWER_REFUSED;
		if (!any && !strcmp(line, "size"))
			continue;
		if (len < hex || oid_parse(line, hex, &oid))
			return -EBADMSG;
		/* Without a size: there is no such object. */
		if (line[hex] != ' ' || !line[hex + 1])
			continue;
		errno = 0;
		size = strtoull(line + hex + 1, &end, 10);
		if (*end || errno || line[hex + 1] == '-')
			return -EBADMSG;
		each(arg, &oid, size);
	}
	if (kind == PKT_EOF)
		return any ? -ECONNRESET : (int)ANSWER_EMPTY;
	return kind < 0 ? kind : kind == PKT_FLUSH ? 0 : -EBADMSG;
}
