noinst_LIBRARIES += libcache.a
libcache_a_SOURCES = \
	cache/chore.c cache/chore.h \
	cache/composite.c cache/composite.h \
	cache/composite_change.c cache/composite_config.c \
	cache/composite_name.c cache/composite_own.h \
	cache/composite_source.c \
	cache/crawl.c cache/crawl.h \
	cache/dcache.c cache/dcache.h \
	cache/errand.c cache/errand.h cache/errand_ahead.c cache/errand_names.c \
	cache/errand_root.c cache/errand_sizes.c \
	cache/failures.c cache/failures.h \
	cache/fetch.c cache/fetch.h \
	cache/flight.c cache/flight.h \
	cache/fs.c cache/fs.h \
	cache/inode.c cache/inode.h \
	cache/intake.c cache/intake.h \
	cache/kept.c \
	cache/node.c cache/node.h \
	cache/page.c \
	cache/pattern.c cache/pattern.h \
	cache/prefetch.c cache/prefetch.h \
	cache/readdir.c \
	cache/shown.c \
	cache/root.c cache/root.h \
	cache/spelling.c cache/spelling.h \
	cache/state.c cache/state.h \
	cache/store.c cache/store.h cache/store_in.h \
	cache/store_dir.c cache/store_index.c cache/store_pin.c \
	cache/store_segment.c \
	cache/usage.c \
	cache/where.c
