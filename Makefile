# Makefile - short names for the presets; the build itself is CMakeLists.txt.
# SPDX-License-Identifier: MIT
PREFIX ?= /usr/local
DIR ?= /usr/share/doc
export DESTDIR LOAD JSON
export CMAKE_GENERATOR ?= $(if $(shell command -v ninja),Ninja,Unix Makefiles)
export CMAKE_BUILD_PARALLEL_LEVEL ?= $(shell nproc)

all: deps-build
	cmake --preset rel
	cmake --build build
demo: deps-demo
	cmake --preset rel
	cmake --build build --target weft-demo
	build/weft-demo "$(DIR)"
test: deps-test
	scripts/test.sh
bench:
	@$(MAKE) --no-print-directory deps-bench all >&2
	@bench/run
counts: deps-bench all
	bench/run --record
night: deps-night
	scripts/night.sh
install:
	cmake --install build --prefix "$(PREFIX)"
deps-%:
	@scripts/deps.sh $*
.PHONY: all demo test bench counts night install
