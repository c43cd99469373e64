# shellcheck shell=bash
# What the parts of bench.sh share: brokers, loads, a settled disk, results. Sourced by bench.sh, which sets $scratch.
#
# Always true: what is started here is ended by its process id in stop_all, which bench.sh calls however it ends.
# Broker settings, data and addresses are kept by name (a "side"): pid[sendlog], address[sendlog], data[sendlog].

release=${CARGO_TARGET_DIR:-target}/release
rounds=${ROUNDS:-3}
warmups=${WARMUPS:-2}
megabytes=${MEGABYTES:-1000} # the most that a timed run writes
seconds=${SECONDS_MAX:-3}    # the longest that a timed run lasts

declare -A pid=() address=() data=()

fail() {
    echo "bench.sh: $*" >&2
    exit 1
}

progress() {
    printf '\r\033[K%s' "$*" >&2
}

# ---- brokers ----

# start_sendlog SIDE [KEY=VALUE...]: a broker with an empty data directory, or with data[SIDE] if that is set.
start_sendlog() {
    local side=$1 settings=() setting
    data[$side]=${data[$side]:-$(mktemp -d "$scratch/sendlog.XXXXXX")}
    for setting in "${@:2}"; do settings+=(--set "$setting"); done
    address[$side]=127.0.0.1:$("$release/examples/load" port)
    # A run's topic is deleted before it is ever written to the disk.
    launch "$side" "$release/sendlog" --listen "${address[$side]}" --data "${data[$side]}" \
        --set log.segment.delete.delay.ms=0 --set admin.listener= "${settings[@]}"
}

# launch SIDE COMMAND...: starts a broker and waits until it has answered a request; $started_ms says how long that took.
launch() {
    local before=${EPOCHREALTIME/./} answered
    "${@:2}" >"$scratch/$1.stdout" 2>"$scratch/$1.stderr" &
    pid[$1]=$!
    answered=$(load_on "$1" ready --seconds 300) ||
        fail "$1 did not start: $(tail -n 3 "$scratch/$1.stderr" "$scratch/$1.stdout")"
    started_ms=$(awk -v us=$(($(word answered_us "$answered") - before)) 'BEGIN { printf "%.1f", us / 1e3 }')
}

# need_space MEGABYTES: refuses what does not fit on the disk.
need_space() {
    local free
    free=$(df --output=avail -BM "$scratch" | tail -n 1 | tr -dc 0-9)
    [ "$free" -gt $(($1 + 2000)) ] ||
        fail "$1 MB of scratch data and 2000 MB to spare do not fit into the $free MB that are free in $scratch: set TMPDIR"
}

# stop SIDE SIGNAL: ends a broker and waits for it; its data stays.
stop() {
    [ -n "${pid[$1]:-}" ] || return 0
    kill "-$2" "${pid[$1]}" 2>/dev/null || true
    wait "${pid[$1]}" 2>/dev/null || true
    unset "pid[$1]"
}

# Gigabytes of scratch data are never flushed only to be removed: hence KILL.
remove() {
    stop "$1" KILL
    rm -rf "${data[$1]:-}"
    unset "data[$1]"
}

stop_all() {
    local side
    for side in "${!pid[@]}"; do stop "$side" KILL; done
    unmount
    rm -rf "$scratch"
}

# mount_xfs FOLDER GB: a file system of its own there, in a sparse file, until unmount.
mount_xfs() {
    truncate -s "$2G" "$1.img"
    mkfs.xfs -q -m reflink=1 "$1.img"
    mkdir -p "$1"
    mount -o loop "$1.img" "$1"
    mounted=$1
}

mount_again() {
    umount "$mounted"
    mount -o loop "$mounted.img" "$mounted"
}

unmount() {
    [ -n "${mounted:-}" ] || return 0
    umount "$mounted"
    rm "$mounted.img"
    unset mounted
}

# ---- loads ----

# load_on SIDE WORK [OPTION...]: prints the line of figures.
load_on() {
    "$release/examples/load" "${@:2}" --bootstrap "${address[$1]}" --pid "${pid[$1]}"
}

# counted_on SIDE WORK [OPTION...]: the same load with the broker's system calls counted. Counting slows it down, so
# this run's other figures are not used. Prints syscalls/k=N, for each 1,000 records, or nothing without a counter.
counted_on() {
    local calls='' line tracer
    if perf stat -e raw_syscalls:sys_enter true >/dev/null 2>&1; then
        line=$(perf stat -x, -o "$scratch/perf" -e raw_syscalls:sys_enter -p "${pid[$1]}" -- \
            "$release/examples/load" "${@:2}" --bootstrap "${address[$1]}" 2>"$scratch/perf.stderr")
        calls=$(awk -F, '/raw_syscalls/ { print $1 }' "$scratch/perf")
    elif command -v strace >/dev/null; then
        strace -c -f -q -o "$scratch/strace" -p "${pid[$1]}" 2>/dev/null &
        tracer=$!
        sleep 0.5
        line=$("$release/examples/load" "${@:2}" --bootstrap "${address[$1]}")
        kill -INT "$tracer"
        wait "$tracer" || true
        calls=$(awk '$NF == "total" { print $4 }' "$scratch/strace")
    fi
    [ -n "$calls" ] || return 0
    awk -v calls="$calls" -v records="$(word records "$line")" 'BEGIN { printf "syscalls/k=%.2f", calls / records * 1000 }'
}

# word KEY LINE: the value of KEY in a line of key=value.
word() {
    local pair
    for pair in $2; do
        if [ "${pair%%=*}" = "$1" ]; then echo "${pair#*=}"; fi
    done
}

# Waits until what the last run left dirty is on the disk or, with its files, gone; for a minute at most.
settle() {
    local deadline=$((SECONDS + 60))
    while [ "$(awk '/^(Dirty|Writeback):/ { sum += $2 } END { print sum }' /proc/meminfo)" -gt 65536 ]; do
        [ "$SECONDS" -lt "$deadline" ] || return 0
        sync "$scratch" 2>/dev/null || sync
        sleep 0.2
    done
}

# forget SIDE TOPIC: deletes a topic and waits until its files are gone, so that what is dirty is never written.
forget() {
    local deadline=$((SECONDS + 30))
    "$release/examples/load" delete --topic "$2" --bootstrap "${address[$1]}" >/dev/null
    while compgen -G "${data[$1]}/*-delete" >/dev/null || compgen -G "${data[$1]}/$2-*" >/dev/null; do
        [ "$SECONDS" -lt "$deadline" ] || return 0
        sleep 0.05
    done
}

# ---- results ----

# Each part writes one file: lines of words separated by tabs, which examples/report turns into tables and plots.
#   table  ID     TITLE  [compared]            compared: with its first row
#   note   ID     TEXT
#   row    ID     LABEL  GROUP  KEY=VALUE...   what is shown, and of which runs
#   run    ID     GROUP  SIDE   KEY=VALUE...   one run
put() {
    local IFS=$'\t'
    echo "$*" >>"$results"
}

# record ID GROUP SIDE COMMAND...: one run, whose figures the command prints. In this shell, not in a subshell: what
# the command starts must be known to stop_all.
record() {
    "${@:4}" >"$scratch/figures"
    if [ -s "$scratch/figures" ]; then put run "$1" "$2" "$3" "$(<"$scratch/figures")"; fi
}

# begin PART: an empty file of results, headed by what was measured where.
begin() {
    results=$scratch/$1.tsv
    : >"$results"
    put about machine "$(sed -n 's/^model name[^:]*: *//p' /proc/cpuinfo | head -n 1), $(nproc) processors," \
        "$(awk '/^MemTotal:/ { printf "%.0f GB", $2 / 1e6 }' /proc/meminfo) of memory"
    put about kernel "Linux $(uname -r), data on $(df --output=fstype "$scratch" | tail -n 1)"
    put about commit "$(git describe --always --dirty 2>/dev/null || echo 'no git')"
    put about date "$(date -u +%Y-%m-%d)"
    put about method "$rounds runs of each after $warmups discarded, at most $megabytes MB and $seconds s a run"
}

# show ID: one table, now. finish PART: the whole of it, into docs/bench.
show() {
    progress ''
    "$release/examples/report" table "$results" "$1"
}

finish() {
    "$release/examples/report" write "$results" "$1" "${OUT:-docs/bench}"
}
