# shellcheck shell=bash
# What the kernel does without a broker, measured by examples/limits.

# Of large pieces the bytes count, of small ones their number.
large_pieces=(loopback append-64k append-256k append-1m recv+write-64k recv+write-256k recv+write-1m
    sendfile-16k sendfile-64k sendfile-1m ask-16k ask-64k ask-1m)
small_pieces=(ask-100 fdatasync)

part_limits() {
    local warmups=0
    begin limits
    measure_limits "${large_pieces[@]}"
    put table steps 'One step at a time: a round trip of 100 bytes, a flush of an append of 200 bytes'
    measure_kernel steps "${small_pieces[@]}"
    measure_shares
    finish limits
}

# measure_limits NAME...: as often as a load; the rows of other tables name them with limit=NAME.
measure_limits() {
    put table limits 'What the kernel does without a broker'
    measure_kernel limits "$@"
}

# measure_kernel TABLE NAME...: a name is the words of examples/limits, with the size of a piece behind a dash.
measure_kernel() {
    local round name size
    for name in "${@:2}"; do put row "$1" "$name" "$name"; done
    for ((round = 1; round <= rounds; round++)); do
        for name in "${@:2}"; do
            progress "limits: $name, run $round of $rounds"
            size=${name#*-}
            case $name in
            *-*k) size="--piece $((${size%k} << 10))" ;;
            *-*m) size="--piece $((${size%m} << 20))" ;;
            *-*) size="--piece $size" ;;
            *) size= ;;
            esac
            # shellcheck disable=SC2086 # two words or none
            record "$1" "$name" kernel "$release/examples/limits" "${name%%-*}" $size \
                --bytes "$((megabytes * 1000000))" --seconds 1
            settle
        done
    done
    show "$1"
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
