# shellcheck shell=bash
# The client library by itself, and beside librdkafka and Kafka's own tools, all against the same broker: records of 30
# bytes, one call of send for each, one thread; librdkafka gets them in arrays of 10,000.
#
# Always true: each run has a broker of its own, with nothing on its disk; the clients take turns. librdkafka and Kafka's
# tools run with their defaults but for the settings that a row names. They are left out where they cannot be installed.

client_records=$((megabytes * 20000)) # of 30 bytes: 600 MB for 1,000
# Half of what the broker takes by default: some of them are in the caches at once.
client_large=(batch.size=500000 linger.ms=100)

part_client() {
    begin client
    put table client-produce 'Clients: produce 30 B, a call for each record, acks=1' compared
    put table client-consume 'Clients: consume 30 B, CRC checked' compared
    put note client-produce "$client_records records a run. Client and broker share the machine's processors, so the first \
column moves with whatever else runs there. The columns in ns are processor time for a record: of the thread that calls send, \
of the client's process, and of the broker's. MB beyond is what the client's memory was at most beyond buffer.memory."
    put note client-consume "The caller is the thread that calls poll and reads each record."
    put row client-produce 'this library: batches of 500 KB' large
    put row client-produce 'this library: the same, until send has taken all (1 GB of buffer.memory)' taken
    put row client-produce 'this library: its defaults, but acks=1' defaults
    put row client-consume 'this library: from batches of 500 KB' large
    put row client-consume 'this library: from batches of 16 KB' defaults
    beside_librdkafka && {
        put row client-produce 'librdkafka: batches of 500 KB' librdkafka-large
        put row client-produce 'librdkafka: its defaults, but acks=1' librdkafka
        put row client-consume 'librdkafka: from batches of 500 KB' librdkafka
    }
    beside_java && {
        put row client-produce 'kafka-producer-perf-test: batches of 500 KB' java
        put row client-consume 'kafka-consumer-perf-test: from batches of 500 KB' java
    }
    local round
    for ((round = 1 - warmups; round <= rounds; round++)); do
        client_round "$round"
    done
    show client-produce
    show client-consume
    finish client
}

# Each client once, on a broker of its own.
client_round() {
    client_run "$1" large "${client_large[@]}"
    client_run "$1" defaults
    one_client "$1" client-produce taken taken_once
    beside_librdkafka && {
        one_client "$1" client-produce librdkafka-large librdkafka_once produce acks=1 batch.num.messages=100000 \
            "${client_large[@]}"
        one_client "$1" client-produce librdkafka librdkafka_once produce acks=1
        one_client "$1" client-consume librdkafka librdkafka_once consume
    }
    beside_java && {
        one_client "$1" client-produce java java_client_produce
        one_client "$1" client-consume java java_client_consume
    }
    return 0
}

# client_run ROUND GROUP [SETTING...]: what is produced is consumed.
client_run() {
    start_sendlog client
    measured "$1" client-produce "$2" client_speed produce acks=1 "${@:3}"
    measured "$1" client-consume "$2" client_speed consume
    remove client
    settle
}

# one_client ROUND TABLE GROUP COMMAND...: on a broker that has what is to be consumed.
one_client() {
    start_sendlog client
    if [ "$2" = client-consume ]; then client_speed produce acks=1 "${client_large[@]}" >/dev/null; fi
    measured "$1" "$2" "$3" "${@:4}"
    remove client
    settle
}

# measured ROUND TABLE GROUP COMMAND...: one run, counted from the first round on.
measured() {
    progress "$2: $3, run $1 of $rounds"
    if [ "$1" -gt 0 ]; then
        record "$2" "$3" sendlog with_cpu "${@:4}"
    else
        "${@:4}" >/dev/null
    fi
}

# with_cpu COMMAND...: its figures, and the processor time for each record, its own and the broker's.
with_cpu() {
    local line
    cpu_so_far >"$scratch/cpu"
    line=$("$@")
    cpu_so_far >>"$scratch/cpu"
    awk -v line="$line" -v records="$(word records "$line")" '
        { for (i = 1; i <= 3; i++) ns[i] = $i - before[i]; for (i = 1; i <= 3; i++) before[i] = $i }
        END {
            printf "%s client_user_ns=%.1f client_system_ns=%.1f broker_ns=%.1f\n", line,
                ns[1] / records, ns[2] / records, ns[3] / records
        }' "$scratch/cpu"
}

# What this shell's children that have ended used, user and system, and what the broker did, in ns. Not in a subshell,
# whose children are others.
cpu_so_far() {
    times >"$scratch/times"
    awk -F '[ms ]' 'NR == 2 { printf "%.0f %.0f ", ($1 * 60 + $2) * 1e9, ($4 * 60 + $5) * 1e9 }' "$scratch/times"
    awk '{ sub(/.*\) /, ""); printf "%.0f\n", ($12 + $13) * 1e7 }' "/proc/${pid[client]}/stat"
}

# client_speed produce|consume [SETTING...]
client_speed() {
    "$release/examples/client_speed" "$1" --bootstrap "${address[client]}" --topic clients \
        --records "$client_records" "${@:2}"
}

taken_once() {
    local line
    line=$(client_speed produce acks=1 "${client_large[@]}" buffer.memory=1000000000)
    echo "${line#* * * } records/s=$(word sent_records/s "$line")"
}

beside_librdkafka() {
    command -v cc >/dev/null && command -v python3 >/dev/null && install_librdkafka
}

librdkafka_once() {
    "$tools/rdkafka" "$1" "${address[client]}" clients "$client_records" 30 "${@:2}"
}

beside_java() {
    command -v java >/dev/null && command -v mvn >/dev/null && install_apache
}

java_client_produce() {
    "$release/examples/load" create --topic clients --bootstrap "${address[client]}" >/dev/null
    java_tool ProducerPerformance --topic clients --num-records "$client_records" --record-size 30 --throughput -1 \
        --producer-props bootstrap.servers="${address[client]}" acks=1 "${client_large[@]}" max.request.size=1048576 |
        tail -n 1 | awk '{ print "records/s=" $4 " records=" $1 }'
}

java_client_consume() {
    java_tool ConsumerPerformance --topic clients --messages "$client_records" \
        --bootstrap-server "${address[client]}" --hide-header | tail -n 1 |
        awk -F ', *' '{ print "records/s=" $10 " records=" $5 }'
}
