# shellcheck shell=bash
# The client library by itself, and beside librdkafka and Kafka's own tools, all against the same broker: records of 30
# bytes, one call of send for each, one thread.
#
# Always true: each run has a broker of its own, with nothing on its disk; the clients take turns. librdkafka and Kafka's
# tools run with their defaults but for the settings that a row names. They are left out where they cannot be installed.

client_records=$((megabytes * 20000)) # of 30 bytes: 600 MB for 1,000
# Batches as large as the broker takes by default.
client_large=(batch.size=1000000 linger.ms=100 buffer.memory=64000000)

part_client() {
    begin client
    put table client-produce 'Clients: produce 30 B, a call for each record, acks=1' compared
    put table client-consume 'Clients: consume 30 B, CRC checked' compared
    put note client-produce "$client_records records a run. Client and broker share the machine's processors."
    put row client-produce 'this library: batches of 1 MB' large
    put row client-produce 'this library: the same, until send has taken all (1 GB of buffer.memory)' taken
    put row client-produce 'this library: its defaults, but acks=1' defaults
    put row client-consume 'this library: 4 MB at a time' large
    put row client-consume 'this library: its defaults' defaults
    beside_librdkafka && {
        put row client-produce 'librdkafka: its defaults, but acks=1' librdkafka
        put row client-consume 'librdkafka: its defaults' librdkafka
    }
    beside_java && {
        put row client-produce 'kafka-producer-perf-test: batches of 1 MB' java
        put row client-consume 'kafka-consumer-perf-test: its defaults' java
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
    local fetch=()
    if [ "$2" = large ]; then fetch=(max.partition.fetch.bytes=4000000); fi
    start_sendlog client
    measured "$1" client-produce "$2" client_speed produce acks=1 "${@:3}"
    measured "$1" client-consume "$2" client_speed consume "${fetch[@]}"
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
        record "$2" "$3" sendlog "${@:4}"
    else
        "${@:4}" >/dev/null
    fi
}

# client_speed produce|consume [SETTING...]
client_speed() {
    "$release/examples/client_speed" "$1" --bootstrap "${address[client]}" --topic clients \
        --records "$client_records" "${@:2}"
}

taken_once() {
    local line
    line=$(client_speed produce acks=1 batch.size=1000000 linger.ms=100 buffer.memory=1000000000)
    echo "records/s=$(word sent_records/s "$line")"
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
