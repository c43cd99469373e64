import java.io.IOException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.serialization.StringDeserializer;
import org.apache.kafka.common.serialization.StringSerializer;

/** A test's own broker: started, used by a stock client, and gone with the test. */
public class Example {
    /** A broker that is stopped by {@code try}. */
    record Broker(Process process, String address) implements AutoCloseable {
        static Broker start(String... topics) throws IOException {
            String program = System.getenv().getOrDefault("SENDLOG", "sendlog");
            List<String> command = new ArrayList<>(
                List.of(program, "--ephemeral", "--exit-with-parent", "--listen", "127.0.0.1:0"));
            for (String topic : topics) {
                command.addAll(List.of("--topic", topic));
            }
            Process process =
                new ProcessBuilder(command).redirectError(ProcessBuilder.Redirect.INHERIT).start();
            return new Broker(process, process.inputReader().readLine().replace("listening on ", ""));
        }

        @Override
        public void close() throws InterruptedException {
            process.destroy();
            process.waitFor();
        }
    }

    public static void main(String[] args) throws Exception {
        try (Broker broker = Broker.start("orders:1")) {
            Map<String, Object> server = Map.of("bootstrap.servers", broker.address());
            try (var producer = new KafkaProducer<>(server, new StringSerializer(), new StringSerializer())) {
                producer.send(new ProducerRecord<>("orders", "hello from Java")).get();
            }
            Map<String, Object> group = Map.of(
                "bootstrap.servers", broker.address(), "group.id", "test", "auto.offset.reset", "earliest");
            try (var consumer = new KafkaConsumer<>(group, new StringDeserializer(), new StringDeserializer())) {
                consumer.subscribe(List.of("orders"));
                List<ConsumerRecord<String, String>> records = new ArrayList<>();
                while (records.isEmpty()) {
                    consumer.poll(Duration.ofSeconds(1)).forEach(records::add);
                }
                System.out.println(records.get(0).value());
            }
        }
    }
}
