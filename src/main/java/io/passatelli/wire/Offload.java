package io.passatelli.wire;

import io.passatelli.base.HotPath;

/** What the sender left for the receiver to finish: the fields of {@code struct virtio_net_hdr}, virtio 1.2 §5.1.6. Offsets count from the Ethernet header. */
@HotPath
public final class Offload {
    /** {@link #flags}: the checksum at {@code csumStart + csumOffset} holds the pseudo-header's sum only. */
    public static final int NEEDS_CSUM = 1;
    /** {@link #flags}: the checksum was found good. */
    public static final int DATA_VALID = 2;

    public static final int GSO_NONE = 0;
    public static final int GSO_TCPV4 = 1;
    public static final int GSO_TCPV6 = 4;
    public static final int GSO_UDP_L4 = 5;

    public int flags;
    public int gsoType;
    /** Bytes of all headers, a hint. */
    public int hdrLen;
    /** Payload bytes of each segment. */
    public int gsoSize;

    public int csumStart;
    public int csumOffset;

    /** Back to a frame that needs nothing. */
    public void clear() {
        flags = 0;
        gsoType = GSO_NONE;
        hdrLen = 0;
        gsoSize = 0;
        csumStart = 0;
        csumOffset = 0;
    }

    /** Whether nothing is left to do: no checksum, no segments. */
    public boolean isClear() {
        return (flags & NEEDS_CSUM) == 0 && gsoType == GSO_NONE;
    }

    /** Whether the transport checksum needs no look: found good already, or never computed because the frame has seen no wire. */
    public boolean vouchesForChecksum() {
        return (flags & (NEEDS_CSUM | DATA_VALID)) != 0;
    }

    public void set(Offload other) {
        flags = other.flags;
        gsoType = other.gsoType;
        hdrLen = other.hdrLen;
        gsoSize = other.gsoSize;
        csumStart = other.csumStart;
        csumOffset = other.csumOffset;
    }
}
