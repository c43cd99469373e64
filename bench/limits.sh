# shellcheck shell=bash
# What the kernel does without a broker, measured by examples/limits.

# limits_table: NAME, then the words of examples/limits.
limits_table=(
    'loopback' 'loopback'
    'append-64k' 'append --piece 65536'
    'append-256k' 'append --piece 262144'
    'append-1m' 'append --piece 1048576'
    'recv+write-64k' 'recv+write --piece 65536'
    'recv+write-256k' 'recv+write --piece 262144'
    'recv+write-1m' 'recv+write --piece 1048576'
    'sendfile-16k' 'sendfile --piece 16384'
    'sendfile-64k' 'sendfile --piece 65536'
    'sendfile-1m' 'sendfile --piece 1048576'
    'ask-16k' 'ask --piece 16384'
    'ask-64k' 'ask --piece 65536'
    'ask-1m' 'ask --piece 1048576'
    'ask-100' 'ask --piece 100'
    'fdatasync' 'fdatasync'
)

part_limits() {
    begin limits
    measure_limits ''
    measure_shares
    finish limits
}

# measure_limits PREFIX...: those whose names begin so, as often as a load; the rows of other tables name them with
# limit=NAME.
measure_limits() {
    local round i words prefix chosen=()
    put table limits 'What the kernel does without a broker'
    for ((i = 0; i < ${#limits_table[@]}; i += 2)); do
        for prefix in "$@"; do
            if [[ ${limits_table[i]} == "$prefix"* ]]; then chosen+=("$i"); fi
        done
    done
    for i in "${chosen[@]}"; do
        put row limits "${limits_table[i]}" "${limits_table[i]}"
    done
    for ((round = 1; round <= rounds; round++)); do
        for i in "${chosen[@]}"; do
            progress "limits: ${limits_table[i]}, run $round of $rounds"
            read -ra words <<<"${limits_table[i + 1]}"
            record limits "${limits_table[i]}" kernel \
                "$release/examples/limits" "${words[@]}" --bytes "$((megabytes * 1000000))" --seconds 1
            settle
        done
    done
    show limits
}

# The broker's best cases, each as a share of its limit.
measure_shares() {
    local round i bytes words
    bytes="--bytes $((megabytes * 1000000)) --seconds $seconds"
    local loads=(
        'produce 30 B, 1 MB batches, 8 in flight' limit=recv+write-256k
        "produce --record-bytes 30 --batch-records 26800 --in-flight 8 $bytes"
        'produce 30 B, 256 KB batches, 8 in flight' limit=recv+write-256k
        "produce --record-bytes 30 --batch-records 6700 --in-flight 8 $bytes"
        'produce 100 B, 16 KB batches, 5 in flight' limit=recv+write-64k
        "produce --batch-records 145 $bytes"
        'produce one record at a time' limit-pieces=ask-100
        "produce --batch-records 1 --in-flight 1 $bytes"
        'produce one record at a time, acks=all' limit-pieces=fdatasync
        "produce --batch-records 1 --in-flight 1 --acks all $bytes"
        'produce one record, acks=all, 64 connections' limit-pieces=fdatasync
        "produce --batch-records 1 --in-flight 1 --acks all --connections 64 $bytes"
        'fetch, 1 MiB at a time' limit=ask-1m "fetch $bytes"
        'fetch, 64 KiB at a time' limit=ask-64k "fetch --fetch-bytes 65536 $bytes"
        'fetch, 16 KiB at a time' limit=ask-16k "fetch --fetch-bytes 16384 $bytes"
    )
    put table shares 'The broker, as a share of what the kernel does with the same pieces'
    for ((i = 0; i < ${#loads[@]}; i += 3)); do
        put row shares "${loads[i]}" "${loads[i]}" "${loads[i + 1]}"
    done
    for ((round = 1; round <= rounds; round++)); do
        for ((i = 0; i < ${#loads[@]}; i += 3)); do
            progress "shares: ${loads[i]}, run $round of $rounds"
            start_sendlog shares
            read -ra words <<<"${loads[i + 2]}"
            if [ "${words[0]}" = fetch ]; then
                load_on shares produce --batch-records 145 --bytes "$((megabytes * 500000))" >/dev/null
            fi
            record shares "${loads[i]}" sendlog load_on shares "${words[@]}"
            remove shares
            settle
        done
    done
    put note shares "Rows with one record at a time are requests in a second, as a share of round trips or flushes in a second. \
Many connections share a flush: hence more than 1."
    show shares
}
