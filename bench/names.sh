# shellcheck shell=bash
# How long a command takes to answer: each of Kafka's tools that sendlog is under another name, from its start to its end.
#
# Always true: a time is from before the process is made until it has ended, bash's own share in it included. Kafka's tools
# are started as their scripts start them, but without the script, which takes some tens of milliseconds more.

answers=${ROUNDS:-20} # of each of sendlog's; Kafka's once for ten of these

part_names() {
    local rounds=$answers warmups=1
    local name
    begin names
    put table names 'Commands: from the start of the process to its end'
    put note names "One topic of 3 partitions with 10,000 records, and a group. $answers runs of sendlog's commands."
    start_sendlog names
    mkdir "$scratch/names"
    ln -s "$(realpath "$release/sendlog")" "$scratch/names/sendlog"
    furnish_names
    write_commands
    while IFS='|' read -r name _; do put row names "$name" "$name"; done <"$scratch/commands"
    beside_java && for name in kafka-topics kafka-get-offsets; do
        put row names "Apache Kafka's $name" "java-$name"
    done
    time_names
    show names
    finish names
}

# A command a line: its name in the table, then the words. The last two are members of a group, which a broker lets wait
# for others that may come.
write_commands() {
    local broker="--bootstrap-server ${address[names]}" log
    log=$(compgen -G "${data[names]}/orders-0/*.log" | head -n 1)
    cat >"$scratch/commands" <<END
sendlog topics list|sendlog topics list $broker
kafka-topics.sh --list|kafka-topics.sh $broker --list
kafka-topics.sh --describe|kafka-topics.sh $broker --describe --topic orders
kafka-topics.sh --create --if-not-exists|kafka-topics.sh $broker --create --topic orders --if-not-exists
kafka-configs.sh --describe --all|kafka-configs.sh $broker --topic orders --describe --all
kafka-get-offsets.sh|kafka-get-offsets.sh $broker --topic orders
kafka-consumer-groups.sh --list|kafka-consumer-groups.sh $broker --list
kafka-consumer-groups.sh --describe|kafka-consumer-groups.sh $broker --describe --group readers
kafka-console-producer.sh, one line, acks=1|kafka-console-producer.sh $broker --topic orders --request-required-acks 1
kafka-console-consumer.sh, one record|kafka-console-consumer.sh $broker --topic orders --partition 0 --offset earliest --max-messages 1
kafka-dump-log.sh --deep-iteration|kafka-dump-log.sh --files $log --deep-iteration
kafka-producer-perf-test.sh, one record|kafka-producer-perf-test.sh --topic orders --num-records 1 --record-size 30 --throughput -1 --producer-props bootstrap.servers=${address[names]} acks=1
kafka-consumer-perf-test.sh, in a group|kafka-consumer-perf-test.sh $broker --topic orders --messages 1
kafka-console-consumer.sh, in a group|kafka-console-consumer.sh $broker --topic orders --from-beginning --group others --max-messages 1
END
    while IFS='|' read -r _ words; do
        ln -sf "$(realpath "$release/sendlog")" "$scratch/names/${words%% *}"
    done <"$scratch/commands"
}

furnish_names() {
    local broker=${address[names]}
    "$release/sendlog" topics create orders -p 3 -b "$broker" >/dev/null
    "$release/sendlog" perf produce orders -n 10000 -s 30 -b "$broker" >/dev/null
    "$release/sendlog" consume orders -g readers -o start -e -b "$broker" >/dev/null
}

# In turn, and a first time that does not count.
time_names() {
    local round name words
    for ((round = 0; round <= answers; round++)); do
        progress "commands, run $round of $answers"
        while IFS='|' read -r name words; do
            time_command "$round" "$name" "$scratch/names/"$words
        done <"$scratch/commands"
        if ((round % 10 == 0)) && beside_java; then
            time_command "$((round + 1))" java-kafka-topics java_command kafka-topics --list
            time_command "$((round + 1))" java-kafka-get-offsets java_command kafka-get-offsets --topic orders
        fi
    done
}

# time_command ROUND GROUP COMMAND...
time_command() {
    local before after
    before=${EPOCHREALTIME/./}
    "${@:3}" <<<'one line' >/dev/null 2>"$scratch/command.stderr" || fail "$2: $(tail -n 3 "$scratch/command.stderr")"
    after=${EPOCHREALTIME/./}
    [ "$1" -eq 0 ] || record names "$2" sendlog awk -v us=$((after - before)) 'BEGIN { printf "answered_ms=%.2f", us / 1e3 }'
}

# What kafka-run-class.sh runs, with its heap.
java_command() {
    local class=TopicCommand
    [ "$1" = kafka-topics ] || class=GetOffsetShell
    java -Xmx256M "${performance_options[@]}" -cp "$tools/jars/*" "org.apache.kafka.tools.$class" \
        --bootstrap-server "${address[names]}" "${@:2}"
}
