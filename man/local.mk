dist_man_MANS += man/gitnfsd.8 man/gitnfs.conf.5
