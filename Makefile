# make run           build, and serve on 127.0.0.1:9092 and [::1]:9092 with the data in ./data
# make test          unit tests, golden scripts, byte goldens, black-box tests; needs Rust alone
# make test-clients  stock Kafka clients against the broker; installs them into target/ by itself
# make check         formatting, lints, documentation, tests
# make bench         each idea on and off, and the kernel's limits, measured on this machine: under five minutes
# make bench-all     these at full length, Apache Kafka under the same loads, and how things scale: about an hour

# make install       as root: the binary, its manual and completions, the systemd unit; PREFIX and DESTDIR as usual
# make static        a binary without shared libraries (musl), in target/x86_64-unknown-linux-musl/release

PREFIX ?= /usr/local
MUSL := $(shell uname -m)-unknown-linux-musl

.PHONY: run test test-clients check lint bench bench-all install static torture torture-short torture-build

run:
	cargo run --release --quiet --locked -- server

test:
	cargo test --quiet --locked

test-clients:
	cargo build --release --quiet --locked
	cargo build --release --quiet --locked --example client_check
	tests/clients/run

lint:
	cargo fmt --check
	cargo clippy --quiet --locked --all-targets -- -D warnings
	RUSTDOCFLAGS="-D warnings" cargo doc --quiet --locked --no-deps --document-private-items

check: lint test

bench:
	MEGABYTES=200 SECONDS_MAX=1 ./bench.sh limits
	MEGABYTES=200 SECONDS_MAX=1 ./bench.sh ideas

bench-all:
	./bench.sh limits
	./bench.sh ideas
	./bench.sh kafka
	./bench.sh scale

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

# make torture       tries to lose data and to bring the broker down, for about an hour; the report is target/torture/report.md
# make torture-short the same in the length of CI
torture: torture-build
	target/release/examples/torture --long

torture-short: torture-build
	target/release/examples/torture

torture-build:
	cargo build --release --quiet --locked --bin sendlog --example torture
	cargo build --release --quiet --locked --bin sendlog --features faults --target-dir target/faults
