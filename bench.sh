#!/usr/bin/env bash
# Measures on this machine what the ideas are worth, how far the broker is from the kernel's limit, how it compares with
# Apache Kafka, and what happens as things grow. `./bench.sh help` explains; bench/ has a file for each part.
#
# Always true: whatever is started is ended and whatever is written is removed, however this ends; nothing is asserted.
set -euo pipefail
cd "$(dirname "$0")"
source bench/common.sh
source bench/limits.sh
source bench/apache.sh
source bench/kafka.sh

print_help() {
    cat <<END
Usage: ./bench.sh kafka [CASE...] | help

kafka   the same load against sendlog and Apache Kafka $kafka_version, which it installs into target/bench; needs Java 17
        and Maven, and cc and pip for librdkafka. Cases: ${cases[*]}

Variables
  ROUNDS=3          runs of each row, and of each side
  WARMUPS=2         runs before them that are not counted (kafka)
  MEGABYTES=1000    the most that a timed run writes
  SECONDS_MAX=3     the longest that a timed run lasts
  OUT=docs/bench    where tables and plots are written
  TMPDIR=/tmp       where the data lies; on a tmpfs flushing costs nothing
END
}

# prepare: builds, and makes a folder for scratch data that does not outlive this script.
prepare() {
    cargo build --release --quiet --locked --bin sendlog --example load --example limits --example report
    scratch=$(mktemp -d)
    trap stop_all EXIT
    trap 'exit 130' INT TERM HUP
}

case ${1:-help} in
kafka)
    prepare
    part_kafka "${@:2}"
    ;;
help | -h | --help) print_help ;;
*) fail "no such part: $1; ./bench.sh help lists them" ;;
esac
