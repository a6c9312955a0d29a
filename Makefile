# `make demo` and `make test` are all that a newcomer needs: each installs and starts what it needs.
SHELL := /usr/bin/env bash
.SHELLFLAGS := -euo pipefail -c
TESTBED := tests/testbed/build.sh
# What runs the tests; CI has tests/rerun-failed here.
RUN :=

.PHONY: help demo test test-registries test-peers bench bench-chain lint fuzz fuzz-replay cluster cluster-down e2e e2e-more

help: ## this list
	@grep -E '^[a-z0-9-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 14

demo: ## the main job on this machine: build, push, commit; KEEP=1 leaves it running
	@scripts/demo

test: ## everything, against real servers
	$(TESTBED) apt
	cargo test --locked --no-run & cargo=$$!; $(TESTBED); wait $$cargo
	RUST_TEST_THREADS=$$(($$(nproc) + 1)) $(RUN) cargo test --locked --no-fail-fast --

test-registries: ## deletions in a registry of distribution v3, which takes a minute to build
	$(TESTBED) apt
	$(TESTBED) distribution
	cargo test --locked --test it tags::retention::distribution_3 -- --ignored

test-peers: ## against both cosigns, which take long to build, crane and skopeo
	$(TESTBED) apt
	$(TESTBED) && $(TESTBED) peers-apt registry-clients cosign-v2 cosign-v3
	cargo test --locked --test it -- --ignored sign::peers:: pool::native::peers::

bench: ## numbers against peers in the same run; ONLY=builds, agent, pool, push, sweep, tags, write-back, writers or editor for a part
	$(TESTBED) apt
	$(TESTBED) peers-apt registry-clients buildkit git-http yaml etcd kube argo
	cargo bench --locked --bench peers -- $(ONLY)

bench-chain: ## from a Workflow to the commit, beside pods and Tekton, on that cluster; ONLY='ours 3' for a part
	$(TESTBED) apt cluster-apt
	$(TESTBED) && $(TESTBED) cluster bench
	cargo bench --locked --no-run --bench chain
	tests/cluster/down
	tests/cluster/up
	tests/cluster/bench-up
	ARGO_BUILDKIT_E2E_MODE=agent tests/cluster/run cargo bench --locked --offline --bench chain -- $(ONLY)
	tests/cluster/down

cluster: ## a single-node Kubernetes with Argo Workflows, Argo Events, Argo CD and Gitea on this machine
	$(TESTBED) apt cluster-apt
	$(TESTBED)
	$(TESTBED) cluster
	tests/cluster/up

cluster-down: ## ends it; what it built stays for the next time
	tests/cluster/down

e2e: ## the whole product on that cluster, with sidecars and then switched to the shared agent; ARGO_BUILDKIT_E2E_MODE=sidecar or agent for one; SIDECAR_SKIP='events::' for less of the first
	$(TESTBED) apt cluster-apt
	cargo test --locked --no-run --test e2e & cargo=$$!; $(TESTBED); $(TESTBED) cluster; wait $$cargo
	tests/cluster/down
	tests/cluster/up
	for mode in $${ARGO_BUILDKIT_E2E_MODE:-sidecar agent}; do \
	  case $$mode in sidecar) other="agent:: $(addprefix --skip ,$(SIDECAR_SKIP))";; *) other=sidecar::;; esac; \
	  e2e="env ARGO_BUILDKIT_E2E_MODE=$$mode $(RUN) tests/cluster/run cargo test --locked --offline --test e2e --"; \
	  $$e2e --test-threads=1 --nocapture --skip $$other alone::; \
	  $$e2e --test-threads=4 --skip $$other --skip alone::; \
	done
	tests/cluster/down

e2e-more: ## events under more load and more faults, on that cluster with the shared agent; not in CI
	$(TESTBED) apt cluster-apt
	cargo test --locked --no-run --test e2e & cargo=$$!; $(TESTBED); $(TESTBED) cluster; wait $$cargo
	tests/cluster/down
	tests/cluster/up
	ARGO_BUILDKIT_E2E_MODE=agent tests/cluster/run cargo test --locked --offline --test e2e -- --ignored --test-threads=1 --nocapture
	tests/cluster/down

lint: ## format, lints, docs
	cargo fmt --check
	cargo clippy --locked --all-targets -- -D warnings
	cargo clippy --locked --test e2e -- -D warnings
	RUSTDOCFLAGS="-D warnings" cargo doc --locked --no-deps --document-private-items

fuzz: ## each parser of foreign bytes for a minute, on stable Rust; ONLY='policy names' for some
	@scripts/fuzz $(ONLY)

fuzz-replay: ## build the fuzz targets, and feed them their corpora alone
	@scripts/fuzz --replay
