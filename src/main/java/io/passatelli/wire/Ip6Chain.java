package io.passatelli.wire;

import io.passatelli.base.Drop;
import io.passatelli.base.HotPath;
import io.passatelli.base.Limits;

import java.lang.foreign.MemorySegment;

/**
 * The walk along the extension headers of one IPv6 datagram, RFC 8200 §4, to what they carry. Every length is checked before it is used. Nothing
 * of them is acted upon: options that a node may not pass over in silence, and routes that go on, are refused.
 *
 * <pre>
 *  0                   1                   2                   3
 *  0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
 * +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
 * |  next header  |    length     |  options; or in a routing     |
 * +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+  header type, segments left   |
 * |                              ...                              |
 * +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
 *
 * +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
 * |  next header  |   reserved    |     fragment offset     |Res|M|
 * +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
 * |                        identification                         |
 * +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
 * </pre>
 */
@HotPath
final class Ip6Chain {
    private static final int UNIT = 8;
    private static final int AUTHENTICATION_MIN = 12;
    private static final int PAD1 = 0;
    /** In an option's type: what to do when it is not known; 00 is to skip it, RFC 8200 §4.2. */
    private static final int OPTION_ACTION = 0xc0;

    /** What the chain carries. */
    int protocol;
    /** Where that begins. */
    long at;
    /** Bytes from {@link #at} to the end of the datagram. */
    int left;

    /** Whether a fragment header was met, be it of an atomic fragment, RFC 6946. */
    boolean hasFragmentHeader;
    /** Whether this is but a part of a datagram. */
    boolean isFragment;

    int fragmentProtocol;
    long fragmentAt;
    int fragmentLength;
    int fragmentOffset;
    boolean moreFragments;
    int fragmentId;

    private int near;

    /**
     * Walks from the header at {@code ip}, of which {@code head} bytes are within reach; a fragment that is not the first ends the walk. The first
     * is walked on, for it has to hold the whole chain, RFC 7112.
     */
    Drop walk(MemorySegment s, long ip, int head) {
        protocol = Ip6.nextHeader(s, ip);
        at = ip + Ip6.LENGTH;
        left = Ip6.payloadLength(s, ip);
        near = Math.min(head - Ip6.LENGTH, left);
        hasFragmentHeader = isFragment = false;
        for (int headers = 0; isExtension(protocol); headers++) {
            if (headers == Limits.IP6_EXTENSION_HEADERS) {
                return Drop.IP6_TOO_MANY_HEADERS;
            }
            Drop drop = step(s, headers == 0);
            if (drop != Drop.NONE) {
                return drop;
            }
            if (isFragment && fragmentOffset != 0) {
                return Drop.NONE;
            }
        }
        return protocol == Ip6.NO_NEXT_HEADER ? Drop.IP6_NO_NEXT_HEADER : Drop.NONE;
    }

    /** Bytes from {@link #at} that are within reach. */
    int near() {
        return near;
    }

    private static boolean isExtension(int protocol) {
        return switch (protocol) {
            case Ip6.HOP_BY_HOP, Ip6.ROUTING, Ip6.FRAGMENT, Ip6.AUTHENTICATION, Ip6.DESTINATION_OPTIONS -> true;
            default -> false;
        };
    }

    private Drop step(MemorySegment s, boolean first) {
        if (left < UNIT) {
            return Drop.IP6_EXTENSION_TRUNCATED;
        }
        if (near < UNIT) {
            return Drop.IP6_CHAIN_TOO_LONG;
        }
        int length = length(s);
        if (length > left) {
            return Drop.IP6_EXTENSION_TRUNCATED;
        }
        if (length > near) {
            return Drop.IP6_CHAIN_TOO_LONG;
        }
        Drop drop = check(s, length, first);
        protocol = Octets.u8(s, at);
        at += length;
        left -= length;
        near -= length;
        return drop;
    }

    /** The authentication header counts words of 4 bytes less two, RFC 4302 §2.2; the fragment header has no length. */
    private int length(MemorySegment s) {
        int field = Octets.u8(s, at + 1);
        return switch (protocol) {
            case Ip6.FRAGMENT -> UNIT;
            case Ip6.AUTHENTICATION -> (field + 2) * 4;
            default -> (field + 1) * UNIT;
        };
    }

    private Drop check(MemorySegment s, int length, boolean first) {
        return switch (protocol) {
            case Ip6.HOP_BY_HOP -> first ? options(s, length) : Drop.IP6_BAD_HEADER_ORDER;
            case Ip6.DESTINATION_OPTIONS -> options(s, length);
            case Ip6.ROUTING -> route(s);
            case Ip6.FRAGMENT -> fragment(s);
            default -> // authentication: nobody here has the key; in IPv6 its length is a multiple of 8
                length < AUTHENTICATION_MIN || length % UNIT != 0 ? Drop.IP6_EXTENSION_TRUNCATED : Drop.NONE;
        };
    }

    private Drop options(MemorySegment s, int length) {
        long end = at + length;
        for (long option = at + 2; option < end; ) {
            int type = Octets.u8(s, option);
            if (type == PAD1) {
                option++;
                continue;
            }
            if (option + 2 > end || option + 2 + Octets.u8(s, option + 1) > end) {
                return Drop.IP6_BAD_OPTION;
            }
            if ((type & OPTION_ACTION) != 0) {
                return Drop.IP6_BAD_OPTION;
            }
            option += 2 + Octets.u8(s, option + 1);
        }
        return Drop.NONE;
    }

    /** RFC 5095: type 0 is not for use; RFC 8200 §4.4: of other types, only a route that is done. */
    private Drop route(MemorySegment s) {
        int type = Octets.u8(s, at + 2);
        int segmentsLeft = Octets.u8(s, at + 3);
        return type == 0 || segmentsLeft != 0 ? Drop.IP6_ROUTING : Drop.NONE;
    }

    private Drop fragment(MemorySegment s) {
        if (hasFragmentHeader) {
            return Drop.IP6_BAD_HEADER_ORDER;
        }
        hasFragmentHeader = true;
        int field = Ip6.fragmentField(s, at);
        fragmentOffset = field & Ip6.FRAGMENT_OFFSET;
        moreFragments = (field & Ip6.FRAGMENT_MORE) != 0;
        isFragment = fragmentOffset != 0 || moreFragments;
        fragmentId = Ip6.fragmentId(s, at);
        fragmentProtocol = Octets.u8(s, at);
        fragmentAt = at + UNIT;
        fragmentLength = left - UNIT;
        return Drop.NONE;
    }
}
