# make run           build, and serve on 127.0.0.1:9092 and [::1]:9092 with the data in ./data
# make test          unit tests, golden scripts, byte goldens, black-box tests; needs Rust alone
# make test-clients  stock Kafka clients against the broker; installs them into target/ by itself
# make test-service  the systemd unit in a container that boots, under a cap and under load; needs root and debootstrap
# make check         formatting, lints, documentation, licences and advisories where the tools are there, tests
# make torture       tries to lose data and to bring the broker down, for about an hour; the report is target/torture/report.md
# make torture-short the same in the length of CI
# make bench         each idea on and off, and the kernel's limits, measured on this machine: under five minutes
# make lab           experiments: each asks what you expect, measures, and explains; make lab-3 or lab-sendfile for one of them
# make lab-write     all of them without questions, into docs/lab
# make lab-short     all of them for a moment, to see that they run
# make bench-all     these at full length, Apache Kafka under the same loads, and how things scale: about an hour

# make install       as root: the binary, its manual and completions, the systemd unit; PREFIX and DESTDIR as usual
# make static        a binary without shared libraries (musl), in target/x86_64-unknown-linux-musl/release

PREFIX ?= /usr/local
MUSL := $(shell uname -m)-unknown-linux-musl

.PHONY: run test test-clients test-service check lint audit bench bench-all lab lab-short lab-write lab-build install static torture torture-short torture-build schedules

run:
	cargo run --release --quiet --locked -- server

test:
	cargo test --quiet --locked
	cargo test --quiet --locked --features faults --target-dir target/faults --test panics

test-clients:
	cargo build --release --quiet --locked
	cargo build --release --quiet --locked --example client_check
	tests/clients/run

test-service:
	tests/service/run

lint:
	cargo fmt --check
	cargo clippy --quiet --locked --all-targets -- -D warnings
	RUSTDOCFLAGS="-D warnings" cargo doc --quiet --locked --no-deps --document-private-items

audit:
	tests/audit

check: lint audit test

bench:
	MEGABYTES=200 SECONDS_MAX=1 ./bench.sh limits
	MEGABYTES=200 SECONDS_MAX=1 ./bench.sh ideas

bench-all:
	./bench.sh limits
	./bench.sh ideas
	./bench.sh kafka
	./bench.sh scale

lab: lab-build
	target/release/examples/lab

lab-short: lab-build
	target/release/examples/lab --short --no-questions

lab-write: lab-build
	target/release/examples/lab --no-questions --write docs/lab

lab-%: lab-build
	target/release/examples/lab $*

lab-build:
	cargo build --release --quiet --locked --bin sendlog --example lab --example load --example limits

install:
	cargo build --release --quiet --locked
	install -D -m 755 target/release/sendlog $(DESTDIR)$(PREFIX)/bin/sendlog
	install -d $(DESTDIR)$(PREFIX)/share/man/man1 $(DESTDIR)$(PREFIX)/share/bash-completion/completions \
		$(DESTDIR)$(PREFIX)/share/fish/vendor_completions.d $(DESTDIR)$(PREFIX)/share/zsh/site-functions
	target/release/sendlog man >$(DESTDIR)$(PREFIX)/share/man/man1/sendlog.1
	target/release/sendlog completions bash >$(DESTDIR)$(PREFIX)/share/bash-completion/completions/sendlog
	target/release/sendlog completions fish >$(DESTDIR)$(PREFIX)/share/fish/vendor_completions.d/sendlog.fish
	target/release/sendlog completions zsh >$(DESTDIR)$(PREFIX)/share/zsh/site-functions/_sendlog
	install -d $(DESTDIR)/etc/systemd/system
	sed 's|/usr/local/bin|$(PREFIX)/bin|' deploy/sendlog.service >$(DESTDIR)/etc/systemd/system/sendlog.service
	test -e $(DESTDIR)/etc/sendlog/server.properties || \
		install -D -m 644 deploy/server.properties $(DESTDIR)/etc/sendlog/server.properties

static:
	rustup target add $(MUSL)
	cargo build --release --quiet --locked --target $(MUSL)

torture: torture-build
	SENDLOG_SCHEDULES=2000 $(MAKE) schedules
	target/release/examples/torture --long

torture-short: torture-build
	target/release/examples/torture

torture-build:
	cargo build --release --quiet --locked --bin sendlog --example torture
	cargo build --release --quiet --locked --bin sendlog --features faults --target-dir target/faults

# make schedules     models of the locks under one schedule after another: SENDLOG_SCHEDULES of them for each, SENDLOG_SEED
schedules:
	RUSTFLAGS="--cfg sendlog_shuttle" cargo test --quiet --locked --lib --target-dir target/schedules -- schedules:: seeded::

# make fuzz          libFuzzer, FUZZ_SECONDS (20) for each target; installs cargo-fuzz if it is missing
# make miri          the pure parts (record, wire, group) under Miri; says so where nightly Rust or Miri is missing
# make tsan          the concurrency tests under the thread sanitizer; the same
FUZZ_SECONDS ?= 20
TARGET := $(shell uname -m)-unknown-linux-gnu

.PHONY: fuzz miri tsan

fuzz:
	fuzz/run $(FUZZ_SECONDS)

miri:
	@if cargo +nightly miri --version >/dev/null 2>&1; then \
		MIRIFLAGS=-Zmiri-disable-isolation PROPTEST_CASES=1 cargo +nightly miri test --quiet --locked --lib \
			--target-dir target/miri -- record:: wire:: group::tests group::records group::slots group::subscription \
			--skip the_elements_of_a_frame_are_limited; \
	else \
		echo "miri: SKIPPED, it is not here: rustup toolchain install nightly --component miri,rust-src"; \
	fi

tsan:
	@if cargo +nightly --version >/dev/null 2>&1 && rustup +nightly component list --installed | grep -q rust-src; then \
		TSAN_OPTIONS=halt_on_error=1 RUSTFLAGS=-Zsanitizer=thread cargo +nightly test --quiet --locked -Zbuild-std \
			--target $(TARGET) --target-dir target/tsan --lib --test connections --test long_poll --test groups \
			--test produce_fetch -- --skip crc --skip cli:: --skip sweep --skip seeded --skip damage; \
	else \
		echo "tsan: SKIPPED, nightly Rust or its source is not here: rustup toolchain install nightly --component rust-src"; \
	fi
