#!/usr/bin/env bash
# Measures on this machine what the ideas are worth, how far the broker is from the kernel's limit, how it compares with
# Apache Kafka, and what happens as things grow. `./bench.sh help` explains; bench/ has a file for each part.
#
# Always true: whatever is started is ended and whatever is written is removed, however this ends; nothing is asserted.
set -Eeuo pipefail
cd "$(dirname "$0")"
source bench/common.sh
source bench/limits.sh
source bench/apache.sh
source bench/kafka.sh
source bench/ideas.sh
source bench/scale.sh
source bench/client.sh
source bench/names.sh
source bench/mirror.sh
source bench/graduate.sh

print_help() {
    cat <<END
Usage: ./bench.sh PART; it builds in release mode, prints tables, and writes them with plots into docs/bench.

ideas [IDEA...]       each of the four ideas on and off, under the same load; some alone are shown and not written
limits                what the kernel does without a broker, and how close the broker comes
kafka [CASE...]       the same load against sendlog and Apache Kafka $kafka_version, which it installs into target/bench;
                      needs Java 17 and Maven, and for librdkafka cc and pip
client                the client library by itself and, where they can be had, librdkafka and Kafka's tools beside it
mirror                how fast a mirror copies from Apache Kafka and from sendlog, beside plain consumers of the same topic
graduate [--log-gb 'N...']  how long a log of 1, 10 and 100 GB, or of the sizes that are named, takes to become one of Kafka's; as root
names                 how long sendlog takes to answer under the names of Kafka's tools, and two of these tools themselves
scale [--log-gb 'N...']  1 to 10,000 partitions and connections; logs of 1, 5 and 20 GB, or of the sizes that are named
help                  this

Ideas: ${ideas[*]}
Cases of kafka: ${cases[*]}

Columns
  records/s, MB/s    of record values; the median of the runs and, in brackets, the slowest and the fastest
  wire MB/s          whole requests (to produce) or whole answers (to fetch), in 10^6 bytes
  ratio              compared with the first row of the table
  p50, p99, max      microseconds from before a request is sent until its answer has been read
  CPU s/GB           seconds of the broker's processor time, user and system, for 10^9 bytes on the wire
  syscalls/k         the broker's system calls for 1,000 records, counted in a run of its own
  of its limit       wire MB/s, as a share of what the kernel does alone with the same pieces

How to read it
  * Load generator and broker share the processors of one machine, so each slows the other down. A ratio between two
    rows of one run says more than a figure, and the spread says how much the machine was disturbed meanwhile.
  * On loopback the sender does most of the receiver's TCP work: the broker's processor time leaves out what the load
    generator's system calls did for it, and has in it what its own did for the load generator.
  * The data lies in \$TMPDIR, /tmp without it. If that is kept in memory (tmpfs), flushing costs nothing: set TMPDIR to
    a folder on a disk.
  * A run's data is removed before it is ever flushed, if it can be; the disk is settled between runs.

Variables
  ROUNDS=3          runs of each row, and of each side
  WARMUPS=2         runs before them that are not counted (kafka)
  MEGABYTES=1000    the most that a timed run writes
  SECONDS_MAX=3     the longest that a timed run lasts
  OUT=docs/bench    where tables and plots are written
END
}

# prepare: builds, and makes a folder for scratch data that does not outlive this script.
prepare() {
    cargo build --release --quiet --locked --bin sendlog --example load --example limits --example report --example client_speed \
        --example mirror_speed
    scratch=$(mktemp -d)
    trap stop_all EXIT
    trap 'echo "bench.sh: failed: $BASH_COMMAND" >&2' ERR
    trap 'exit 130' INT TERM HUP
}

main() {
    case ${1:-help} in
    ideas | limits | kafka | scale | client | names | mirror | graduate)
        prepare
        "part_$1" "${@:2}"
        ;;
    help | -h | --help) print_help ;;
    *) fail "no such part: $1; ./bench.sh help lists them" ;;
    esac
}

main "$@"
