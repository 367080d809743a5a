# refocus: a reproducible ablation runner. `make help` lists what can be made.
CC      ?= gcc
BUILD   ?= release
PREFIX  ?= /usr/local
DESTDIR ?=
V       ?= 0
T       ?=
GRID    ?= experiments/quickstart.yaml
WERROR  ?=

# refocus-cuda.so, what --device cuda opens. CUDA=auto: built where nvcc is found; 1: must be; 0: never. Machine code for
# CUDA_ARCHS, and PTX of the first of them, from which a driver makes code for whatever is newer. Kernels use nothing that
# the oldest device lacks, so one pass of the compiler serves all. No contraction: what is fused is written fmaf.
CUDA       ?= auto
NVCC       ?= nvcc
CUDA_ARCHS ?= $(patsubst sm_%,%,$(filter sm_75 sm_80 sm_86 sm_89 sm_90 sm_100 sm_120,$(shell $(NVCC) --list-gpu-code)))

# Debian packages: to build and run; for `make check`; for `make valgrind`; for PyTorch's side of `make bench`, installed by
# nothing here; for `make fuzz`.
APT       := build-essential pkg-config libyaml-dev libhdf5-dev libfreetype-dev libfontconfig-dev libmatio-dev \
             libpng-dev libjpeg62-turbo-dev libcairo2-dev libjansson-dev nettle-dev librandom123-dev libcmocka-dev \
             fonts-dejavu-core fonts-dejavu-extra fonts-liberation2 fonts-freefont-ttf
APT_CHECK := clang-format cppcheck python3-h5py python3-xarray python3-h5netcdf hdf5-tools zsh mandoc \
             fonts-ipafont-gothic
APT_VALGRIND := valgrind
APT_BENCH := python3-torch libopenblas0-pthread
APT_FUZZ  := clang-14 libclang-rt-14-dev llvm-14 procps

# Each configuration has a folder of its own below build/.
OPT_release   := -O3
OPT_asan      := -O1 -g -fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer
OPT_tsan      := -O1 -g -fsanitize=thread -fno-omit-frame-pointer
OPT_debug     := -O0 -g3
OPT_coverage  := -O0 -g --coverage
OPT_valgrind  := -O1 -g -DUNDER_VALGRIND -DREFOCUS_PLAIN_KERNELS
OPT_fuzz      := -O1 -g -fsanitize=fuzzer-no-link,address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer \
                 -D__SANITIZE_ADDRESS__ -Wno-unknown-warning-option
OPT           := $(OPT_$(BUILD))
B             := build/$(BUILD)

LIBS     := yaml-0.1 hdf5 freetype2 fontconfig matio libpng libjpeg cairo jansson nettle
WARNINGS := -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wstrict-prototypes -Wmissing-prototypes \
            -Wno-format-truncation
LIBS_CPP := $(shell pkg-config --cflags $(LIBS) 2>/dev/null | sed 's/-I/-isystem /g')
LIBS_LD  := $(shell pkg-config --libs $(LIBS) 2>/dev/null) -lhdf5_serial_hl
FLOATS   := -ffp-contract=off -fno-math-errno -fno-trapping-math
CODEGEN  := -std=c11 $(OPT) $(FLOATS) -fPIC -pthread
CPPFLAGS += -I. -I$(B) -D_GNU_SOURCE $(LIBS_CPP)
CFLAGS   += $(CODEGEN) $(WARNINGS) $(WERROR)
CXXFLAGS += -std=c++17 $(OPT) $(FLOATS) -fPIC -pthread -Wall -Wextra -Wshadow -Wconversion $(WERROR)
LDLIBS   += $(LIBS_LD) -lm -ldl -lrt -pthread
LDFLAGS  += -rdynamic
NVCC_FOUND := $(if $(filter 0,$(CUDA)),,$(shell command -v $(NVCC)))
PLUGIN     := $(if $(filter release debug,$(BUILD)),$(if $(NVCC_FOUND)$(filter 1,$(CUDA)),$(B)/refocus-cuda.so))
NO_NVCC    := $(if $(and $(PLUGIN),$(NVCC_FOUND)),,no-nvcc)
NVCC_DIR    = $(patsubst %/bin/nvcc,%,$(realpath $(NVCC_FOUND)))
NVCCFLAGS   = -std=c++17 -O3 --fmad=false -Xcompiler=-fPIC,-fvisibility=hidden,-ffp-contract=off,-Wall,-Wextra \
              $(if $(WERROR),--Werror=all-warnings -Xcompiler=-Werror) -I. -I$(B)
comma      := ,
empty      :=
GENCODE     = -gencode 'arch=compute_$(firstword $(CUDA_ARCHS)),code=[$(subst $(empty) $(empty),$(comma),$(strip \
              compute_$(firstword $(CUDA_ARCHS)) $(patsubst %,sm_%,$(CUDA_ARCHS))))]'
SAY      := @$(if $(filter 1,$(V)),:,printf '  %-6s %s\n')
Q        := $(if $(filter 1,$(V)),,@)
# A make that starts after the packages are there; on all cores unless -j says otherwise.
SUB       = $(MAKE) --no-print-directory $(if $(findstring -j,$(MAKEFLAGS)),,-j$(shell nproc))

SRC       := $(sort $(wildcard kernels/*.c kernels/ops/*.c models/*.c models/*/*.c harness/*.c harness/*/*.c harness/*/*/*.c))
HEADERS   := $(sort $(wildcard kernels/*.h kernels/*/*.h models/*.h models/*/*.h harness/*.h harness/*/*.h harness/*/*/*.h tests/*.h \
             tests/*/*.h))
LIB_O     := $(patsubst %.c,$(B)/%.o,$(filter-out harness/main.c,$(SRC)))
ALL_TESTS := $(sort $(wildcard tests/test_*.c))
TESTS     := $(sort $(wildcard tests/test_$(T)*.c))
TEST_BIN  := $(patsubst tests/%.c,$(B)/tests/%,$(TESTS))
CLI_TESTS := $(sort $(wildcard tests/cli/$(T)*.sh))
HELP_C    := $(filter-out $(ALL_TESTS),$(sort $(wildcard tests/*.c)))
HELP_O    := $(patsubst %.c,$(B)/%.o,$(HELP_C))
# CUDA sources for the emulated device: each .cu compiled by the C++ compiler against tests/emu.
CUDA_SRC  := $(sort $(wildcard kernels/*.cu kernels/ops/*.cu))
EMU_SRC   := $(sort $(wildcard tests/emu/*.cpp tests/emu/*.cu)) $(CUDA_SRC)
EMU_O     := $(patsubst %,$(B)/emu/%.o,$(EMU_SRC))
# The same as a refocus-cuda.so, with a made-up driver beside it: the program as a whole on the emulated device.
EMU_PLUGIN := $(B)/emu/refocus-cuda.so $(B)/emu/libcuda.so.1
EMU_C     := $(sort $(wildcard tests/emu/*.c))
EMU_LOOK  := tests/emu/cuda_runtime.h tests/emu/cublas_v2.h
CUDA_FILES := $(EMU_SRC) $(EMU_C) $(sort $(wildcard kernels/*.cuh tests/emu/*.hpp))
GPU_TESTS := $(B)/test-gpu-ops $(B)/test-gpu-tiles $(B)/test-gpu-train
GPU_BIN   := $(GPU_TESTS) $(B)/tests/bench/bench_gpu
BENCH_C   := $(sort $(wildcard tests/bench/*.c))
BENCH_BIN := $(patsubst %.c,$(B)/%,$(filter tests/bench/bench_%,$(BENCH_C)))
BENCH_O   := $(patsubst %.c,$(B)/%.o,$(filter-out tests/bench/bench_%,$(BENCH_C)))
FUZZ_C    := $(sort $(wildcard tests/fuzz/*.c))
FUZZ_ALL  := $(patsubst tests/fuzz/fuzz_%.c,%,$(filter tests/fuzz/fuzz_%,$(FUZZ_C)))
FUZZ_O    := $(patsubst %.c,$(B)/%.o,$(filter-out tests/fuzz/entry.c tests/fuzz/unisolated.c,$(FUZZ_C)))
C_FILES   := $(SRC) $(HEADERS) $(ALL_TESTS) $(HELP_C) $(BENCH_C) $(FUZZ_C) $(CUDA_FILES) tests/torture/fail.c

.PHONY: all build plugin no-nvcc deps deps-check help test test-run test-gpu bench-gpu test-kill test-torture \
        torture-cell torture-parent tsan tsan-run valgrind valgrind-run check check-static check-asan check-headers \
        check-layers check-size check-locks locks cuda-table format format-check lint quickstart run bench \
        bench-build install lines clean asan fuzz fuzz-run FORCE
.SECONDARY:

all: deps ## install what is missing and build ./refocus (default)
	@+$(SUB) build

build: refocus $(PLUGIN) ## build ./refocus from what is installed

plugin: $(or $(PLUGIN),no-nvcc) ## build refocus-cuda.so (CUDA=0|1|auto, CUDA_ARCHS="75 90" for less of it)
no-nvcc:
	@echo "the CUDA part needs nvcc, of the CUDA Toolkit, in PATH (NVCC=...), and BUILD=release or debug" >&2; exit 69

refocus: $(B)/refocus
	$(Q)ln -sf $< $@

$(B)/refocus: $(B)/harness/main.o $(LIB_O)
	$(SAY) LINK $@
	$(Q)$(CC) $(CFLAGS) $(LDFLAGS) -o $@ $^ $(LDLIBS)

CUDA_O := $(patsubst %.cu,$(B)/cuda/%.o,$(CUDA_SRC))
$(B)/refocus-cuda.so: $(CUDA_O)
	$(SAY) NVLINK $@
	$(Q)$(NVCC) -shared $(GENCODE) -o $@ $^ -lcublas \
	    -Xlinker -rpath,'$$ORIGIN:$(NVCC_DIR)/lib64',-z,defs,--unresolved-symbols=ignore-in-object-files

$(B)/cuda/%.o: %.cu $(B)/gen/nvcc_flags
	$(SAY) NVCC $<
	@mkdir -p $(@D)
	$(Q)$(NVCC) $(NVCCFLAGS) $(GENCODE) -MMD -MP -MF $(@:.o=.d) -c -o $@ $<

$(B)/gen/nvcc_flags: FORCE
	@mkdir -p $(B)/gen
	@echo '$(NVCC) $(NVCC_FOUND) $(filter-out %rror=all-warnings -Xcompiler=-Werror,$(NVCCFLAGS)) $(CUDA_ARCHS)' >$@.new; \
	    $(call keep,$@)

$(B)/tests/test_%: $(B)/tests/test_%.o $(HELP_O) $(LIB_O)
	$(SAY) LINK $@
	$(Q)$(CC) $(CFLAGS) $(LDFLAGS) -o $@ $^ $(LDLIBS) -lcmocka

$(patsubst %.c,$(B)/%,$(filter tests/test_cuda_%,$(ALL_TESTS))): %: %.o $(EMU_O) $(HELP_O) $(LIB_O)
	$(SAY) LINK $@
	$(Q)$(CXX) $(CXXFLAGS) $(LDFLAGS) -o $@ $^ $(LDLIBS) -lcmocka

$(B)/emu/refocus-cuda.so: $(EMU_O)
	$(SAY) LINK $@
	$(Q)$(CXX) $(CXXFLAGS) -shared -o $@ $^

$(B)/emu/libcuda.so.1: tests/emu/driver.c $(B)/gen/flags
	$(SAY) LINK $@
	@mkdir -p $(@D)
	$(Q)$(CC) $(CPPFLAGS) $(filter-out -Wmissing-prototypes,$(CFLAGS)) -shared -o $@ $<
	@ln -sf libcuda.so.1 $(@D)/libnvidia-ml.so.1

# Bad input: the targets' inputs read by an ordinary test, and one program of libFuzzer a target. In those nothing is read
# in a process of its own: what libraries do there is seen, and told apart by tests/fuzz/run.sh.
$(B)/tests/test_fuzz: $(FUZZ_O)
$(B)/tests/fuzz/entry_%.o: tests/fuzz/entry.c $(B)/gen/flags
	$(SAY) CC $@
	@mkdir -p $(@D)
	$(Q)$(CC) $(CPPFLAGS) $(CFLAGS) -DTARGET=fuzz_$* -MMD -MP -c -o $@ $<
$(B)/fuzz_%: $(B)/tests/fuzz/entry_%.o $(B)/tests/fuzz/unisolated.o $(FUZZ_O) $(HELP_O) $(LIB_O)
	$(SAY) LINK $@
	$(Q)$(CC) $(CFLAGS) -fsanitize=fuzzer $(LDFLAGS) -o $@ $(filter-out $(B)/harness/data/isolate.o,$^) $(LDLIBS) -lcmocka

$(B)/tests/bench/bench_gpu: $(B)/tests/made_batch.o $(B)/tests/node_cost.o
$(B)/tests/bench/bench_%: $(B)/tests/bench/bench_%.o $(BENCH_O) $(LIB_O)
	$(SAY) LINK $@
	$(Q)$(CC) $(CFLAGS) $(LDFLAGS) -o $@ $^ $(LDLIBS)

$(B)/tests/emu/launches: $(B)/tests/emu/launches.o $(B)/tests/node_cost.o $(EMU_O) $(LIB_O)
	$(SAY) LINK $@
	$(Q)$(CXX) $(CXXFLAGS) $(LDFLAGS) -o $@ $^ $(LDLIBS)

# What the assembler says of registers, shared memory and spills on an H100.
PTXAS := $(patsubst %.cu,$(B)/ptxas/%.txt,$(CUDA_SRC))
$(B)/ptxas/%.txt: %.cu $(B)/gen/nvcc_flags
	$(SAY) PTXAS $<
	@mkdir -p $(@D)
	$(Q)$(NVCC) $(NVCCFLAGS) -arch=sm_90 -Xptxas -v -MMD -MP -MF $(@:.txt=.d) -MT $@ -cubin -o $(@:.txt=.cubin) $< 2>$@.new || \
	    { cat $@.new; exit 1; }
	@mv $@.new $@

$(B)/%.o: %.c $(B)/gen/flags
	$(SAY) CC $<
	@mkdir -p $(@D)
	$(Q)$(CC) $(CPPFLAGS) $(CFLAGS) -MMD -MP -c -o $@ $<

# The emulation itself is no part of what ThreadSanitizer looks at, and its fibers none of what any sanitizer does.
$(B)/emu/%.o: SANITIZED = $(if $(filter tests/emu/fiber.cpp $(if $(filter tsan,$(BUILD)),%.cpp),$*),-fno-sanitize=all)
$(B)/emu/%.o: % $(B)/gen/flags
	$(SAY) CXX $<
	@mkdir -p $(@D)
	$(Q)$(CXX) -Itests/emu -I. -I$(B) -D_GNU_SOURCE $(CXXFLAGS) $(SANITIZED) -MMD -MP -c -o $@ -x c++ $<

# ---- generated files, rewritten only when their contents change ----
keep = cmp -s $(1).new $(1) && rm $(1).new || mv $(1).new $(1)

# Tables from file names, one X(name) a line, made while this file is read: what is out of date is decided after that.
names = $(foreach f,$(sort $(wildcard $(1))),X($(patsubst $(2)%,%,$(basename $(notdir $(f))))))
put   = $(shell mkdir -p $(B)/gen; printf '%s\n' $(foreach x,$(2),'$(x)') >$(B)/gen/$(1).$$$$; \
          cmp -s $(B)/gen/$(1).$$$$ $(B)/gen/$(1) && rm $(B)/gen/$(1).$$$$ || mv $(B)/gen/$(1).$$$$ $(B)/gen/$(1))
OPTION_TABLES = $(shell sed -n 's/^const Option \([a-z0-9_]*\)_options\[\].*/X(\1)/p' $(SRC) /dev/null | sort)
FONT_FAMILIES = $(shell grep -oh 'fonts: \[[^]]*\]' experiments/*.yaml /dev/null | sed 's/.*\[//; s/\]//; s/, */,/g' | \
                  tr , '\n' | sort -u | sed 's/ /\\040/g; s/.*/X("&")/')
ifneq ($(filter-out clean help deps lines format,$(or $(MAKECMDGOALS),all)),)
$(call put,ops.inc,$(call names,kernels/ops/*.c,))
$(call put,cuda_ops.inc,$(call names,kernels/ops/*.cu,))
$(call put,encoders.inc,$(call names,models/encoder/*.c,))
$(call put,focus.inc,$(call names,models/focus/*.c,))
$(call put,metrics.inc,$(call names,harness/run/metrics/*.c,))
$(call put,commands.inc,$(call names,harness/command/cmd_*.c,cmd_))
$(call put,formats.inc,$(call names,harness/report/format_*.c,format_))
$(call put,plan_formats.inc,$(call names,harness/report/plan_as_*.c,plan_as_))
$(call put,options.inc,$(OPTION_TABLES))
$(call put,fonts.inc,$(FONT_FAMILIES))
$(call put,fuzz_targets.inc,$(call names,tests/fuzz/fuzz_*.c,fuzz_))
endif

# What was built, for --version and for the provenance of results.
VERSION := 0.1.0
COMMIT   = $(shell git describe --always --dirty --exclude '*' 2>/dev/null || echo unknown)
$(B)/gen/version.inc: FORCE
	@mkdir -p $(B)/gen
	@printf '#define %s "%s"\n' VERSION '$(VERSION)' COMMIT '$(COMMIT)' BUILD '$(BUILD)' \
	    FLAGS '$(filter -O% -f% -m% -std%,$(CFLAGS))' >$@.new; $(call keep,$@)
$(B)/harness/version.o: $(B)/gen/version.inc

# The program and refocus-cuda.so tell by this whether they were built from the same headers.
$(B)/gen/kernel_headers.inc: FORCE
	@mkdir -p $(B)/gen
	@printf '#define KERNEL_HEADERS "%s"\n' "$$(cat $(sort $(wildcard kernels/*.h)) | sha256sum | cut -c1-64)" >$@.new; \
	    $(call keep,$@)
$(B)/kernels/cuda_open.o $(B)/cuda/kernels/cuda_context.o $(B)/emu/kernels/cuda_context.cu.o: $(B)/gen/kernel_headers.inc

# The sources that can decide a result, with their digests and includes: X(path, sha256, "include include ").
HASHED := $(sort $(wildcard $(foreach d,kernels kernels/ops models models/encoder models/focus harness/data harness/run \
              harness/run/metrics,$(d)/*.c $(d)/*.h $(d)/*.cu $(d)/*.cuh $(d)/*.inc)))
$(B)/gen/source_files.inc: FORCE
	@mkdir -p $(B)/gen
	@sha256sum $(HASHED) | LC_ALL=C awk '{ includes = ""; \
	    while ((getline line < $$2) > 0) if (line ~ /^#include "/) { split(line, part, "\""); includes = includes part[2] " " } \
	    close($$2); printf "X(\"%s\", \"%s\", \"%s\")\n", $$2, $$1, includes }' >$@.new; $(call keep,$@)
$(B)/harness/grid/source_table.o: $(B)/gen/source_files.inc

# Style and script of the page of `refocus report`, as the bytes of arrays.
bytes = od -An -v -tu1 | sed 's/ *\([0-9][0-9]*\)/\1,/g'
WEBPAGE_JS := harness/report/webpage.js $(sort $(wildcard harness/report/webpage_*.js))
$(B)/gen/webpage_css.inc: harness/report/webpage.css
	@mkdir -p $(B)/gen
	@<$< $(bytes) >$@
$(B)/gen/webpage_js.inc: $(WEBPAGE_JS)
	@mkdir -p $(B)/gen
	@{ printf "(function () {\n'use strict';\n"; cat $^; printf 'start();\n})();\n'; } | $(bytes) >$@
$(B)/harness/report/webpage.o: $(B)/gen/webpage_css.inc $(B)/gen/webpage_js.inc

# The examples of the README, which tests/test_guide.c compiles and runs.
$(B)/gen/guide_%.inc: README.md
	@mkdir -p $(B)/gen
	@awk '/^<!-- guide: $* -->/ { wanted = 1 } /^```$$/ { wanted = inside = 0 } inside { print } /^```c/ { inside = wanted }' \
	    README.md >$@
$(B)/tests/test_guide.o: $(B)/gen/guide_branch.inc $(B)/gen/guide_metric.inc

# Other flags, another object. Warnings being errors or not changes no object.
$(B)/gen/flags: FORCE
	@mkdir -p $(B)/gen
	@echo '$(CC) $(CPPFLAGS) $(filter-out $(WERROR),$(CFLAGS)) $(CXX) $(filter-out $(WERROR),$(CXXFLAGS))' >$@.new; $(call keep,$@)
FORCE:

# ---- what must be installed ----
# Prints those of the packages that dpkg does not have; nothing where there is no dpkg.
missing = command -v dpkg-query >/dev/null && for p in $(1); do \
	dpkg-query -W -f '$${db:Status-Status}\n' $$p 2>/dev/null | grep -qx installed || printf '%s ' $$p; done

# Installs the missing ones of $(1), as root; else says how.
define install_packages
	@missing="$$($(call missing,$(1)))"; \
	if [ -z "$$missing" ]; then :; \
	elif [ "$$(id -u)" != 0 ]; then \
	    echo "refocus needs packages that are not installed. Run this, then make again:"; \
	    echo "  sudo apt-get install -y $$missing"; exit 1; \
	else \
	    echo "installing $$missing"; mkdir -p build; \
	    { apt-get update -q && DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends $$missing; } \
	        >build/deps.log 2>&1 || { tail -n 20 build/deps.log; echo "apt-get failed: see build/deps.log"; exit 1; }; \
	fi
endef

deps: ## install the Debian packages that are missing (as root; else print the command)
	$(call install_packages,$(APT))
	@command -v pkg-config >/dev/null && pkg-config --print-errors --exists $(LIBS) || { \
	    echo "These libraries are needed, with their headers: $(LIBS), Random123, cmocka."; \
	    echo "On Debian 12: apt-get install -y $(APT)"; exit 1; }

deps-check: deps
	$(call install_packages,$(APT_CHECK))

# ---- tests and checks ----
test: export TEST_JOBS ?= $(shell nproc)
test: deps ## build, run every test, count; T=plan runs those whose name begins with plan
	@+$(SUB) test-run

test-run: $(B)/refocus $(PLUGIN) $(TEST_BIN) $(B)/tests/libfail.so $(if $(CLI_TESTS),$(EMU_PLUGIN)) \
          $(if $(filter %/gpu.sh,$(CLI_TESTS)),$(GPU_BIN))
	@BUILD=$(BUILD) tests/run.sh $(B) $(CLI_TESTS) $(TEST_BIN)

# A sweep killed at hundreds of instants: minutes.
test-kill: deps ## kill a sweep at 200 random instants and 20 times at each point where the disk changes: it resumes to the same bits
	@+$(SUB) $(B)/refocus $(B)/tests/test_kill
	@REFOCUS=$(B)/refocus KILLS=$${KILLS:-200} POINTS=$${POINTS:-20} $(B)/tests/test_kill

# Every allocation, write, fsync and fork of a tiny sweep fails once: a quarter of an hour on two cores.
test-torture: deps ## fail each allocation, write, fsync and fork of a tiny sweep in turn: no crash, no leak, no half result
	@+$(SUB) $(B)/refocus $(B)/tests/test_torture $(B)/tests/libfail.so
	@+$(SUB) torture-cell torture-parent
torture-cell torture-parent: torture-%:
	@REFOCUS=$(B)/refocus TORTURE=all $(B)/tests/test_torture test_$*

# Makes calls fail, by LD_PRELOAD: no part of the program.
$(B)/tests/libfail.so: tests/torture/fail.c $(B)/gen/flags
	$(SAY) CC $<
	@mkdir -p $(@D)
	$(Q)$(CC) $(CPPFLAGS) $(filter-out -fsanitize% -fno-sanitize% --coverage,$(CFLAGS)) -shared -o $@ $< -ldl

# The tests of CUDA's kernels without the emulation: they open refocus-cuda.so beside them and take cuda:0.
$(GPU_TESTS): $(B)/test-gpu-%: $(B)/tests/test_cuda_%.o $(HELP_O) $(LIB_O)
	$(SAY) LINK $@
	$(Q)$(CC) $(CFLAGS) $(LDFLAGS) -o $@ $^ $(LDLIBS) -lcmocka

test-gpu: $(or $(NO_NVCC),deps) ## kernels, training and determinism on cuda:0, as a report; for a machine that has one
	@+$(SUB) build plugin $(GPU_TESTS)
	@tests/gpu.sh test $(B)

bench-gpu: $(or $(NO_NVCC),deps) ## bandwidth and FLOP rate of each op on cuda:0 against its peak, as a report
	@+$(SUB) build plugin $(B)/tests/bench/bench_gpu
	@ln -sf ../../refocus-cuda.so $(B)/tests/bench/
	@tests/gpu.sh bench $(B)

# FUZZ=target for one of them; FUZZ_RUNS executions of each, or FUZZ_SECONDS, whatever comes first.
FUZZ         ?= $(FUZZ_ALL)
FUZZ_RUNS    ?= 1000000
FUZZ_SECONDS ?= 600
FUZZ_CC      ?= clang-14
fuzz: deps ## readers of files under libFuzzer: FUZZ=target, FUZZ_RUNS, FUZZ_SECONDS each; prints what was found
	$(call install_packages,$(APT_FUZZ))
	@+$(SUB) BUILD=fuzz CC=$(FUZZ_CC) CUDA=0 fuzz-run

fuzz-run: $(FUZZ:%=$(B)/fuzz_%)
	@tests/fuzz/run.sh $(B) $(FUZZ_RUNS) $(FUZZ_SECONDS) $(FUZZ)

# Where several threads work on the same memory, or a process is watched by another; and where memory is borrowed most.
TSAN_TESTS     := par lanes mem libmem loader conv gemm trainer cuda_emu cuda_ops
VALGRIND_TESTS := mem err checkpoint record record_faults option grid doc trainer
tsan: deps ## the tests in which threads meet, under ThreadSanitizer; threads of the emulated device, too
	@+$(SUB) BUILD=tsan tsan-run
tsan-run: $(patsubst %,$(B)/tests/test_%,$(TSAN_TESTS)) $(B)/refocus
	@BUILD=$(BUILD) tests/run.sh $(B) $(filter $(B)/tests/test_%,$^)

valgrind: deps ## tests of memory and files under valgrind
	$(call install_packages,$(APT_VALGRIND))
	@+$(SUB) BUILD=valgrind valgrind-run
# Three quarters of an hour, for valgrind computes fma by hand. A block of ours is held by a pointer to its inside:
# "possibly lost" means nothing.
valgrind-run: $(patsubst %,$(B)/tests/test_%,$(VALGRIND_TESTS)) $(B)/refocus
	@for t in $(filter $(B)/tests/test_%,$^); do echo "  VALGRIND $$t"; \
	    valgrind -q --error-exitcode=9 --leak-check=full --show-leak-kinds=definite --errors-for-leak-kinds=definite \
	        --suppressions=tests/valgrind.txt $$t >$$t.log 2>&1 || \
	        { tail -n 40 $$t.log; exit 1; }; done

asan: ## the tests under AddressSanitizer and UndefinedBehaviourSanitizer
	@+$(SUB) BUILD=asan test

# Warnings are errors in whatever is compiled here: all of it on a fresh clone.
check: export WERROR = -Werror
check: ## all that a change must pass: format, headers, layers, sizes, lint, memory locks, tests, sanitizers
	@+$(SUB) test
	@+$(SUB) check-static
	@+$(SUB) check-asan

check-static: deps-check
	@+$(SUB) format-check check-headers check-layers check-size lint bench-build check-locks

check-asan: asan

format: ## format all C files in place
	@clang-format -i $(C_FILES)

format-check:
	$(SAY) CHECK "format"
	@clang-format --dry-run --Werror $(C_FILES)

# A *_tile.h is a template: its includer defines its parameters.
check-headers:
	$(SAY) CHECK "each header alone, C11 and C++17"
	@CC='$(CC)' CXX='$(CXX)' tests/check/headers.sh $(B) $(filter-out %_tile.h $(EMU_LOOK),$(HEADERS))

check-layers:
	$(SAY) CHECK "layers"
	@tests/check/layers.sh

check-size:
	$(SAY) CHECK "sizes of files, functions and lines"
	@LC_ALL=C awk -f tests/check/size.awk $(C_FILES)

check-locks: $(B)/refocus
	$(SAY) CHECK "memory plans of the experiments against their locks"
	@tests/check/locks.sh check $(B)/refocus $(sort $(wildcard experiments/*.yaml))

lint:
	$(SAY) CHECK "banned functions"
	@tests/check/banned.sh $(SRC) $(HEADERS)
	$(SAY) CHECK "cppcheck"
	@cppcheck -q -j 2 --std=c11 --enable=warning,performance --inline-suppr --error-exitcode=1 \
	    --suppressions-list=tests/check/cppcheck.txt -I. -I$(B) -D__GNUC__ -D__linux__ -D__x86_64__ $(SRC)

locks: build ## write the memory locks of the experiments again, for CPUs with AVX2 and for CUDA, and the README's plans
	@tests/check/locks.sh write $(B)/refocus $(sort $(wildcard experiments/*.yaml))
	@tests/check/quotes.sh $(B)/refocus

cuda-table: $(B)/tests/emu/launches $(PTXAS) ## write results/reference/cuda.md: what each CUDA kernel takes and how it is launched (nvcc)
	@tests/check/cuda_table.sh $< $(PTXAS)

# ---- use ----
quickstart: all ## build, train the first small study (minutes), print its table
	./refocus run experiments/quickstart.yaml --jobs 2
	./refocus table results/quickstart.h5

run: all ## train GRID=experiments/FILE.yaml; the same command resumes
	./refocus run $(GRID)

bench: all ## a training step against PyTorch's, convolutions against the FMA peak, the fused branch against the plain one, what two cores save
	@+$(SUB) bench-build
	@tests/bench/run.sh $(B)

bench-build: $(BENCH_BIN)

SHARE := $(DESTDIR)$(PREFIX)/share
install: build ## install program, man page, completion and experiments below PREFIX, staged below DESTDIR
	install -d $(DESTDIR)$(PREFIX)/bin $(SHARE)/man/man1 $(SHARE)/bash-completion/completions $(SHARE)/zsh/site-functions \
	    $(SHARE)/doc/refocus $(SHARE)/refocus/experiments
	install -m 755 $(B)/refocus $(DESTDIR)$(PREFIX)/bin/refocus
	$(if $(PLUGIN),install -D -m 755 $(PLUGIN) $(DESTDIR)$(PREFIX)/lib/refocus/refocus-cuda.so)
	$(B)/refocus help --man >$(B)/refocus.1
	$(B)/refocus completion bash >$(B)/refocus.bash
	$(B)/refocus completion zsh >$(B)/_refocus
	install -m 644 $(B)/refocus.1 $(SHARE)/man/man1/refocus.1
	install -m 644 $(B)/refocus.bash $(SHARE)/bash-completion/completions/refocus
	install -m 644 $(B)/_refocus $(SHARE)/zsh/site-functions/_refocus
	install -m 644 README.md LICENSE $(SHARE)/doc/refocus
	install -m 644 $(wildcard experiments/*) $(SHARE)/refocus/experiments

lines: ## lines of code per folder
	@for d in kernels kernels/ops models models/encoder models/focus harness harness/* tests; do \
	    n=$$(cat $$d/*.[ch] 2>/dev/null | wc -l); [ $$n -eq 0 ] || printf '%7d  %s\n' $$n $$d; done; \
	printf '%7d  all\n' $$(cat $(C_FILES) | wc -l)

clean: ## remove what was built
	rm -rf build refocus

help: ## print this list
	@echo "make [TARGET] [BUILD=release|debug|asan|tsan|coverage] [V=1] [WERROR=-Werror]"; echo
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  \1\t\2/p' Makefile | sort | awk -F'\t' '{printf "%-14s %s\n", $$1, $$2}'

-include $(LIB_O:.o=.d) $(HELP_O:.o=.d) $(patsubst %.c,$(B)/%.d,$(ALL_TESTS) $(BENCH_C) $(EMU_C) $(FUZZ_C)) $(B)/harness/main.d \
    $(EMU_O:.o=.d) $(CUDA_O:.o=.d) $(PTXAS:.txt=.d)
