package io.passatelli.e2e;

import io.passatelli.lab.Lab;
import io.passatelli.lab.TcpEnd;
import io.passatelli.lab.TcpService;

import java.io.IOException;
import java.util.List;

/** A Linux stack whose way to the pod's network is ours, and the pod's peer; TCP ports 7101 to 7120 of the pod are the guest's. */
interface TcpWorld extends AutoCloseable {
    int FIRST_PORT = 7_101;
    String PORTS = "7101-7120";

    /** Who speaks to whom, in either family. */
    enum Family {
        IP4(Lab.POD, Lab.PEER, Lab.GATEWAY, "127.0.0.1", "0.0.0.0", "10.77.0.77"),
        IP6(NetnsGuest.GUEST6, NetnsGuest.PEER6, NetnsGuest.GATEWAY6, "::1", "::", "fd77::77");

        final String guest;
        final String peer;
        final String gateway;
        final String loopback;
        final String any;
        final String nobody;

        Family(String guest, String peer, String gateway, String loopback, String any, String nobody) {
            this.guest = guest;
            this.peer = peer;
            this.gateway = gateway;
            this.loopback = loopback;
            this.any = any;
            this.nobody = nobody;
        }
    }

    /** Who asks for the connection. */
    enum Way {
        FROM_GUEST,
        TO_GUEST
    }

    Lab lab();

    /** The namespace that the guest's programs run in. */
    String guest();

    /** Runs a shell script in a namespace, which has to succeed; what it printed. */
    default String sh(String namespace, String script) throws IOException, InterruptedException {
        return lab().in(namespace, NetnsGuest.LIMIT, "sh", "-ec", script)
                .succeeded()
                .out();
    }

    /** Which congestion control all ends use from now on, and the pod. False: this machine does not have it, or does not let us choose it. */
    default boolean congestionControl(String name) throws IOException, InterruptedException {
        for (String namespace : List.of(guest(), lab().pod(), lab().peer())) {
            String setting = "net.ipv4.tcp_congestion_control=" + name;
            if (lab().in(namespace, NetnsGuest.LIMIT, "sysctl", "-qw", setting).exitCode() != 0) {
                return false;
            }
        }
        return true;
    }

    /** Waits until nothing is left of any flow; fails if an invariant was violated. */
    void awaitQuiet() throws Exception;

    /** What our program can say when a test failed. */
    String complaint() throws IOException;

    /** A connection in which the guest's program is at one end and the peer's at the other. */
    default Pair connection(Way way, Family family) throws IOException {
        boolean outbound = way == Way.FROM_GUEST;
        String from = outbound ? guest() : lab().peer();
        String source = outbound ? family.guest : family.peer;
        String at = outbound ? lab().peer() : guest();
        String bound = outbound ? family.peer : family.guest;
        try (TcpService service = TcpService.at(at, bound, FIRST_PORT)) {
            TcpEnd asking = TcpEnd.connect(from, source, bound, FIRST_PORT);
            try {
                TcpEnd asked = service.accept();
                return outbound ? new Pair(asking, asked) : new Pair(asked, asking);
            } catch (IOException | RuntimeException | Error e) {
                asking.close();
                throw e;
            }
        }
    }

    /** Both ends of one connection. */
    record Pair(TcpEnd guest, TcpEnd peer) implements AutoCloseable {
        /** One end or the other. */
        TcpEnd end(boolean ofGuest) {
            return ofGuest ? guest : peer;
        }

        @Override
        public void close() throws IOException {
            guest.close();
            peer.close();
        }
    }

    @Override
    void close() throws IOException;
}
