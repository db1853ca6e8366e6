# Programs that try out inputs, see fuzz.h.  To add one: its name in the
# list, the three lines, and its inputs in test/corpus/NAME/.
fuzz_programs = test/fuzz_pack test/fuzz_pkt
fuzz_main = test/fuzz.h
if HAVE_CHECK
fuzz_programs += test/fuzz_fh test/fuzz_rpc
endif
if FUZZERS
EXTRA_PROGRAMS += $(fuzz_programs)
else
check_PROGRAMS += $(fuzz_programs)
fuzz_main += test/fuzz_main.c
endif
EXTRA_DIST += test/corpus test/fuzz.sh

fuzz_world = test/fuzz_world.c test/fuzz_world.h test/fake.c test/fake.h
test_fuzz_fh_SOURCES = test/fuzz_fh.c $(fuzz_world) $(fuzz_main)
test_fuzz_fh_CFLAGS = $(AM_CFLAGS) $(CHECK_CFLAGS)
test_fuzz_fh_LDADD = $(nfsd_libs) $(CHECK_LIBS)
test_fuzz_fh_LDFLAGS = $(FUZZ_LDFLAGS)
test_fuzz_rpc_SOURCES = test/fuzz_rpc.c $(fuzz_world) $(fuzz_main)
test_fuzz_rpc_CFLAGS = $(AM_CFLAGS) $(CHECK_CFLAGS)
test_fuzz_rpc_LDADD = $(nfsd_libs) $(CHECK_LIBS)
test_fuzz_rpc_LDFLAGS = $(FUZZ_LDFLAGS)
test_fuzz_pack_SOURCES = test/fuzz_pack.c $(fuzz_main)
test_fuzz_pack_LDADD = $(backend_libs) $(common_libs)
test_fuzz_pack_LDFLAGS = $(FUZZ_LDFLAGS)
test_fuzz_pkt_SOURCES = test/fuzz_pkt.c $(fuzz_main)
test_fuzz_pkt_LDADD = $(backend_libs) $(common_libs)
test_fuzz_pkt_LDFLAGS = $(FUZZ_LDFLAGS)

# By hand, with --enable-fuzzers: make fuzz NAME=pack MINUTES=20
fuzz: $(fuzz_programs)
	$(srcdir)/test/fuzz.sh $(NAME) $(MINUTES)
.PHONY: fuzz
