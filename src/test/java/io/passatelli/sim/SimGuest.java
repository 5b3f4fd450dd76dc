package io.passatelli.sim;

import io.passatelli.base.Ip;
import io.passatelli.os.sim.SimClock;
import io.passatelli.wire.Offload;
import org.jspecify.annotations.Nullable;

import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Consumer;
import java.util.function.Supplier;

/** The TCP of a machine that behaves as Linux does: its connections, listeners, and what it answers to strangers. */
public final class SimGuest {
    /** Where frames go. */
    public interface Wire {
        void send(byte[] frame, Offload offload);
    }

    /**
     * What the wire does for its users.
     *
     * @param mtu bytes of an IP packet
     * @param checksums left to the other side
     * @param segmentation left to the other side, which needs {@code checksums}
     */
    public record Nic(int mtu, boolean checksums, boolean segmentation) {
        public static Nic plain() {
            return new Nic(1_500, false, false);
        }
    }

    private record Name(Ip local, int localPort, Ip remote, int remotePort) {}

    private record Listener(Supplier<Traits> traits, Consumer<GuestTcp> accepted) {}

    final SimClock clock;
    final Nic nic;
    private final Wire wire;
    private final Map<Name, GuestTcp> connections = new HashMap<>();
    private final Map<Integer, Listener> listeners = new HashMap<>();
    private long damaged;
    private long strangers;
    private long sent;

    public SimGuest(SimClock clock, Nic nic, Wire wire) {
        this.clock = clock;
        this.nic = nic;
        this.wire = wire;
    }

    /** Connects; {@code sendSeed} is that of the {@link Pattern} that it will send. */
    public GuestTcp connect(Ip local, int localPort, Ip remote, int remotePort, Traits traits) {
        GuestTcp made = new GuestTcp(this, local, localPort, remote, remotePort, traits);
        if (connections.putIfAbsent(made.name(Name::new), made) != null) {
            throw new AssertionError("there is such a connection");
        }
        made.connect();
        return made;
    }

    /** Accepts what comes to {@code port}, of any address. */
    public void listen(int port, Supplier<Traits> traits, Consumer<GuestTcp> accepted) {
        listeners.put(port, new Listener(traits, accepted));
    }

    public void unlisten(int port) {
        listeners.remove(port);
    }

    /** A frame comes. Other than TCP is nobody's. */
    public void receive(byte[] frame, Offload offload) {
        Segment segment = Segment.parse(frame, offload);
        if (segment == null) {
            return;
        }
        if (segment.damaged) {
            damaged++;
            return;
        }
        GuestTcp connection = connections.get(new Name(segment.dst, segment.dstPort, segment.src, segment.srcPort));
        if (connection != null && !connection.isReplacedBy(segment)) {
            connection.arrive(segment);
            return;
        }
        Listener listener = listeners.get(segment.dstPort);
        if (listener != null && segment.has(Segment.SYN) && !segment.has(Segment.ACK) && !segment.has(Segment.RST)) {
            GuestTcp made = new GuestTcp(
                    this, segment.dst, segment.dstPort, segment.src, segment.srcPort, listener.traits.get());
            connections.put(made.name(Name::new), made);
            made.accept(segment, listener.accepted);
            return;
        }
        answerStranger(segment);
    }

    /** RFC 9293 §3.10.7.1. */
    void answerStranger(Segment to) {
        if (to.has(Segment.RST)) {
            return;
        }
        strangers++;
        Segment out = new Segment();
        out.src = to.dst;
        out.dst = to.src;
        out.srcPort = to.dstPort;
        out.dstPort = to.srcPort;
        if (to.has(Segment.ACK)) {
            out.seq = to.ack;
            out.flags = Segment.RST;
        } else {
            out.ack = to.seq + to.length();
            out.flags = Segment.RST | Segment.ACK;
        }
        send(out);
    }

    void send(Segment segment) {
        sent++;
        wire.send(segment.frame(nic.checksums), nic.checksums ? segment.offload() : new Offload());
    }

    void forget(GuestTcp connection) {
        connections.remove(connection.name(Name::new), connection);
    }

    /** Frames that came with a wrong checksum. */
    public long damaged() {
        return damaged;
    }

    /** Segments that belonged to nothing here. */
    public long strangers() {
        return strangers;
    }

    public long sent() {
        return sent;
    }

    /** All that are not over, those in TIME-WAIT too. */
    public List<GuestTcp> connections() {
        return new ArrayList<>(connections.values());
    }

    /** The connection that a segment which comes in with these names belongs to. */
    public @Nullable GuestTcp find(Ip local, int localPort, Ip remote, int remotePort) {
        return connections.get(new Name(local, localPort, remote, remotePort));
    }
}
