package io.passatelli.e2e;

import io.passatelli.lab.Lab;
import io.passatelli.lab.TcpEnd;
import io.passatelli.lab.TcpService;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;
import java.util.SplittableRandom;

import static org.assertj.core.api.Assertions.assertThat;

/**
 * The pod's peer, which takes files from a guest by TCP and sends some, as server and as client. What either side had is said in lines
 * {@code FAMILY.ROLE.sent.BYTES=SHA256} and {@code FAMILY.ROLE.received.BYTES=SHA256}, with the guest's role and as the guest sees it; they are the same on
 * both sides where all arrived.
 */
final class TcpGuestsPeer implements AutoCloseable {
    static final int SMALL = 2_048;
    static final int MEDIUM = 5_120;
    static final int LARGE = 10 << 20;

    /** What the guest does, with socat; 7101 is forwarded to it. */
    static final String SCRIPT = """
            hash() { echo "$1.$(stat -c %s "$2")=$(sha256sum "$2" | cut -d ' ' -f 1)"; }
            # a server's socket is there when the kernel says so
            listening() {
                for try in $(seq 500); do
                    ! grep -q ':1BBD [0-9A-F]*:0000 0A' /proc/net/tcp /proc/net/tcp6 || return 0
                    usleep 20000
                done
                echo 'nobody listens'
            }
            for family in 4 6; do
                if [ $family = 4 ]; then peer=10.77.0.3; else peer='[fd77::3]'; fi
                for size in 2048 5120 10485760; do
                    head -c $size /dev/urandom > out
                    socat -u OPEN:out TCP$family:$peer:7701 && hash $family.client.sent out
                    rm -f in
                    socat -u TCP$family:$peer:$((7710 + size % 7)) CREATE:in && hash $family.client.received in
                    socat -u OPEN:out TCP$family-LISTEN:7101,reuseaddr &
                    listening
                    echo "send 0" | socat -u - TCP$family:$peer:7702
                    wait $! && hash $family.server.sent out
                    rm -f in
                    socat -u TCP$family-LISTEN:7101,reuseaddr CREATE:in &
                    listening
                    echo "receive $size" | socat -u - TCP$family:$peer:7702
                    wait $! && hash $family.server.received in
                done
            done
            """;

    private static final int[] SIZES = {SMALL, MEDIUM, LARGE};
    private static final int PORT = 7_101;
    private static final int SINK = 7_701;
    private static final int ORDERS = 7_702;
    private static final int SOURCES = 7_710;
    private static final long END_MS = 20_000;

    private final Lab lab;
    private final List<TcpService> services = new ArrayList<>();
    private final List<Thread> threads = new ArrayList<>();
    private final List<String> lines = new ArrayList<>();
    private volatile boolean closed;

    TcpGuestsPeer(Lab lab) throws IOException {
        this.lab = lab;
        for (int family : new int[] {4, 6}) {
            serve(family, SINK, end -> say(family, "client.sent", end.receiveAll()));
            serve(family, ORDERS, end -> obey(family, new String(end.receiveAll(), StandardCharsets.US_ASCII)));
            for (int size : SIZES) {
                serve(family, SOURCES + size % 7, end -> {
                    end.send(bytes(size));
                    say(family, "client.received", bytes(size));
                });
            }
        }
    }

    private interface Service {
        void serve(TcpEnd end) throws IOException;
    }

    private void serve(int family, int port, Service service) throws IOException {
        TcpService listening = TcpService.at(lab.peer(), own(family), port);
        services.add(listening);
        Thread thread = new Thread(
                () -> {
                    try {
                        while (true) {
                            try (TcpEnd end = listening.acceptAtAnyTime()) {
                                service.serve(end);
                            }
                        }
                    } catch (IOException e) {
                        synchronized (lines) {
                            if (!closed) {
                                lines.add("port " + port + " broke: " + e);
                            }
                        }
                    }
                },
                "guest's peer at " + port);
        thread.setDaemon(true);
        threads.add(thread);
        thread.start();
    }

    private static String own(int family) {
        return family == 4 ? Lab.PEER : NetnsGuest.PEER6;
    }

    /** Connects to the guest, which serves one connection. */
    private void obey(int family, String order) throws IOException {
        String[] words = order.strip().split(" ", -1);
        String guest = family == 4 ? Lab.POD : NetnsGuest.GUEST6;
        try (TcpEnd end = TcpEnd.connect(lab.peer(), own(family), guest, PORT)) {
            if ("send".equals(words[0])) {
                say(family, "server.sent", end.receiveAll());
            } else {
                byte[] sent = bytes(Integer.parseInt(words[1]));
                end.send(sent);
                end.finish();
                say(family, "server.received", sent);
                end.receiveAll();
            }
        }
    }

    private void say(int family, String what, byte[] bytes) {
        synchronized (lines) {
            lines.add("%d.%s.%d=%s".formatted(family, what, bytes.length, hash(bytes)));
        }
    }

    private static byte[] bytes(int size) {
        byte[] bytes = new byte[size];
        new SplittableRandom(size).nextBytes(bytes);
        return bytes;
    }

    /** As sha256sum says it. */
    static String hash(byte[] bytes) {
        try {
            return HexFormat.of().formatHex(MessageDigest.getInstance("SHA-256").digest(bytes));
        } catch (NoSuchAlgorithmException e) {
            throw new AssertionError(e); // every Java has it
        }
    }

    /** What the guest should have said. */
    List<String> lines() throws IOException, InterruptedException {
        close();
        for (Thread thread : threads) {
            thread.join(END_MS);
            assertThat(thread.isAlive()).isFalse();
        }
        synchronized (lines) {
            return List.copyOf(lines);
        }
    }

    @Override
    public void close() throws IOException {
        closed = true;
        for (TcpService service : services) {
            service.close();
        }
    }
}
