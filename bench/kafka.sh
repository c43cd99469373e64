# shellcheck shell=bash
# The same load against sendlog and Apache Kafka, in one run: one function for each row or two of the table.
#
# Always true: both brokers run all the time, warmed up by two runs of each load that are not counted; they take turns
# (Kafka, sendlog, Kafka, ...), the disk settled in between; each produces into a new topic.

cases=(produce-1mb produce-256kb produce-16kb produce-one produce-one-flushed produce-1000-partitions
    produce-16-connections fetch-1mb fetch-64kb fetch-16kb latency start start-10gb
    librdkafka java defaults waiting)

part_kafka() {
    local chosen=("$@") name
    if [ ${#chosen[@]} = 0 ]; then chosen=("${cases[@]}"); fi
    for name in "${chosen[@]}"; do
        [[ " ${cases[*]} " == *" $name "* ]] || fail "no such case: $name; there are: ${cases[*]}"
    done
    install_apache
    begin kafka
    put table kafka "sendlog and Apache Kafka $kafka_version, the same load in the same run"
    put note kafka "Records are 30 or 100 bytes, acks=1 and no flush on both sides unless a row says otherwise."
    measure_limits recv+write-64k recv+write-256k recv+write-1m sendfile-16k sendfile-64k sendfile-1m
    start_kafka kafka
    start_sendlog sendlog
    for name in "${chosen[@]}"; do
        "case_${name//-/_}"
        show kafka
    done
    finish kafka
}

# row LABEL GROUP KEY=VALUE...: a row of the table, of the runs of a group.
row() {
    put row kafka "$@"
}

# in_turns GROUP FUNCTION [ARGUMENT...]: FUNCTION SIDE ARGUMENT... prints a line of figures; the first ones are warm-ups.
in_turns() {
    local group=$1 round side
    for ((round = 1 - warmups; round <= rounds; round++)); do
        for side in kafka sendlog; do
            progress "$group: $side, run $round of $rounds"
            if [ "$round" -gt 0 ]; then
                record kafka "$group" "$side" "$2" "$side" "${@:3}"
            else
                "$2" "$side" "${@:3}" >/dev/null
            fi
            settle
        done
    done
}

# counted GROUP WORK [OPTION...]: one more run on both sides, for the system calls alone.
counted() {
    local side
    for side in kafka sendlog; do
        progress "$1: $side, system calls"
        record kafka "$1" "$side" counted_on "$side" "${@:2}" --topic counted --seconds 1
        forget "$side" counted
        settle
    done
}

# ---- produce ----

produce_new() {
    load_on "$1" produce --topic produced "${@:2}"
    forget "$1" produced
}

produce_case() {
    in_turns "$1" produce_new "${@:2}" --bytes "$((megabytes * 1000000))" --seconds "$seconds"
    counted "$1" produce "${@:2}" --bytes "$((megabytes * 200000))"
    row "$1: broker's CPU, s per GB on the wire" "$1" metric=cpu_s/GB "${cpu_target:-}"
    row "$1: broker's system calls for 1,000 records" "$1" metric=syscalls/k
}

case_produce_1mb() {
    row 'produce-1mb: 30 B, 1 MB batches, 8 in flight, records/s' produce-1mb metric=records/s 'target=x>=3' limit=recv+write-256k
    cpu_target='target=x<=0.167' produce_case produce-1mb --record-bytes 30 --batch-records 26800 --in-flight 8
}

case_produce_256kb() {
    row 'produce-256kb: 30 B, 256 KB batches, 8 in flight, records/s' produce-256kb metric=records/s 'target=x>=5' \
        limit=recv+write-256k 'share>=0.7'
    produce_case produce-256kb --record-bytes 30 --batch-records 6700 --in-flight 8
}

case_produce_16kb() {
    row 'produce-16kb: 100 B, 16 KB batches, 5 in flight, records/s' produce-16kb metric=records/s 'target=x>=5' limit=recv+write-64k
    produce_case produce-16kb --batch-records 145
}

case_produce_one() {
    row 'produce-one: 100 B, one record a request, 5 in flight, records/s' produce-one metric=records/s 'target=x>=8'
    produce_case produce-one --batch-records 1
}

case_produce_one_flushed() {
    row 'produce-one-flushed: one record a request, acks=all, flushed by both, 64 connections' produce-one-flushed metric=records/s 'target=x>=10'
    produce_case produce-one-flushed --batch-records 1 --acks all --connections 64 --in-flight 1 \
        --topic-config flush.messages=1
}

# What a new partition costs is in the first row; the second one is what is left when that is paid. See "New partitions"
# in docs/bench/notes.md.
case_produce_1000_partitions() {
    local load=(--batch-records 92 --partitions 1000 --request-batches 100 --bytes "$((megabytes * 1000000))")
    row 'produce-1000-partitions: 100 B, 10 KB batches, 100 in a request, new partitions' produce-1000-new \
        metric=records/s 'target=x>=10' limit=recv+write-1m
    in_turns produce-1000-new produce_new "${load[@]}" --at-once --seconds 120
    row 'produce-1000-partitions: into partitions that have records' produce-1000-old metric=records/s limit=recv+write-1m
    row "produce-1000-partitions: broker's CPU then, s per GB on the wire" produce-1000-old metric=cpu_s/GB
    row "produce-1000-partitions: broker's system calls then, for 1,000 records" produce-1000-old metric=syscalls/k
    local side
    for side in kafka sendlog; do load_on "$side" produce --topic old "${load[@]}" --seconds 120 >/dev/null; done
    settle
    in_turns produce-1000-old load_to_old "${load[@]}" --seconds "$seconds"
    for side in kafka sendlog; do
        record kafka produce-1000-old "$side" counted_on "$side" produce --topic old "${load[@]}" --seconds 1
        forget "$side" old
    done
}

load_to_old() {
    load_on "$1" produce --topic old "${@:2}"
}

case_produce_16_connections() {
    row 'produce-16-connections: 100 B, 100 KB batches, 16 partitions, records/s' produce-16-connections \
        metric=records/s 'target=x>=2' limit=recv+write-64k
    produce_case produce-16-connections --batch-records 920 --partitions 16 --connections 16
}

case_latency() {
    row 'latency: one produce at a time, p50, microseconds' latency metric=p50_us 'target=x<=0.4'
    row 'latency: one produce at a time, p99.9, microseconds' latency metric=p99.9_us 'target=x<=0.3'
    produce_case latency --batch-records 1 --in-flight 1
}

# ---- fetch ----

fetch_once() {
    load_on "$1" fetch --topic fetched "${@:2}" --bytes "$((megabytes * 4000000))" --seconds "$seconds"
}

# fetch_case GROUP BATCH_RECORDS [OPTION...]: what is read is there already, and in the page cache.
fetch_case() {
    local side
    for side in kafka sendlog; do
        progress "$1: $side, filling"
        load_on "$side" produce --topic fetched --batch-records "$2" --bytes "$((megabytes * 500000))" >/dev/null
        settle
    done
    in_turns "$1" fetch_once "${@:3}"
    for side in kafka sendlog; do
        record kafka "$1" "$side" counted_on "$side" fetch --topic fetched "${@:3}" --seconds 1
        forget "$side" fetched
    done
    row "$1: broker's CPU, s per GB on the wire" "$1" metric=cpu_s/GB "${cpu_target:-}"
    row "$1: broker's system calls for 1,000 records" "$1" metric=syscalls/k
}

case_fetch_1mb() {
    row 'fetch-1mb: 1 MiB at a time, MB/s on the wire' fetch-1mb metric=wire_MB/s 'target=x>=1.2' limit=sendfile-1m 'share>=0.95'
    cpu_target='target=x<=0.5' fetch_case fetch-1mb 9200
}

case_fetch_64kb() {
    row 'fetch-64kb: 16 KB batches, 64 KiB at a time, MB/s on the wire' fetch-64kb metric=wire_MB/s 'target=x>=2.5' limit=sendfile-64k
    fetch_case fetch-64kb 145 --fetch-bytes 65536
}

case_fetch_16kb() {
    row 'fetch-16kb: 16 KB batches, 16 KiB at a time, MB/s on the wire' fetch-16kb metric=wire_MB/s 'target=x>=4' limit=sendfile-16k
    fetch_case fetch-16kb 145 --fetch-bytes 16384
}

# ---- stock clients ----

messages=$((megabytes * 5000)) # of 30 bytes: 150 MB for 1,000

librdkafka_produce_once() {
    "$tools/rdkafka" produce "${address[$1]}" produced "$messages" 30 "${@:2}"
    forget "$1" produced
}

librdkafka_consume_once() {
    "$tools/rdkafka" consume "${address[$1]}" fetched "$messages" 30
}

fill_with_30_bytes() {
    local side
    for side in kafka sendlog; do
        load_on "$side" produce --topic fetched --record-bytes 30 --batch-records 400 --bytes $((messages * 40)) >/dev/null
    done
    settle
}

case_librdkafka() {
    install_librdkafka
    row 'librdkafka: producer, 30 B, acks=1, records/s' librdkafka-producer metric=records/s 'target=x>=1.15'
    in_turns librdkafka-producer librdkafka_produce_once acks=1
    row 'librdkafka: consumer, 30 B, records/s' librdkafka-consumer metric=records/s 'target=x>=1'
    fill_with_30_bytes
    in_turns librdkafka-consumer librdkafka_consume_once
    forget kafka fetched
    forget sendlog fetched
}

# The last line of ProducerPerformance: N records sent, N records/sec (N MB/sec), N ms avg latency, ...
java_produce_once() {
    "$release/examples/load" create --topic produced --bootstrap "${address[$1]}" >/dev/null
    java_tool ProducerPerformance --topic produced --num-records "$messages" --record-size 30 --throughput -1 \
        --producer-props bootstrap.servers="${address[$1]}" "${@:2}" | tail -n 1 |
        awk '{ print "records/s=" $4 " records=" $1 }'
    forget "$1" produced
}

# The last line of ConsumerPerformance; its last figure leaves joining the group out.
java_consume_once() {
    java_tool ConsumerPerformance --topic fetched --messages "$messages" --bootstrap-server "${address[$1]}" \
        --hide-header | tail -n 1 | awk -F ', *' '{ print "records/s=" $10 " records=" $5 }'
}

case_java() {
    row "java: producer-perf-test, 30 B, acks=1, records/s" java-producer metric=records/s 'target=x>=1.1'
    in_turns java-producer java_produce_once acks=1
    row "java: consumer-perf-test, 30 B, records/s" java-consumer metric=records/s 'target=x>=1'
    fill_with_30_bytes
    in_turns java-consumer java_consume_once
    forget kafka fetched
    forget sendlog fetched
}

# With flush.mode=acks, the default, sendlog flushes before it answers acks=all, and Kafka does not: the same promise
# is compared in the rows with flush.mode=os.
case_defaults() {
    install_librdkafka
    row 'defaults: librdkafka producer (acks=all); sendlog flushes, Kafka does not' defaults-librdkafka \
        metric=records/s 'target=x>=0.8'
    in_turns defaults-librdkafka librdkafka_produce_once
    row "defaults: producer-perf-test (acks=all, idempotent); sendlog flushes, Kafka does not" defaults-java \
        metric=records/s 'target=x>=0.8'
    in_turns defaults-java java_produce_once
    stop sendlog TERM
    start_sendlog sendlog flush.mode=os
    row 'defaults: librdkafka producer; nobody flushes (flush.mode=os)' defaults-librdkafka-os \
        metric=records/s 'target=x>=1.1'
    in_turns defaults-librdkafka-os librdkafka_produce_once
    row "defaults: producer-perf-test; nobody flushes (flush.mode=os)" defaults-java-os \
        metric=records/s 'target=x>=1.1'
    in_turns defaults-java-os java_produce_once
    stop sendlog TERM
    start_sendlog sendlog
}

# ---- start, memory, connections ----

case_start() {
    row 'start: to the first answer, empty directory, ms' start metric=start_ms 'target=<=10'
    row 'start: memory when idle (RSS), MB' start metric=rss_MB 'target=<=10'
    row 'start: memory under load (highest RSS), MB' start-loaded metric=rss_max_MB 'target=<=64'
    local round side
    for ((round = 1; round <= rounds; round++)); do
        for side in kafka sendlog; do
            progress "start: $side, run $round of $rounds"
            if [ "$side" = kafka ]; then
                data[fresh]=$(mktemp -d "$scratch/kafka.XXXXXX")
                format_kafka fresh
            fi
            "start_$side" fresh
            sleep 1
            put run kafka start "$side" "start_ms=$started_ms rss_MB=$(awk '/^VmRSS:/ { printf "%.1f", $2 * 1024 / 1e6 }' \
                "/proc/${pid[fresh]}/status")"
            load_on fresh produce --bytes "$((megabytes * 1000000))" --record-bytes 30 --batch-records 26800 \
                --in-flight 8 >/dev/null
            record kafka start-loaded "$side" load_on fresh fetch --record-bytes 30 --bytes "$((megabytes * 1000000))"
            remove fresh
            settle
        done
    done
}

# 1,000 partitions that hold 10 GB (MEGABYTES x 10), stopped cleanly with SIGTERM. The records are built as they are sent,
# so that their timestamps rise: a start walks the batches behind the one with the largest timestamp.
case_start_10gb() {
    row "start-10gb: to the first answer, 1,000 partitions, clean stop, ms" start-10gb \
        metric=start_ms 'target=<=100'
    local side round
    need_space $((megabytes * 11))
    for side in kafka sendlog; do
        progress "start-10gb: $side, filling"
        "start_$side" full
        for ((round = 0; round < 10; round++)); do
            load_on full produce --partitions 1000 --batch-records 920 --request-batches 10 --fresh \
                --bytes "$((megabytes * 1000000))" --seconds 600 >/dev/null
            settle
        done
        for ((round = 1; round <= rounds; round++)); do
            progress "start-10gb: $side, run $round of $rounds"
            stop full TERM
            "start_$side" full
            put run kafka start-10gb "$side" "start_ms=$started_ms"
        done
        remove full
    done
}

# Kafka takes minutes to connect them (its backlog is 50, and a client beyond it tries again a second later): one run.
case_waiting() {
    row 'waiting: 10,000 connections, each with a fetch that waits; connected, ms' waiting metric=connected_ms 'target=<=3000'
    row 'waiting: all woken by one produce, ms' waiting metric=woken_ms 'target=<=500'
    row 'waiting: memory with them (highest RSS), MB' waiting metric=rss_max_MB 'target=<=512'
    local round
    for ((round = 1; round <= rounds; round++)); do
        progress "waiting: sendlog, run $round of $rounds"
        start_sendlog crowded max.connections=20000 # the producer is one more
        record kafka waiting sendlog load_on crowded wait --connections 10000 --batch-records 1 --seconds 120
        remove crowded
    done
    progress "waiting: kafka"
    start_kafka crowded
    if load_on crowded wait --connections 10000 --batch-records 1 --seconds 290 >"$scratch/waiting" 2>&1; then
        put run kafka waiting kafka "$(<"$scratch/waiting")"
    else
        put note kafka "10,000 connections to Kafka: $(<"$scratch/waiting")."
    fi
    remove crowded
}
