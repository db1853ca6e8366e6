# The backend for repositories elsewhere.
libbackend_a_SOURCES += \
	backend/git/pack.c backend/git/pack.h \
	backend/git/pkt.c backend/git/pkt.h \
	backend/git/stream.h
