package io.passatelli.e2e;

import io.passatelli.hook.RecordedBoot;
import io.passatelli.lab.Command;
import io.passatelli.lab.Lab;
import io.passatelli.lab.LibvirtGuest;
import io.passatelli.lab.LibvirtLab;
import io.passatelli.lab.TcpEnd;
import io.passatelli.lab.TcpService;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Callable;
import java.util.concurrent.FutureTask;
import java.util.concurrent.TimeUnit;

import static io.passatelli.e2e.LauncherWorld.GUESTS_PAGE;
import static io.passatelli.e2e.LauncherWorld.LIMIT;
import static io.passatelli.e2e.LauncherWorld.SHELL;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

/**
 * A real guest that libvirt migrates between two pods on different networks, each with its sidecar, as virt-launcher runs them. How long nothing
 * is heard of the guest is printed; {@code -Dsidecar.migrations=10} has it move so often.
 */
@Tag("guest")
class MigrationGuestTest {
    private static final int MIGRATIONS = Integer.getInteger("sidecar.migrations", 2);
    private static final int TALK_PORT = 9_000;
    private static final int TICK_PORT = 9_001;

    /** What KubeVirt's own tests grant the pod that a VM has left. */
    private static final Duration SOURCE_ENDS = Duration.ofSeconds(30);

    private static final String TICK = """
            syslogd -R %s:%d < /dev/null > /dev/null 2>&1; (while logger tick; do usleep 50000; done) < /dev/null > /dev/null 2>&1 &""".formatted(Lab.PEER, TICK_PORT);

    /** It lives until it is told to go off. */
    private static final String SCRIPT = LauncherWorld.GUEST.replace("sleep 300", "sleep 3600");

    /** Lines with the guest's uptime, as long as somebody takes them. */
    private static final String TALK = "while read up idle < /proc/uptime && echo $up; do usleep 100000; done";

    private static final String TALK_OUT = "(" + TALK + " | nc " + Lab.PEER + " " + TALK_PORT
            + "; echo out.%d=ended > /dev/console) < /dev/null > /dev/null 2>&1 &";

    private static final String TALK_IN = "trap '' PIPE; " + TALK + "; echo in.%d=ended > /dev/console\n";

    private static final String LOOK = """
            cat /proc/sys/kernel/random/boot_id /sys/class/net/eth0/address; \
            ip -4 -o address show dev eth0 | grep -o '10[0-9./]*' | head -n 1; \
            ping -c 1 -W 5 10.77.0.1 | grep -c 'bytes from'; \
            wget -q -O - http://10.77.0.3:8000/""";

    private final List<SidecarContainer> sidecars = new ArrayList<>();
    private LibvirtLab one;
    private LibvirtLab other;
    private TcpService listener;
    private Ticks ticks;
    private byte[] xml = {};
    private String looksLike = "";

    @BeforeEach
    void up() throws Exception {
        one = LibvirtLab.up(LibvirtLab.Mode.SESSION);
        other = one.beside();
        listener = TcpService.at(one.network().peer(), Lab.PEER, TALK_PORT);
        ticks = Ticks.heardAt(one.network().peer(), TICK_PORT);
        LauncherWorld.servePage(one.network());
    }

    @AfterEach
    void down() throws Exception {
        sidecars.forEach(SidecarContainer::close);
        if (ticks != null) {
            ticks.close();
        }
        if (listener != null) {
            listener.close();
        }
        if (other != null) {
            other.close();
        }
        if (one != null) {
            one.close();
        }
    }

    @Test
    void vmGoesFromPodToPodAndStaysWhereItIsIfThatFails() throws Exception {
        SidecarContainer sidecar = sidecar(one);
        xml = sidecar.launcher().sync(RecordedBoot.of(LauncherWorld.RECORDED).with(LauncherWorld.vmi()));
        LibvirtGuest guest = one.start(xml, SCRIPT);
        looksLike = guest.said("ready") + "\n" + guest.said("mac") + "\n" + Lab.POD + "/24\n1\nthe node's page\n";
        guest.tell(SHELL, TICK);
        isReached(guest, one);

        doesNotMove(guest);
        for (int round = 1; round <= MIGRATIONS; round++) {
            SidecarContainer target = sidecar(sidecar.pod() == one ? other : one);
            guest = move(round, guest, sidecar, target);
            sidecar = target;
        }
        guest.order(SHELL, "poweroff -f");
        guest.awaitOff();
        sidecar.launcher().shutdown();
        sidecar.endsWell(LIMIT);
    }

    private SidecarContainer sidecar(LibvirtLab pod) throws Exception {
        SidecarContainer made = SidecarContainer.start(pod);
        sidecars.add(made);
        return made;
    }

    /** In both directions, with all that the guest had before. */
    private void isReached(LibvirtGuest guest, LibvirtLab pod) throws Exception {
        assertThat(LauncherWorld.page(pod, Lab.PEER, 80).succeeded().out()).isEqualTo(GUESTS_PAGE);
        assertThat(guest.tell(SHELL, LOOK)).isEqualTo(looksLike);
    }

    /** The other pod's QEMU is killed in the midst. */
    private void doesNotMove(LibvirtGuest guest) throws Exception {
        SidecarContainer target = sidecar(other);
        target.expect();
        other.expect(xml, SCRIPT);
        try (Talks talks = Talks.begin(0, guest, one, listener)) {
            FutureTask<Command> migration = started(() -> one.tryMigrate(guest, other, "--bandwidth", "1"));
            target.awaitLine("guest connected");
            other.killQemu();
            assertThat(migration.get(LIMIT.toSeconds(), TimeUnit.SECONDS).exitCode())
                    .isNotZero();
            isReached(guest, one);
            talks.goOnBehind(Double.parseDouble(guest.tell(SHELL, "cut -d ' ' -f 1 /proc/uptime")));
        }
        target.endsWell(LIMIT); // there is no Shutdown call where no domain ever ran
    }

    private static FutureTask<Command> started(Callable<Command> work) {
        FutureTask<Command> task = new FutureTask<>(work);
        Thread.ofPlatform().daemon().start(task);
        return task;
    }

    private LibvirtGuest move(int round, LibvirtGuest guest, SidecarContainer from, SidecarContainer to)
            throws Exception {
        to.expect();
        to.pod().expect(xml, SCRIPT);
        String here = from.pod().network().address();
        String there = to.pod().network().address();
        try (Talks talks = Talks.begin(round, guest, from.pod(), listener)) {
            int before = ticks.count();
            LibvirtGuest moved = from.pod().migrate(guest, to.pod());
            to.launcher().migrated();
            long gapMs = ticks.gapMs(before, here, there);
            isReached(moved, to.pod());
            long allMs = ticks.sinceFirstMs(before, there);
            talks.wereReset();
            assertThat(moved.said("out." + round)).isEqualTo("ended");
            assertThat(moved.said("in." + round)).isEqualTo("ended");
            System.out.println("migration " + round + ": nothing heard for " + gapMs
                    + " ms; new connections had come to their end both ways " + allMs + " ms later");
            assertThat(LauncherWorld.page(from.pod(), Lab.PEER, 80).exitCode())
                    .as("the pod that it left")
                    .isNotZero();
            from.launcher().shutdown();
            from.endsWell(SOURCE_ENDS);
            return moved;
        }
    }

    /** Connections over which the guest tells its uptime: one that it began, and one that the peer began. */
    private record Talks(TcpEnd ofGuest, TcpEnd toGuest) implements AutoCloseable {
        static Talks begin(int round, LibvirtGuest guest, LibvirtLab pod, TcpService listener) throws IOException {
            guest.tell(SHELL, TALK_OUT.formatted(round));
            TcpEnd ofGuest = listener.accept();
            TcpEnd toGuest =
                    TcpEnd.connect(pod.network().peer(), Lab.PEER, pod.network().address(), SHELL);
            toGuest.send(TALK_IN.formatted(round).getBytes(StandardCharsets.US_ASCII));
            Talks made = new Talks(ofGuest, toGuest);
            made.goOnBehind(0);
            return made;
        }

        void goOnBehind(double uptime) throws IOException {
            for (TcpEnd end : List.of(ofGuest, toGuest)) {
                double told;
                do {
                    told = Double.parseDouble(line(end));
                } while (told <= uptime);
            }
        }

        private static String line(TcpEnd from) throws IOException {
            StringBuilder line = new StringBuilder();
            for (byte next = from.receive(1)[0]; next != '\n'; next = from.receive(1)[0]) {
                line.append((char) next);
            }
            return line.toString();
        }

        void wereReset() {
            for (TcpEnd end : List.of(ofGuest, toGuest)) {
                assertThatThrownBy(end::receiveAll)
                        .isInstanceOf(IOException.class)
                        .hasMessageContaining("reset");
            }
        }

        @Override
        public void close() throws IOException {
            ofGuest.close();
            toGuest.close();
        }
    }
}
