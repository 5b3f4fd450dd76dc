package io.passatelli.os.sim;

import io.passatelli.base.Ip;
import org.jspecify.annotations.Nullable;

import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;

/** A UDP port of a far host, played by a test. It keeps what comes. */
public final class FarUdp {
    private static final int TTL = 64;

    /**
     * A datagram as it came.
     *
     * @param text its bytes, in ISO 8859-1
     * @param ttl what the routers on the way left of it
     */
    public record Arrival(Ip from, int fromPort, String text, int ttl) {
        public byte[] bytes() {
            return text.getBytes(StandardCharsets.ISO_8859_1);
        }
    }

    private final SimKernel kernel;
    private final FarHost host;
    private final Ip address;
    private final int port;
    private final SimWay way;
    private final List<Arrival> arrivals = new ArrayList<>();
    private @Nullable SimDatagram last;
    private long echoNs = -1;
    private int refused;

    FarUdp(SimKernel kernel, FarHost host, Ip address, int port) {
        this.kernel = kernel;
        this.host = host;
        this.address = address;
        this.port = port;
        this.way = new SimWay(kernel);
    }

    /** Sends back what comes, {@code afterNs} later. */
    public FarUdp echoes(long afterNs) {
        echoNs = afterNs;
        return this;
    }

    /** What has come so far, oldest first. */
    public List<Arrival> arrivals() {
        return List.copyOf(arrivals);
    }

    /** How many of our datagrams were answered by "port unreachable". */
    public int refused() {
        return refused;
    }

    /** Sends to one of our addresses. */
    public void send(Ip to, int toPort, byte[] bytes) {
        SimDatagram datagram = new SimDatagram(address, port, to, toPort, bytes.clone(), TTL, true);
        if (to.isLoopback() || !kernel.net.isLocal(to)) {
            return; // a martian, or somebody else's
        }
        way.between(() -> {
            if (!kernel.net.udp.deliver(datagram)) {
                refused++;
            }
        });
    }

    /** Answers whoever sent the last datagram that came. */
    public void reply(byte[] bytes) {
        SimDatagram to = lastArrival();
        send(to.from, to.fromPort, bytes);
    }

    /** {@code offender}, this host or a router, complains of the last datagram that came, by ICMP or ICMPv6. */
    public void complain(Ip offender, int type, int code, int info) {
        SimDatagram about = lastArrival();
        way.between(() -> kernel.net.udp.onIcmp(new SimIcmp(offender, type, code, info), about));
    }

    /** From now on the port is unreachable. */
    public void close() {
        host.closeUdp(port);
    }

    void onDatagram(SimDatagram datagram, int ttl) {
        last = datagram;
        String text = new String(datagram.bytes, StandardCharsets.ISO_8859_1);
        arrivals.add(new Arrival(datagram.from, datagram.fromPort, text, ttl));
        if (echoNs >= 0) {
            kernel.clock.in(echoNs, () -> send(datagram.from, datagram.fromPort, datagram.bytes));
        }
    }

    private SimDatagram lastArrival() {
        SimDatagram datagram = last;
        if (datagram == null) {
            throw new AssertionError("nothing has come to " + address + " port " + port);
        }
        return datagram;
    }
}
