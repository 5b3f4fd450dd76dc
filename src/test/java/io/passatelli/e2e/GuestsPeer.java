package io.passatelli.e2e;

import io.passatelli.lab.Lab;
import io.passatelli.lab.UdpEnd;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.List;
import java.util.SplittableRandom;
import java.util.concurrent.TimeUnit;

import static org.assertj.core.api.Assertions.assertThat;

/**
 * The pod's peer, which takes files from a guest by UDP and sends some. Nothing acknowledges them, so both sides send slowly. What either had is said
 * in lines {@code sent.FAMILY.BYTES=SHA256} and {@code received.…}, which are the same on both sides where all arrived.
 */
final class GuestsPeer implements AutoCloseable {
    /** What the guest does, with socat; 7101 is forwarded to it. */
    static final String SCRIPT = """
            size() { stat -c %s "$1" 2> /dev/null || echo 0; }
            # one datagram, or many of 1 KiB, in bursts
            pieces() {
                if [ "$2" -le 5120 ]; then cat "$1"; return; fi
                for i in $(seq 0 63); do
                    dd if="$1" bs=1024 skip=$((i * 16)) count=16 2> /dev/null
                    usleep 20000
                done
            }
            hash() { echo "$1=$(sha256sum "$2" | cut -d ' ' -f 1)"; }
            for family in 4 6; do
                if [ $family = 4 ]; then peer=10.77.0.3; else peer='[fd77::3]'; fi
                for size in 2048 5120 1048576; do
                    block=1024
                    [ $size -gt 5120 ] || block=$size
                    head -c $size /dev/urandom > out
                    hash sent.$family.$size out
                    pieces out $size | socat -u -b $block - UDP$family-SENDTO:$peer:$((7800 + size % 1000))
                    rm -f in
                    socat -u -b 65535 UDP$family-RECV:7101 CREATE:in &
                    until grep -q ':1BBD ' /proc/net/udp /proc/net/udp6; do usleep 20000; done
                    echo $size | socat -u - UDP$family-SENDTO:$peer:7700
                    for try in $(seq 400); do
                        [ "$(size in)" -lt $size ] || break
                        usleep 50000
                    done
                    kill $!
                    wait $! 2> /dev/null
                    hash received.$family.$size in
                done
            done
            """;

    private static final int[] SIZES = {2_048, 5_120, 1_048_576};
    private static final int PORT = 7_101;
    private static final int READY = 7_700;
    private static final int FIRST_SINK = 7_800;
    private static final int DATAGRAM = 1_024;
    private static final int BURST = 16;
    private static final int BURST_MS = 20;
    private static final Duration LOOK = Duration.ofMillis(100);
    private static final long END_MS = 20_000;

    private final Lab lab;
    private final List<Thread> threads = new ArrayList<>();
    private final List<String> received = new ArrayList<>();
    private final List<String> sent = new ArrayList<>();
    private volatile boolean closed;

    GuestsPeer(Lab lab) throws IOException {
        this.lab = lab;
        for (int family : new int[] {4, 6}) {
            UdpEnd ready = UdpEnd.bound(lab.peer(), own(family), READY);
            start(() -> serve(family, ready));
            for (int size : SIZES) {
                UdpEnd sink = UdpEnd.bound(lab.peer(), own(family), FIRST_SINK + size % 1_000);
                start(() -> take(family, size, sink));
            }
        }
    }

    private static String own(int family) {
        return family == 4 ? Lab.PEER : NetnsGuest.PEER6;
    }

    private interface Work {
        void run() throws IOException, InterruptedException;
    }

    private void start(Work work) {
        Thread thread = new Thread(
                () -> {
                    try {
                        work.run();
                    } catch (IOException e) {
                        System.err.println("the guest's peer broke: " + e);
                    } catch (InterruptedException e) {
                        Thread.currentThread().interrupt();
                    }
                },
                "guest's peer");
        thread.setDaemon(true);
        threads.add(thread);
        thread.start();
    }

    private void take(int family, int size, UdpEnd sink) throws IOException {
        try (sink) {
            MessageDigest digest = sha256();
            int bytes = 0;
            while (bytes < size && !closed) {
                byte[] next = sink.receive(LOOK);
                if (next != null) {
                    digest.update(next);
                    bytes += next.length;
                }
            }
            synchronized (received) {
                received.add(
                        "sent." + family + "." + size + "=" + HexFormat.of().formatHex(digest.digest()));
            }
        }
    }

    private void serve(int family, UdpEnd ready) throws IOException, InterruptedException {
        try (ready) {
            while (!closed) {
                byte[] said = ready.receive(LOOK);
                if (said != null) {
                    send(family, Integer.parseInt(new String(said, StandardCharsets.US_ASCII).strip()));
                }
            }
        }
    }

    private void send(int family, int size) throws IOException, InterruptedException {
        byte[] bytes = new byte[size];
        new SplittableRandom(size + family).nextBytes(bytes);
        synchronized (sent) {
            sent.add("received." + family + "." + size + "=" + HexFormat.of().formatHex(sha256().digest(bytes)));
        }
        String guest = family == 4 ? Lab.POD : NetnsGuest.GUEST6;
        int datagram = size <= 5_120 ? size : DATAGRAM;
        try (UdpEnd end = UdpEnd.bound(lab.peer(), own(family), 0)) {
            for (int at = 0, count = 1; at < size; at += datagram, count++) {
                end.send(Arrays.copyOfRange(bytes, at, Math.min(size, at + datagram)), guest, PORT);
                if (count % BURST == 0) {
                    TimeUnit.MILLISECONDS.sleep(BURST_MS);
                }
            }
        }
    }

    private static MessageDigest sha256() {
        try {
            return MessageDigest.getInstance("SHA-256");
        } catch (NoSuchAlgorithmException e) {
            throw new AssertionError(e); // every Java has it
        }
    }

    /** What the guest should have said that it sent, when all has come. */
    List<String> received() throws InterruptedException {
        end();
        synchronized (received) {
            return List.copyOf(received);
        }
    }

    /** What the guest should have said that it received. */
    List<String> sent() throws InterruptedException {
        end();
        synchronized (sent) {
            return List.copyOf(sent);
        }
    }

    private void end() throws InterruptedException {
        closed = true;
        for (Thread thread : threads) {
            thread.join(END_MS);
            assertThat(thread.isAlive()).isFalse();
        }
    }

    @Override
    public void close() {
        closed = true; // its threads look within a moment
    }
}
