noinst_LIBRARIES += libbackend.a
libbackend_a_SOURCES = \
	backend/backend.c backend/backend.h \
	backend/inquiry.c backend/inquiry.h \
	backend/program.c backend/program.h \
	backend/wait.h
# Repositories on this disk.
libbackend_a_SOURCES += \
	backend/local/cat.c backend/local/cat.h \
	backend/local/format.c backend/local/format.h \
	backend/local/glance.c backend/local/glance.h \
	backend/local/local.c \
	backend/local/locate.c backend/local/locate.h \
	backend/local/loose.c backend/local/loose.h \
	backend/local/resolve.c backend/local/resolve.h \
	backend/local/stores.c backend/local/stores.h \
	backend/local/view.c backend/local/view.h
# What all that speak HTTP share.
libbackend_a_SOURCES += \
	backend/http/address.c backend/http/address.h \
	backend/http/circuit.c backend/http/circuit.h \
	backend/http/cred.c backend/http/cred.h \
	backend/http/netrc.c backend/http/netrc.h \
	backend/http/http.c backend/http/http.h \
	backend/http/ledger.c backend/http/ledger.h \
	backend/http/limit.c backend/http/limit.h \
	backend/http/route.c backend/http/route.h
# Repositories elsewhere, by git's own protocol.
libbackend_a_SOURCES += \
	backend/git/batch.c backend/git/batch.h \
	backend/git/delta.c backend/git/delta.h \
	backend/git/git.c \
	backend/git/origin.c backend/git/origin.h \
	backend/git/pack.c backend/git/pack.h backend/git/pack_in.h \
	backend/git/pack_late.c backend/git/pack_stream.c \
	backend/git/pipes.c backend/git/pipes.h \
	backend/git/pkt.c backend/git/pkt.h \
	backend/git/protocol.c backend/git/protocol.h \
	backend/git/refs.c backend/git/refs.h \
	backend/git/smart.c backend/git/smart.h \
	backend/git/stream.h \
	backend/git/transport.h \
	backend/git/wants.c backend/git/wants.h
# What takes time, told to a collector.
libbackend_a_SOURCES += \
	backend/otlp.h \
	backend/otlp/otlp.c \
	backend/otlp/otlp_json.c backend/otlp/otlp_json.h
# Services with an API of their own.
libbackend_a_SOURCES += \
	backend/github/api.c \
	backend/github/commit.c backend/github/commit.h \
	backend/github/github.c backend/github/github.h \
	backend/mesa/api.c \
	backend/mesa/mesa.c backend/mesa/mesa.h \
	backend/mesa/place.c backend/mesa/place.h \
	backend/mesa/version.c backend/mesa/version.h \
	backend/mesa/words.c backend/mesa/words.h \
	backend/rest/both.c backend/rest/both.h \
	backend/rest/crew.c backend/rest/crew.h \
	backend/rest/json.c backend/rest/json.h \
	backend/rest/listing.c backend/rest/listing.h \
	backend/rest/rest.c backend/rest/rest.h
backend_libs = libbackend.a $(GIT2_LIBS) $(CURL_LIBS) $(JSON_LIBS) $(ZLIB_LIBS) -lm
