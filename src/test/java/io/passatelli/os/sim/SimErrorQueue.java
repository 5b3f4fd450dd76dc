package io.passatelli.os.sim;

import io.passatelli.base.Ip;
import io.passatelli.os.SocketError;

import java.lang.foreign.MemorySegment;
import java.util.ArrayDeque;
import java.util.Arrays;

import static java.lang.foreign.ValueLayout.JAVA_BYTE;

/** The errors that recvmsg(2) with MSG_ERRQUEUE gives, oldest first: "Error handling" in ip(7). */
final class SimErrorQueue {
    private static final int QUOTED4 =
            576 - 28 - 28; // RFC 1812 §4.3.2.3, less both IP headers, that of ICMP and that of UDP
    private static final int QUOTED6 = 1_280 - 48 - 48; // RFC 4443 §2.4 (c)

    private static final class Entry {
        final int errno;
        final int origin;
        final SimIcmp message;
        final Ip to;
        final int toPort;
        final byte[] payload;

        Entry(int errno, int origin, SimIcmp message, Ip to, int toPort, byte[] payload) {
            this.errno = errno;
            this.origin = origin;
            this.message = message;
            this.to = to;
            this.toPort = toPort;
            this.payload = payload;
        }

        boolean isIcmp() {
            return origin != SocketError.ORIGIN_LOCAL;
        }
    }

    private final ArrayDeque<Entry> entries = new ArrayDeque<>();

    boolean isEmpty() {
        return entries.isEmpty();
    }

    void addIcmp(SimIcmp message, SimDatagram about) {
        int quoted = Math.min(about.bytes.length, about.isV4() ? QUOTED4 : QUOTED6);
        byte[] payload = Arrays.copyOf(about.bytes, quoted);
        entries.add(new Entry(message.errno(), message.origin(), message, about.to, about.toPort, payload));
    }

    /** This host's own complaint: nobody is named, and nothing quoted. */
    void addLocal(int errno, int info, Ip to, int toPort) {
        SimIcmp nobody = new SimIcmp(Ip.UNSPECIFIED6, 0, 0, info);
        entries.add(new Entry(errno, SocketError.ORIGIN_LOCAL, nobody, to, toPort, new byte[0]));
    }

    void clear() {
        entries.clear();
    }

    /** Whether the next entry came by ICMP. */
    boolean startsWithIcmp() {
        Entry next = entries.peek();
        return next != null && next.isIcmp();
    }

    /** The error number of the next entry. */
    int errno() {
        return entries.getFirst().errno;
    }

    /** Takes the oldest entry. */
    void take(SocketError out) {
        Entry entry = entries.remove();
        out.errno = entry.errno;
        out.origin = entry.origin;
        out.type = entry.message.type();
        out.code = entry.message.code();
        out.info = entry.message.info();
        out.offenderHigh = entry.message.offender().high();
        out.offenderLow = entry.message.offender().low();
        out.destinationHigh = entry.to.high();
        out.destinationLow = entry.to.low();
        out.destinationPort = entry.toPort;
        out.length = (int) Math.min(entry.payload.length, out.payload.byteSize());
        MemorySegment.copy(entry.payload, 0, out.payload, JAVA_BYTE, 0, out.length);
    }
}
