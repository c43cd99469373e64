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
    'fdatasync' 'fdatasync'
)

# measure_limits: each one in turn, as often as a load; the rows of other tables name them with limit=NAME.
measure_limits() {
    local round i words
    put table limits 'What the kernel does without a broker'
    for ((i = 0; i < ${#limits_table[@]}; i += 2)); do
        put row limits "${limits_table[i]}" "${limits_table[i]}"
    done
    for ((round = 1; round <= rounds; round++)); do
        for ((i = 0; i < ${#limits_table[@]}; i += 2)); do
            progress "limits: ${limits_table[i]}, run $round of $rounds"
            read -ra words <<<"${limits_table[i + 1]}"
            put run limits "${limits_table[i]}" kernel \
                "$("$release/examples/limits" "${words[@]}" --bytes "$((megabytes * 1000000))" --seconds 1)"
            settle
        done
    done
    show limits
}
