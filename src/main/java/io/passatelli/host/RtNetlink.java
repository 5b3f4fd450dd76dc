package io.passatelli.host;

import io.passatelli.base.Ip;
import io.passatelli.base.Limits;
import io.passatelli.base.Mac;
import io.passatelli.config.Cidr;
import org.jspecify.annotations.Nullable;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;

/**
 * Reads the answers to rtnetlink's dump requests, netlink(7) and rtnetlink(7), buffer by buffer. Constants of linux/netlink.h,
 * linux/rtnetlink.h, linux/if_link.h and linux/if_addr.h; numbers are in the machine's byte order. No input and output of its own: {@link HostDiscovery}
 * carries the bytes. A message that is shorter than it says, or than its kind needs, ends the dump as {@link Outcome.Failed}.
 */
final class RtNetlink {
    static final int RTM_NEWLINK = 16;
    static final int RTM_GETLINK = 18;
    static final int RTM_NEWADDR = 20;
    static final int RTM_GETADDR = 22;
    static final int RTM_NEWROUTE = 24;
    static final int RTM_GETROUTE = 26;

    private static final int NLMSG_ERROR = 2;
    private static final int NLMSG_DONE = 3;
    private static final int NLMSG_OVERRUN = 4;
    static final int NLM_F_REQUEST = 1;
    private static final int NLM_F_DUMP_INTR = 0x10;
    static final int NLM_F_DUMP = 0x300;
    static final int HEADER = 16;

    private static final int IFINFOMSG = 16;
    private static final int IFLA_ADDRESS = 1;
    private static final int IFLA_IFNAME = 3;
    private static final int IFLA_MTU = 4;
    private static final int IFF_UP = 1;
    private static final int IFF_LOOPBACK = 8;
    private static final int MAC_LENGTH = 6;

    private static final int IFADDRMSG = 8;
    private static final int IFA_ADDRESS = 1;
    private static final int IFA_LOCAL = 2;
    private static final int IFA_FLAGS = 8;
    private static final int IFA_F_SECONDARY = 0x01;
    private static final int IFA_F_OPTIMISTIC = 0x04;
    private static final int IFA_F_DADFAILED = 0x08;
    private static final int IFA_F_DEPRECATED = 0x20;
    private static final int IFA_F_TENTATIVE = 0x40;
    private static final int RT_SCOPE_LINK = 253;

    private static final int RTMSG = 12;
    private static final int RTA_DST = 1;
    private static final int RTA_OIF = 4;
    private static final int RTA_GATEWAY = 5;
    private static final int RTA_PRIORITY = 6;
    private static final int RTA_MULTIPATH = 9;
    private static final int RTA_TABLE = 15;
    private static final int RT_TABLE_MAIN = 254;
    private static final int RT_TABLE_LOCAL = 255;
    private static final int RTN_UNICAST = 1;
    private static final int RTN_LOCAL = 2;
    private static final int RTN_BROADCAST = 3;
    private static final int RTN_ANYCAST = 4;
    private static final int RTM_F_CLONED = 0x200;
    private static final int RTNEXTHOP = 8;
    private static final int RTNH_F_DEAD = 1;
    private static final int RTNH_F_LINKDOWN = 16;

    private static final int AF_INET = 2;
    private static final int AF_INET6 = 10;
    private static final int ATTRIBUTE_TYPE = 0x3fff; // the bits above are flags, netlink.h NLA_TYPE_MASK

    /** What one buffer did to the dump. */
    sealed interface Outcome {
        enum Progress implements Outcome {
            /** More buffers follow. */
            MORE,
            /** All came. */
            DONE,
            /** All came, but something changed meanwhile: what came may not fit together. */
            INTERRUPTED
        }

        /** {@code errno} is 0 where the bytes themselves are wrong. */
        record Failed(String why, int errno) implements Outcome {}
    }

    private final List<HostNetwork.Interface> interfaces = new ArrayList<>();
    private final List<HostNetwork.Address> addresses = new ArrayList<>();
    private final List<HostNetwork.Route> routes = new ArrayList<>();
    private final List<Cidr> local = new ArrayList<>();
    private int sequence;
    private boolean interrupted;

    /** The request for all of {@code type} and {@code family}; what is fed next are its answers. What came of earlier dumps stays. */
    byte[] request(int type, int family, int sequence) {
        this.sequence = sequence;
        interrupted = false;
        int body = type == RTM_GETLINK ? IFINFOMSG : type == RTM_GETADDR ? IFADDRMSG : RTMSG;
        byte[] bytes = new byte[HEADER + body];
        ByteBuffer.wrap(bytes)
                .order(ByteOrder.nativeOrder())
                .putInt(bytes.length)
                .putShort((short) type)
                .putShort((short) (NLM_F_REQUEST | NLM_F_DUMP))
                .putInt(sequence)
                .putInt(0)
                .put((byte) family);
        return bytes;
    }

    /** Forgets what came. */
    void clear() {
        interfaces.clear();
        addresses.clear();
        routes.clear();
        local.clear();
    }

    HostNetwork network() {
        return new HostNetwork(interfaces, addresses, routes, local);
    }

    /** Takes one datagram, from position to limit. */
    Outcome feed(ByteBuffer datagram) {
        ByteBuffer in = slice(datagram, 0, datagram.remaining());
        int at = 0;
        while (at < in.limit()) {
            if (in.limit() - at < HEADER) {
                return new Outcome.Failed("truncated message header", 0);
            }
            int length = in.getInt(at);
            if (length < HEADER || length > in.limit() - at) {
                return new Outcome.Failed("message of " + length + " bytes where " + (in.limit() - at) + " are", 0);
            }
            ByteBuffer message = slice(in, at, length);
            if (message.getInt(8) == sequence) {
                Outcome outcome = message(message);
                if (outcome != Outcome.Progress.MORE) {
                    return outcome;
                }
            }
            at += Math.min(align(length), in.limit() - at);
        }
        return Outcome.Progress.MORE;
    }

    private Outcome message(ByteBuffer message) {
        int type = message.getShort(4) & 0xffff;
        interrupted |= (message.getShort(6) & NLM_F_DUMP_INTR) != 0;
        ByteBuffer body = slice(message, HEADER, message.limit() - HEADER);
        boolean whole =
                switch (type) {
                    case RTM_NEWLINK -> link(body);
                    case RTM_NEWADDR -> address(body);
                    case RTM_NEWROUTE -> route(body);
                    default -> true;
                };
        if (!whole) {
            return new Outcome.Failed("truncated message of type " + type, 0);
        }
        return switch (type) {
            case NLMSG_ERROR, NLMSG_DONE -> end(type, body);
            case NLMSG_OVERRUN -> new Outcome.Failed("messages were lost", 0);
            default -> Outcome.Progress.MORE;
        };
    }

    /** Both carry an error number, negative: DONE where the dump failed half-way. */
    private Outcome end(int type, ByteBuffer body) {
        int error = body.limit() >= 4 ? -body.getInt(0) : 0;
        if (error != 0 || type == NLMSG_ERROR) {
            return new Outcome.Failed("the kernel refused", error);
        }
        return interrupted ? Outcome.Progress.INTERRUPTED : Outcome.Progress.DONE;
    }

    private boolean link(ByteBuffer body) {
        if (body.limit() < IFINFOMSG) {
            return false;
        }
        int index = body.getInt(4);
        int flags = body.getInt(8);
        String name = null;
        int mtu = 0;
        Mac mac = null;
        var attributes = new Attributes(body, IFINFOMSG);
        while (attributes.next()) {
            switch (attributes.type) {
                case IFLA_IFNAME -> name = text(attributes.value);
                case IFLA_MTU -> mtu = attributes.value.limit() >= 4 ? attributes.value.getInt(0) : 0;
                case IFLA_ADDRESS -> mac = mac(attributes.value);
                default -> {}
            }
        }
        if (name != null && interfaces.size() < Limits.HOST_ENTRIES) {
            boolean loopback = (flags & IFF_LOOPBACK) != 0;
            interfaces.add(new HostNetwork.Interface(index, name, (flags & IFF_UP) != 0, loopback, mtu, mac));
        }
        return attributes.whole;
    }

    private boolean address(ByteBuffer body) {
        if (body.limit() < IFADDRMSG) {
            return false;
        }
        int family = body.get(0);
        int prefixLength = body.get(1) & 0xff;
        int flags = body.get(2) & 0xff;
        int scope = body.get(3) & 0xff;
        Ip address = null;
        Ip local = null;
        var attributes = new Attributes(body, IFADDRMSG);
        while (attributes.next()) {
            switch (attributes.type) {
                case IFA_ADDRESS -> address = ip(attributes.value, family);
                case IFA_LOCAL -> local = ip(attributes.value, family);
                case IFA_FLAGS -> flags = attributes.value.limit() >= 4 ? attributes.value.getInt(0) : flags;
                default -> {}
            }
        }
        Ip own = local != null ? local : address; // on a point-to-point link IFA_ADDRESS is the peer's
        boolean taken = (flags & IFA_F_DADFAILED) != 0; // by another host: it will never be this one's
        if (own != null && !taken && addresses.size() < Limits.HOST_ENTRIES && prefixLength <= bits(own)) {
            boolean secondary = (flags & IFA_F_SECONDARY) != 0; // IFA_F_TEMPORARY of IPv6 is the same bit
            boolean deprecated = (flags & IFA_F_DEPRECATED) != 0;
            boolean tentative = (flags & (IFA_F_TENTATIVE | IFA_F_OPTIMISTIC)) == IFA_F_TENTATIVE;
            Cidr cidr = new Cidr(own, prefixLength);
            addresses.add(new HostNetwork.Address(
                    body.getInt(4), cidr, scope < RT_SCOPE_LINK, secondary, deprecated, tentative));
        }
        return attributes.whole;
    }

    private boolean route(ByteBuffer body) {
        if (body.limit() < RTMSG) {
            return false;
        }
        int family = body.get(0);
        int prefixLength = body.get(1) & 0xff;
        int table = body.get(4) & 0xff;
        int kind = body.get(7);
        int flags = body.getInt(8);
        Ip destination = family == AF_INET ? Ip.UNSPECIFIED4 : Ip.UNSPECIFIED6;
        int out = 0;
        Ip gateway = null;
        long metric = 0;
        ByteBuffer multipath = null;
        var attributes = new Attributes(body, RTMSG);
        while (attributes.next()) {
            ByteBuffer value = attributes.value;
            boolean number = value.limit() >= 4;
            switch (attributes.type) {
                case RTA_DST -> destination = ip(value, family);
                case RTA_OIF -> out = number ? value.getInt(0) : out;
                case RTA_GATEWAY -> gateway = ip(value, family);
                case RTA_PRIORITY -> metric = number ? value.getInt(0) & 0xffffffffL : metric;
                case RTA_TABLE -> table = number ? value.getInt(0) : table;
                case RTA_MULTIPATH -> multipath = value;
                default -> {}
            }
        }
        boolean ours = family == AF_INET || family == AF_INET6;
        boolean wanted = ours && (flags & RTM_F_CLONED) == 0;
        if (!wanted || destination == null || prefixLength > bits(destination)) {
            return attributes.whole;
        }
        Cidr to = new Cidr(destination, prefixLength);
        if (isOwn(kind, table)) {
            if (local.size() < Limits.HOST_ENTRIES) {
                local.add(to);
            }
        } else if (kind == RTN_UNICAST && table == RT_TABLE_MAIN) {
            if (multipath != null) {
                return legs(multipath, to, metric, family) && attributes.whole;
            }
            leg(to, out, gateway, metric, flags);
        }
        return attributes.whole;
    }

    /** What arrives there is the host's own; a kernel without policy routing in IPv6 has such routes in its main table. */
    private static boolean isOwn(int kind, int table) {
        return (kind == RTN_LOCAL || kind == RTN_BROADCAST || kind == RTN_ANYCAST)
                && (table == RT_TABLE_LOCAL || table == RT_TABLE_MAIN);
    }

    /** Each leg of a multipath route is a {@code struct rtnexthop} with attributes of its own. */
    private boolean legs(ByteBuffer multipath, Cidr to, long metric, int family) {
        int at = 0;
        while (multipath.limit() - at >= RTNEXTHOP) {
            int length = multipath.getShort(at) & 0xffff;
            if (length < RTNEXTHOP || length > multipath.limit() - at) {
                return false;
            }
            ByteBuffer hop = slice(multipath, at, length);
            Ip gateway = null;
            var attributes = new Attributes(hop, RTNEXTHOP);
            while (attributes.next()) {
                if (attributes.type == RTA_GATEWAY) {
                    gateway = ip(attributes.value, family);
                }
            }
            if (!attributes.whole) {
                return false;
            }
            leg(to, hop.getInt(4), gateway, metric, hop.get(2));
            at += Math.min(align(length), multipath.limit() - at);
        }
        return true;
    }

    private void leg(Cidr to, int out, @Nullable Ip gateway, long metric, int flags) {
        boolean usable = (flags & (RTNH_F_DEAD | RTNH_F_LINKDOWN)) == 0;
        if (usable && routes.size() < Limits.HOST_ENTRIES) {
            routes.add(new HostNetwork.Route(to, out, gateway, metric));
        }
    }

    private static int bits(Ip ip) {
        return ip.isV4() ? 32 : 128;
    }

    /** Null: not an address of this family, as RTA_VIA's relatives may be. */
    static @Nullable Ip ip(ByteBuffer value, int family) {
        ByteBuffer network = slice(value, 0, value.limit()).order(ByteOrder.BIG_ENDIAN);
        if (family == AF_INET && network.limit() == 4) {
            return Ip.v4(network.getInt(0));
        }
        if (family == AF_INET6 && network.limit() == 16) {
            return new Ip(network.getLong(0), network.getLong(8));
        }
        return null;
    }

    static @Nullable Mac mac(ByteBuffer value) {
        if (value.limit() != MAC_LENGTH) {
            return null;
        }
        ByteBuffer network = slice(value, 0, MAC_LENGTH).order(ByteOrder.BIG_ENDIAN);
        return new Mac((network.getShort(0) & 0xffffL) << 32 | network.getInt(2) & 0xffffffffL);
    }

    private static String text(ByteBuffer value) {
        byte[] bytes = new byte[value.limit()];
        value.get(0, bytes);
        int end = 0;
        while (end < bytes.length && bytes[end] != 0) {
            end++;
        }
        return new String(bytes, 0, end, StandardCharsets.UTF_8);
    }

    static ByteBuffer slice(ByteBuffer whole, int from, int length) {
        return whole.slice(whole.position() + from, length).order(ByteOrder.nativeOrder());
    }

    /** netlink(3), NLMSG_ALIGN, RTA_ALIGN and RTNH_ALIGN. */
    static int align(int length) {
        return (length + 3) & ~3;
    }

    /** A walk over {@code struct rtattr}; stops at the first that is longer than what is left, and says so. */
    static final class Attributes {
        private static final int ATTRIBUTE = 4;

        private final ByteBuffer in;
        private int at;
        int type;
        ByteBuffer value;
        boolean whole = true;

        Attributes(ByteBuffer in, int from) {
            this.in = in;
            at = align(from);
            value = in;
        }

        boolean next() {
            if (in.limit() - at < ATTRIBUTE) {
                return false;
            }
            int length = in.getShort(at) & 0xffff;
            if (length < ATTRIBUTE || length > in.limit() - at) {
                whole = false;
                return false;
            }
            type = in.getShort(at + 2) & ATTRIBUTE_TYPE;
            value = slice(in, at + ATTRIBUTE, length - ATTRIBUTE);
            at += Math.min(align(length), in.limit() - at);
            return true;
        }
    }
}
