package io.passatelli.os.sim;

import io.passatelli.os.Epoll;
import io.passatelli.os.Errno;
import io.passatelli.os.VnetHeader;
import io.passatelli.wire.Offload;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/**
 * A TAP device (kernel's tuntap document), without packet information. Read gives one frame a call and cuts it to the buffer, write takes one.
 * Writing never says "full": beyond the backlog frames are dropped silently. The test plays the network stack behind it.
 *
 * <p>Opened with offloads, each frame has a {@code virtio_net_hdr} before it. The header of a frame that is written has to make sense.
 */
public final class SimTap extends SimFile {
    private static final int ETHERNET_HEADER = 14;
    private static final int ETHER_TYPE = 12;
    private static final int PROTOCOL4 = 23;
    private static final int PROTOCOL6 = 20;
    private static final int TCP = 6;
    private static final int UDP = 17;
    private static final int ECN = 0x80;

    private final ArrayDeque<byte[]> toUs = new ArrayDeque<>();
    private final List<byte[]> fromUs = new ArrayList<>();
    private final List<Offload> offloadsFromUs = new ArrayList<>();
    private final int queueLength;
    private boolean up = true;
    private boolean offloads;
    private boolean refusing;
    private long dropped;

    SimTap(SimKernel kernel, int queueLength) {
        super(kernel);
        this.queueLength = queueLength;
    }

    void opened(boolean withOffloads) {
        offloads = withOffloads;
    }

    /** The kernel is one that has no offloads. */
    public void refuseOffloads() {
        refusing = true;
    }

    boolean isRefusing() {
        return refusing;
    }

    /** The stack behind the device sends frames with nothing left to do; one is lost if the device's queue (txqueuelen) is full. */
    public void inject(byte[]... frames) {
        for (byte[] frame : frames) {
            inject(new Offload(), frame);
        }
    }

    /** The stack behind the device sends a frame and leaves work to us, which only a device with offloads can say. */
    public void inject(Offload offload, byte[] frame) {
        if (toUs.size() == queueLength || !up) {
            dropped++;
            return;
        }
        toUs.add(offloads ? withHeader(offload, frame) : frame.clone());
        wake(Epoll.IN);
    }

    private static byte[] withHeader(Offload o, byte[] frame) {
        return header(ByteBuffer.allocate(VnetHeader.LENGTH + frame.length), o)
                .put(frame)
                .array();
    }

    private static ByteBuffer header(ByteBuffer out, Offload o) {
        return out.order(ByteOrder.nativeOrder())
                .put((byte) o.flags)
                .put((byte) o.gsoType)
                .putShort((short) o.hdrLen)
                .putShort((short) o.gsoSize)
                .putShort((short) o.csumStart)
                .putShort((short) o.csumOffset);
    }

    private static Offload offload(ByteBuffer in) {
        in.order(ByteOrder.nativeOrder());
        Offload o = new Offload();
        o.flags = in.get() & 0xff;
        o.gsoType = in.get() & 0xff;
        o.hdrLen = in.getShort() & 0xffff;
        o.gsoSize = in.getShort() & 0xffff;
        o.csumStart = in.getShort() & 0xffff;
        o.csumOffset = in.getShort() & 0xffff;
        return o;
    }

    /** Takes the frames that were written since. */
    public List<byte[]> takeFrames() {
        List<byte[]> all = List.copyOf(fromUs);
        fromUs.clear();
        return all;
    }

    /** What was left to the stack of the frames that were written since, in their order. */
    public List<Offload> takeOffloads() {
        List<Offload> all = List.copyOf(offloadsFromUs);
        offloadsFromUs.clear();
        return all;
    }

    /** {@code ip link set up} or {@code down}. */
    public void setUp(boolean isUp) {
        up = isUp;
        if (up) {
            wake(Epoll.OUT);
        }
    }

    /** Frames lost because the queue toward us was full or the device down. */
    public long dropped() {
        return dropped;
    }

    @Override
    long read(byte[] into) {
        byte[] frame = toUs.poll();
        if (frame == null) {
            return -Errno.EAGAIN;
        }
        int n = Math.min(frame.length, into.length);
        System.arraycopy(frame, 0, into, 0, n);
        return n;
    }

    @Override
    long write(byte[] data) {
        int header = offloads ? VnetHeader.LENGTH : 0;
        if (data.length < header + ETHERNET_HEADER) {
            return -Errno.EINVAL;
        }
        Offload offload = offloads ? offload(ByteBuffer.wrap(data)) : new Offload();
        byte[] frame = Arrays.copyOfRange(data, header, data.length);
        if (offload.hdrLen > frame.length) {
            return -Errno.EINVAL;
        }
        if (!up) {
            return -Errno.EIO;
        }
        if (!isSound(offload, frame)) {
            return -Errno.EINVAL;
        }
        fromUs.add(frame);
        offloadsFromUs.add(offload);
        return data.length;
    }

    /** virtio_net_hdr_to_skb of the kernel, as far as we know it. */
    private static boolean isSound(Offload o, byte[] frame) {
        if ((o.flags & Offload.NEEDS_CSUM) != 0 && o.csumStart + o.csumOffset + 2 > frame.length) {
            return false;
        }
        return switch (o.gsoType & ~ECN) {
            case Offload.GSO_NONE -> true;
            case Offload.GSO_TCPV4 -> o.gsoSize > 0 && is(frame, 0x08, 0x00, PROTOCOL4, TCP, o);
            case Offload.GSO_TCPV6 -> o.gsoSize > 0 && is(frame, 0x86, 0xdd, PROTOCOL6, TCP, o);
            case Offload.GSO_UDP_L4 ->
                o.gsoSize > 0 && (is(frame, 0x08, 0x00, PROTOCOL4, UDP, o) || is(frame, 0x86, 0xdd, PROTOCOL6, UDP, o));
            default -> false;
        };
    }

    private static boolean is(byte[] frame, int type, int subtype, int protocolAt, int protocol, Offload o) {
        int offset = protocol == TCP ? 16 : 6;
        return frame.length > protocolAt
                && frame[ETHER_TYPE] == (byte) type
                && frame[ETHER_TYPE + 1] == (byte) subtype
                && frame[protocolAt] == protocol
                && ((o.flags & Offload.NEEDS_CSUM) == 0 || o.csumOffset == offset);
    }

    @Override
    int certain() {
        return (toUs.isEmpty() ? 0 : Epoll.IN) | (up ? Epoll.OUT : 0);
    }

    @Override
    void released() {}
}
