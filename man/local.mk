dist_man_MANS += man/gitnfs.1 man/gitnfsd.8 man/gitnfs.conf.5 \
	man/gitnfs-backends.7
