# The tests in C: a program each, of one file and what it takes of libtest.a.
# A test links the layer it is about and those below, nothing above.
if HAVE_CHECK
check_LIBRARIES += libtest.a
libtest_a_SOURCES = \
	test/asker.c test/asker.h \
	test/call.c test/call.h \
	test/crawler.c test/crawler.h \
	test/delay.c test/delay.h \
	test/fake.c test/fake.h \
	test/git.c test/git.h \
	test/githost.c test/githost.h \
	test/harness.c test/harness.h \
	test/job.c test/job.h \
	test/must.h \
	test/port.h \
	test/raw.c test/raw.h \
	test/scratch.c test/scratch.h \
	test/suite.c test/suite.h
common_test_libs = libtest.a $(common_libs) $(CHECK_LIBS)
backend_test_libs = libtest.a $(backend_libs) $(common_libs) $(CHECK_LIBS)
cache_test_libs = libtest.a libcache.a $(backend_libs) $(common_libs) \
	$(CHECK_LIBS)
# What a few programs share under names too short for a library.
ahead = test/ahead.c test/ahead.h $(scene)
faulty = test/faulty.c test/faulty.h
flights = test/flights.c test/flights.h
forges = test/forges.c test/forges.h
levels = test/levels.c test/levels.h
locally = test/locally.c test/locally.h
moves = test/moves.c test/moves.h
scene = test/scene.c test/scene.h
stored = test/stored.c test/stored.h
nfsd_test_libs = libtest.a $(nfsd_libs) $(CHECK_LIBS)
# Who says nothing else.
LDADD = $(nfsd_test_libs)
endif
EXTRA_DIST += test/Host.pm test/forge.pl test/httpd.pl test/oddrepo.sh

if HAVE_CHECK
# common/
check_PROGRAMS += test/test_common
test_test_common_LDADD = $(common_test_libs)

# backend/
check_PROGRAMS += test/it_git test/test_git test/test_github \
	test/test_git_pipes test/test_git_trouble test/test_git_trust \
	test/test_hosts test/test_local test/test_local_large \
	test/test_local_open test/test_local_refs test/test_mesa \
	test/test_pack test/test_pkt
test_it_git_LDADD = $(backend_test_libs)
test_test_git_SOURCES = test/test_git.c $(faulty)
test_test_git_LDADD = $(backend_test_libs)
test_test_git_pipes_SOURCES = test/test_git_pipes.c $(faulty)
test_test_git_pipes_LDADD = $(backend_test_libs)
test_test_git_trouble_SOURCES = test/test_git_trouble.c $(faulty)
test_test_git_trouble_LDADD = $(backend_test_libs)
test_test_git_trust_SOURCES = test/test_git_trust.c $(faulty)
test_test_git_trust_LDADD = $(backend_test_libs)
test_test_github_LDADD = $(backend_test_libs)
test_test_hosts_LDADD = $(backend_test_libs) $(CURL_LIBS)
test_test_local_SOURCES = test/test_local.c $(locally)
test_test_local_LDADD = $(backend_test_libs)
test_test_local_large_SOURCES = test/test_local_large.c $(locally)
test_test_local_large_LDADD = $(backend_test_libs)
test_test_local_open_SOURCES = test/test_local_open.c $(locally)
test_test_local_open_LDADD = $(backend_test_libs)
test_test_local_refs_SOURCES = test/test_local_refs.c $(locally)
test_test_local_refs_LDADD = $(backend_test_libs)
test_test_mesa_LDADD = $(backend_test_libs)
test_test_pack_LDADD = $(backend_test_libs)
test_test_pkt_LDADD = $(backend_test_libs)

# cache/
check_PROGRAMS += test/it_store test/test_composite test/test_dcache \
	test/test_flight test/test_flight_budget test/test_flight_threads \
	test/test_fs test/test_fs_trouble test/test_inode test/test_prefetch \
	test/test_prefetch_reading test/test_root test/test_start \
	test/test_state test/test_store test/test_store_damage \
	test/test_store_pins
test_it_store_LDADD = $(cache_test_libs)
test_test_composite_LDADD = $(cache_test_libs)
test_test_dcache_LDADD = $(cache_test_libs)
test_test_flight_SOURCES = test/test_flight.c $(flights)
test_test_flight_LDADD = $(cache_test_libs)
test_test_flight_budget_SOURCES = test/test_flight_budget.c $(flights)
test_test_flight_budget_LDADD = $(cache_test_libs)
test_test_flight_threads_SOURCES = test/test_flight_threads.c $(flights)
test_test_flight_threads_LDADD = $(cache_test_libs)
test_test_fs_SOURCES = test/test_fs.c $(scene)
test_test_fs_LDADD = $(cache_test_libs)
test_test_fs_trouble_SOURCES = test/test_fs_trouble.c $(scene)
test_test_fs_trouble_LDADD = $(cache_test_libs)
test_test_inode_SOURCES = test/test_inode.c $(scene)
test_test_inode_LDADD = $(cache_test_libs)
test_test_prefetch_SOURCES = test/test_prefetch.c $(ahead)
test_test_prefetch_LDADD = $(cache_test_libs)
test_test_prefetch_reading_SOURCES = test/test_prefetch_reading.c $(ahead)
test_test_prefetch_reading_LDADD = $(cache_test_libs)
test_test_root_LDADD = $(cache_test_libs)
test_test_start_LDADD = $(cache_test_libs)
test_test_state_LDADD = $(cache_test_libs)
test_test_store_SOURCES = test/test_store.c $(stored)
test_test_store_LDADD = $(cache_test_libs)
test_test_store_damage_SOURCES = test/test_store_damage.c $(stored)
test_test_store_damage_LDADD = $(cache_test_libs)
test_test_store_pins_SOURCES = test/test_store_pins.c $(stored)
test_test_store_pins_LDADD = $(cache_test_libs)

# nfsd/, without a server
check_PROGRAMS += test/test_access test/test_config test/test_fh test/test_xdr
test/test_xdr.$(OBJEXT): $(rpcgen_headers)

# The program itself, beside hosts of all types.
check_PROGRAMS += test/it_forges
test_it_forges_SOURCES = test/it_forges.c $(forges)
test_it_forges_LDADD = $(common_test_libs)
endif
