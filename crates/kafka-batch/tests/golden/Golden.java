import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.*;
import java.util.*;
import org.apache.kafka.common.compress.Compression;
import org.apache.kafka.common.header.Header;
import org.apache.kafka.common.header.internals.RecordHeader;
import org.apache.kafka.common.record.*;
import org.apache.kafka.common.record.internal.*;
import org.apache.kafka.common.utils.BufferSupplier;

/** Writes the golden batches with Kafka's own client ("write DIR"), or reads ours with it ("read DIR"). */
public class Golden {
    static final long BASE_TIME = 1_700_000_000_000L;

    record Rec(long timestamp, byte[] key, byte[] value, Header[] headers) {}

    static byte[] utf8(String s) { return s.getBytes(StandardCharsets.UTF_8); }

    /** The same list is built in golden.rs. */
    static List<Rec> records() {
        List<Rec> all = new ArrayList<>();
        for (int i = 0; i < 60; i++) {
            byte[] key = i % 5 == 0 ? null : i % 5 == 1 ? new byte[0] : utf8("key-" + i);
            byte[] value = i % 7 == 0 ? null : new byte[i % 7 == 1 ? 0 : i * 40];
            for (int j = 0; value != null && j < value.length; j++) value[j] = (byte) ((j % (i + 3)) * 7 + j / 64);
            Header[] headers = new Header[i % 4];
            for (int h = 0; h < headers.length; h++)
                headers[h] = new RecordHeader(h == 2 ? "" : "h\u00e9", h == 0 ? null : h == 1 ? new byte[0] : utf8("v" + i));
            long timestamp = i == 3 ? 0 : i == 4 ? -1 : i == 5 ? Long.MAX_VALUE : BASE_TIME + i * 1013L;
            all.add(new Rec(timestamp, key, value, headers));
        }
        return all;
    }

    static MemoryRecords build(Compression compression, TimestampType type, long appendTime, long pid, short epoch, int seq,
                               boolean txn, long baseOffset) {
        ByteBuffer buffer = ByteBuffer.allocate(1 << 20);
        MemoryRecordsBuilder b = new MemoryRecordsBuilder(buffer, (byte) 2, compression, type, baseOffset, appendTime, pid,
            epoch, seq, txn, false, 7, 1 << 20);
        for (Rec r : records()) b.append(r.timestamp, r.key, r.value, r.headers);
        return b.build();
    }

    static void save(String dir, String name, MemoryRecords records) throws Exception {
        ByteBuffer bytes = records.buffer().duplicate();
        byte[] out = new byte[bytes.remaining()];
        bytes.get(out);
        Files.write(Path.of(dir, name + ".bin"), out);
    }

    static MemoryRecords filter(MemoryRecords from, MemoryRecords.RecordFilter.BatchRetention retention, int keepEvery) {
        ByteBuffer out = ByteBuffer.allocate(1 << 20);
        from.filterTo(new MemoryRecords.RecordFilter(BASE_TIME, 86_400_000L) {
            protected BatchRetentionResult checkBatchRetention(RecordBatch batch) {
                return new BatchRetentionResult(retention, false);
            }
            protected boolean shouldRetainRecord(RecordBatch batch, org.apache.kafka.common.record.internal.Record record) {
                return keepEvery > 0 && record.offset() % keepEvery == 0;
            }
        }, out, BufferSupplier.NO_CACHING);
        out.flip();
        return MemoryRecords.readableRecords(out);
    }

    static void write(String dir) throws Exception {
        Map<String, Compression> codecs = new LinkedHashMap<>();
        codecs.put("none", Compression.NONE);
        codecs.put("gzip", Compression.gzip().build());
        codecs.put("snappy", Compression.snappy().build());
        codecs.put("lz4", Compression.lz4().build());
        codecs.put("zstd", Compression.zstd().build());
        for (var e : codecs.entrySet())
            save(dir, e.getKey(), build(e.getValue(), TimestampType.CREATE_TIME, -1, 4711, (short) 5, 1000, true, 0));
        save(dir, "log_append_time",
            build(Compression.lz4().build(), TimestampType.LOG_APPEND_TIME, BASE_TIME + 5, -1, (short) -1, -1, false, 900));
        MemoryRecords plain = build(Compression.zstd().build(), TimestampType.CREATE_TIME, -1, -1, (short) -1, -1, false, 30);
        save(dir, "holes", filter(plain, MemoryRecords.RecordFilter.BatchRetention.DELETE_EMPTY, 3));
        MemoryRecords signed = build(Compression.NONE, TimestampType.CREATE_TIME, -1, 9, (short) 1, 10, false, 30);
        save(dir, "empty", filter(signed, MemoryRecords.RecordFilter.BatchRetention.RETAIN_EMPTY, 0));
        save(dir, "commit", MemoryRecords.withEndTransactionMarker(77, BASE_TIME, 7, 4711, (short) 5,
            new EndTransactionMarker(ControlRecordType.COMMIT, 3)));
        save(dir, "abort", MemoryRecords.withEndTransactionMarker(78, BASE_TIME, 7, 4711, (short) 5,
            new EndTransactionMarker(ControlRecordType.ABORT, 3)));
        save(dir, "magic1", MemoryRecords.withRecords((byte) 1, 12, Compression.NONE, new SimpleRecord(BASE_TIME, utf8("k"), utf8("v"))));
    }

    static boolean same(ByteBuffer got, byte[] expected) {
        return expected == null ? got == null : got != null && got.equals(ByteBuffer.wrap(expected));
    }

    static void read(String dir) throws Exception {
        for (String name : List.of("none", "gzip", "snappy", "lz4", "zstd")) {
            MemoryRecords all = MemoryRecords.readableRecords(ByteBuffer.wrap(Files.readAllBytes(Path.of(dir, name + ".bin"))));
            int batches = 0;
            for (MutableRecordBatch batch : all.batches()) {
                batches++;
                batch.ensureValid();
                if (batch.producerId() != 4711 || batch.producerEpoch() != 5 || batch.baseSequence() != 1000
                    || !batch.isTransactional() || batch.isControlBatch() || batch.baseOffset() != 0 || batch.lastOffset() != 59
                    || batch.partitionLeaderEpoch() != -1 || batch.maxTimestamp() != Long.MAX_VALUE
                    || !batch.compressionType().name.equals(name)) throw new IllegalStateException(name + ": header " + batch);
                Iterator<Rec> expected = records().iterator();
                long offset = 0;
                for (org.apache.kafka.common.record.internal.Record record : batch) {
                    Rec want = expected.next();
                    if (record.offset() != offset++ || record.timestamp() != want.timestamp || !same(record.key(), want.key)
                        || !same(record.value(), want.value) || !Arrays.equals(record.headers(), want.headers))
                        throw new IllegalStateException(name + ": " + record);
                }
                if (expected.hasNext()) throw new IllegalStateException(name + ": records are missing");
            }
            if (batches != 1) throw new IllegalStateException(name + ": " + batches + " batches");
            System.out.println(name + ": 60 records equal");
        }
    }

    public static void main(String[] args) throws Exception {
        if (args[0].equals("write")) write(args[1]); else read(args[1]);
    }
}
