# shellcheck shell=bash
# How long `sendlog graduate` takes as the log grows, and Apache Kafka's first start behind it: nothing is copied, and neither
# reads the records.
#
# Always true: the file system is mounted again before each, so nothing of it is cached; Kafka has to know the log's end and to
# give its last record.
# Not done: no disk has to have room for the whole log. It lies on an xfs in a file, where the segments share their blocks
# (bench/lengthen.py); so this needs root.

segment_mb=1000

part_graduate() {
    local sizes=(1 10 100)
    local warmups=0 gb round
    if [ "${1:-}" = --log-gb ]; then read -ra sizes <<<"${2:?the sizes, such as '1 10 100'}"; fi
    [ "$(id -u)" = 0 ] || fail "graduate mounts an xfs in a file: only root can"
    need mkfs.xfs "it makes the file system (Debian: apt-get install xfsprogs)"
    need_space 8000
    install_apache
    begin graduate
    put table graduate "A log that moves to Apache Kafka $kafka_version, in place"
    for gb in "${sizes[@]}"; do
        put row graduate "sendlog graduate, $gb GB" "graduate-$gb"
        put row graduate "Kafka's first start on it" "kafka-$gb"
    done
    put note graduate "One partition, in segments of $segment_mb MB with batches of 1 MB; nothing of it is in a cache."
    for ((round = 1; round <= rounds; round++)); do
        for gb in "${sizes[@]}"; do
            progress "graduate: $gb GB, run $round of $rounds"
            graduate_once "$gb"
        done
    done
    show graduate
    finish graduate
}

# graduate_once GB: on a file system of its own.
graduate_once() {
    local disk=$scratch/disk end
    mount_xfs "$disk" $(($1 + 20))
    data[graduate]=$disk/data
    mkdir -m 700 "${data[graduate]}"
    start_sendlog graduate
    "$release/sendlog" topics create moved --config segment.bytes=$((segment_mb * 1000000)) -b "${address[graduate]}" >/dev/null
    "$release/sendlog" perf produce moved -n $((segment_mb * 1010)) -s 1000 -X batch.size=1000000 -X enable.idempotence=false \
        -b "${address[graduate]}" >/dev/null
    stop graduate TERM
    end=$(python3 bench/lengthen.py "${data[graduate]}" moved-0 $(($1 * 1000 / segment_mb)))
    mount_again
    time_once graduate "graduate-$1" "$release/sendlog" graduate --data "${data[graduate]}" \
        --controller "127.0.0.1:$("$release/examples/load" port)" --set "listeners=PLAINTEXT://${address[graduate]}"
    mount_again
    launch graduate java -Xms1g -Xmx1g "${performance_options[@]}" -cp "$tools/jars/*" \
        kafka.Kafka "${data[graduate]}/server.properties"
    put run graduate "kafka-$1" sendlog "answered_ms=$started_ms"
    check_end "$end"
    stop graduate TERM
    unset "data[graduate]"
    unmount
}

time_once() {
    local before=${EPOCHREALTIME/./}
    "${@:3}" >"$scratch/said" 2>&1 || fail "$2: $(tail -n 3 "$scratch/said")"
    put run "$1" "$2" sendlog "answered_ms=$(awk -v us=$((${EPOCHREALTIME/./} - before)) 'BEGIN { printf "%.1f", us / 1e3 }')"
}

# check_end OFFSET: Kafka has the whole log.
check_end() {
    local last
    last=$("$release/sendlog" consume moved -o -1 -c 1 -f '%o' -b "${address[graduate]}")
    [ "$last" = $(($1 - 1)) ] || fail "the last record is at offset '$last', and the log ends at $1"
}
