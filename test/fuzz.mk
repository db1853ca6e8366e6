# Programs that try out inputs, see fuzz.h.  To add one: its name in the
# list, the two lines, and its inputs in test/corpus/NAME/.
fuzz_programs = test/fuzz_github test/fuzz_mesa test/fuzz_pack test/fuzz_pkt \
	test/fuzz_tree
fuzz_main = test/fuzz.h
if HAVE_CHECK
fuzz_programs += test/fuzz_config test/fuzz_fh test/fuzz_journal \
	test/fuzz_portmap test/fuzz_rpc test/fuzz_store
endif
if FUZZERS
EXTRA_PROGRAMS += $(fuzz_programs)
else
check_PROGRAMS += $(fuzz_programs)
fuzz_main += test/fuzz_main.c
endif
EXTRA_DIST += test/corpus test/fuzz.sh

fuzz_world = test/fuzz_world.c test/fuzz_world.h
fuzz_talk = test/fuzz_talk.c test/fuzz_talk.h $(fuzz_world)
fuzz_job = test/fuzz_job.c test/fuzz_job.h
fuzz_service = test/fuzz_service.c test/fuzz_service.h $(fuzz_job)
test_fuzz_config_SOURCES = test/fuzz_config.c $(fuzz_world) $(fuzz_main)
test_fuzz_config_LDFLAGS = $(FUZZ_LDFLAGS)
test_fuzz_fh_SOURCES = test/fuzz_fh.c $(fuzz_world) $(fuzz_main)
test_fuzz_fh_LDFLAGS = $(FUZZ_LDFLAGS)
test_fuzz_github_SOURCES = test/fuzz_github.c $(fuzz_service) $(fuzz_main)
test_fuzz_github_LDADD = $(backend_libs) $(common_libs)
test_fuzz_github_LDFLAGS = $(FUZZ_LDFLAGS)
test_fuzz_journal_SOURCES = test/fuzz_journal.c $(fuzz_world) $(fuzz_main)
test_fuzz_journal_LDFLAGS = $(FUZZ_LDFLAGS)
test_fuzz_mesa_SOURCES = test/fuzz_mesa.c $(fuzz_service) $(fuzz_main)
test_fuzz_mesa_LDADD = $(backend_libs) $(common_libs)
test_fuzz_mesa_LDFLAGS = $(FUZZ_LDFLAGS)
test_fuzz_pack_SOURCES = test/fuzz_pack.c $(fuzz_main)
test_fuzz_pack_LDADD = $(backend_libs) $(common_libs)
test_fuzz_pack_LDFLAGS = $(FUZZ_LDFLAGS)
test_fuzz_pkt_SOURCES = test/fuzz_pkt.c $(fuzz_main)
test_fuzz_pkt_LDADD = $(backend_libs) $(common_libs)
test_fuzz_pkt_LDFLAGS = $(FUZZ_LDFLAGS)
test_fuzz_portmap_SOURCES = test/fuzz_portmap.c $(fuzz_talk) $(fuzz_main)
test_fuzz_portmap_LDFLAGS = $(FUZZ_LDFLAGS)
test_fuzz_rpc_SOURCES = test/fuzz_rpc.c $(fuzz_talk) $(fuzz_main)
test_fuzz_rpc_LDFLAGS = $(FUZZ_LDFLAGS)
test_fuzz_store_SOURCES = test/fuzz_store.c $(fuzz_job) $(fuzz_world) $(fuzz_main)
test_fuzz_store_LDFLAGS = $(FUZZ_LDFLAGS)
test_fuzz_tree_SOURCES = test/fuzz_tree.c $(fuzz_main)
test_fuzz_tree_LDADD = libcache.a $(backend_libs) $(common_libs)
test_fuzz_tree_LDFLAGS = $(FUZZ_LDFLAGS)

# By hand, with --enable-fuzzers: make fuzz NAME=pack MINUTES=20
fuzz: $(fuzz_programs)
	$(srcdir)/test/fuzz.sh $(NAME) $(MINUTES)
.PHONY: fuzz
