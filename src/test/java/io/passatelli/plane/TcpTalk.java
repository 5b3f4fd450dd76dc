package io.passatelli.plane;

import io.passatelli.os.sim.StreamPeer;
import io.passatelli.wire.TcpSegment;
import org.jspecify.annotations.Nullable;

import java.io.ByteArrayOutputStream;
import java.nio.charset.StandardCharsets;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Deque;
import java.util.List;
import java.util.Objects;

import static io.passatelli.wire.TcpSegment.ACK;
import static io.passatelli.wire.TcpSegment.FIN;
import static io.passatelli.wire.TcpSegment.RST;
import static io.passatelli.wire.TcpSegment.SYN;
import static org.assertj.core.api.Assertions.assertThat;

/**
 * One conversation, the guest's end played by the test segment by segment. Numbers are relative to the initial ones, as tcpdump(1) shows them:
 * the SYN has 0, the first byte 1. What a line does not say is what it has to be: of the guest the next number and what it has got, with its
 * window; of us the next number, and all that the guest has sent.
 *
 * <p>Of every segment that comes it is checked that the edge of our window does not move left (by a whole unit of it), that it keeps to the guest's window and MSS, that
 * it acknowledges nothing that was not sent, and that options stand in SYNs only.
 */
final class TcpTalk {
    /** A segment as a trace has it; -1 and null: not said. */
    static final class Line {
        private final String letters;
        private long seq = NOT_SAID;
        private long ack = NOT_SAID;
        private int window = NONE;
        private byte @Nullable [] data;
        private int length = NONE;
        private @Nullable String options;

        private Line(String letters) {
            this.letters = letters;
        }

        Line seq(long relative) {
            seq = relative;
            return this;
        }

        Line ack(long relative) {
            ack = relative;
            return this;
        }

        /** As it stands there, not scaled. */
        Line window(int raw) {
            window = raw;
            return this;
        }

        Line data(String latin1) {
            return data(latin1.getBytes(StandardCharsets.ISO_8859_1));
        }

        Line data(byte[] bytes) {
            data = bytes;
            return this;
        }

        /** So many bytes, whatever they are. */
        Line length(int bytes) {
            length = bytes;
            return this;
        }

        /** In hex. */
        Line options(String hex) {
            options = hex;
            return this;
        }
    }

    private static final long NOT_SAID = Long.MIN_VALUE;
    private static final int NONE = -1;
    private static final String SACK_PERMITTED = "01010402";
    private static final int ECE = 0x40;
    private static final int CWR = 0x80;
    private static final int FAR_PIECE = 60_000;

    final Deque<TcpSegment> inbox = new ArrayDeque<>();
    private final TcpGround t;
    private final TcpSegment names;
    private @Nullable StreamPeer far;

    private int guestStart = 1_000_000;
    private int ourStart;
    private boolean ourStartKnown;
    /** What the guest sends next, and what it expects next. */
    private long next;

    private long expected;
    private int window = 65_535;
    private int mss = 1460;
    private int guestScale = NONE;
    private boolean sacks;
    private int offeredScale = NONE;
    private int ourScale;
    private int ourMss;
    private long guestEdge;
    private long ourEdge = Integer.MIN_VALUE;
    private long mostSent;
    private long acked;
    private long ackedByGuest;
    private final ByteArrayOutputStream received = new ByteArrayOutputStream();

    TcpTalk(TcpGround t, String from, int fromPort, String to, int toPort) {
        this.t = t;
        names = TcpSegment.between(from, fromPort, to, toPort);
    }

    static String name(String from, int fromPort, String to, int toPort) {
        return from + " " + fromPort + " > " + to + " " + toPort;
    }

    boolean isV4() {
        return names.src().indexOf(':') < 0;
    }

    String name() {
        return name(names.src(), names.srcPort(), names.dst(), names.dstPort());
    }

    static Line seg(String flags) {
        return new Line(flags);
    }

    static Line data(String latin1) {
        return new Line("PA").data(latin1);
    }

    static Line data(byte[] bytes) {
        return new Line("PA").data(bytes);
    }

    static Line ack(long relative) {
        return new Line("A").ack(relative);
    }

    // ---- set-up

    /** The guest's initial sequence number. */
    TcpTalk startsAt(int sequence) {
        guestStart = sequence;
        return this;
    }

    /** The host's end. */
    StreamPeer far() {
        return Objects.requireNonNull(far, "nobody accepted");
    }

    TcpTalk far(StreamPeer peer) {
        far = peer;
        return this;
    }

    /** The window in the guest's segments from now on, not scaled. */
    TcpTalk window(int raw) {
        window = raw;
        return this;
    }

    /** What the guest's SYN says, or is to be taken as saying; a scale of -1: no option. */
    TcpTalk options(int itsMss, int scale) {
        mss = itsMss;
        offeredScale = scale;
        return this;
    }

    /** The guest's SYN permits SACK, or is to be taken as doing so. */
    TcpTalk sacks() {
        sacks = true;
        return this;
    }

    /** The option with these blocks, numbers counted from the guest's first: start, end, start, end… */
    String blocks(long... numbers) {
        StringBuilder hex = new StringBuilder("010105%02x".formatted(2 + 4 * numbers.length));
        for (long number : numbers) {
            hex.append("%08x".formatted(guestStart + (int) number));
        }
        return hex.toString();
    }

    /** The host sends of {@code bytes} from {@code from} on what its kernel takes, and what that causes at once happens; returns where it stopped. */
    int farSends(byte[] bytes, int from) {
        int at = from;
        for (int idle = 0; at < bytes.length && idle < 3; idle++) {
            long n = far().send(Arrays.copyOfRange(bytes, at, Math.min(bytes.length, at + FAR_PIECE)));
            if (n > 0) {
                at += (int) n;
                idle = 0;
            }
            t.runs(0);
        }
        return at;
    }

    // ---- what the guest does

    /** The guest's SYN, with its MSS, and a window scale of 7 or of {@link #options}. */
    TcpTalk syn() {
        return sends(seg("S").options(synOptions()));
    }

    private String synOptions() {
        TcpSegment options = names.mss(mss);
        TcpSegment more = sacks ? options.options(options.options() + SACK_PERMITTED) : options;
        return (offeredScale == NONE ? more : more.windowScale(offeredScale)).options();
    }

    /** The whole handshake. */
    TcpTalk handshake() {
        return syn().gets(seg("SA")).sends(seg("A"));
    }

    /** The guest's answer to our SYN, which has to be the next that it gets, and our answer to that. */
    TcpTalk accepts() {
        options(1460, 7).gets(seg("S"));
        return sends(seg("SA").options(synOptions())).gets(seg("A"));
    }

    /** The guest sends this, and what it causes at once happens. */
    TcpTalk sends(Line line) {
        return sendsTogether(line);
    }

    /** In one batch. */
    TcpTalk sendsTogether(Line... lines) {
        for (Line line : lines) {
            puts(line);
        }
        t.runs(0);
        return this;
    }

    /** The guest sends this; nothing happens yet. */
    TcpTalk puts(Line line) {
        t.guestSends(made(line).fromGuest());
        return this;
    }

    /** The segment as it would be sent. */
    TcpSegment made(Line line) {
        int flags = flags(line.letters);
        byte[] data = line.data == null ? new byte[0] : line.data;
        long seq = line.seq == NOT_SAID ? next : line.seq;
        boolean acks = (flags & ACK) != 0;
        long ack = line.ack == NOT_SAID ? expected : line.ack;
        int raw = line.window < 0 ? window : line.window;
        TcpSegment segment = names.seq(guestStart + (int) seq)
                .flags(flags)
                .window(raw)
                .payload(data)
                .options(line.options == null ? "" : line.options);
        if (acks) {
            segment = segment.ack(ourStart + (int) ack);
        }
        next = Math.max(next, seq + segment.seqLength());
        if (acks && ourStartKnown) {
            int scale = (flags & SYN) != 0 ? 0 : Math.max(0, guestScale);
            guestEdge = Math.max(guestEdge, ack + ((long) raw << scale));
            ackedByGuest = Math.max(ackedByGuest, ack);
        }
        if ((flags & SYN) != 0) {
            guestEdge = Math.max(guestEdge, 1L + raw);
            if (ourStartKnown) { // the answer to ours
                guestScale = scale();
                ourScale = offeredScale == NONE ? 0 : ourScale;
            }
        }
        return segment;
    }

    private int scale() {
        return offeredScale == NONE ? 0 : Math.min(14, offeredScale);
    }

    /** The guest sends of {@code bytes} from {@code at} on what our window takes now, in one batch; returns where it stopped. */
    int sendsWhatFits(byte[] bytes, int at) {
        int end = (int) Math.min(bytes.length, at + Math.max(0, ourEdge - next));
        for (int from = at; from < end; from += ourMss) {
            puts(seg("A").data(Arrays.copyOfRange(bytes, from, Math.min(end, from + ourMss))));
        }
        t.runs(0);
        return end;
    }

    /** The guest sends all of it, as our window opens without time passing. */
    TcpTalk sendsAll(byte[] bytes) {
        for (int at = 0; at < bytes.length; ) {
            int before = at;
            at = sendsWhatFits(bytes, at);
            takeAll();
            assertThat(at).as("our window stays closed, sent").isGreaterThan(before);
        }
        return this;
    }

    /** The guest sends until our window stays closed for a second; returns how many of {@code bytes} it could. */
    int fills(byte[] bytes) {
        int at = 0;
        for (int before = -1; at > before; ) {
            before = at;
            while (at < bytes.length && next < ourEdge) {
                at = sendsWhatFits(bytes, at);
                takeAll();
            }
            t.runs(1_000_000_000);
            takeAll();
        }
        return at;
    }

    // ---- what the guest gets

    /** The next segment of this conversation is this one. */
    TcpSegment take(Line line) {
        TcpSegment segment = take();
        int flags = flags(line.letters);
        String trace = text(segment);
        int ignored = (flags & TcpSegment.PSH) != 0 ? 0 : TcpSegment.PSH;
        assertThat(segment.flags() & ~ignored).as("flags of %s", trace).isEqualTo(flags);
        long seq = line.seq == NOT_SAID ? before : line.seq;
        assertThat(seq(segment)).as("sequence number of %s", trace).isEqualTo(seq);
        if ((flags & ACK) != 0) {
            long ack = line.ack == NOT_SAID ? next : line.ack;
            assertThat(segment.ack() - guestStart)
                    .as("acknowledgment of %s", trace)
                    .isEqualTo((int) ack);
        } else {
            assertThat(segment.ack())
                    .as("acknowledgment that is none, of %s", trace)
                    .isZero();
        }
        if (line.window >= 0) {
            assertThat(segment.window()).as("window of %s", trace).isEqualTo(line.window);
        }
        byte[] data = line.data;
        if (data != null) {
            assertThat(segment.payloadBytes()).as("data of %s", trace).isEqualTo(data);
        } else {
            assertThat(segment.payload().length()).as("length of %s", trace).isEqualTo(Math.max(0, line.length));
        }
        if (line.options != null) {
            assertThat(segment.options()).as("options of %s", trace).isEqualTo(line.options);
        }
        return segment;
    }

    TcpTalk gets(Line line) {
        take(line);
        return this;
    }

    /** Where the guest expected the next segment to begin when the last one was taken. */
    private long before;

    /** The next segment, whatever it is; its place in the trace is noted. */
    TcpSegment take() {
        t.sort(this);
        TcpSegment segment = inbox.poll();
        if (segment == null) {
            throw new AssertionError("nothing came for " + name());
        }
        return note(segment);
    }

    private TcpSegment note(TcpSegment segment) {
        boolean syn = segment.has(SYN);
        if (syn) {
            if (ourStartKnown) {
                assertThat(segment.seq()).as("our initial number, again").isEqualTo(ourStart);
            }
            ourStart = segment.seq();
            ourStartKnown = true;
            ourMss = segment.mss();
            ourScale = Math.max(0, segment.windowScale());
            guestScale = segment.windowScale() == NONE ? 0 : offeredScale == NONE ? guestScale : scale();
        } else {
            assertThat(segment.options()).as("options of %s", text(segment)).matches(sacks ? "(010105.*)?" : "");
        }
        long seq = seq(segment);
        if (segment.has(ACK)) {
            int ack = segment.ack() - guestStart;
            if (!segment.has(RST)) {
                assertThat(next - ack)
                        .as("acknowledges what was not sent: %s", text(segment))
                        .isNotNegative();
                long unit = syn ? 1 : 1L << ourScale;
                long edge = ack + segment.window() * unit;
                assertThat(edge).as("edge of our window, %s", text(segment)).isGreaterThan(ourEdge - unit);
                ourEdge = Math.max(edge, ourEdge);
                acked = Math.max(acked, ack);
            }
        }
        int length = segment.payload().length();
        assertThat(length).as("segment size, %s", text(segment)).isLessThanOrEqualTo(mss);
        long numbers = segment.has(RST) ? 0 : length + (segment.has(FIN) ? 1 : 0);
        assertThat(seq + numbers)
                .as("keeps to the guest's window: %s", text(segment))
                .isLessThanOrEqualTo(Math.max(guestEdge, seq));
        before = expected;
        long end = seq + segment.seqLength();
        mostSent = Math.max(mostSent, end);
        if (seq <= expected && end > expected && !segment.has(RST)) {
            int skip = (int) (expected - seq);
            byte[] bytes = segment.payloadBytes();
            if (!syn && skip < bytes.length) {
                received.write(bytes, skip, bytes.length - skip);
            }
            expected = end;
        }
        return segment;
    }

    private int seq(TcpSegment segment) {
        return segment.seq() - ourStart;
    }

    private String text(TcpSegment segment) {
        return segment + " (relative: seq " + seq(segment) + " ack " + (segment.ack() - guestStart) + ")";
    }

    /** Takes all that is there. */
    List<TcpSegment> takeAll() {
        t.sort();
        List<TcpSegment> all = new ArrayList<>();
        while (!inbox.isEmpty()) {
            all.add(take());
        }
        return all;
    }

    /** Takes data until {@code bytes} are there, acknowledging all of it after each batch. */
    TcpTalk reads(byte[] bytes) {
        int begun = received.size();
        for (int idle = 0; received.size() - begun < bytes.length; idle++) {
            assertThat(idle)
                    .as("%s of %s bytes came", received.size() - begun, bytes.length)
                    .isLessThan(10_000);
            takeAll();
            sends(seg("A"));
        }
        byte[] all = received.toByteArray();
        assertThat(Arrays.copyOfRange(all, begun, all.length)).isEqualTo(bytes);
        return this;
    }

    /** Nothing is there for this conversation. */
    TcpTalk silent() {
        t.sort();
        assertThat(inbox).as(name()).isEmpty();
        return this;
    }

    /** Nothing comes for so long. */
    TcpTalk silentFor(long ns) {
        silent();
        t.runs(ns);
        return silent();
    }

    // ---- what a test looks at

    int guestStart() {
        return guestStart;
    }

    int ourStart() {
        return ourStart;
    }

    /** What the guest sends next. */
    long next() {
        return next;
    }

    /** What the guest expects next. */
    long expected() {
        return expected;
    }

    /** What we have acknowledged. */
    long acked() {
        return acked;
    }

    /** The guest sends its last {@code count} bytes again as if it had not. */
    TcpTalk withdraws(int count) {
        next -= count;
        return this;
    }

    /** What the guest has acknowledged. */
    long ackedByGuest() {
        return ackedByGuest;
    }

    /** How far we let the guest send. */
    long ourEdge() {
        return ourEdge;
    }

    /** The end of what we ever sent. */
    long mostSent() {
        return mostSent;
    }

    int ourScale() {
        return ourScale;
    }

    /** In the guest's hands, in order. */
    byte[] received() {
        return received.toByteArray();
    }

    TcpTalk runs(long ns) {
        t.runs(ns);
        return this;
    }

    static int flags(String letters) {
        int flags = 0;
        for (int i = 0; i < letters.length(); i++) {
            flags |= switch (letters.charAt(i)) {
                case 'F' -> FIN;
                case 'S' -> SYN;
                case 'R' -> RST;
                case 'P' -> TcpSegment.PSH;
                case 'A' -> ACK;
                case 'U' -> TcpSegment.URG;
                case 'E' -> ECE;
                case 'W' -> CWR;
                default -> throw new IllegalArgumentException(letters);
            };
        }
        return flags;
    }
}
