EXTRA_DIST += doc/performance.md doc/architecture.md doc/control.md doc/promises.md doc/reliability.md doc/recipes.md
