noinst_LIBRARIES += libbackend.a
libbackend_a_SOURCES = \
	backend/backend.c backend/backend.h \
	backend/cat.c backend/cat.h \
	backend/format.c backend/format.h \
	backend/local.c \
	backend/locate.c backend/locate.h \
	backend/loose.c backend/loose.h \
	backend/resolve.c backend/resolve.h \
	backend/stores.c backend/stores.h \
	backend/view.c backend/view.h
backend_libs = libbackend.a $(GIT2_LIBS) $(CURL_LIBS) $(ZLIB_LIBS)
