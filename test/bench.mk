# The benches, by hand: see HACKING.md.  REPOSITORY=DIR for a large
# repository, such as Linux's.
EXTRA_PROGRAMS += test/bench_cache test/bench/load test/bench/floor
test_bench_load_SOURCES = test/bench/load.c \
	test/bench/latency.c test/bench/latency.h \
	test/bench/tree.c test/bench/tree.h \
	test/bench/wire.c test/bench/wire.h
test_bench_load_LDADD =
test_bench_floor_LDADD =
test_bench_cache_SOURCES = test/bench_cache.c test/asker.c test/asker.h
test_bench_cache_LDADD = libcache.a $(backend_libs) $(common_libs)
dist_noinst_SCRIPTS = test/bench/hits.pl test/bench/cache.sh \
	test/bench/client.pl test/bench/growth.pl
dist_noinst_DATA = test/bench/Servers.pm
EXTRA_DIST += test/crawlrepo.sh

bench: gitnfsd test/bench/load test/bench/floor
	srcdir=$(srcdir) $(srcdir)/test/bench/hits.pl $(BENCHFLAGS) $(REPOSITORY)
bench-cache: test/bench_cache
	builddir=. $(srcdir)/test/bench/cache.sh $(REPOSITORY)
# By the real Linux client.  DIRECTORY=DIR for a part of the repository.
bench-client: gitnfsd
	$(srcdir)/test/bench/client.pl $(BENCHFLAGS) $(REPOSITORY) $(DIRECTORY)
# Writes into the sources: doc/growth.data, and doc/growth.svg with gnuplot.
bench-growth: gitnfsd test/bench/load
	$(srcdir)/test/bench/growth.pl $(srcdir)/doc
.PHONY: bench bench-cache bench-client bench-cold bench-forges bench-growth

# What is elsewhere, beside "git clone".  REPOSITORY=DIR as above; more of it
# is said in bench_cold.c.
if HAVE_CHECK
EXTRA_PROGRAMS += test/bench_cold test/bench_forges test/bench_pack
test_bench_forges_SOURCES = test/bench_forges.c $(forges)
test_bench_forges_LDADD = $(common_test_libs)
test_bench_cold_LDADD = $(common_test_libs)
test_bench_pack_LDADD = $(backend_libs) $(common_libs)

# How many requests each type of root makes.
bench-forges: gitnfsd test/bench_forges
	srcdir=$(srcdir) test/bench_forges
bench-cold: gitnfsd test/bench_cold
	srcdir=$(srcdir) REPOSITORY=$(REPOSITORY) test/bench_cold
endif
