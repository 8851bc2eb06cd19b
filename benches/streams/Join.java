// Kafka Streams' join of clicks and orders, as its users write it: orders join the valid clicks of the same visitor within the window before
// them, and of the pairs of one order the latest click counts.
//
// In: a broker, and files of rows: clicks (visitor 8, ms 8, partner 4, valid 1) and orders (visitor 8, ms 8), little endian. Out, on standard
// output: the processor's seconds that the topology took, then a line a partner with the orders credited to him. Putting the rows into the topics
// is not counted. Changelogs are off and one thread runs all of it: both are in the peer's favour, for a figure by core.

import java.io.BufferedInputStream;
import java.io.DataInputStream;
import java.io.EOFException;
import java.lang.management.ManagementFactory;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Properties;
import java.util.TreeMap;
import java.util.concurrent.atomic.AtomicLong;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.NewTopic;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.serialization.IntegerSerializer;
import org.apache.kafka.common.serialization.LongSerializer;
import org.apache.kafka.common.serialization.Serdes;
import org.apache.kafka.streams.KafkaStreams;
import org.apache.kafka.streams.StreamsBuilder;
import org.apache.kafka.streams.kstream.Consumed;
import org.apache.kafka.streams.kstream.JoinWindows;
import org.apache.kafka.streams.kstream.StreamJoined;

public final class Join {
    private static final long GRACE_MS = Duration.ofDays(1).toMillis();

    private record Pair(long clickAt, int partner) {}

    /** A click as one number: its time, and its partner with the highest bit of 16 for one that is not valid. */
    private static long packed(long at, int partner) {
        return at << 16 | partner;
    }

    public static void main(String[] arguments) throws Exception {
        String bootstrap = arguments[0];
        String run = "join-" + System.nanoTime();
        String clicksTopic = run + "-clicks";
        String ordersTopic = run + "-orders";
        long windowMs = Long.parseLong(arguments[3]);
        long records = fill(bootstrap, clicksTopic, ordersTopic, Path.of(arguments[1]), Path.of(arguments[2]));

        Map<Integer, Pair> latest = new HashMap<>();
        AtomicLong seen = new AtomicLong();
        StreamsBuilder builder = new StreamsBuilder();
        var clicks = builder.stream(clicksTopic, Consumed.with(Serdes.Long(), Serdes.Long()));
        var orders = builder.stream(ordersTopic, Consumed.with(Serdes.Long(), Serdes.Integer()));
        JoinWindows window = JoinWindows.ofTimeDifferenceAndGrace(Duration.ZERO, Duration.ofMillis(GRACE_MS))
            .before(Duration.ofMillis(windowMs - 1));
        orders.peek((visitor, order) -> seen.incrementAndGet())
            .join(
                clicks.peek((visitor, click) -> seen.incrementAndGet()).filter((visitor, click) -> (click & 0x8000) == 0),
                (order, click) -> Map.entry(order, click),
                window,
                StreamJoined.with(Serdes.Long(), Serdes.Integer(), Serdes.Long()).withLoggingDisabled())
            .foreach((visitor, pair) -> {
                Pair found = new Pair(pair.getValue() >> 16, (int) (pair.getValue() & 0x7fff));
                latest.merge(pair.getKey(), found, (a, b) -> a.clickAt() >= b.clickAt() ? a : b);
            });

        Path state = Files.createTempDirectory("join-");
        Properties settings = new Properties();
        settings.put("application.id", run);
        settings.put("bootstrap.servers", bootstrap);
        settings.put("num.stream.threads", "1");
        settings.put("state.dir", state.toString());
        settings.put("auto.offset.reset", "earliest");
        settings.put("consumer.auto.offset.reset", "earliest");
        var machine = (com.sun.management.OperatingSystemMXBean) ManagementFactory.getOperatingSystemMXBean();
        long before = machine.getProcessCpuTime();
        long spent;
        try (KafkaStreams streams = new KafkaStreams(builder.build(), settings)) {
            streams.start();
            while (seen.get() < records) {
                Thread.sleep(20);
            }
            spent = machine.getProcessCpuTime() - before;
        }
        TreeMap<Integer, Long> credited = new TreeMap<>();
        latest.values().forEach(it -> credited.merge(it.partner(), 1L, Long::sum));
        System.out.println(spent / 1e9);
        credited.forEach((partner, count) -> System.out.println(partner + "\t" + count));
    }

    private static long fill(String bootstrap, String clicksTopic, String ordersTopic, Path clicks, Path orders) throws Exception {
        Properties settings = new Properties();
        settings.put("bootstrap.servers", bootstrap);
        settings.put("linger.ms", "50");
        settings.put("batch.size", "262144");
        try (Admin admin = Admin.create(settings)) {
            // Rows carry their own times, which are older than a broker keeps by itself.
            Map<String, String> kept = Map.of("retention.ms", "-1");
            var topics = List.of(
                new NewTopic(clicksTopic, 1, (short) 1).configs(kept), new NewTopic(ordersTopic, 1, (short) 1).configs(kept));
            admin.createTopics(topics).all().get();
        }
        long records = 0;
        try (var producer = new KafkaProducer<>(settings, new LongSerializer(), new LongSerializer());
             var rows = new DataInputStream(new BufferedInputStream(Files.newInputStream(clicks), 1 << 20))) {
            for (ByteBuffer row = next(rows, 21); row != null; row = next(rows, 21)) {
                long visitor = row.getLong();
                long at = row.getLong();
                int partner = row.getInt() | (row.get() == 1 ? 0 : 0x8000);
                producer.send(new ProducerRecord<>(clicksTopic, null, at, visitor, packed(at, partner)));
                records++;
            }
        }
        try (var producer = new KafkaProducer<>(settings, new LongSerializer(), new IntegerSerializer());
             var rows = new DataInputStream(new BufferedInputStream(Files.newInputStream(orders), 1 << 20))) {
            int order = 0;
            for (ByteBuffer row = next(rows, 16); row != null; row = next(rows, 16)) {
                long visitor = row.getLong();
                producer.send(new ProducerRecord<>(ordersTopic, null, row.getLong(), visitor, order));
                order++;
                records++;
            }
        }
        return records;
    }

    private static ByteBuffer next(DataInputStream rows, int bytes) throws Exception {
        byte[] row = new byte[bytes];
        try {
            rows.readFully(row);
        } catch (EOFException end) {
            return null;
        }
        return ByteBuffer.wrap(row).order(ByteOrder.LITTLE_ENDIAN);
    }
}
