# What is kept on disk of what comes from elsewhere.
if HAVE_CHECK
check_PROGRAMS += test/it_store test/test_store
test_it_store_SOURCES = test/it_store.c test/asker.c test/asker.h \
	test/git.c test/git.h test/githost.c test/githost.h
test_it_store_CFLAGS = $(cache_test_cflags)
test_it_store_LDADD = $(cache_test_libs)
test_test_store_SOURCES = test/test_store.c test/git.c test/git.h \
	test/scratch.c test/scratch.h
test_test_store_CFLAGS = $(cache_test_cflags)
test_test_store_LDADD = $(cache_test_libs)
endif

# The whole server between NFS clients and git http-backend.
if HAVE_LIBNFS
check_PROGRAMS += test/it_crawl
test_it_crawl_SOURCES = test/it_crawl.c \
	test/crawler.c test/crawler.h \
	test/git.c test/git.h test/githost.c test/githost.h
test_it_crawl_CFLAGS = $(it_cflags)
test_it_crawl_LDADD = $(it_libs)
endif
