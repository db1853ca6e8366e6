noinst_LIBRARIES += libcommon.a
libcommon_a_SOURCES = \
	common/bus.c common/bus.h \
	common/cleanup.h \
	common/clock.c common/clock.h \
	common/dirs.c common/dirs.h \
	common/fd.c common/fd.h \
	common/hex.c common/hex.h \
	common/json.h \
	common/keyed.c common/keyed.h \
	common/large.c common/large.h \
	common/list.h \
	common/lock.c common/lock.h \
	common/log.c common/log.h \
	common/oid.c common/oid.h \
	common/pool.c common/pool.h \
	common/span.c common/span.h \
	common/thread.c common/thread.h \
	common/url.c common/url.h \
	common/unix.c common/unix.h \
	common/value.h \
	common/waiter.h
common_libs = libcommon.a $(CRYPTO_LIBS) $(SODIUM_LIBS) $(UTF8PROC_LIBS)
