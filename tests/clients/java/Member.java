// A member of a consumer group, polled by a thread of its own.

import java.io.PrintWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Collection;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeSet;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import org.apache.kafka.clients.consumer.ConsumerRebalanceListener;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.consumer.OffsetAndMetadata;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;

class Member implements Runnable, ConsumerRebalanceListener {
    static final Map<String, String> NAMES = Map.of(
        "instance", "group.instance.id", "assignor", "partition.assignment.strategy", "session", "session.timeout.ms");
    static final Map<String, String> ASSIGNORS =
        Map.of("cooperative-sticky", "org.apache.kafka.clients.consumer.CooperativeStickyAssignor");

    final KafkaConsumer<byte[], byte[]> consumer;
    final PrintWriter out;
    final Thread thread = new Thread(this, "member");
    // What others want done by the thread, which alone may use the consumer.
    final LinkedBlockingQueue<Runnable> tasks = new LinkedBlockingQueue<>();
    volatile boolean ending;

    // Guarded by this.
    final TreeSet<Integer> assigned = new TreeSet<>();
    final Map<TopicPartition, Long> positions = new HashMap<>(); // after what was read since the assignment
    int read, assignments, revoked;
    Exception error;

    /** JOIN GROUP TOPICS FILE [NAME=VALUE]... */
    Member(String bootstrap, String[] command) throws Exception {
        var config = new HashMap<String, Object>(Map.of(
            "bootstrap.servers", bootstrap,
            "group.id", command[1],
            "enable.auto.commit", false,
            "auto.offset.reset", "earliest",
            "session.timeout.ms", 10_000,
            "heartbeat.interval.ms", 300));
        for (int i = 4; i < command.length; i++) {
            String[] pair = command[i].split("=", 2);
            config.put(NAMES.get(pair[0]), ASSIGNORS.getOrDefault(pair[1], pair[1]));
        }
        out = new PrintWriter(Files.newBufferedWriter(Path.of(command[3])));
        consumer = new KafkaConsumer<>(config, new ByteArrayDeserializer(), new ByteArrayDeserializer());
        consumer.subscribe(List.of(command[2].split(",")), this);
        thread.setDaemon(true);
        thread.start();
    }

    @Override
    public void run() {
        try {
            while (!ending) {
                for (Runnable task; (task = tasks.poll()) != null; ) {
                    task.run();
                }
                var records = consumer.poll(Duration.ofMillis(50));
                synchronized (this) {
                    for (var record : records) {
                        out.println(Adapter.format(record));
                        positions.put(new TopicPartition(record.topic(), record.partition()), record.offset() + 1);
                        read++;
                    }
                    out.flush();
                }
            }
            consumer.close();
        } catch (Exception thrown) {
            synchronized (this) {
                error = thrown;
            }
        } finally {
            out.close();
        }
    }

    @Override
    public synchronized void onPartitionsAssigned(Collection<TopicPartition> partitions) {
        assignments++;
        partitions.forEach(at -> assigned.add(at.partition()));
    }

    @Override
    public synchronized void onPartitionsRevoked(Collection<TopicPartition> partitions) {
        revoked += partitions.size();
        partitions.forEach(at -> assigned.remove(at.partition()));
        positions.keySet().removeAll(partitions);
    }

    /** READ ASSIGNMENTS REVOKED PARTITION... */
    synchronized String state() throws Exception {
        if (error != null) {
            throw error;
        }
        var answer = new StringBuilder().append(read).append('\t').append(assignments).append('\t').append(revoked);
        assigned.forEach(partition -> answer.append('\t').append(partition));
        return answer.toString();
    }

    void commit(String metadata) throws Exception {
        var done = new CompletableFuture<Void>();
        tasks.add(() -> {
            try {
                var offsets = new HashMap<TopicPartition, OffsetAndMetadata>();
                synchronized (this) {
                    positions.forEach((at, offset) -> offsets.put(at, new OffsetAndMetadata(offset, metadata)));
                }
                consumer.commitSync(offsets);
                done.complete(null);
            } catch (Exception thrown) {
                done.completeExceptionally(thrown);
            }
        });
        done.get(Adapter.READ_LIMIT.toSeconds(), TimeUnit.SECONDS);
    }

    void leave() throws Exception {
        ending = true;
        thread.join(Adapter.READ_LIMIT.toMillis());
        state();
    }
}
