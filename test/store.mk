# What is kept on disk of what comes from elsewhere.
if HAVE_CHECK
check_PROGRAMS += test/test_store
test_test_store_SOURCES = test/test_store.c test/scratch.c test/scratch.h
test_test_store_CFLAGS = $(cache_test_cflags)
test_test_store_LDADD = $(cache_test_libs)
endif
