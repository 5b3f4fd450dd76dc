package io.passatelli.hook;

import com.google.protobuf.ByteString;
import io.passatelli.base.HookLimits;
import io.passatelli.base.Log;
import io.passatelli.hook.proto.v1alpha3.OnDefineDomainParams;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

import java.io.IOException;
import java.net.UnixDomainSocketAddress;
import java.nio.ByteBuffer;
import java.nio.channels.SocketChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Random;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.atomic.AtomicReference;

import static org.assertj.core.api.Assertions.assertThat;

/** Callers of the hook socket who do not mean well, are stuck, or die: they hurt nobody but themselves. */
@Timeout(60)
class HostileCallerTest {
    private static final String DEFINE = "/kubevirt.hooks.v1alpha3.Callbacks/OnDefineDomain";
    private static final RecordedBoot BOOT = RecordedBoot.of("stream/default-nonroot");
    private static final long SEED = 7;

    @TempDir
    private Path hooks = Path.of("");

    private final AtomicReference<CountDownLatch> gate = new AtomicReference<>(new CountDownLatch(0));
    private final List<String> lines = Collections.synchronizedList(new ArrayList<>());
    private final List<AutoCloseable> open = new ArrayList<>();
    private Path socket = Path.of("");

    private final StubCalls calls = new StubCalls() {
        @Override
        public byte[] onDefineDomain(byte[] domainXml, byte[] vmiJson) throws HookRefusal {
            byte[] answer = super.onDefineDomain(domainXml, vmiJson);
            try {
                gate.get().await();
            } catch (InterruptedException e) {
                Thread.currentThread().interrupt();
            }
            return answer;
        }
    };

    @BeforeEach
    void start() throws IOException {
        Path directory = Files.createDirectory(hooks.resolve("hook-sidecar-0"));
        Log log = new Log(Log.Level.INFO, (level, line) -> lines.add(level + " " + line));
        HookServer server = HookServer.start(directory, "hook-sidecar-0", calls, new StubCalls(), log);
        open.add(server);
        server.publish();
        socket = directory.resolve("passatelli-hook-sidecar-0.sock");
    }

    @AfterEach
    void close() throws Exception {
        gate.get().countDown();
        Collections.reverse(open);
        for (AutoCloseable one : open) {
            one.close();
        }
    }

    private SocketChannel connect() throws IOException {
        SocketChannel channel = SocketChannel.open(UnixDomainSocketAddress.of(socket));
        open.add(channel);
        return channel;
    }

    private static ByteBuffer define(int bytes) {
        return WarmUp.request(
                DEFINE,
                OnDefineDomainParams.newBuilder()
                        .setDomainXML(ByteString.copyFrom(new byte[bytes]))
                        .build()
                        .toByteArray());
    }

    private static void send(SocketChannel channel, ByteBuffer bytes) throws IOException {
        while (bytes.hasRemaining()) {
            channel.write(bytes);
        }
    }

    /** Reads until the other side ends it. */
    private static void awaitEnd(SocketChannel channel) {
        ByteBuffer in = ByteBuffer.allocate(1 << 16);
        try {
            while (channel.read(in.clear()) >= 0) {
                // what it says is of no interest
            }
        } catch (IOException e) {
            // an end too
        }
    }

    private void assertBoots() throws Exception {
        try (LauncherDouble launcher = new LauncherDouble(hooks, 1)) {
            assertThat(launcher.collect(Duration.ofSeconds(10))).hasSize(1);
            assertThat(launcher.sync(BOOT)).isNotEmpty();
        }
    }

    @Test
    void bytesThatAreNoHttp2EndTheirConnectionOnly() throws Exception {
        Random random = new Random(SEED);
        byte[] noise = new byte[4_096];
        for (String text :
                List.of("GET / HTTP/1.1\r\nHost: x\r\n\r\n", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\nnonsense", "")) {
            SocketChannel channel = connect();
            send(channel, ByteBuffer.wrap(text.getBytes(StandardCharsets.US_ASCII)));
            random.nextBytes(noise);
            send(channel, ByteBuffer.wrap(noise));
            awaitEnd(channel);
        }
        assertBoots();
        assertThat(lines).isEmpty();
    }

    @Test
    void framesOfAnyKindEndTheirConnectionOnly() throws Exception {
        Random random = new Random(SEED);
        for (int i = 0; i < 200; i++) {
            SocketChannel channel = connect();
            ByteBuffer request = define(100);
            byte[] bytes = new byte[request.remaining()];
            request.get(bytes);
            for (int flips = 0; flips < 4; flips++) {
                bytes[24 + random.nextInt(bytes.length - 24)] = (byte) random.nextInt();
            }
            try {
                send(channel, ByteBuffer.wrap(bytes));
            } catch (IOException e) {
                continue; // it was ended at once
            }
            channel.close();
        }
        assertBoots();
    }

    @Test
    void aCallerThatDiesInTheMiddleOfItsRequestIsForgotten() throws Exception {
        for (int i = 0; i < 20; i++) {
            SocketChannel channel = connect();
            ByteBuffer request = define(100_000);
            send(channel, request.limit(50_000));
            channel.close();
        }
        assertBoots();
        assertThat(calls.defined.get())
                .as("calls of the boot only")
                .isEqualTo(BOOT.calls().size());
    }

    @Test
    void aCallerThatDiesWaitingIsNotWorkedFor() throws Exception {
        gate.set(new CountDownLatch(1));
        SocketChannel first = connect();
        send(first, define(100));
        while (calls.defined.get() == 0) {
            Thread.sleep(1);
        }
        SocketChannel second = connect();
        send(second, define(100));
        Thread.sleep(200); // it waits for the first one now
        second.close();
        first.close();
        Thread.sleep(200); // and now it has gone
        gate.get().countDown();
        assertBoots();
        assertThat(calls.defined.get()).isEqualTo(1 + BOOT.calls().size());
    }

    @Test
    void aCallThatIsStuckKeepsNobodyFromAskingWhoWeAre() throws Exception {
        gate.set(new CountDownLatch(1));
        send(connect(), define(100));
        while (calls.defined.get() == 0) {
            Thread.sleep(1);
        }
        try (LauncherDouble launcher = new LauncherDouble(hooks, 1)) {
            assertThat(launcher.collect(Duration.ofSeconds(10))).hasSize(1);
        }
    }

    @Test
    void callersThatNeverFinishKeepNobodyOut() throws Exception {
        for (int i = 0; i < HookLimits.CONNECTIONS; i++) {
            SocketChannel slow = connect();
            send(slow, define(1_000).limit(200 + i));
        }
        assertBoots();
    }

    @Test
    void manyConnectionsEndTheOldestOfThem() throws Exception {
        List<SocketChannel> many = new ArrayList<>();
        for (int i = 0; i < 200; i++) {
            many.add(connect());
        }
        for (SocketChannel old : many.subList(0, many.size() - HookLimits.CONNECTIONS)) {
            awaitEnd(old);
        }
        assertBoots();
        assertThat(lines).isEmpty();
    }

    @Test
    void aMessageThatNeverEndsEndsAtTheBound() throws Exception {
        SocketChannel channel = connect();
        ByteBuffer request = define(HookLimits.MESSAGE_BYTES);
        Thread writer = Thread.ofVirtual().start(() -> {
            try {
                send(channel, request); // held up by flow control at the latest
            } catch (IOException e) {
                // it was ended
            }
        });
        assertBoots();
        channel.close();
        writer.join();
    }

    @Test
    @Tag("long")
    void aConnectionEndsInTime() throws Exception {
        SocketChannel silent = connect();
        SocketChannel unfinished = connect();
        send(unfinished, define(1_000).limit(200));
        long begin = System.nanoTime();
        awaitEnd(silent);
        awaitEnd(unfinished);
        assertThat(Duration.ofNanos(System.nanoTime() - begin).toSeconds())
                .isLessThan(HookLimits.CONNECTION_S * 11L / 10 + 2L * HookLimits.CONNECTION_GRACE_S + 1);
        assertBoots();
    }
}
