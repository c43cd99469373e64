# shellcheck shell=bash
# Each of the four ideas on and off, under the same load.
#
# Always true: each run has a broker of its own with an empty data directory; the rows of a table take turns (A B A B
# A B). A run that fetches finds its data there already, in batches of 16 KB.

ideas=(batching placement page-cache flushing zero-copy)

# part_ideas [IDEA...]: all of them are written into docs/bench; some alone are only shown.
part_ideas() {
    local warmups=0 chosen=("$@") name
    if [ ${#chosen[@]} = 0 ]; then chosen=("${ideas[@]}"); fi
    for name in "${chosen[@]}"; do
        [[ " ${ideas[*]} " == *" $name "* ]] || fail "no such idea: $name; there are: ${ideas[*]}"
    done
    begin ideas
    measure_limits recv+write-64k recv+write-1m ask-1m ask-64k ask-16k
    for name in "${chosen[@]}"; do "${name//-/_}"; done
    if [ $# = 0 ]; then finish ideas; fi
}

# compare ID TITLE NOTE [NAME SETTINGS LIMIT LOAD]...: a table with a row for each variant. NOTE, SETTINGS and LIMIT may
# be empty.
compare() {
    local id=$1 variants=("${@:4}") round i settings load limit
    put table "$id" "$2" compared
    if [ -n "$3" ]; then put note "$id" "$3"; fi
    for ((i = 0; i < ${#variants[@]}; i += 4)); do
        limit=${variants[i + 2]}
        put row "$id" "${variants[i]}" "${variants[i]}" ${limit:+"$limit"}
    done
    for ((round = 1; round <= rounds; round++)); do
        for ((i = 0; i < ${#variants[@]}; i += 4)); do
            progress "$id: ${variants[i]}, run $round of $rounds"
            read -ra settings <<<"${variants[i + 1]}"
            read -ra load <<<"${variants[i + 3]}"
            record "$id" "${variants[i]}" sendlog variant_once load_on
            settle
        done
    done
    for ((i = 0; i < ${#variants[@]}; i += 4)); do
        progress "$id: ${variants[i]}, system calls"
        read -ra settings <<<"${variants[i + 1]}"
        read -ra load <<<"${variants[i + 3]}"
        record "$id" "${variants[i]}" sendlog variant_once counted_on
        settle
    done
    show "$id"
}

# variant_once load_on|counted_on: one run of $load on a new broker with $settings. `cold` among the settings is no key:
# the pages of what was filled in are dropped from the page cache.
variant_once() {
    local keys=() key cold=''
    for key in "${settings[@]}"; do
        if [ "$key" = cold ]; then cold=yes; else keys+=("$key"); fi
    done
    start_sendlog variant "${keys[@]}"
    if [ "${load[0]}" = fetch ]; then
        load_on variant produce --batch-records 145 --bytes "$((megabytes * 500000))" >/dev/null
        if [ -n "$cold" ]; then drop_pages "${data[variant]}"; fi
    fi
    "$1" variant "${load[@]}"
    remove variant
}

# drop_pages FOLDER: posix_fadvise(POSIX_FADV_DONTNEED) on each file in it, once what is dirty is on the disk.
drop_pages() {
    local file
    find "$1" -name '*.log' -print0 | while IFS= read -r -d '' file; do
        sync "$file"
        dd if="$file" iflag=nocache count=0 status=none
    done
}

batching() {
    local bytes
    bytes="--bytes $((megabytes * 1000000)) --seconds $seconds"
    compare batching '1 Batching: records of 100 bytes in a batch' \
        "One record in a request costs a system call or two of its own on both sides, its own header of 61 bytes, \
its own lock and its own checksum; ten thousand share them." \
        '1' '' '' "produce --batch-records 1 $bytes" \
        '10' '' '' "produce --batch-records 10 $bytes" \
        '100' '' limit=recv+write-64k "produce --batch-records 100 $bytes" \
        '1,000' '' limit=recv+write-64k "produce --batch-records 1000 $bytes" \
        '10,000' '' limit=recv+write-1m "produce --batch-records 10000 $bytes"
    compare check '1 Batching: what the broker looks into (30 B records, 40 KB batches)' '' \
        'batch.check=header' batch.check=header limit=recv+write-64k "produce --record-bytes 30 $bytes" \
        'batch.check=records' batch.check=records limit=recv+write-64k "produce --record-bytes 30 $bytes"
    compare fresh '1 Batching: what the load generator spends on building the same batches' '' \
        'prepared before' '' limit=recv+write-64k "produce --record-bytes 30 $bytes" \
        'built meanwhile' '' limit=recv+write-64k "produce --record-bytes 30 --fresh $bytes"
}

# Without a broker: examples/limits puts the same pieces in order and at random places.
placement() {
    local round work
    put table placement '2 Sequential writes: the same bytes in order and at random places of a file, 16 KB pieces' compared
    put row placement 'written in order, then flushed' write-in-order
    put row placement 'written at random, then flushed' write-at-random
    put row placement 'read from the disk in order' read-in-order
    put row placement 'read from the disk at random' read-at-random
    for ((round = 1; round <= rounds; round++)); do
        for work in write-in-order write-at-random read-in-order read-at-random; do
            progress "placement: $work, run $round of $rounds"
            record placement "$work" kernel \
                "$release/examples/limits" "$work" --piece 16000 --bytes "$((megabytes * 250000))" --seconds 60
            settle
        done
    done
    put note placement "An append-only log only ever does the first and, for a reader that follows, the third. Read in order, the \
kernel reads ahead; at random, each read waits for the disk. How much that is depends on the disk."
    show placement
}

page_cache() {
    local bytes once
    bytes="--bytes $((megabytes * 1000000)) --seconds $seconds"
    once="--bytes $((megabytes * 480000))"
    compare cache-produce '3 Page cache: produce 100 B, 100 KB batches' '' \
        'log.page.cache=keep' log.page.cache=keep limit=recv+write-64k "produce $bytes" \
        'log.page.cache=drop' log.page.cache=drop limit=recv+write-64k "produce $bytes"
    compare cache-fetch '3 Page cache: fetch everything once, 1 MiB at a time' '' \
        'in the page cache' '' limit=ask-1m "fetch $once" \
        'cold: pages dropped before' 'cold' limit=ask-1m "fetch $once" \
        'log.page.cache=drop' log.page.cache=drop limit=ask-1m "fetch $once"
}

flushing() {
    local clients acks
    clients='--connections 16 --in-flight 1 --batch-records 100'
    for acks in 1 all; do
        compare "flush-$acks" "3 Durability: acks=$acks, 16 connections, 1 in flight, 11 KB batches" '' \
            'flush.mode=acks' flush.mode=acks '' "produce --acks $acks $clients --seconds 1" \
            'flush.mode=os' flush.mode=os '' "produce --acks $acks $clients --seconds 1" \
            'flush.mode=always' flush.mode=always '' "produce --acks $acks $clients --seconds 1"
    done
}

zero_copy() {
    local why name size bytes="--bytes $((megabytes * 4000000)) --seconds $seconds"
    why="Zero copy is worth less here than its name says: on loopback no card fetches the pages, so the receiver's own \
recv(2) copies them out of the page cache. One of two copies is spared, not all, and the one that is left reads memory \
that is in no core's cache, while a broker that copies through a small buffer has each piece in its cache when it sends \
it. What sendfile does spare is the broker's processor time (CPU s/GB). A network card that reads memory by itself would \
spare the last copy too."
    for name in 1m:1048576 64k:65536 16k:16384; do
        size=${name#*:}
        compare "fetch-${name%:*}" "4 Zero copy: fetch $((size / 1024)) KiB at a time" "$why" \
            'fetch.path=sendfile' fetch.path=sendfile "limit=ask-${name%:*}" "fetch --fetch-bytes $size $bytes" \
            'fetch.path=copy' fetch.path=copy "limit=ask-${name%:*}" "fetch --fetch-bytes $size $bytes"
        why=
    done
}
