package io.passatelli.wire.message;

import io.passatelli.base.Drop;
import org.jspecify.annotations.Nullable;

import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.Collection;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * A DHCPv4 or BOOTP message, RFC 2131 §2 and RFC 951 §3.
 *
 * <pre>
 *    0 op, htype, hlen, hops    4 xid       8 secs, flags   12 ciaddr   16 yiaddr
 *   20 siaddr                  24 giaddr   28 chaddr (16)   44 sname (64)
 *  108 file (128)             236 magic cookie             240 options
 * </pre>
 *
 * <p>Of what it reads it keeps all but {@code hops}, {@code sname} and {@code file}; what it writes has these zero.
 *
 * @param op {@link #BOOTREQUEST} or {@link #BOOTREPLY}
 * @param secs seconds since the guest began, as it says
 * @param ciaddr addresses are IPv4, 32 bits
 * @param hardware the guest's hardware address
 * @param options each code once, in order of first appearance
 */
public record DhcpMessage(
        int op,
        int xid,
        int secs,
        int flags,
        int ciaddr,
        int yiaddr,
        int siaddr,
        int giaddr,
        Chaddr hardware,
        List<DhcpOption> options) {
    public static final int BOOTREQUEST = 1;
    public static final int BOOTREPLY = 2;

    // option 53, RFC 2132 §9.6
    public static final int DISCOVER = 1;
    public static final int OFFER = 2;
    public static final int REQUEST = 3;
    public static final int DECLINE = 4;
    public static final int ACK = 5;
    public static final int NAK = 6;
    public static final int RELEASE = 7;
    public static final int INFORM = 8;

    /** {@link #flags}: the guest cannot receive unicast before it is configured. */
    public static final int BROADCAST = 0x8000;

    /** Bytes ahead of the options, the cookie included. */
    public static final int FIXED_LENGTH = 240;

    /** No message is shorter, bytes: BOOTP's is exactly this long, RFC 951 §3, and relays drop shorter ones, RFC 1542 §2.1. */
    public static final int MIN_LENGTH = 300;

    private static final int SNAME = 44;
    private static final int FILE = 108;
    private static final int COOKIE = 236;
    private static final int MAGIC = 0x63825363;
    private static final int ETHERNET = 1;
    private static final int MAC_LENGTH = 6;

    /** Field {@code chaddr}, all 16 bytes of it, as it came. */
    public record Chaddr(long high, long low) {
        /** The Ethernet address in it, 48 bits. */
        public long mac() {
            return high >>> 16;
        }
    }

    /** What became of received bytes. */
    public sealed interface Parsed {}

    public record Ok(DhcpMessage message) implements Parsed {}

    public record Malformed(Drop why) implements Parsed {}

    public DhcpMessage {
        options = List.copyOf(options);
    }

    /**
     * Reads a request of an Ethernet guest that fills {@code message} from position to limit. A message without cookie (all zero) is plain
     * BOOTP and has no options. An option that overruns its field spoils the whole message; a field may end without option End. Instances of
     * one code are joined in order of options, file, sname (RFC 3396 §5 to 7; where upstream lets the last instance win); file and sname hold
     * options if option 52 says so. Never throws.
     */
    public static Parsed parse(ByteBuffer message) {
        byte[] bytes = new byte[message.remaining()];
        message.get(message.position(), bytes);
        if (bytes.length < FIXED_LENGTH) {
            return new Malformed(Drop.DHCP_TRUNCATED);
        }
        ByteBuffer in = ByteBuffer.wrap(bytes);
        if (in.get(0) != BOOTREQUEST) {
            return new Malformed(Drop.DHCP_NOT_REQUEST);
        }
        if (in.get(1) != ETHERNET || in.get(2) != MAC_LENGTH) {
            return new Malformed(Drop.DHCP_BAD_HARDWARE);
        }
        Collection<DhcpOption> options = List.of();
        int cookie = in.getInt(COOKIE);
        if (cookie == MAGIC) {
            options = options(bytes);
            if (options == null) {
                return new Malformed(Drop.DHCP_BAD_OPTION);
            }
        } else if (cookie != 0) {
            return new Malformed(Drop.DHCP_BAD_COOKIE);
        }
        return new Ok(new DhcpMessage(
                BOOTREQUEST,
                in.getInt(4),
                in.getShort(8) & 0xffff,
                in.getShort(10) & 0xffff,
                in.getInt(12),
                in.getInt(16),
                in.getInt(20),
                in.getInt(24),
                new Chaddr(in.getLong(28), in.getLong(36)),
                List.copyOf(options)));
    }

    /** Null: an option overruns, or says nonsense about where options are. */
    private static @Nullable Collection<DhcpOption> options(byte[] bytes) {
        Map<Integer, DhcpOption> found = new LinkedHashMap<>();
        if (!collect(bytes, FIXED_LENGTH, bytes.length, found)) {
            return null;
        }
        DhcpOption overload = found.get(DhcpOption.OVERLOAD);
        if (overload == null) {
            return found.values();
        }
        if (overload.length() != 1 || overload.octet(0) < 1 || overload.octet(0) > 3) {
            return null;
        }
        boolean file = (overload.octet(0) & 1) != 0;
        boolean sname = (overload.octet(0) & 2) != 0;
        boolean whole =
                (!file || collect(bytes, FILE, COOKIE, found)) && (!sname || collect(bytes, SNAME, FILE, found));
        return whole ? found.values() : null;
    }

    private static boolean collect(byte[] bytes, int from, int end, Map<Integer, DhcpOption> found) {
        int at = from;
        while (at < end) {
            int code = bytes[at++] & 0xff;
            if (code == DhcpOption.END) {
                return true;
            }
            if (code == DhcpOption.PAD) {
                continue;
            }
            int length = at < end ? bytes[at++] & 0xff : -1;
            if (length < 0 || length > end - at) {
                return false;
            }
            int value = at;
            found.compute(code, (k, known) -> (known == null ? DhcpOption.ofNothing(k) : known)
                    .followedBy(bytes, value, length));
            at += length;
        }
        return true;
    }

    /** The option of this code; null: absent. */
    public @Nullable DhcpOption option(int code) {
        for (DhcpOption option : options) {
            if (option.code() == code) {
                return option;
            }
        }
        return null;
    }

    /** Whether the guest asked for answers to all. */
    public boolean wantsBroadcast() {
        return (flags & BROADCAST) != 0;
    }

    /**
     * The message as bytes, at least {@link #MIN_LENGTH} of them and at most {@code most}. An option that does not fit is left out; a
     * shorter one behind it may still be in.
     */
    public byte[] toBytes(int most) {
        assert most >= MIN_LENGTH : most;
        List<DhcpOption> fitting = fitting(options, most);
        int end = FIXED_LENGTH + wireLength(fitting) + 1;
        byte[] bytes = new byte[Math.max(end, MIN_LENGTH)];
        ByteBuffer out = ByteBuffer.wrap(bytes);
        out.put((byte) op).put((byte) ETHERNET).put((byte) MAC_LENGTH).put((byte) 0);
        out.putInt(xid).putShort((short) secs).putShort((short) flags);
        out.putInt(ciaddr).putInt(yiaddr).putInt(siaddr).putInt(giaddr);
        out.putLong(hardware.high).putLong(hardware.low);
        out.putInt(COOKIE, MAGIC);
        int at = FIXED_LENGTH;
        for (DhcpOption option : fitting) {
            at = option.write(bytes, at);
        }
        bytes[at] = (byte) DhcpOption.END;
        return bytes;
    }

    /** Those of {@code options}, in order, that a message of at most {@code most} bytes has room for, taken greedily. */
    public static List<DhcpOption> fitting(List<DhcpOption> options, int most) {
        List<DhcpOption> fitting = new ArrayList<>();
        int room = most - FIXED_LENGTH - 1; // one for End
        for (DhcpOption option : options) {
            if (option.wireLength() <= room) {
                fitting.add(option);
                room -= option.wireLength();
            }
        }
        return fitting;
    }

    private static int wireLength(List<DhcpOption> options) {
        int length = 0;
        for (DhcpOption option : options) {
            length += option.wireLength();
        }
        return length;
    }
}
