/* SPDX-License-Identifier: MIT
 * Copyright (C) 2026 the gitnfs authors
 * gitnfs: git repositories as a read-only file system over NFSv3
 */
/* bench_pack PACK [DIR] - the CPU time that reading a pack takes: inflating
 * it, making the objects of its deltas, and naming each.  The file it is kept
 * in meanwhile is made in DIR.  test/bench-pack.sh compares that with git's. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "backend/git/pack.h"
#include "common/list.h"

struct from {
	struct stream stream;
	int fd;
};

struct sink {
	struct pack_sink sink;
	unsigned objects;
	uint64_t bytes;
};

static ssize_t from_read(struct stream *s, void *buf, size_t len)
{
	ssize_t n = read(container_of(s, struct from, stream)->fd, buf, len);

	return n < 0 ? -errno : n;
}

static int sink_start(struct pack_sink *s, const struct oid *oid,
		      enum obj type, uint64_t size)
{
	struct sink *sink = container_of(s, struct sink, sink);

	(void)oid;
	(void)type;
	sink->objects++;
	sink->bytes += size;
	return 0;
}

static int sink_data(struct pack_sink *s, const void *data, size_t len)
{
	(void)s;
	(void)data;
	(void)len;
	return 0;
}

static void sink_end(struct pack_sink *s)
{
	(void)s;
}

static int sink_check(struct pack_sink *s)
{
	(void)s;
	return 0;
}

static double seconds(const struct timeval *t)
{
	return (double)t->tv_sec + (double)t->tv_usec / 1e6;
}

int main(int argc, char **argv)
{
	const struct pack_options opt = {
		.oid_len = OID_SHA1,
		.dir = argc > 2 ? argv[2] : "/tmp",
		.inflated = UINT64_MAX,
		.objects = UINT32_MAX,
		.delta = SIZE_MAX,
		.memory = 128 << 20,
	};
	struct from from = { .stream.read = from_read };
	struct sink sink = {
		.sink = { sink_start, sink_data, sink_end, sink_check },
	};
	struct rusage used;
	int r;

	if (argc < 2) {
		fprintf(stderr, "usage: bench_pack PACK [DIR]\n");
		return 2;
	}
	from.fd = open(argv[1], O_RDONLY | O_CLOEXEC);
	r = from.fd < 0 ? -errno : pack_read(&from.stream, &opt, &sink.sink);
	if (r) {
		fprintf(stderr, "bench_pack: %s: %s\n", argv[1], strerror(-r));
		return 1;
	}
	getrusage(RUSAGE_SELF, &used);
	printf("%u objects, %.0f MiB: user %.2f s, sys %.2f s, "
	       "at most %ld MiB\n", sink.objects,
	       (double)sink.bytes / (1 << 20), seconds(&used.ru_utime),
	       seconds(&used.ru_stime), used.ru_maxrss >> 10);
	return 0;
}
