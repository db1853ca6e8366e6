# Prefetch, what the caches count, and what may be counted on.
dist_check_SCRIPTS += test/promises.sh
if HAVE_CHECK
check_PROGRAMS += test/test_prefetch
test_test_prefetch_SOURCES = test/test_prefetch.c \
	test/asker.c test/asker.h test/fake.c test/fake.h test/must.h test/scratch.c test/scratch.h
test_test_prefetch_CFLAGS = $(cache_test_cflags)
test_test_prefetch_LDADD = $(cache_test_libs)
endif
if HAVE_LIBNFS
check_PROGRAMS += test/it_prefetch
test_it_prefetch_SOURCES = test/it_prefetch.c
test_it_prefetch_CFLAGS = $(it_cflags)
test_it_prefetch_LDADD = $(it_libs)
endif
