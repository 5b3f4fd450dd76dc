package io.passatelli.link;

import io.passatelli.base.HotPath;
import io.passatelli.base.Ip;
import io.passatelli.base.Limits;
import io.passatelli.wire.Arp;
import io.passatelli.wire.Ethernet;
import io.passatelli.wire.Ip4;
import io.passatelli.wire.Ip6;
import io.passatelli.wire.Octets;
import io.passatelli.wire.Udp;
import org.jspecify.annotations.Nullable;

import java.lang.foreign.MemorySegment;
import java.util.regex.Pattern;

/**
 * Which frames a capture has: of one host, of one port, or both; either side may be it. Any thread.
 *
 * <p>A host's frames are those of IP from or to it, and ARP about it; neighbour discovery is IP. A port's are those of TCP and UDP from or to it,
 * and nothing else. <b>Fragments</b> of TCP and UDP are all a port's, whatever it is: only the first of a datagram says its ports. Of a frame that
 * is broken before its addresses, or its ports, nobody knows, so it is none of theirs.
 *
 * @param port 0: any, and also what has none
 * @param host null: any
 */
public record CaptureFilter(int port, @Nullable Ip host) {
    /** Every frame. */
    public static final CaptureFilter ALL = new CaptureFilter(0, null);

    private static final int PORT_MAX = 65_535;
    private static final int UNIT = 8;
    /** Of the fragment header: offset and the flag of more, RFC 8200 §4.5. */
    private static final int FRAGMENT_BITS = 0xfff9;

    private static final int FRAGMENT_FIELD = 2;
    /** Source and destination port stand first in the headers of both TCP and UDP. */
    private static final int PORTS_LENGTH = 4;

    private static final Pattern SPACES = Pattern.compile("\\s+");
    private static final String GRAMMAR = "a filter is 'port NUMBER', 'host ADDRESS', both, or nothing";

    public CaptureFilter {
        if (port < 0 || port > PORT_MAX) {
            throw new IllegalArgumentException("a port is 1 to " + PORT_MAX + ", not " + port);
        }
    }

    /** Reads such as {@code port 80 host ::1}, {@code host 10.0.0.1}, or nothing; throws {@link IllegalArgumentException} that says what is wrong. */
    public static CaptureFilter parse(String text) {
        String stripped = text.strip();
        if (stripped.isEmpty()) {
            return ALL;
        }
        String[] words = SPACES.split(stripped, -1);
        int port = 0;
        Ip host = null;
        for (int i = 0; i < words.length; i += 2) {
            String word = words[i];
            boolean isPort = word.equals("port");
            if (!isPort && !word.equals("host")) {
                throw new IllegalArgumentException("'" + word + "' is no word of a filter: " + GRAMMAR);
            }
            if (i + 1 == words.length) {
                throw new IllegalArgumentException("nothing stands behind '" + word + "': " + GRAMMAR);
            }
            if (isPort ? port != 0 : host != null) {
                throw new IllegalArgumentException("'" + word + "' stands twice: " + GRAMMAR);
            }
            if (isPort) {
                port = port(words[i + 1]);
            } else {
                host = Ip.parse(words[i + 1]);
            }
        }
        return new CaptureFilter(port, host);
    }

    private static int port(String text) {
        boolean digits = !text.isEmpty() && text.length() <= 5 && text.chars().allMatch(c -> c >= '0' && c <= '9');
        int port = digits ? Integer.parseInt(text) : 0;
        if (port < 1 || port > PORT_MAX) {
            throw new IllegalArgumentException("'" + text + "' is not a port: 1 to " + PORT_MAX);
        }
        return port;
    }

    /** As {@link #parse} reads it. */
    @Override
    public String toString() {
        String ofPort = port == 0 ? "" : "port " + port;
        String ofHost = host == null ? "" : "host " + host;
        return ofPort + (port == 0 || host == null ? "" : " ") + ofHost;
    }

    /** Whether a capture has the frame at {@code at}, of which {@code reach} bytes lie there. */
    @HotPath
    boolean admits(MemorySegment s, long at, int reach) {
        if (port == 0 && host == null) {
            return true;
        }
        if (reach < Ethernet.LENGTH) {
            return false;
        }
        long l3 = at + Ethernet.LENGTH;
        int left = reach - Ethernet.LENGTH;
        return switch (Ethernet.type(s, at)) {
            case Ethernet.ARP ->
                port == 0
                        && left >= Arp.LENGTH
                        && isBetween(0, Ip.low(Arp.senderIp(s, l3)), 0, Ip.low(Arp.targetIp(s, l3)));
            case Ethernet.IP4 -> left >= Ip4.LENGTH && admits4(s, l3, left);
            case Ethernet.IP6 -> left >= Ip6.LENGTH && admits6(s, l3, left);
            default -> false;
        };
    }

    @HotPath
    private boolean admits4(MemorySegment s, long ip, int left) {
        if (!isBetween(0, Ip.low(Ip4.src(s, ip)), 0, Ip.low(Ip4.dst(s, ip)))) {
            return false;
        }
        if (port == 0) {
            return true;
        }
        if (!hasPorts(Ip4.protocol(s, ip))) {
            return false;
        }
        if ((Ip4.fragment(s, ip) & (Ip4.MF | Ip4.OFFSET)) != 0) {
            return true;
        }
        int header = Ip4.headerLength(s, ip);
        return header >= Ip4.LENGTH && isPortOf(s, ip + header, left - header);
    }

    @HotPath
    private boolean admits6(MemorySegment s, long ip, int left) {
        if (!isBetween(Ip6.srcHigh(s, ip), Ip6.srcLow(s, ip), Ip6.dstHigh(s, ip), Ip6.dstLow(s, ip))) {
            return false;
        }
        return port == 0 || admitsBehind(s, ip, left);
    }

    /** Goes along the extension headers, RFC 8200 §4, to the ports. */
    @HotPath
    private boolean admitsBehind(MemorySegment s, long ip, int left) {
        int protocol = Ip6.nextHeader(s, ip);
        int at = Ip6.LENGTH;
        for (int headers = 0; headers <= Limits.IP6_EXTENSION_HEADERS; headers++) {
            if (hasPorts(protocol)) {
                return isPortOf(s, ip + at, left - at);
            }
            if (left < at + UNIT) {
                return false;
            }
            int next = Octets.u8(s, ip + at);
            int length = Octets.u8(s, ip + at + 1);
            switch (protocol) {
                case Ip6.HOP_BY_HOP, Ip6.ROUTING, Ip6.DESTINATION_OPTIONS -> at += (length + 1) * UNIT;
                case Ip6.AUTHENTICATION -> at += (length + 2) * 4; // RFC 4302 §2.2
                case Ip6.FRAGMENT -> {
                    if ((Octets.u16(s, ip + at + FRAGMENT_FIELD) & FRAGMENT_BITS) != 0) {
                        return hasPorts(next);
                    }
                    at += UNIT;
                }
                default -> {
                    return false;
                }
            }
            protocol = next;
        }
        return false;
    }

    @HotPath
    private static boolean hasPorts(int protocol) {
        return protocol == Ip4.TCP || protocol == Ip4.UDP;
    }

    @HotPath
    private boolean isPortOf(MemorySegment s, long l4, int left) {
        return left >= PORTS_LENGTH && (Udp.srcPort(s, l4) == port || Udp.dstPort(s, l4) == port);
    }

    @HotPath
    private boolean isBetween(long srcHigh, long srcLow, long dstHigh, long dstLow) {
        return host == null || is(host, srcHigh, srcLow) || is(host, dstHigh, dstLow);
    }

    @HotPath
    private static boolean is(Ip host, long high, long low) {
        return host.low() == low && host.high() == high;
    }
}
