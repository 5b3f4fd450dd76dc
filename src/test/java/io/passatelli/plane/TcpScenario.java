package io.passatelli.plane;

import io.passatelli.base.Ip;
import io.passatelli.config.PortForward;
import io.passatelli.link.GuestFrame;
import io.passatelli.link.SimLink;
import io.passatelli.os.Os;
import io.passatelli.os.sim.FarListener;
import io.passatelli.os.sim.StreamPeer;
import io.passatelli.wire.TcpSegment;

import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Proxy;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Random;

import static org.assertj.core.api.Assertions.assertThat;

/**
 * Conversations of the guest's over TCP, as packet traces, through a whole plane in virtual time. The guest speaks from its port 40000 on to port
 * 80 of hosts elsewhere, whose end {@link StreamPeer} is; hosts speak to port 8080 of ours, which is the guest's port 22. Frames of other
 * protocols that the guest gets are thrown away.
 */
final class TcpScenario implements TcpGround, AutoCloseable {
    static final String FAR4 = "192.0.2.7";
    static final String FAR6 = "2001:db8::7";
    static final int FAR_PORT = 80;
    static final int HOST_PORT = 8080;
    static final int GUEST_PORT = 22;
    private static final int FIRST_PORT = 40_000;

    /** One answer of the kernel to the plane that is not the kernel's own. */
    private static final class Refusal {
        final int errno;
        int left;

        Refusal(int errno, int times) {
            this.errno = errno;
            left = times;
        }
    }

    final PlaneScenario plane;
    private final Map<String, Integer> calls;
    private final Map<String, Refusal> refusals;
    private final List<String> options;
    private final Map<String, TcpTalk> talks = new LinkedHashMap<>();
    private final Map<String, FarListener> listeners = new HashMap<>();
    private final List<TcpSegment> unclaimed = new ArrayList<>();
    private int nextPort = FIRST_PORT;

    private TcpScenario(
            PlaneScenario plane, Map<String, Integer> calls, Map<String, Refusal> refusals, List<String> options) {
        this.plane = plane;
        this.calls = calls;
        this.refusals = refusals;
        this.options = options;
    }

    /** Both families, and port 8080 forwarded to the guest's 22. */
    static PlaneScenario.Setup setup() {
        PortForward forward = new PortForward(PortForward.Protocol.TCP, null, null, HOST_PORT, HOST_PORT, GUEST_PORT);
        return PlaneScenario.setup().ip6().change(config -> config.forwards(List.of(forward)));
    }

    static TcpScenario standard() {
        return of(setup());
    }

    static TcpScenario of(PlaneScenario.Setup setup) {
        Map<String, Integer> calls = new HashMap<>();
        Map<String, Refusal> refusals = new HashMap<>();
        List<String> options = new ArrayList<>();
        return new TcpScenario(
                setup.around(os -> watched(os, calls, refusals, options)).start(), calls, refusals, options);
    }

    private static Os watched(Os os, Map<String, Integer> calls, Map<String, Refusal> refusals, List<String> options) {
        return (Os) Proxy.newProxyInstance(
                Os.class.getClassLoader(), new Class<?>[] {Os.class}, (proxy, method, arguments) -> {
                    String name = method.getName();
                    calls.merge(name, 1, Integer::sum);
                    if (name.equals("setOption")) {
                        options.add(arguments[1] + "/" + arguments[2] + "=" + arguments[3]);
                    }
                    Refusal refusal = refusals.get(name);
                    if (refusal != null && refusal.left-- > 0) {
                        return method.getReturnType() == long.class ? (Object) (long) -refusal.errno : -refusal.errno;
                    }
                    try {
                        return method.invoke(os, arguments);
                    } catch (InvocationTargetException e) {
                        throw e.getCause();
                    }
                });
    }

    /** How often the plane has called {@code name} of {@link Os}. */
    int calls(String name) {
        return calls.getOrDefault(name, 0);
    }

    /** The next {@code times} calls of {@code name} fail. */
    TcpScenario fails(String name, int errno, int times) {
        refusals.put(name, new Refusal(errno, times));
        return this;
    }

    /** Every setsockopt(2) of the plane, as level/name=value. */
    List<String> options() {
        return options;
    }

    static String far(boolean v4) {
        return v4 ? FAR4 : FAR6;
    }

    static String guest(boolean v4) {
        return v4 ? PlaneScenario.GUEST : PlaneScenario.GUEST6;
    }

    @Override
    public void guestSends(byte[] frame) {
        plane.guestSends(frame);
    }

    @Override
    public void runs(long ns) {
        plane.runs(ns);
    }

    /** A conversation that the guest is about to begin, from a port of its own; whether a host listens is for the test to say. */
    TcpTalk talk(boolean v4) {
        return talk(guest(v4), nextPort++, far(v4), FAR_PORT);
    }

    TcpTalk talk(String from, int fromPort, String to, int toPort) {
        TcpTalk talk = new TcpTalk(this, from, fromPort, to, toPort);
        talks.put(talk.name(), talk);
        return talk;
    }

    /** A host listens at {@link #FAR_PORT}. */
    FarListener listens(boolean v4) {
        return listeners.computeIfAbsent(far(v4), far -> plane.os.listenFar(Ip.parse(far), FAR_PORT));
    }

    /** Another one, somewhere else. */
    FarListener listens(String far, int port) {
        return plane.os.listenFar(Ip.parse(far), port);
    }

    /** A conversation whose handshake is over; the guest takes segments of 1460 bytes and scales its window by 7. */
    TcpTalk connected() {
        return connected(true);
    }

    TcpTalk connected(boolean v4) {
        return connect(talk(v4).options(1460, 7));
    }

    /** The whole handshake of a conversation with a host at {@link #FAR_PORT}. */
    TcpTalk connect(TcpTalk talk) {
        FarListener listener = listens(talk.isV4());
        talk.handshake();
        return talk.far(Objects.requireNonNull(listener.accept(), "nothing to accept"));
    }

    /** A host connected to our port 8080; the guest's side is yet to answer: the SYN is the next that it gets. */
    TcpTalk asked() {
        return asked(true);
    }

    TcpTalk asked(boolean v4) {
        StreamPeer peer = plane.os.connectTcp(Ip.parse(guest(v4)), HOST_PORT);
        runs(0);
        sort();
        assertThat(unclaimed).as("SYN to the guest").hasSize(1);
        TcpSegment syn = unclaimed.removeFirst();
        assertThat(syn.dstPort()).isEqualTo(GUEST_PORT);
        TcpTalk talk = talk(syn.dst(), GUEST_PORT, syn.src(), syn.srcPort());
        talk.far(peer);
        talk.inbox.add(syn);
        return talk;
    }

    /** Such a conversation after the guest's SYN,ACK, which was acknowledged. */
    TcpTalk accepted() {
        return asked().accepts();
    }

    @Override
    public void sort() {
        sort(plane.link, talks, unclaimed);
    }

    @Override
    public void sort(TcpTalk talk) {
        sort();
    }

    /** What {@code link} has for the guest goes to those of {@code talks} that it is for, or else to {@code unclaimed}. */
    static void sort(SimLink link, Map<String, TcpTalk> talks, List<TcpSegment> unclaimed) {
        for (GuestFrame frame : link.seen()) {
            if (!TcpSegment.isIn(frame.bytes)) {
                continue;
            }
            assertThat(frame.bytes.length).as("frame length").isGreaterThanOrEqualTo(60);
            TcpSegment segment = TcpSegment.parse(frame.bytes, frame.offload);
            TcpTalk talk = talks.get(TcpTalk.name(segment.dst(), segment.dstPort(), segment.src(), segment.srcPort()));
            if (talk == null) {
                unclaimed.add(segment);
            } else {
                talk.inbox.add(segment);
            }
        }
        link.forgetSeen();
    }

    /** What came for no conversation of the test's, since it was asked the last time. */
    List<TcpSegment> unclaimed() {
        sort();
        List<TcpSegment> all = List.copyOf(unclaimed);
        unclaimed.clear();
        return all;
    }

    TcpScenario hasFlows(int count) {
        assertThat(plane.stats().flows()).as("flows").isEqualTo(count);
        return this;
    }

    /** Bytes without a pattern, so that none can take another's place. */
    static byte[] bytes(int length) {
        byte[] bytes = new byte[length];
        new Random(length).nextBytes(bytes);
        return bytes;
    }

    /** What the test did not look at is an error. */
    @Override
    public void close() {
        sort();
        assertThat(unclaimed).as("segments for nobody").isEmpty();
        talks.values().forEach(talk -> assertThat(talk.inbox).as(talk.name()).isEmpty());
        plane.close();
    }
}
