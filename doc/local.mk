EXTRA_DIST += doc/architecture.md doc/promises.md
