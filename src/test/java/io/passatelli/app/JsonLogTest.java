package io.passatelli.app;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.json.JsonMapper;
import io.passatelli.base.Limits;
import io.passatelli.base.Log;
import org.junit.jupiter.api.Test;

import java.io.ByteArrayOutputStream;
import java.io.OutputStream;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.time.Instant;
import java.util.List;
import java.util.concurrent.CountDownLatch;

import static org.assertj.core.api.Assertions.assertThat;

class JsonLogTest {
    private final ByteArrayOutputStream bytes = new ByteArrayOutputStream();

    private List<String> lines() {
        return bytes.toString(StandardCharsets.UTF_8).lines().toList();
    }

    private static JsonNode read(String line) throws Exception {
        return new JsonMapper().readTree(line);
    }

    private static PrintStream stream(OutputStream to) {
        return new PrintStream(to, true, StandardCharsets.UTF_8);
    }

    @Test
    void eachEventIsOneObjectOnOneLine() throws Exception {
        try (JsonLog json = new JsonLog(stream(bytes))) {
            Log log = json.log(Log.Level.INFO);
            log.info("first");
            json.vm("tenant-a/web");
            log.warn("second");
            log.error("third");
            log.debug(() -> "not said");
        }
        assertThat(lines()).hasSize(3);
        JsonNode first = read(lines().getFirst());
        assertThat(first.fieldNames()).toIterable().containsExactly("time", "level", "message");
        assertThat(Instant.parse(first.get("time").asText()))
                .isBetween(Instant.now().minusSeconds(60), Instant.now());
        assertThat(first.get("level").asText()).isEqualTo("info");
        assertThat(first.get("message").asText()).isEqualTo("first");
        JsonNode second = read(lines().get(1));
        assertThat(second.get("level").asText()).isEqualTo("warning");
        assertThat(second.get("vm").asText()).isEqualTo("tenant-a/web");
        assertThat(read(lines().get(2)).get("level").asText()).isEqualTo("error");
    }

    /** What is said meanwhile waits or is counted; and who says it has other work. */
    @Test
    void wantOfMemoryEndsNoLog() throws Exception {
        OutputStream poor = new OutputStream() {
            private boolean broken;

            @Override
            public void write(int octet) {
                if (!broken) {
                    broken = true;
                    throw new OutOfMemoryError("heap");
                }
                bytes.write(octet);
            }
        };
        try (JsonLog json = new JsonLog(stream(poor))) {
            Log log = json.log(Log.Level.INFO);
            log.info("first");
            while (json.lost() == 0) {
                Thread.onSpinWait();
            }
            log.info("second");
        }
        String last = lines().getLast();
        assertThat(read(last).get("message").asText()).isEqualTo("second");
        assertThat(bytes.toString(StandardCharsets.UTF_8)).contains("1 lines were lost here");
    }

    @Test
    void nameOfTheVmIsBoundedToo() throws Exception {
        try (JsonLog json = new JsonLog(stream(bytes))) {
            json.vm("n/" + "v".repeat(1_000_000));
            json.log(Log.Level.INFO).info("said");
        }
        assertThat(read(lines().getFirst()).get("vm").asText()).isEqualTo("n/" + "v".repeat(315));
    }

    @Test
    void whateverIsQuotedTheLineIsPrintableAndBounded() throws Exception {
        String nasty = "\n{\"level\":\"error\"}\r\u001b[31m\u0000\u007f\u0085\u2028\"\\ü\ud800";
        try (JsonLog json = new JsonLog(stream(bytes))) {
            json.log(Log.Level.INFO).info(nasty);
            json.log(Log.Level.INFO).info("ü".repeat(100_000));
        }
        assertThat(lines()).hasSize(2);
        assertThat(lines()).allMatch(line -> line.chars().allMatch(c -> c >= ' ' && c <= '~'));
        assertThat(read(lines().getFirst()).get("message").asText()).isEqualTo(nasty.replace('\u007f', '?'));
        assertThat(lines().get(1).length()).isLessThan(6 * Limits.LOG_LINE_BYTES + 100);
    }

    /** A pipe that nobody reads. */
    @Test
    void whoSaysSomethingDoesNotWaitForWhoReads() throws Exception {
        CountDownLatch reads = new CountDownLatch(1);
        OutputStream slow = new OutputStream() {
            @Override
            public void write(int b) {
                write(new byte[] {(byte) b}, 0, 1);
            }

            @Override
            public void write(byte[] b, int off, int len) {
                try {
                    reads.await();
                } catch (InterruptedException e) {
                    Thread.currentThread().interrupt();
                }
                bytes.write(b, off, len);
            }
        };
        JsonLog json = new JsonLog(stream(slow));
        Log log = json.log(Log.Level.INFO);
        int said = 3 * Limits.LOG_LINES_WAITING;
        for (int i = 0; i < said; i++) {
            log.info("line " + i);
        }
        reads.countDown();
        while (!bytes.toString(StandardCharsets.UTF_8).contains("line " + (Limits.LOG_LINES_WAITING - 1))) {
            Thread.sleep(5);
        }
        log.info("the end");
        json.close();
        assertThat(lines().size()).isBetween(Limits.LOG_LINES_WAITING, Limits.LOG_LINES_WAITING + 4);
        assertThat(lines().get(lines().size() - 2)).contains("lines were lost here");
        assertThat(lines().getLast()).contains("the end");
    }
}
