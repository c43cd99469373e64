# shellcheck shell=bash
# Apache Kafka, to compare with: its jars, one node that is broker and controller, its own load tools.
#
# Always true: everything is installed into target/bench, once; a Kafka is started on free ports with scratch data and
# with the JVM options that Kafka's own scripts use.

kafka_version=4.1.0
librdkafka_wheel=confluent-kafka==2.16.1
tools=$PWD/${CARGO_TARGET_DIR:-target}/bench
performance_options=(-server -XX:+UseG1GC -XX:MaxGCPauseMillis=20 -XX:InitiatingHeapOccupancyPercent=35
    -XX:+ExplicitGCInvokesConcurrent -Djava.awt.headless=true -Dorg.slf4j.simpleLogger.defaultLogLevel=warn)

need() {
    command -v "$1" >/dev/null || fail "'$1' is missing: $2"
}

install_apache() {
    need java "Apache Kafka $kafka_version needs Java 17 or later (Debian: apt-get install openjdk-17-jdk-headless)"
    if [ ! -e "$tools/jars.$kafka_version" ]; then
        need mvn "it brings Kafka's jars from Maven Central (Debian: apt-get install maven)"
        progress "Apache Kafka $kafka_version from Maven Central"
        mvn -q -B -f tests/clients/java/pom.xml dependency:copy-dependencies -DoutputDirectory="$tools/jars" \
            >"$scratch/mvn" 2>&1 || fail "mvn: $(tail -n 5 "$scratch/mvn")"
        touch "$tools/jars.$kafka_version"
    fi
}

# librdkafka out of the Python package, and bench/rdkafka.c compiled against it: no Python takes part in a run.
install_librdkafka() {
    local library
    if ! compgen -G "$tools/librdkafka/confluent_kafka.libs/librdkafka*.so*" >/dev/null; then
        need python3 "its pip brings librdkafka (Debian: apt-get install python3-pip)"
        progress "$librdkafka_wheel"
        python3 -m pip install --quiet --no-deps --target "$tools/librdkafka" "$librdkafka_wheel" \
            >"$scratch/pip" 2>&1 || fail "pip: $(tail -n 5 "$scratch/pip")"
    fi
    library=$(compgen -G "$tools/librdkafka/confluent_kafka.libs/librdkafka*.so*" | head -n 1)
    if [ bench/rdkafka.c -nt "$tools/rdkafka" ]; then
        need cc "it compiles bench/rdkafka.c (Debian: apt-get install gcc)"
        cc -O2 -Wall -Werror -o "$tools/rdkafka" bench/rdkafka.c "$library" -Wl,-rpath,"$(dirname "$library")"
    fi
}

# start_kafka SIDE: with an empty data directory, or with data[SIDE] if that is set.
start_kafka() {
    local side=$1
    if [ -z "${data[$side]:-}" ]; then
        data[$1]=$(mktemp -d "$scratch/kafka.XXXXXX")
        format_kafka "$side"
    fi
    launch "$side" java -Xms1g -Xmx1g "${performance_options[@]}" -cp "$tools/jars/*" \
        kafka.Kafka "${data[$side]}.properties"
}

format_kafka() {
    local controller
    address[$1]=127.0.0.1:$("$release/examples/load" port)
    controller=127.0.0.1:$("$release/examples/load" port)
    cat >"${data[$1]}.properties" <<END
process.roles=broker,controller
node.id=1
controller.quorum.voters=1@$controller
controller.listener.names=CONTROLLER
listeners=PLAINTEXT://${address[$1]},CONTROLLER://$controller
log.dirs=${data[$1]}
offsets.topic.replication.factor=1
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
group.initial.rebalance.delay.ms=0
# The files of a deleted topic go at once, so that the disk is settled for the next run.
log.segment.delete.delay.ms=100
log.initial.task.delay.ms=100
END
    java -cp "$tools/jars/*" kafka.tools.StorageTool format -t c2VuZGxvZy1iZW5jaC0wMQ -c "${data[$1]}.properties" \
        >"$scratch/format" 2>&1 || fail "formatting Kafka's directory: $(tail -n 5 "$scratch/format")"
}

# java_tool CLASS [ARGUMENT...]: one of Kafka's own tools.
java_tool() {
    java -Xmx512m "${performance_options[@]}" -cp "$tools/jars/*" "org.apache.kafka.tools.$1" "${@:2}" \
        2>"$scratch/tool.stderr"
}
