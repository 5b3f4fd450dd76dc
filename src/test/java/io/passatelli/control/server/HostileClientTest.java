package io.passatelli.control.server;

import io.passatelli.base.Clock;
import io.passatelli.base.Limits;
import io.passatelli.base.Log;
import io.passatelli.control.api.StatusAnswer;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicReference;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

/** Clients who do not mean well, or are stuck: they hurt nobody but themselves. */
@Timeout(60)
class HostileClientTest {
    private static final String VERSION = "{\"request\":\"version\"}\n";

    @TempDir
    private Path directory = Path.of("");

    private final AtomicReference<CompletableFuture<StatusAnswer>> stuck =
            new AtomicReference<>(new CompletableFuture<>());
    private final List<ControlServer> servers = new ArrayList<>();

    @BeforeEach
    void start() throws IOException {
        start(Limits.CONTROL_READ_MS, Limits.CONTROL_ANSWER_MS, Limits.CONTROL_WRITE_MS);
    }

    private void start(int readMs, int answerMs, int writeMs) throws IOException {
        close();
        ControlServer.Timing timing = new ControlServer.Timing(
                TimeUnit.MILLISECONDS.toNanos(readMs),
                TimeUnit.MILLISECONDS.toNanos(answerMs),
                TimeUnit.MILLISECONDS.toNanos(writeMs));
        servers.add(ControlServer.start(
                directory.resolve("control"), Clock.system(), Log.silent(), timing, here -> new KnownTarget() {
                    @Override
                    public CompletableFuture<StatusAnswer> status() {
                        return stuck.get();
                    }
                }));
    }

    @AfterEach
    void close() {
        servers.forEach(ControlServer::close);
        servers.clear();
    }

    private RawClient client() throws IOException {
        return new RawClient(directory.resolve("control"));
    }

    private void assertServes() throws IOException {
        try (RawClient good = client()) {
            assertThat(good.say(VERSION).line()).contains("\"answer\"");
        }
    }

    /** A client that left may still have its place for a moment. */
    private void awaitPlace() throws IOException, InterruptedException {
        while (true) {
            try (RawClient next = client()) {
                String line = next.say(VERSION).line();
                if (line != null && line.contains("\"answer\"")) {
                    return;
                }
            } catch (IOException e) {
                // sent away before it had said anything
            }
            Thread.sleep(10);
        }
    }

    @Test
    void lineMayComeByteByByte() throws Exception {
        try (RawClient slow = client()) {
            for (byte b : VERSION.getBytes(StandardCharsets.US_ASCII)) {
                slow.say(new byte[] {b});
            }
            assertThat(slow.line()).contains("\"answer\"");
        }
    }

    @Test
    void halfALineHoldsUpNobodyAndEndsAtItsDeadline() throws Exception {
        start(200, 5_000, 5_000);
        try (RawClient half = client()) {
            half.say("{\"request\":");
            assertServes();
            assertThat(half.line()).isNull();
        }
    }

    @Test
    void bytesNowAndThenDoNotPutOffTheDeadline() throws Exception {
        start(200, 5_000, 5_000);
        try (RawClient drip = client()) {
            assertThatThrownBy(() -> {
                        while (true) {
                            drip.say(" ");
                            Thread.sleep(20);
                        }
                    })
                    .isInstanceOf(IOException.class);
        }
    }

    @Test
    void megabytesWithoutAnEndAreOneErrorAndTheEnd() throws Exception {
        try (RawClient endless = client()) {
            byte[] megabyte = new byte[1 << 20];
            Arrays.fill(megabyte, (byte) ' ');
            assertThatThrownBy(() -> {
                        while (true) {
                            endless.say(megabyte);
                        }
                    })
                    .isInstanceOf(IOException.class);
            assertThat(endless.line()).contains("\"too-long\"");
        }
        assertServes();
    }

    @Test
    void longestLineIsStillRead() throws Exception {
        String line = VERSION.stripTrailing();
        String longest = line + " ".repeat(Limits.CONTROL_LINE_BYTES - 1 - line.length()) + "\n";
        try (RawClient client = client()) {
            for (int i = 0; i < 3; i++) {
                client.say(VERSION).say(longest);
                assertThat(client.line()).contains("\"answer\"");
                assertThat(client.line()).contains("\"answer\"");
            }
            client.say(" " + longest);
            assertThat(client.line()).contains("\"too-long\"");
        }
    }

    @Test
    void noiseIsAnErrorForEachLine() throws Exception {
        Random random = new Random(1);
        try (RawClient noisy = client()) {
            for (int i = 0; i < 200; i++) {
                byte[] noise = new byte[random.nextInt(1, 500)];
                random.nextBytes(noise);
                for (int at = 0; at < noise.length; at++) {
                    noise[at] = noise[at] == '\n' ? 0 : noise[at];
                }
                noise[noise.length - 1] = '\n';
                assertThat(noisy.say(noise).line()).contains("\"bad-request\"");
            }
            assertThat(noisy.say(VERSION).line()).contains("\"answer\"");
        }
    }

    @Test
    void deepJsonIsAnError() throws Exception {
        try (RawClient deep = client()) {
            deep.say("[".repeat(60_000) + "\n").say("{\"a\":".repeat(12_000) + "\n");
            assertThat(deep.line()).contains("\"bad-request\"");
            assertThat(deep.line()).contains("\"bad-request\"");
            assertThat(deep.say(VERSION).line()).contains("\"answer\"");
        }
    }

    @Test
    void whoNeverReadsHoldsUpNobodyAndEndsAtItsDeadline() throws Exception {
        start(5_000, 5_000, 300);
        try (RawClient deaf = client()) {
            String flows = "{\"request\":\"flows\"}\n".repeat(100);
            deaf.say(flows);
            assertServes();
            assertServes();
            assertThatThrownBy(() -> {
                        while (true) {
                            deaf.say(flows);
                            Thread.sleep(10);
                        }
                    })
                    .isInstanceOf(IOException.class);
        }
        assertServes();
    }

    @Test
    void longAnswerReachesWhoReadsSlowly() throws Exception {
        try (RawClient slow = client()) {
            slow.say("{\"request\":\"flows\"}\n");
            Thread.sleep(100);
            String line = slow.line();
            assertThat(line).startsWith("{\"answer\":").endsWith("}}").hasSizeGreaterThan(300_000);
            assertThat(slow.say(VERSION).line()).contains("\"answer\"");
        }
    }

    @Test
    void manyLinesAtOnceAreAllAnswered() throws Exception {
        try (RawClient eager = client()) {
            CompletableFuture<Void> said = CompletableFuture.runAsync(() -> {
                try {
                    eager.say("\n".repeat(20_000)).say(VERSION);
                } catch (IOException e) {
                    throw new AssertionError(e);
                }
            });
            for (int i = 0; i < 20_000; i++) {
                assertThat(eager.line()).contains("\"bad-request\"");
            }
            assertThat(eager.line()).contains("\"answer\"");
            said.join();
        }
    }

    @Test
    void ofAHundredAtOnceAsManyAreServedAsThereArePlaces() throws Exception {
        List<RawClient> all = new ArrayList<>();
        try {
            for (int i = 0; i < 100; i++) {
                all.add(client());
            }
            int served = 0;
            for (RawClient one : all) {
                try {
                    one.say(VERSION);
                } catch (IOException e) {
                    // closed already; its line is there
                }
                String line = one.line();
                assertThat(line).containsAnyOf("\"answer\"", "\"too-many-clients\"");
                if (line != null && line.contains("\"answer\"")) {
                    served++;
                } else {
                    assertThat(one.line()).isNull();
                }
            }
            assertThat(served).isEqualTo(Limits.CONTROL_CLIENTS);
        } finally {
            for (RawClient one : all) {
                one.close();
            }
        }
        awaitPlace();
    }

    @Test
    void whoLeavesInTheMiddleOfALineOrARequestFreesItsPlace() throws Exception {
        for (int i = 0; i < 3 * Limits.CONTROL_CLIENTS; i++) {
            awaitPlace();
            try (RawClient leaving = client()) {
                leaving.say(i % 2 == 0 ? "{\"request\"" : VERSION + VERSION);
            }
        }
        awaitPlace();
        start(5_000, 200, 5_000);
        for (int i = 0; i < Limits.CONTROL_CLIENTS; i++) {
            try (RawClient asking = client()) {
                asking.say("{\"request\":\"status\"}\n");
            }
        }
        awaitPlace();
        stuck.get().complete(new KnownTarget().status().join());
        assertServes();
    }

    @Test
    void planeThatDoesNotAnswerIsAnErrorInTimeAndItsLateAnswerIsNobodys() throws Exception {
        start(5_000, 200, 5_000);
        try (RawClient client = client()) {
            client.say("{\"request\":\"status\",\"id\":5}\n" + VERSION);
            assertServes();
            assertThat(client.line()).startsWith("{\"id\":5,\"error\":{\"code\":\"busy\"");
            assertThat(client.line()).isNull();
        }
        stuck.get().complete(new KnownTarget().status().join());
        assertServes();
    }
}
