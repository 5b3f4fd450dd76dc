package io.passatelli.e2e;

import io.passatelli.lab.Command;
import io.passatelli.lab.Lab;
import io.passatelli.lab.TapCable;

import java.io.IOException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.fail;

/** passt in the pod of a lab of its own, and as its guest a Linux stack in a namespace, at the other end of the stream socket. */
final class NetnsGuest implements TcpWorld {
    static final String CARD = "tap0";
    /** Of the pod and of its guest. */
    static final String GUEST6 = "fd77::2";

    static final String PEER6 = "fd77::3";
    static final String GATEWAY6 = "fd77::1";

    static final Duration LIMIT = Duration.ofSeconds(40);
    private static final Duration QUIET_LIMIT = Duration.ofSeconds(20);
    private static final long LOOK_MS = 50;
    /** What a process may open once and keep. */
    private static final int DESCRIPTORS_OF_ITS_OWN = 8;

    private final Lab lab;
    private final Passt passt;
    private final TapCable cable;
    private final int firstDescriptors;

    private NetnsGuest(Lab lab, Passt passt, TapCable cable) throws IOException {
        this.lab = lab;
        this.passt = passt;
        this.cable = cable;
        firstDescriptors = passt.descriptors();
    }

    /** All of it, with the card down. */
    static NetnsGuest start(String... options) throws IOException, InterruptedException {
        return in(Lab.withVm(), options);
    }

    /** The same in a lab that was prepared, and is closed with this. */
    static NetnsGuest in(Lab lab, String... options) throws IOException, InterruptedException {
        Passt passt = null;
        try {
            passt = Passt.start(lab, options);
            return new NetnsGuest(lab, passt, TapCable.connect(lab, passt.socket()));
        } catch (IOException | InterruptedException | RuntimeException | Error e) {
            if (passt != null) {
                passt.close();
            }
            lab.close();
            throw e;
        }
    }

    @Override
    public Lab lab() {
        return lab;
    }

    @Override
    public String guest() {
        return lab.vm();
    }

    Passt passt() {
        return passt;
    }

    TapCable cable() {
        return cable;
    }

    /** Sets the card up with the pod's addresses, known at once; the IPv6 route comes by advertisement. */
    NetnsGuest configured(int mtu) throws IOException, InterruptedException {
        guest(configuration(mtu));
        // a TAP forgets what its queue of 500 does not hold; QEMU's cards forget nothing
        guest("ip link set tap0 txqueuelen 10000");
        return this;
    }

    /** One address in each family: who asks and who is asked is the same. */
    static String configuration(int mtu) {
        return """
                sysctl -qw net.ipv6.conf.tap0.autoconf=0
                ip link set tap0 mtu %d up
                ip address add 10.77.0.2/24 dev tap0
                ip address add fd77::2/64 dev tap0 nodad
                ip route add default via 10.77.0.1
                """.formatted(mtu);
    }

    /** Runs a shell script in the guest, which has to succeed; what it printed. */
    String guest(String script) throws IOException, InterruptedException {
        return sh(lab.vm(), script);
    }

    String pod(String script) throws IOException, InterruptedException {
        return sh(lab.pod(), script);
    }

    String peer(String script) throws IOException, InterruptedException {
        return sh(lab.peer(), script);
    }

    /** The same, whatever its exit code. */
    Command tryGuest(String script) throws IOException, InterruptedException {
        return lab.in(lab.vm(), LIMIT, "sh", "-c", script);
    }

    /** Starts a program that runs until this is closed. */
    void background(String namespace, String... words) throws IOException {
        List<String> all = new ArrayList<>(List.of("ip", "netns", "exec", namespace));
        all.addAll(List.of(words));
        new ProcessBuilder(all)
                .redirectOutput(ProcessBuilder.Redirect.DISCARD)
                .redirectError(ProcessBuilder.Redirect.DISCARD)
                .start(); // whoever runs in the lab's namespaces ends with them
    }

    /** Repeats a script in the guest until its output contains {@code wanted}; its output then. */
    String awaitGuest(String wanted, String script) throws IOException, InterruptedException {
        return guest("""
                for try in $(seq 100); do
                    said=$({ %s
                    } 2>&1) || true
                    case $said in *'%s'*) echo "$said"; exit 0 ;; esac
                    sleep 0.1
                done
                echo "$said" >&2
                exit 1
                """.formatted(script, wanted));
    }

    /** Every flow has a descriptor. */
    @Override
    public void awaitQuiet() throws Exception {
        int most = firstDescriptors + DESCRIPTORS_OF_ITS_OWN;
        long end = System.nanoTime() + QUIET_LIMIT.toNanos();
        while (passt.descriptors() > most) {
            if (System.nanoTime() > end) {
                fail("passt has %d descriptors, not %d: %s", passt.descriptors(), most, passt.lines());
            }
            Thread.sleep(LOOK_MS);
        }
        assertThat(passt.isAlive()).isTrue();
    }

    @Override
    public String complaint() {
        return String.join("\n", passt.lines());
    }

    @Override
    public void close() throws IOException {
        cable.close();
        passt.close();
        lab.close();
    }
}
