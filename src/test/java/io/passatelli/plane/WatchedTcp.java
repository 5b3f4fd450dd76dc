package io.passatelli.plane;

import io.passatelli.base.Ip;
import io.passatelli.base.Limits;
import io.passatelli.link.GuestFrame;
import io.passatelli.link.WatchedLink;
import io.passatelli.sim.Segment;
import io.passatelli.wire.Seq;
import org.jspecify.annotations.Nullable;

import java.util.HashMap;
import java.util.Map;
import java.util.function.Supplier;

/**
 * Looks at each segment that the plane receives and sends, in its order, and fails at what may never be: a wrong checksum, an acknowledgment of what did
 * not come or goes back, a window whose edge moves left, data beyond the guest's window or larger than the guest takes.
 */
final class WatchedTcp implements WatchedLink.Watcher {
    /** One connection. */
    static final class Track {
        final Ip guest;
        final int guestPort;
        final Ip far;
        final int farPort;

        private boolean guestKnown;
        private int guestIsn;
        private int guestMss;
        private int guestScale;
        private boolean guestSacks;
        private int guestHigh;
        private int guestEdge;
        private boolean guestEdgeKnown;
        private boolean guestFin;

        private boolean ourKnown;
        private int ourIsn;
        private int ourScale;
        private int ourHigh;
        private int ourUna;
        private int ourEdge;
        private long again;
        private boolean ourEdgeKnown;
        private int lastAck;
        private boolean reset;
        private boolean guestReset;
        private long dataNs;
        private long waitsSinceNs = NEVER;

        Track(Ip guest, int guestPort, Ip far, int farPort) {
            this.guest = guest;
            this.guestPort = guestPort;
            this.far = far;
            this.farPort = farPort;
        }

        private void forget() {
            reset = false;
            guestReset = false;
            guestKnown = false;
            guestEdgeKnown = false;
            guestFin = false;
            ourKnown = false;
            ourEdgeKnown = false;
            again = 0;
        }

        /** Segments that went to the guest before, and went again. */
        long again() {
            return again;
        }

        /** Bytes that the guest was sent at least once. */
        int sentBytes() {
            return ourKnown ? ourHigh - ourIsn - 1 : 0;
        }

        int inFlight() {
            return ourHigh - ourUna;
        }

        /** Further bytes that the guest's window has room for, as the plane knows it. */
        int usable() {
            return guestEdgeKnown ? guestEdge - ourHigh : 0;
        }

        int guestIsn() {
            return guestIsn;
        }

        int segmentBytes() {
            return guestMss;
        }

        boolean isOver() {
            return reset || guestReset;
        }

        boolean isEstablished() {
            return guestEdgeKnown && ourKnown && guestKnown;
        }

        @Override
        public String toString() {
            return guest + " " + guestPort + ", " + far + " " + farPort + ": to guest una " + rel(ourUna, ourIsn)
                    + " high "
                    + rel(ourHigh, ourIsn) + " window to " + rel(guestEdge, ourIsn) + "; from guest high "
                    + rel(guestHigh, guestIsn) + " acked " + rel(lastAck, guestIsn) + " edge " + rel(ourEdge, guestIsn)
                    + (guestFin ? " FIN" : "") + (reset ? " RST sent" : "") + (guestReset ? " RST came" : "");
        }

        private static int rel(int seq, int isn) {
            return seq - isn - 1;
        }
    }

    private record Name(Ip guest, int guestPort, Ip far, int farPort) {}

    private static final long NEVER = Long.MAX_VALUE;
    private static final int STORY = Integer.getInteger("sim.story", 60);

    private final Supplier<WatchedOs> os;
    private final int mtu;
    private final Supplier<Long> nowNs;
    private final Map<Name, Track> tracks = new HashMap<>();
    private final java.util.ArrayDeque<String> story = new java.util.ArrayDeque<>();
    private @Nullable String failure;
    private long frames;

    WatchedTcp(Supplier<WatchedOs> os, int mtu, Supplier<Long> nowNs) {
        this.os = os;
        this.mtu = mtu;
        this.nowNs = nowNs;
    }

    Iterable<Track> tracks() {
        return tracks.values();
    }

    /** What was wrong first, or null: a plane that throws out of a link would hide it. */
    @Nullable
    String failure() {
        return failure;
    }

    /** The last segments, oldest first. */
    String story() {
        return String.join("\n", story);
    }

    long frames() {
        return frames;
    }

    private Track track(Ip guest, int guestPort, Ip far, int farPort) {
        return tracks.computeIfAbsent(
                new Name(guest, guestPort, far, farPort), n -> new Track(guest, guestPort, far, farPort));
    }

    private void tell(String direction, Segment s) {
        if (story.size() == STORY) {
            story.remove();
        }
        story.add((nowNs.get() / 1_000) % 1_000_000_000 + " us " + direction + " " + s);
    }

    private void check(boolean holds, String what, Track track, Segment s) {
        if (!holds && failure == null) {
            failure = what + ": " + s + "; " + track + "\n" + story();
        }
    }

    @Override
    public void fromGuest(GuestFrame frame) {
        frames++;
        Segment s = Segment.parse(frame.bytes, frame.offload);
        if (s == null || s.damaged) {
            return;
        }
        tell("guest", s);
        Track t = track(s.src, s.srcPort, s.dst, s.dstPort);
        if (s.has(Segment.RST)) {
            t.guestReset = true;
            return;
        }
        if (s.has(Segment.SYN)) {
            if (t.reset && !s.has(Segment.ACK)) {
                t.forget(); // the guest begins anew; it may not have heard of the reset
            }
            if (t.guestKnown && t.guestIsn == s.seq && t.guestEdgeKnown) {
                return; // again
            }
            t.guestKnown = true;
            t.guestIsn = s.seq;
            t.guestHigh = s.seq + 1;
            t.guestMss = s.mss == Segment.NONE ? 536 : s.mss;
            t.guestScale = s.windowScale;
            t.guestSacks = s.sackPermitted;
            if (s.has(Segment.ACK) && t.ourKnown && s.ack == t.ourIsn + 1) {
                t.ourUna = s.ack;
                t.guestEdge = s.ack + s.window;
                t.guestEdgeKnown = true;
            }
            return;
        }
        if (!t.guestKnown || !t.ourKnown || !s.has(Segment.ACK) || s.ack - t.ourUna < 0 || s.ack - t.ourHigh > 0) {
            return;
        }
        t.guestHigh = Seq.max(t.guestHigh, s.seq + s.length());
        t.guestFin |= s.has(Segment.FIN);
        boolean scales = t.guestScale != Segment.NONE && t.ourScale != Segment.NONE;
        int edge = s.ack + (s.window << (scales ? t.guestScale : 0));
        t.guestEdge = t.guestEdgeKnown ? Seq.max(t.guestEdge, edge) : edge;
        t.guestEdgeKnown = true;
        t.ourUna = s.ack;
    }

    @Override
    public void toGuest(GuestFrame frame) {
        frames++;
        Segment s = Segment.parse(frame.bytes, frame.offload);
        if (s == null) {
            return;
        }
        tell("plane", s);
        Track t = track(s.dst, s.dstPort, s.src, s.srcPort);
        check(!s.damaged, "wrong checksum or length", t, s);
        check(s.gsoSize > 0 || frame.bytes.length <= Math.max(60, mtu + 14), "more than the MTU", t, s);
        if (s.has(Segment.RST)) {
            t.reset = true;
            return;
        }
        check(!t.reset, "a segment after a reset", t, s);
        if (s.has(Segment.SYN)) {
            syn(t, s);
            return;
        }
        check(s.has(Segment.ACK) && t.ourKnown && t.guestKnown, "a segment without a connection", t, s);
        acknowledges(t, s);
        sends(t, s);
    }

    private void syn(Track t, Segment s) {
        check(!t.ourKnown || t.ourIsn == s.seq, "another ISN", t, s);
        check(s.mss != Segment.NONE && s.data.length == 0, "options", t, s);
        t.again += t.ourKnown ? 1 : 0;
        t.ourKnown = true;
        t.ourIsn = s.seq;
        t.ourScale = s.windowScale;
        if (!t.guestEdgeKnown) {
            t.ourHigh = s.seq + 1;
            t.ourUna = s.seq + 1;
        }
        if (s.has(Segment.ACK)) {
            check(t.guestKnown && s.ack == t.guestIsn + 1, "SYN,ACK of something else", t, s);
            check(s.windowScale == Segment.NONE || t.guestScale != Segment.NONE, "scale that was not offered", t, s);
            check(!s.sackPermitted || t.guestSacks, "SACK that was not offered", t, s);
            t.lastAck = s.ack;
            t.ourEdge = s.ack + s.window;
            t.ourEdgeKnown = true;
        }
    }

    private void acknowledges(Track t, Segment s) {
        boolean scales = t.guestScale != Segment.NONE && t.ourScale != Segment.NONE;
        int unit = scales ? 1 << t.ourScale : 1;
        int edge = s.ack + s.window * unit;
        if (t.ourEdgeKnown) {
            // a window rounded down may seem to shrink by less than its unit, RFC 7323 §2.4
            check(edge - t.ourEdge > -unit, "the window's edge moves left by " + (t.ourEdge - edge), t, s);
            check(s.ack - t.lastAck >= 0, "an acknowledgment goes back", t, s);
        }
        check(s.ack - t.guestHigh <= 0, "an acknowledgment of what did not come", t, s);
        check(s.blocks.length == 0 || t.guestSacks, "SACK that was not offered", t, s);
        for (int i = 0; i < s.blocks.length; i += 2) {
            boolean ahead = s.blocks[i] - s.ack > 0 && s.blocks[i + 1] - s.blocks[i] > 0;
            check(ahead && t.guestHigh - s.blocks[i + 1] >= 0, "a block of what did not come", t, s);
        }
        WatchedOs.Connection socket = os.get().to(t.far, t.farPort);
        if (socket != null && !socket.closed) {
            long acked = Integer.toUnsignedLong(s.ack - t.guestIsn - 1);
            boolean finAcked = t.guestFin && s.ack == t.guestHigh;
            check(!finAcked || socket.shutWrite, "an acknowledgment of a FIN that was not relayed", t, s);
            check(
                    acked - (finAcked ? 1 : 0) <= socket.sent + (long) Limits.TCP_STASH_CHUNKS * Limits.TCP_CHUNK_BYTES,
                    "an acknowledgment of more than kernel (" + socket.sent + ") and stash hold",
                    t,
                    s);
        }
        t.ourEdge = t.ourEdgeKnown && t.ourEdge - edge > 0 ? t.ourEdge : edge;
        t.ourEdgeKnown = true;
        t.lastAck = s.ack;
    }

    private void sends(Track t, Segment s) {
        int unit = s.gsoSize > 0 ? s.gsoSize : s.data.length;
        check(unit <= t.guestMss, "more than the guest's MSS of " + t.guestMss, t, s);
        check(s.seq - (t.ourIsn + (t.guestEdgeKnown ? 0 : 1)) >= 0, "a sequence number before the first", t, s);
        if (s.data.length > 0) {
            check(t.guestEdgeKnown, "data before the handshake is over", t, s);
            int end = s.seq + s.data.length;
            check(end - t.guestEdge <= 0, "data beyond the guest's window", t, s);
        }
        int old = t.ourHigh - s.seq;
        if (old > 0 && s.length() > 0) {
            int bytes = Math.min(old, s.data.length);
            t.again += s.gsoSize > 0 ? (bytes + s.gsoSize - 1) / s.gsoSize : 1;
        }
        int high = s.seq + s.length();
        check(s.seq - t.ourHigh <= 0, "a hole", t, s);
        if (high - t.ourHigh > 0) {
            t.ourHigh = high;
            t.dataNs = nowNs.get();
            if (t.waitsSinceNs != NEVER) {
                waited(t);
            }
        }
    }

    /**
     * Called between turns: the flow has data for the guest, and nothing keeps it from sending them; or not. A frame has to follow within
     * {@code mostNs}.
     */
    void waits(Track t, boolean does) {
        if (!does) {
            t.waitsSinceNs = NEVER;
        } else if (t.waitsSinceNs == NEVER) {
            t.waitsSinceNs = nowNs.get();
        } else {
            waited(t);
        }
    }

    private void waited(Track t) {
        long ns = nowNs.get() - t.waitsSinceNs;
        if (ns > 1_000_000 && failure == null) {
            failure = "data that may go to the guest waited for " + ns / 1_000 + " us: " + t + "\n" + story();
        }
        if (t.dataNs == nowNs.get()) {
            t.waitsSinceNs = nowNs.get();
        }
    }
}
