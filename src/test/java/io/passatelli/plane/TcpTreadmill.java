package io.passatelli.plane;

import io.passatelli.base.HotPath;
import io.passatelli.base.Limits;
import io.passatelli.link.RxBatch;
import io.passatelli.link.TxBatch;
import io.passatelli.wire.Checksum;
import io.passatelli.wire.Ip4;
import io.passatelli.wire.Octets;
import io.passatelli.wire.Offload;
import io.passatelli.wire.Seq;
import io.passatelli.wire.Tcp;
import io.passatelli.wire.TcpSegment;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;

/**
 * A link whose guest has one connection, to somebody who sends back what it gets: it sends segments as our window allows, at most so many bytes
 * ahead of what has come back, and acknowledges all it gets. Loses nothing, and so sends nothing twice. Allocates nothing once it is made, so
 * that what is left over is the plane's.
 */
final class TcpTreadmill extends MadeGuestLink {
    private static final int PAYLOAD = 1_000;
    private static final int SLOT = 2_048;
    private static final int AHEAD = 48 << 10;
    private static final int START = -20_000; // the numbers go around on the way

    private final MemorySegment in = Arena.global().allocate((long) Limits.RX_BATCH_FRAMES * SLOT, 64);
    private final MemorySegment syn;
    private final MemorySegment segment;
    private final int ip;
    private final boolean v4;
    private boolean synDue = true;
    private boolean ackDue;
    private boolean connected;
    private boolean wasReset;
    private int next = START;
    private int edge = START;
    private int echoed;
    private long wanted;
    private long sent;
    private long back;
    private long framesSent;
    private long framesGot;

    /** Whose guest speaks from {@code from} to {@code to} and {@code port}. */
    TcpTreadmill(String from, String to, int port) {
        v4 = from.indexOf(':') < 0;
        ip = v4 ? 34 : 54;
        TcpSegment s = TcpSegment.between(from, 4242, to, port);
        syn = copy(s.with(TcpSegment.SYN).seq(START).mss(1_460).windowScale(7).fromGuest());
        segment = copy(s.with(TcpSegment.PSH).ack(0).payload(new byte[PAYLOAD]).fromGuest());
    }

    private static MemorySegment copy(byte[] bytes) {
        MemorySegment segment = Arena.global().allocate(bytes.length, 64);
        MemorySegment.copy(bytes, 0, segment, ValueLayout.JAVA_BYTE, 0, bytes.length);
        return segment;
    }

    /** Sends {@code bytes} more. */
    void walk(long bytes) {
        wanted += bytes;
        wake();
    }

    /** All that was to be sent was, and has come back. */
    boolean isDone() {
        return connected && back == wanted;
    }

    /** Bytes that have come back. */
    long back() {
        return back;
    }

    /** Frames either way. */
    long frames() {
        return framesSent + framesGot;
    }

    boolean wasReset() {
        return wasReset;
    }

    @HotPath
    private boolean maySend() {
        return connected && sent < wanted && sent - back < AHEAD && Seq.diff(edge, next) >= PAYLOAD;
    }

    @HotPath
    @Override
    boolean hasFrames() {
        return synDue || ackDue || maySend();
    }

    @HotPath
    @Override
    public int receive(int queue, RxBatch batch) {
        batch.clear();
        while (!batch.isFull() && hasFrames()) {
            if (synDue) {
                synDue = false;
                next++;
                batch.add(syn, 0, (int) syn.byteSize());
            } else {
                lay(batch, maySend() ? (int) Math.min(PAYLOAD, wanted - sent) : 0);
            }
            framesSent++;
        }
        return batch.count();
    }

    @HotPath
    private void lay(RxBatch batch, int payload) {
        long at = (long) batch.count() * SLOT;
        MemorySegment.copy(segment, 0, in, at, ip + Tcp.LENGTH + payload);
        long tcp = at + ip;
        int length = Tcp.LENGTH + payload;
        int sum;
        if (v4) {
            Octets.u16(in, at + 16, Ip4.LENGTH + length);
            Octets.u16(in, at + 24, 0);
            Octets.u16(in, at + 24, Checksum.of(Checksum.add(0, 0, in, at + 14, Ip4.LENGTH)));
            sum = Checksum.pseudo4(Octets.u32(in, at + 26), Octets.u32(in, at + 30), Ip4.TCP, length);
        } else {
            Octets.u16(in, at + 18, length);
            sum = Checksum.pseudo6(
                    Octets.u64(in, at + 22),
                    Octets.u64(in, at + 30),
                    Octets.u64(in, at + 38),
                    Octets.u64(in, at + 46),
                    Ip4.TCP,
                    length);
        }
        Tcp.seq(in, tcp, next);
        Tcp.ack(in, tcp, echoed);
        Tcp.checksum(in, tcp, 0);
        Tcp.checksum(in, tcp, Checksum.of(Checksum.add(sum, 0, in, tcp, length)));
        next += payload;
        sent += payload;
        ackDue = false;
        batch.add(in, at, ip + length);
    }

    @Override
    public void release(int queue, RxBatch batch) {}

    @HotPath
    @Override
    public boolean control(int queue, MemorySegment frame, long at, int length, Offload offload) {
        hear(frame, at, 0);
        return true;
    }

    @HotPath
    @Override
    public int commit(int queue, TxBatch batch, int n) {
        for (int i = 0; i < n; i++) {
            hear(batch.header(i), batch.headerAt(i), batch.length(i) - batch.headerLength(i));
        }
        return n;
    }

    @HotPath
    private void hear(MemorySegment frame, long at, int payload) {
        if (Octets.u16(frame, at + 12) != (v4 ? 0x0800 : 0x86dd) || Octets.u8(frame, at + (v4 ? 23 : 20)) != Ip4.TCP) {
            return;
        }
        long tcp = at + ip;
        int flags = Tcp.flags(frame, tcp);
        framesGot++;
        wasReset |= (flags & Tcp.RST) != 0;
        boolean first = (flags & Tcp.SYN) != 0;
        if (first) {
            connected = true;
            echoed = Tcp.seq(frame, tcp) + 1;
            ackDue = true;
        }
        int scale = first ? 0 : 8;
        edge = Seq.max(edge, Tcp.ack(frame, tcp) + (Tcp.window(frame, tcp) << scale));
        if (payload > 0 && Tcp.seq(frame, tcp) == echoed) {
            echoed += payload;
            back += payload;
            ackDue = true;
        }
        wake();
    }
}
