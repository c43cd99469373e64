# shellcheck shell=bash
# What a mirror of Apache Kafka, and one of another sendlog, is as fast as: a plain consumer of the same topic, and cat(1) of the
# same files, which have to be written as well.
#
# Always true: the source is filled once and is read by all of them in turns; a mirror begins with an empty broker.
# Not done: no network but loopback. Source, copy and clients share the processors and the disk.

mirror_records=$((megabytes * 10000)) # of 1,000 bytes, 10 GB for 1,000
mirror_partitions=4

part_mirror() {
    local warmups=0
    begin mirror
    need_space $((megabytes * 22))
    if beside_java; then mirror_of kafka "Apache Kafka $kafka_version"; fi
    mirror_of sendlog sendlog
    finish mirror
}

# mirror_of KIND NAME: one table, for this kind of source.
mirror_of() {
    local table=mirror-$1 round bytes
    put table "$table" "Copying everything from $2" compared
    if beside_java; then put row "$table" 'kafka-consumer-perf-test' java; fi
    put row "$table" "this library's consumer, CRC checked" consumer
    put row "$table" 'the mirror' mirror
    put row "$table" 'the mirror, its copy kept in the page cache' kept
    put row "$table" "cat(1) of the source's files into one" files
    "start_$1" source
    "$release/sendlog" topics create mirrored -p "$mirror_partitions" -b "${address[source]}" >/dev/null
    progress "$table: filling"
    "$release/sendlog" perf produce mirrored -n "$mirror_records" -s 1000 -X batch.size=65536 -X acks=1 \
        -b "${address[source]}" >/dev/null
    bytes=$(cat "${data[source]}"/mirrored-*/*.log | wc -c)
    put note "$table" "$((bytes / 1000000)) MB of batches with records of 1,000 bytes in $mirror_partitions partitions. The consumers \
look at each record and keep nothing; the mirror and cat write as much as they read. What a mirror copies of the past leaves the \
page cache, unless mirror.page.cache=all."
    for ((round = 1; round <= rounds; round++)); do
        if beside_java; then mirrored "$round" "$table" java mirror_java; fi
        mirrored "$round" "$table" consumer mirror_consumer
        mirrored "$round" "$table" mirror mirror_once
        mirrored "$round" "$table" kept mirror_kept
        mirrored "$round" "$table" files mirror_files
    done
    remove source
    show "$table"
}

# mirrored ROUND TABLE GROUP COMMAND: one run.
mirrored() {
    settle
    progress "$2: $3, run $1 of $rounds"
    record "$2" "$3" sendlog "$4" "$bytes"
}

# These print a line of figures for so many BYTES.
mirror_java() {
    java_tool ConsumerPerformance --topic mirrored --messages "$mirror_records" --bootstrap-server "${address[source]}" \
        --hide-header | tail -n 1 | awk -F ', *' -v bytes="$1" '{ printf "MB/s=%.1f\n", bytes / $5 * $10 / 1e6 }'
}

mirror_consumer() {
    local line
    line=$("$release/examples/client_speed" consume --bootstrap "${address[source]}" --topic mirrored \
        --records "$mirror_records" --partitions "$mirror_partitions" --record-bytes 1000)
    awk -v bytes="$1" -v records="$mirror_records" -v rate="$(word records/s "$line")" -v rss="$(word rss_max_MB "$line")" \
        'BEGIN { printf "MB/s=%.1f\trss_max_MB=%s\n", bytes / records * rate / 1e6, rss }'
}

mirror_once() {
    "$release/examples/mirror_speed" --from "${address[source]}" "$1"
}

mirror_kept() {
    "$release/examples/mirror_speed" --from "${address[source]}" "$1" --set mirror.page.cache=all
}

mirror_files() {
    local before=${EPOCHREALTIME/./}
    cat "${data[source]}"/mirrored-*/*.log >"$scratch/copied"
    awk -v bytes="$1" -v us=$((${EPOCHREALTIME/./} - before)) 'BEGIN { printf "MB/s=%.1f\n", bytes / us }'
    rm "$scratch/copied"
}
