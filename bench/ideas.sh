#!/usr/bin/env bash
# Measures on this machine what each of the four ideas is worth. `./bench.sh help` explains.
#
# Always true: each timed run has a broker of its own, with an empty data directory; variants take turns
# (A B A B A B); the medians and the spread are printed and nothing is asserted.
set -euo pipefail
cd "$(dirname "$0")"

rounds=${ROUNDS:-3}
release=${CARGO_TARGET_DIR:-target}/release

print_help() {
    cat <<'END'
Usage: ./bench.sh ideas | help

ideas   builds in release mode, then runs the same load with each idea on and off: some two minutes, less than
        3 GB of memory and of disk. Nothing is left behind.

Columns
  k records/s   thousands of records in a second: the median of the runs and, in brackets, the slowest and the fastest
  ratio         that median, compared with the first row of the table
  MB/s          10^6 bytes of record batches in a second, their headers included
  p50, p99      microseconds from before a request is sent until its answer has been read
  CPU s/GB      seconds of processor time that the broker spent, user and system, for each 10^9 bytes

How to read it
  * Load generator and broker share the processors of one machine, so each slows the other down. A ratio between two
    rows says more than a figure, and the spread says how much the machine was disturbed meanwhile.
  * On loopback the sender does most of the receiver's TCP work: CPU s/GB leaves out what the load generator's system
    calls did for the broker, and has in it what the broker's did for the load generator.
  * The data lies in $TMPDIR, /tmp without it. If that is kept in memory (tmpfs), flushing costs nothing: set TMPDIR
    to a folder on a disk.
  * A broker is killed after its run, so that gigabytes of scratch data are never flushed only to be removed.

Variables: ROUNDS (3) runs of each row, TMPDIR, CARGO_TARGET_DIR.
END
}

fail() {
    echo "bench.sh: $*" >&2
    exit 1
}

# ---- one broker, one load ----

# start_broker [KEY=VALUE...]: sets $broker (its process), $address and $data.
start_broker() {
    data=$(mktemp -d "$scratch/data.XXXXXX")
    local settings=()
    for setting in "$@"; do settings+=(--set "$setting"); done
    : >"$scratch/stdout" # the last broker said where it listened
    "$release/sendlog" --listen 127.0.0.1:0 --data "$data" "${settings[@]}" >"$scratch/stdout" 2>>"$scratch/stderr" &
    broker=$!
    until grep -q '^listening on ' "$scratch/stdout"; do
        kill -0 "$broker" 2>/dev/null || fail "the broker did not start: $(tail -n 1 "$scratch/stderr")"
        sleep 0.01
    done
    address=$(sed -n 's/^listening on //p' "$scratch/stdout")
}

stop_broker() {
    [ -n "${broker:-}" ] || return 0
    kill -KILL "$broker" 2>/dev/null || true
    wait "$broker" 2>/dev/null || true
    rm -rf "$data"
    broker=
}

# Processor time of the broker so far, user and system, in clock ticks.
cpu_ticks() {
    awk '{ print $14 + $15 }' "/proc/$broker/stat"
}

load() {
    "$release/examples/load" "$@" --bootstrap "$address"
}

# timed_run SETTINGS LOAD: prints records/s MB/s p50_us p99_us CPU-seconds-per-GB.
# A load that fetches finds 250 MB there, in batches of 16 KB.
timed_run() {
    local settings load before line after
    read -ra settings <<<"$1"
    read -ra load <<<"$2"
    start_broker "${settings[@]}"
    if [ "${load[0]}" = fetch ]; then load produce --batch-records 145 --bytes 250000000 >"$scratch/fill"; fi
    before=$(cpu_ticks)
    line=$(load "${load[@]}")
    after=$(cpu_ticks)
    stop_broker
    awk -v line="$line" -v ticks=$((after - before)) -v hz="$(getconf CLK_TCK)" 'BEGIN {
        count = split(line, words, /[ =]/)
        for (i = 1; i < count; i += 2) value[words[i]] = words[i + 1]
        print value["records/s"], value["MB/s"], value["p50_us"], value["p99_us"], ticks / hz / value["bytes"] * 1e9
    }'
}

# ---- one table ----

# compare TITLE [NAME SETTINGS LOAD]...: runs the variants in turns and prints a row for each.
compare() {
    local title=$1 variants=("${@:2}") round i
    rm -f "$scratch"/row.*
    for ((round = 0; round < rounds; round++)); do
        for ((i = 0; i < ${#variants[@]}; i += 3)); do
            timed_run "${variants[i + 1]}" "${variants[i + 2]}" >>"$scratch/row.$i"
        done
    done
    printf '\n%-34s %-28s %6s %8s %7s %7s %9s\n' "$title" '  k records/s (spread)' ratio MB/s p50 p99 'CPU s/GB'
    local first=
    for ((i = 0; i < ${#variants[@]}; i += 3)); do
        print_row "${variants[i]}" "$scratch/row.$i"
    done
}

# print_row NAME FILE: FILE has a line of figures for each run.
print_row() {
    local records
    records=$(median 1 "$2")
    first=${first:-$records}
    awk -v name="$1" -v records="$records" -v first="$first" \
        -v slowest="$(sort -n "$2" | head -n 1)" -v fastest="$(sort -n "$2" | tail -n 1)" \
        -v mb="$(median 2 "$2")" -v p50="$(median 3 "$2")" -v p99="$(median 4 "$2")" -v cpu="$(median 5 "$2")" 'BEGIN {
        spread = sprintf("(%.1f - %.1f)", slowest / 1e3, fastest / 1e3)
        printf "  %-30s %10.1f %-19s %5.2fx %8.1f %7d %7d %9.2f\n", name, records / 1e3, spread, records / first, mb, p50, p99, cpu
    }'
}

# median COLUMN FILE
median() {
    awk -v column="$1" '{ print $column }' "$2" | sort -g | awk '{ line[NR] = $0 } END { print line[int((NR + 1) / 2)] }'
}

# ---- the ideas ----

ideas() {
    local bytes='--bytes 500000000 --seconds 2'
    echo "$(nproc) processors, Linux $(uname -r), $(git describe --always --dirty 2>/dev/null || echo 'no git')," \
        "data on $(df --output=fstype "$scratch" | tail -n 1); $rounds runs of each row"

    compare '1 batching: records in a batch' \
        '1' '' "produce --batch-records 1 $bytes" \
        '10' '' "produce --batch-records 10 $bytes" \
        '100' '' "produce --batch-records 100 $bytes" \
        '1,000' '' "produce --batch-records 1000 $bytes" \
        '10,000' '' "produce --batch-records 10000 $bytes"

    compare '1 batching: what is looked into' \
        'batch.check=header' batch.check=header "produce --record-bytes 30 $bytes" \
        'batch.check=records' batch.check=records "produce --record-bytes 30 $bytes"

    compare '3 page cache: produce' \
        'log.page.cache=keep' log.page.cache=keep "produce $bytes" \
        'log.page.cache=drop' log.page.cache=drop "produce $bytes"

    compare '3 page cache: fetch once, 1 MiB' \
        'log.page.cache=keep' log.page.cache=keep 'fetch --bytes 240000000' \
        'log.page.cache=drop' log.page.cache=drop 'fetch --bytes 240000000'

    local clients='--connections 16 --in-flight 1 --batch-records 100 --seconds 1'
    compare '3 durability: acks=1, 16 clients' \
        'flush.mode=acks' flush.mode=acks "produce --acks 1 $clients" \
        'flush.mode=os' flush.mode=os "produce --acks 1 $clients" \
        'flush.mode=always' flush.mode=always "produce --acks 1 $clients"

    compare '3 durability: acks=all, 16 clients' \
        'flush.mode=acks' flush.mode=acks "produce --acks all $clients" \
        'flush.mode=os' flush.mode=os "produce --acks all $clients" \
        'flush.mode=always' flush.mode=always "produce --acks all $clients"

    local size
    for size in 1048576 65536 16384; do
        compare "4 zero copy: fetch $((size / 1024)) KiB" \
            'fetch.path=sendfile' fetch.path=sendfile "fetch --fetch-bytes $size --bytes 2000000000 --seconds 2" \
            'fetch.path=copy' fetch.path=copy "fetch --fetch-bytes $size --bytes 2000000000 --seconds 2"
    done
}

case ${1:-help} in
ideas)
    cargo build --release --quiet --bin sendlog --example load
    scratch=$(mktemp -d)
    trap 'stop_broker; rm -rf "$scratch"' EXIT
    ideas
    ;;
help | -h | --help) print_help ;;
*) fail "no such part: $1; ./bench.sh help lists them" ;;
esac
