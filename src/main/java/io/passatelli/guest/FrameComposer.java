package io.passatelli.guest;

import io.passatelli.base.HotPath;

import java.lang.foreign.MemorySegment;

/** Writes the headers of every frame we make. Loop thread only. */
@HotPath
public final class FrameComposer {
    /** Bytes of an Ethernet and an IPv4 header. */
    public static final int ETHERNET_IP4 = 34;

    /** Bytes of an Ethernet, an IPv4 and a UDP header. */
    public static final int ETHERNET_IP4_UDP = 42;

    public FrameComposer(GuestState guest) {}

    /** Ethernet header to the guest. */
    public void ethernet(MemorySegment out, long at, int etherType) {
        throw new AssertionError("skeleton");
    }

    /** Ethernet and IPv4 headers for {@code payloadLength} bytes behind them: TTL 255, DF, id 0, checksum done. */
    public void ip4(MemorySegment out, long at, int protocol, int payloadLength, int src, int dst) {
        throw new AssertionError("skeleton");
    }

    /** Ethernet, IPv4 and UDP headers for a payload that is already in place behind them; checksums done. */
    public void udp4(MemorySegment out, long at, int payloadLength, int src, int srcPort, int dst, int dstPort) {
        throw new AssertionError("skeleton");
    }
}
