# make run           build, and serve on 127.0.0.1:9092 and [::1]:9092 with the data in ./data
# make test          unit tests, golden scripts, byte goldens, black-box tests; needs Rust alone
# make test-clients  stock Kafka clients against the broker; installs them into target/ by itself
# make check         formatting, lints, documentation, tests
# make bench         each idea on and off, and the kernel's limits, measured on this machine: under five minutes
# make bench-all     these at full length, Apache Kafka under the same loads, and how things scale: over an hour

.PHONY: run test test-clients check lint bench bench-all

run:
	cargo run --release --quiet --locked -- server

test:
	cargo test --quiet --locked

test-clients:
	cargo build --release --quiet --locked
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
