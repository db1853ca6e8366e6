EXTRA_DIST += contrib/grafana/gitnfs.json
