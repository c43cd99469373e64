# shellcheck shell=bash
# The same work as things grow: more partitions, more connections, a longer log.

part_scale() {
    local log_gb=(1 5 20)
    if [ "${1:-}" = --log-gb ]; then read -ra log_gb <<<"${2:?the sizes, such as '1 5 20 100'}"; fi
    local warmups=0
    begin scale
    measure_limits recv+write-1m ask-1m
    scale_partitions
    scale_connections
    scale_log "${log_gb[@]}"
    finish scale
}

# as_it_grows ID NUMBER WORK [OPTION...]: one run of a table that has a row for each number.
as_it_grows() {
    record "$1" "$2" sendlog load_on grown "${@:3}" --seconds "$seconds"
}

# with_thousands NUMBER: 10000 as 10,000.
with_thousands() {
    sed -E ':again; s/^([0-9]+)([0-9]{3})/\1,\2/; t again' <<<"$1"
}

scale_partitions() {
    local number round spread
    put table partitions-produce 'Partitions: produce 100 B, 10 KB batches, up to 100 partitions in a request'
    put table partitions-fetch 'Partitions: fetch what was produced, 1 MiB at a time, the partitions in turn'
    put table partitions-open 'Partitions: from the start of the process to the first answer'
    for number in 1 10 100 1000 10000; do
        put row partitions-produce "$(with_thousands $number)" "$number" limit=recv+write-1m
        put row partitions-fetch "$(with_thousands $number)" "$number" limit=ask-1m
        put row partitions-open "$(with_thousands $number), after a clean stop" "clean-$number"
        put row partitions-open "$(with_thousands $number), after kill -9" "kill-$number"
    done
    for ((round = 1; round <= rounds; round++)); do
        for number in 1 10 100 1000 10000; do
            progress "partitions: $number, run $round of $rounds"
            spread=$((number < 100 ? number : 100))
            start_sendlog grown
            as_it_grows partitions-produce "$number" produce --partitions "$number" --batch-records 92 \
                --request-batches "$spread" --bytes "$((megabytes * 1000000))"
            as_it_grows partitions-fetch "$number" fetch --partitions "$number" --bytes "$((megabytes * 1000000))"
            open_again partitions-open "$number"
            remove grown
            settle
        done
    done
    show partitions-produce
    show partitions-fetch
    show partitions-open
}

# open_again ID NUMBER: stops and starts the broker, first by a kill, then cleanly.
open_again() {
    stop grown KILL
    start_sendlog grown
    put run "$1" "kill-$2" sendlog "open_ms=$started_ms"
    stop grown TERM
    start_sendlog grown
    put run "$1" "clean-$2" sendlog "open_ms=$started_ms"
}

scale_connections() {
    local number round
    put table connections 'Connections: each produces one record of 100 B at a time'
    put table waiting 'Connections: each waits in a fetch, and all are woken by one produce'
    for number in 1 10 100 1000 10000; do
        put row connections "$(with_thousands $number)" "$number"
        put row waiting "$(with_thousands $number)" "$number"
    done
    for ((round = 1; round <= rounds; round++)); do
        for number in 1 10 100 1000 10000; do
            progress "connections: $number, run $round of $rounds"
            start_sendlog grown
            as_it_grows connections "$number" produce --connections "$number" --in-flight 1 --batch-records 1 \
                --bytes "$((megabytes * 1000000))"
            remove grown
            start_sendlog grown max.connections=20000 # the producer is one more
            record waiting "$number" sendlog \
                load_on grown wait --connections "$number" --batch-records 1 --seconds 120
            remove grown
            settle
        done
    done
    show connections
    show waiting
}

# scale_log GB...: one log after the other, of one partition, in batches of 16 KB.
scale_log() {
    local size round number
    put table log-lookup 'Log: one batch of 16 KB at a random offset'
    put table log-fetch 'Log: 1 MiB at a random offset'
    put table log-open 'Log: from the start of the process to the first answer'
    put note log-lookup "What does not fit into memory comes from the disk: the figures change where the log outgrows the \
page cache, not where a look-up becomes longer."
    for size in "$@"; do
        put row log-lookup "$size GB" "$size"
        put row log-fetch "$size GB" "$size" limit=ask-1m
        put row log-open "$size GB, after a clean stop" "clean-$size"
        put row log-open "$size GB, after kill -9" "kill-$size"
    done
    for size in "$@"; do
        need_space "$((size * 1050))"
        start_sendlog grown
        fill_log "$size"
        for ((round = 1; round <= rounds; round++)); do
            progress "log: $size GB, run $round of $rounds"
            as_it_grows log-lookup "$size" fetch --random --fetch-bytes 1 --bytes 1000000000000
            as_it_grows log-fetch "$size" fetch --random --bytes 1000000000000
            # So that a kill finds something that no checkpoint covers.
            load_on grown produce --batch-records 145 --bytes "$((megabytes * 100000))" >/dev/null
            open_again log-open "$size"
        done
        remove grown
        settle
    done
    show log-lookup
    show log-fetch
    show log-open
}

# fill_log GB: never more than 1 GB ahead of the disk.
fill_log() {
    local part
    for ((part = 1; part <= $1; part++)); do
        progress "log: filling, $part of $1 GB"
        load_on grown produce --batch-records 145 --bytes 1000000000 --seconds 600 >/dev/null
        settle
    done
}
