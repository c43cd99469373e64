// The Java client under test; the commands are described in harness/adapter.py.
// By hand: java -cp 'CLASSES:JARS/*' Adapter 127.0.0.1:9092, then type `topics`.

import static java.util.stream.Collectors.joining;

import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.io.PrintWriter;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.Future;
import java.util.concurrent.TimeoutException;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.GroupListing;
import org.apache.kafka.clients.admin.NewPartitions;
import org.apache.kafka.clients.admin.NewTopic;
import org.apache.kafka.clients.admin.OffsetSpec;
import org.apache.kafka.clients.admin.RecordsToDelete;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.consumer.OffsetOutOfRangeException;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.clients.producer.RecordMetadata;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.errors.UnknownTopicOrPartitionException;
import org.apache.kafka.common.header.Header;
import org.apache.kafka.common.header.Headers;
import org.apache.kafka.common.protocol.Errors;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;
import org.apache.kafka.common.serialization.ByteArraySerializer;

class Adapter {
    static final Duration READ_LIMIT = Duration.ofSeconds(30);

    final String bootstrap;
    final Admin admin;
    Member member;

    Adapter(String bootstrap) {
        this.bootstrap = bootstrap;
        this.admin = Admin.create(Map.of("bootstrap.servers", bootstrap));
    }

    public static void main(String[] args) throws Exception {
        var adapter = new Adapter(args[0]);
        var commands = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
        for (String line; (line = commands.readLine()) != null; ) {
            System.out.println(adapter.answer(line.split("\t", -1)));
        }
        adapter.admin.close();
    }

    String answer(String[] command) {
        try {
            Object result = obey(command);
            return result == null ? "ok" : "ok\t" + result;
        } catch (Throwable error) {
            if (error instanceof ExecutionException) {
                error = error.getCause();
            }
            error.printStackTrace();
            return "error\t" + code(error) + "\t" + String.valueOf(error).replaceAll("\\s+", " ");
        }
    }

    Object obey(String[] command) throws Exception {
        switch (command[0]) {
            case "create" -> create(command);
            case "delete" -> admin.deleteTopics(List.of(command[1])).all().get();
            case "topics" -> {
                return String.join("\t", admin.listTopics().names().get());
            }
            case "partitions" -> {
                var topics = admin.describeTopics(List.of(command[1])).allTopicNames().get();
                return topics.get(command[1]).partitions().size();
            }
            case "produce" -> {
                int batchBytes = command.length > 5 ? Integer.parseInt(command[5]) : 16_384;
                return produce(command[1], command[2], command[3], Path.of(command[4]), batchBytes);
            }
            case "consume" -> {
                var at = new TopicPartition(command[1], Integer.parseInt(command[2]));
                consume(at, command[3], Integer.parseInt(command[4]), Path.of(command[5]));
            }
            case "offset" -> {
                var at = new TopicPartition(command[1], Integer.parseInt(command[2]));
                return offset(at, command[3]);
            }
            case "join" -> member = new Member(bootstrap, command);
            case "member" -> {
                return member.state();
            }
            case "commit" -> member.commit(command[1]);
            case "leave" -> member.leave();
            case "committed" -> {
                return committed(command[1], command[2]);
            }
            case "groups" -> {
                return admin.listGroups().all().get().stream().map(GroupListing::groupId).collect(joining("\t"));
            }
            case "describe-group" -> {
                return describe(command[1]);
            }
            case "delete-group" -> admin.deleteConsumerGroups(List.of(command[1])).all().get();
            case "configs" -> {
                return AdminCalls.configs(admin, command[1], command[2]);
            }
            case "alter" -> AdminCalls.alter(admin, command);
            case "grow" -> {
                var partitions = NewPartitions.increaseTo(Integer.parseInt(command[2]));
                admin.createPartitions(Map.of(command[1], partitions)).all().get();
            }
            case "delete-records" -> {
                var at = new TopicPartition(command[1], Integer.parseInt(command[2]));
                var before = RecordsToDelete.beforeOffset(Long.parseLong(command[3]));
                admin.deleteRecords(Map.of(at, before)).all().get();
            }
            case "log-dirs" -> {
                return AdminCalls.logDirs(admin, command[1]);
            }
            case "cluster" -> {
                return AdminCalls.cluster(admin);
            }
            default -> throw new IllegalArgumentException(command[0]);
        }
        return null;
    }

    void create(String[] command) throws Exception {
        int partitions = Integer.parseInt(command[2]);
        var configs = new HashMap<String, String>();
        for (int i = 3; i < command.length; i++) {
            String[] pair = command[i].split("=", 2);
            configs.put(pair[0], pair[1]);
        }
        Optional<Integer> count = partitions < 0 ? Optional.empty() : Optional.of(partitions);
        var topic = new NewTopic(command[1], count, Optional.empty());
        admin.createTopics(List.of(topic.configs(configs))).all().get();
    }

    long produce(String topic, String codec, String acks, Path file, int batchBytes) throws Exception {
        // Kafka allows idempotence with acks=all only.
        boolean idempotent = "1".equals(System.getenv("IDEMPOTENT")) && acks.equals("all");
        Map<String, Object> config = Map.of(
            "bootstrap.servers", bootstrap,
            "acks", acks,
            "compression.type", codec,
            "linger.ms", 20,
            "batch.size", batchBytes,
            "enable.idempotence", idempotent);
        var sent = new ArrayList<Future<RecordMetadata>>();
        try (var producer = new KafkaProducer<>(config, new ByteArraySerializer(), new ByteArraySerializer())) {
            for (String line : Files.readAllLines(file)) {
                sent.add(producer.send(parse(topic, line)));
            }
            producer.flush();
        }
        long last = -1;
        for (var future : sent) {
            last = future.get().offset();
        }
        return last; // -1 with acks=0
    }

    void consume(TopicPartition at, String from, int count, Path file) throws Exception {
        Map<String, Object> config = Map.of(
            "bootstrap.servers", bootstrap,
            "auto.offset.reset", "none",
            "enable.auto.commit", false,
            "allow.auto.create.topics", false);
        try (var consumer = new KafkaConsumer<>(config, new ByteArrayDeserializer(), new ByteArrayDeserializer());
                var out = new PrintWriter(Files.newBufferedWriter(file))) {
            // poll() never says that a topic or partition does not exist.
            var known = consumer.partitionsFor(at.topic());
            if (known == null || known.stream().noneMatch(info -> info.partition() == at.partition())) {
                throw new UnknownTopicOrPartitionException(at.toString());
            }
            consumer.assign(List.of(at));
            if (from.equals("beginning")) {
                consumer.seekToBeginning(List.of(at));
            } else if (from.startsWith("end-")) {
                consumer.seekToEnd(List.of(at));
                consumer.seek(at, consumer.position(at) - Long.parseLong(from.substring(4)));
            } else {
                consumer.seek(at, Long.parseLong(from));
            }
            long deadline = System.nanoTime() + READ_LIMIT.toNanos();
            int read = 0;
            while (read < count) {
                if (System.nanoTime() > deadline) {
                    throw new TimeoutException((count - read) + " records are missing after " + READ_LIMIT);
                }
                for (var record : consumer.poll(Duration.ofMillis(200))) {
                    if (read < count) {
                        out.println(format(record));
                        read++;
                    }
                }
            }
        }
    }

    long offset(TopicPartition at, String which) throws Exception {
        OffsetSpec spec = switch (which) {
            case "earliest" -> OffsetSpec.earliest();
            case "latest" -> OffsetSpec.latest();
            case "max" -> OffsetSpec.maxTimestamp();
            default -> OffsetSpec.forTimestamp(Long.parseLong(which));
        };
        return admin.listOffsets(Map.of(at, spec)).partitionResult(at).get().offset();
    }

    String committed(String group, String topic) throws Exception {
        var found = admin.listConsumerGroupOffsets(group).partitionsToOffsetAndMetadata().get();
        return found.entrySet().stream()
            .filter(entry -> entry.getKey().topic().equals(topic) && entry.getValue() != null)
            .map(entry -> entry.getKey().partition() + ":" + entry.getValue().offset() + ":"
                + entry.getValue().metadata())
            .collect(joining("\t"));
    }

    String describe(String group) throws Exception {
        var found = admin.describeConsumerGroups(List.of(group)).all().get().get(group);
        var partitions = found.members().stream()
            .flatMap(member -> member.assignment().topicPartitions().stream())
            .map(TopicPartition::partition).sorted().map(partition -> "\t" + partition).collect(joining());
        return found.groupState() + "\t" + found.members().size() + partitions;
    }

    static ProducerRecord<byte[], byte[]> parse(String topic, String line) {
        String[] field = line.split(" ");
        var record = new ProducerRecord<>(
            topic, Integer.valueOf(field[0]), Long.valueOf(field[2]), unhex(field[3]), unhex(field[4]));
        for (int i = 5; i < field.length; i += 2) {
            record.headers().add(new String(unhex(field[i]), StandardCharsets.UTF_8), unhex(field[i + 1]));
        }
        return record;
    }

    static String format(ConsumerRecord<byte[], byte[]> record) {
        var line = new StringBuilder();
        line.append(record.partition()).append(' ').append(record.offset()).append(' ').append(record.timestamp());
        line.append(' ').append(hex(record.key())).append(' ').append(hex(record.value()));
        Headers headers = record.headers();
        for (Header header : headers) {
            line.append(' ').append(hex(header.key().getBytes(StandardCharsets.UTF_8)));
            line.append(' ').append(hex(header.value()));
        }
        return line.toString();
    }

    static byte[] unhex(String field) {
        return field.equals("-") ? null : HexFormat.of().parseHex(field, 1, field.length());
    }

    static String hex(byte[] bytes) {
        return bytes == null ? "-" : "x" + HexFormat.of().formatHex(bytes);
    }

    static int code(Throwable error) {
        if (error instanceof OffsetOutOfRangeException) {
            return Errors.OFFSET_OUT_OF_RANGE.code();
        }
        return Math.max(Errors.forException(error).code(), 0);
    }
}
