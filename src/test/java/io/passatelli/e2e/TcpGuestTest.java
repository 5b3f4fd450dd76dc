package io.passatelli.e2e;

import io.passatelli.lab.Command;
import io.passatelli.lab.Lab;
import io.passatelli.lab.TcpEnd;
import io.passatelli.lab.TcpService;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.SplittableRandom;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;

import static org.assertj.core.api.Assertions.assertThat;

/** TCP of a real Linux guest in QEMU whose only network is passt. */
@Tag("guest")
class TcpGuestTest {
    private static final List<String> PROGRAMS = List.of("-t", "115", "-a", "/usr/bin/socat");
    private static final String NETWORK = """
            lease > /dev/null && ra > /dev/null || exit 1
            echo 0 > /proc/sys/net/ipv6/conf/eth0/accept_dad
            ip address add fd77::2/64 dev eth0
            """;
    private static final int PIECE = 100_000;
    private static final long LIMIT_S = 60;

    private static Lab lab;

    @BeforeAll
    static void up() throws Exception {
        lab = Lab.up();
    }

    @AfterAll
    static void down() {
        if (lab != null) { // null where up() failed
            lab.close();
        }
    }

    /** 2 KB, 5 KB and 10 MB, there and back, as client and as server, in both families. */
    @Test
    void filesArriveAsTheyWereSent() throws Exception {
        try (Passt passt = Passt.start(lab, "-t", "7101");
                TcpGuestsPeer peer = new TcpGuestsPeer(lab)) {
            List<String> said = GuestTest.boot(passt, NETWORK + TcpGuestsPeer.SCRIPT, PROGRAMS);
            assertThat(said)
                    .filteredOn(line -> !line.startsWith("{"))
                    .hasSize(24)
                    .containsExactlyInAnyOrderElementsOf(peer.lines());
            assertThat(passt.terminate()).isZero();
        }
    }

    /** Those who spoke with it are told when the next guest does not know them: at once if something was under way, else when it is asked. */
    @Test
    void guestThatIsKilledMidTransferMakesRoomForTheNext() throws Exception {
        List<TcpEnd> ends = new ArrayList<>();
        List<Future<String>> outcomes = new ArrayList<>();
        try (Passt passt = Passt.start(lab, "-t", "7101");
                Background programs = new Background(() -> String.join("\n", passt.lines()));
                TcpService takes4 = TcpService.at(lab.peer(), Lab.PEER, 7_703);
                TcpService takes6 = TcpService.at(lab.peer(), NetnsGuest.PEER6, 7_703);
                TcpService gives4 = TcpService.at(lab.peer(), Lab.PEER, 7_704);
                TcpService gives6 = TcpService.at(lab.peer(), NetnsGuest.PEER6, 7_704)) {
            Process guest = startGuest(passt, NETWORK + """
                    # lasts as long as the machine
                    cat /dev/zero | socat -u - TCP4-LISTEN:7101 &
                    until grep -q ':1BBD ' /proc/net/tcp; do usleep 50000; done # it listens
                    cat /dev/zero | socat -u - TCP4:10.77.0.3:7703 &
                    cat /dev/zero | socat -u - TCP6:[fd77::3]:7703 &
                    socat -u TCP4:10.77.0.3:7704 OPEN:/dev/null &
                    socat -u TCP6:[fd77::3]:7704 OPEN:/dev/null &
                    wait
                    """);
            try {
                for (TcpService service : List.of(gives4, gives6)) {
                    TcpEnd giving = service.accept();
                    ends.add(giving);
                    outcomes.add(programs.run(giving::writeUntilItFails));
                }
                for (TcpService service : List.of(takes4, takes6)) {
                    outcomes.add(programs.run(takingEnd(ends, service.accept())::readUntilItEnds));
                }
                outcomes.add(programs.run(
                        takingEnd(ends, TcpEnd.connect(lab.peer(), Lab.PEER, Lab.POD, 7_101))::readUntilItEnds));
                for (TcpEnd end : ends.subList(2, ends.size())) {
                    awaitBytes(end);
                }
            } finally {
                Command.kill(guest);
            }
            passt.awaitLine(line -> line.startsWith("guest left"));
            try (TcpService stay = TcpService.at(lab.peer(), Lab.PEER, 7_705)) {
                Process next = startGuest(passt, NETWORK + "socat -u TCP4:10.77.0.3:7705 -");
                try (TcpEnd connected = stay.accept()) {
                    for (Future<String> outcome : outcomes) {
                        assertThat(programs.result(outcome)).matches("Connection reset.*|Broken pipe");
                    }
                    connected.finish();
                    assertThat(next.waitFor(LIMIT_S, TimeUnit.SECONDS)).isTrue();
                } finally {
                    Command.kill(next);
                }
            } finally {
                for (TcpEnd end : ends) {
                    end.close();
                }
            }
            assertThat(passt.terminate()).isZero();
        }
    }

    /** What is on its way then is lost, and sent again; the connections live on. */
    @Test
    void connectionsSurviveAResetOfTheGuestsDriver() throws Exception {
        try (Passt passt = Passt.start(lab);
                Background programs = new Background(() -> String.join("\n", passt.lines()));
                TcpService sink = TcpService.at(lab.peer(), Lab.PEER, 7_701);
                TcpService source = TcpService.at(lab.peer(), Lab.PEER, 7_702)) {
            Future<byte[]> uploaded = programs.run(() -> {
                try (TcpEnd end = sink.accept()) {
                    return end.receiveAll();
                }
            });
            byte[] file = new byte[40 * PIECE];
            new SplittableRandom(1).nextBytes(file);
            Future<Integer> downloaded = programs.run(() -> {
                try (TcpEnd end = source.accept()) {
                    for (int at = 0; at < file.length; at += PIECE) {
                        end.send(Arrays.copyOfRange(file, at, at + PIECE));
                        Thread.sleep(100);
                    }
                }
                return file.length;
            });
            List<String> said = GuestTest.boot(passt, NETWORK + """
                    head -c 2000000 /dev/urandom > out
                    pieces() {
                        for i in $(seq 0 39); do dd if=out bs=50000 skip=$i count=1 2> /dev/null; usleep 100000; done
                    }
                    pieces | socat -u - TCP4:10.77.0.3:7701 &
                    up=$!
                    socat -u TCP4:10.77.0.3:7702 CREATE:in &
                    down=$!
                    size() { stat -c %s in 2> /dev/null || echo 0; }
                    until [ "$(size)" -gt 1000000 ]; do usleep 50000; done
                    cd /sys/bus/virtio/drivers/virtio_net
                    device=$(ls -d virtio*)
                    echo $device > unbind
                    [ -e /sys/class/net/eth0 ] || echo gone=yes
                    echo $device > bind
                    cd /run
                    [ "$(size)" -lt 4000000 ] && echo half=yes
                    lease > /dev/null || exit 1
                    wait $up || exit 1
                    wait $down || exit 1
                    sha256sum out in | sed 's/\\([^ ]*\\)  \\(.*\\)/\\2=\\1/'
                    """, PROGRAMS);
            assertThat(said)
                    .contains("gone=yes", "half=yes")
                    .contains("out=" + TcpGuestsPeer.hash(programs.result(uploaded)), "in=" + TcpGuestsPeer.hash(file));
            assertThat(programs.result(downloaded)).isEqualTo(file.length);
            assertThat(passt.terminate()).isZero();
        }
    }

    private static TcpEnd takingEnd(List<TcpEnd> ends, TcpEnd end) {
        ends.add(end);
        return end;
    }

    private static void awaitBytes(TcpEnd end) throws IOException, InterruptedException {
        long limit = System.nanoTime() + TimeUnit.SECONDS.toNanos(LIMIT_S);
        while (end.received() < 1 << 20) {
            assertThat(System.nanoTime())
                    .as("%s bytes came by port %s", end.received(), end.port())
                    .isLessThan(limit);
            Thread.sleep(20);
        }
    }

    /** A guest that runs beside the test; whoever starts it ends it. */
    private static Process startGuest(Passt passt, String script) throws IOException {
        Path file = Files.writeString(Files.createTempFile(lab.directory(), "script", ".guest"), script);
        Path said = Files.createTempFile(lab.directory(), "guest", ".log");
        List<String> words = new ArrayList<>(List.of("src/test/guest/boot"));
        words.addAll(PROGRAMS);
        words.addAll(List.of(passt.socket().toString(), file.toString()));
        return new ProcessBuilder(words)
                .directory(Command.ROOT.toFile())
                .redirectOutput(said.toFile())
                .redirectErrorStream(true)
                .start();
    }
}
