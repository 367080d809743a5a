# refocus: a reproducible ablation runner. `make help` lists what can be made.
CC      ?= gcc
BUILD   ?= release
PREFIX  ?= /usr/local
V       ?= 0
T       ?=
GRID    ?= experiments/quickstart.yaml

# Each configuration has a folder of its own below build/.
OPT_release   := -O3
OPT_asan      := -O1 -g -fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer
OPT_tsan      := -O1 -g -fsanitize=thread -fno-omit-frame-pointer
OPT_debug     := -O0 -g3
OPT_coverage  := -O0 -g --coverage
OPT           := $(OPT_$(BUILD))
B             := build/$(BUILD)

LIBS     := yaml-0.1 hdf5 freetype2 fontconfig matio libpng cairo jansson nettle
WARNINGS := -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wstrict-prototypes -Wmissing-prototypes \
            -Wno-format-truncation
WERROR   ?=
CPPFLAGS += -I. -I$(B) -D_GNU_SOURCE $(shell pkg-config --cflags $(LIBS) 2>/dev/null | sed 's/-I/-isystem /g')
CFLAGS   += -std=c11 $(OPT) -ffp-contract=off -fno-math-errno -fno-trapping-math -fPIC -pthread $(WARNINGS) $(WERROR)
LDLIBS   += $(shell pkg-config --libs $(LIBS) 2>/dev/null) -lhdf5_serial_hl -ldnnl -lm -ldl -lrt -pthread
LDFLAGS  += -rdynamic
SAY      := @$(if $(filter 1,$(V)),:,printf '  %-6s %s\n')
Q        := $(if $(filter 1,$(V)),,@)

SRC   := $(sort $(wildcard kernels/*.c kernels/ops/*.c models/*.c models/*/*.c harness/*.c harness/*/*.c harness/*/*/*.c))
LIB_O := $(patsubst %.c,$(B)/%.o,$(filter-out harness/main.c,$(SRC)))
TESTS := $(sort $(wildcard tests/test_*.c))
TEST_BIN := $(patsubst tests/%.c,$(B)/tests/%,$(TESTS))
HELP_O  := $(patsubst %.c,$(B)/%.o,$(filter-out $(TESTS),$(sort $(wildcard tests/*.c))))

.PHONY: all help deps test check clean distclean format format-check lint check-headers check-layers lines install \
        quickstart run bench asan FORCE
.SECONDARY:

all: refocus ## build ./refocus (default)

refocus: $(B)/refocus
	$(Q)ln -sf $< $@

$(B)/refocus: $(B)/harness/main.o $(LIB_O)
	$(SAY) LINK $@
	$(Q)$(CC) $(CFLAGS) $(LDFLAGS) -o $@ $^ $(LDLIBS)

$(B)/tests/test_%: $(B)/tests/test_%.o $(HELP_O) $(LIB_O)
	$(SAY) LINK $@
	$(Q)$(CC) $(CFLAGS) $(LDFLAGS) -o $@ $^ $(LDLIBS) -lcmocka

$(B)/%.o: %.c | $(B)/gen/all
	$(SAY) CC $<
	@mkdir -p $(@D)
	$(Q)$(CC) $(CPPFLAGS) $(CFLAGS) -MMD -MP -c -o $@ $<

# ---- tables generated from file names: one X(name) a line, rewritten only when the set changes ----
names = $(foreach f,$(sort $(wildcard $(1))),X($(patsubst $(2)%,%,$(basename $(notdir $(f)))))\n)
$(B)/gen/all: FORCE
	@mkdir -p $(B)/gen
	@put() { printf "$$2" | sed 's/^ *//' >$(B)/gen/$$1.new; cmp -s $(B)/gen/$$1.new $(B)/gen/$$1 && rm $(B)/gen/$$1.new || mv $(B)/gen/$$1.new $(B)/gen/$$1; }; \
	put ops.inc '$(call names,kernels/ops/*.c,)'; \
	put encoders.inc '$(call names,models/encoder/*.c,)'; \
	put focus.inc '$(call names,models/focus/*.c,)'; \
	put metrics.inc '$(call names,harness/run/metrics/*.c,)'; \
	put commands.inc '$(call names,harness/command/cmd_*.c,cmd_)'; \
	put formats.inc '$(call names,harness/report/format_*.c,format_)'; \
	put options.inc "$$(sed -n 's/^const Option \([a-z0-9_]*\)_options\[\].*/X(\1)/p' $$(ls models/*.c models/*/*.c harness/*/*.c 2>/dev/null) /dev/null | sort | sed 's/$$/\\n/' | tr -d '\n')"
	@test -e $@ || touch $@

# What was built, for --version and for the provenance of results.
VERSION := 0.1.0
COMMIT   = $(shell git describe --always --dirty --exclude '*' 2>/dev/null || echo unknown)
$(B)/gen/version.inc: FORCE
	@mkdir -p $(B)/gen
	@printf '#define %s "%s"\n' VERSION '$(VERSION)' COMMIT '$(COMMIT)' BUILD '$(BUILD)' \
	    FLAGS '$(filter -O% -f% -m% -std%,$(CFLAGS))' >$@.new; cmp -s $@.new $@ && rm $@.new || mv $@.new $@
$(B)/harness/version.o: $(B)/gen/version.inc
FORCE:

clean: ## remove what was built
	rm -rf build refocus

-include $(LIB_O:.o=.d) $(HELP_O:.o=.d) $(patsubst %.c,$(B)/%.d,$(TESTS)) $(B)/harness/main.d
