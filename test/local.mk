# By hand: what the cache costs.  REPOSITORY=DIR for a large repository.
EXTRA_PROGRAMS = test/bench_cache
test_bench_cache_SOURCES = test/bench_cache.c
test_bench_cache_LDADD = libcache.a $(backend_libs) $(common_libs)
EXTRA_DIST += test/bench.sh

bench: test/bench_cache
	builddir=. $(srcdir)/test/bench.sh $(REPOSITORY)
.PHONY: bench
