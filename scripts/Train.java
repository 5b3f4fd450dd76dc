import java.io.EOFException;
import java.io.IOException;
import java.net.StandardProtocolFamily;
import java.net.UnixDomainSocketAddress;
import java.nio.ByteBuffer;
import java.nio.channels.SocketChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HexFormat;

/**
 * A guest in two hundred lines: resolves an address, asks for a lease, an advertisement and DHCPv6, sends its gateway echoes and datagrams, and
 * leaves. It makes a training run walk the ways
 * that a real guest's first second walks, so that their classes are in the ahead-of-time cache.
 */
class Train {
    private static final String GUEST_MAC = "525400123456";
    private static final String LINK_LOCAL = "fe80000000000000505400fffe123456";
    private static final String ROUTER = "20010db8000000000000000000000001";
    private static final int ROUNDS = 50;

    public static void main(String[] args) throws Exception {
        Thread.ofPlatform().daemon().start(() -> endLate());
        try (SocketChannel link = connect(Path.of(args[0]))) {
            for (int i = 0; i < ROUNDS; i++) {
                send(link, arp());
                receive(link);
            }
            send(link, dhcp(1));
            byte[] offer = receive(link);
            byte[] yiaddr = new byte[4];
            System.arraycopy(offer, 42 + 16, yiaddr, 0, 4);
            send(link, dhcp(3));
            byte[] ack = receive(link);
            byte[] gateway = new byte[4];
            System.arraycopy(ack, 26, gateway, 0, 4);
            for (int i = 0; i < ROUNDS; i++) {
                // unanswered where the kernel allows no ping sockets, or has no IPv6
                send(link, echo(yiaddr, gateway, i));
                send(link, udp(yiaddr, gateway));
                send(link, icmp6("ff020000000000000000000000000002", "8500000000000000"));
                send(link, icmp6(ROUTER, "8700000000000000" + ROUTER + "0101" + GUEST_MAC));
                send(link, icmp6(ROUTER, "80000000004d" + "%04x".formatted(i) + "00".repeat(56)));
                send(link, solicit());
                send(link, udp6(40_000, 9, ROUTER, "00".repeat(64)));
                send(link, arp());
                awaitArpReply(link);
            }
        }
    }

    /** An answer that never comes must not hang a build. */
    private static void endLate() {
        try {
            Thread.sleep(30_000);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
        System.err.println("Train: no answer within 30 s");
        Runtime.getRuntime().halt(1);
    }

    private static SocketChannel connect(Path path) throws Exception {
        for (int i = 0; i < 3000; i++) {
            if (Files.exists(path)) {
                SocketChannel link = SocketChannel.open(StandardProtocolFamily.UNIX);
                try {
                    link.connect(UnixDomainSocketAddress.of(path));
                    return link;
                } catch (IOException notYet) {
                    link.close();
                }
            }
            Thread.sleep(10);
        }
        throw new IOException("nobody listens on " + path);
    }

    private static void send(SocketChannel link, byte[] frame) throws IOException {
        ByteBuffer out = ByteBuffer.allocate(4 + frame.length)
                .putInt(frame.length)
                .put(frame)
                .flip();
        while (out.hasRemaining()) {
            link.write(out);
        }
    }

    /** The next frame that is neither IPv6 nor an ARP request: those the host side sends of its own accord. */
    private static byte[] receive(SocketChannel link) throws IOException {
        while (true) {
            byte[] frame = read(link, ByteBuffer.wrap(read(link, 4)).getInt());
            boolean arpRequest = frame[12] == 8 && frame[13] == 6 && frame[21] == 1;
            boolean ip6 = (frame[12] & 0xff) == 0x86 && (frame[13] & 0xff) == 0xdd;
            if (!arpRequest && !ip6) {
                return frame;
            }
        }
    }

    private static void awaitArpReply(SocketChannel link) throws IOException {
        byte[] frame = receive(link);
        while (frame[12] != 8 || frame[13] != 6) {
            frame = receive(link);
        }
    }

    private static byte[] read(SocketChannel link, int length) throws IOException {
        ByteBuffer in = ByteBuffer.allocate(length);
        while (in.hasRemaining()) {
            if (link.read(in) < 0) {
                throw new EOFException();
            }
        }
        return in.array();
    }

    private static byte[] arp() {
        return HexFormat.of()
                .parseHex("ffffffffffff" + GUEST_MAC + "0806" + "0001080006040001" + GUEST_MAC + "0a4dfefe"
                        + "000000000000" + "0a4dfefd");
    }

    private static byte[] dhcp(int type) {
        ByteBuffer dhcp = ByteBuffer.allocate(300);
        dhcp.put(HexFormat.of().parseHex("01010600" + "12345678")).position(28);
        dhcp.put(HexFormat.of().parseHex(GUEST_MAC)).position(236);
        dhcp.putInt(0x63825363).put(new byte[] {53, 1, (byte) type, 55, 7, 1, 3, 6, 12, 26, 119, 121, (byte) 255});
        ByteBuffer udp = ByteBuffer.allocate(308)
                .putShort((short) 68)
                .putShort((short) 67)
                .putShort((short) 308)
                .putShort((short) 0);
        udp.put(dhcp.array());
        return ip(17, new byte[4], HexFormat.of().parseHex("ffffffff"), udp.array());
    }

    private static byte[] echo(byte[] from, byte[] to, int sequence) {
        ByteBuffer icmp = ByteBuffer.allocate(64)
                .putShort((short) 0x0800)
                .putShort((short) 0)
                .putShort((short) 77)
                .putShort((short) sequence);
        icmp.putShort(2, sum(icmp.array()));
        return ip(1, from, to, icmp.array());
    }

    /** To the discard port of the host's loopback, most likely closed: an error comes back. IPv4 does without a checksum. */
    private static byte[] udp(byte[] from, byte[] to) {
        ByteBuffer udp = ByteBuffer.allocate(72)
                .putShort((short) 40_000)
                .putShort((short) 9)
                .putShort((short) 72);
        return ip(17, from, to, udp.array());
    }

    private static byte[] icmp6(String to, String message) {
        return ip6(58, to, HexFormat.of().parseHex(message), 2);
    }

    /** DHCPv6 SOLICIT with a client identifier, an option request and an IA_NA, RFC 8415. */
    private static byte[] solicit() {
        return udp6(
                546,
                547,
                "ff020000000000000000000000010002",
                "01123456" + "0001000a00030001" + GUEST_MAC + "0006000400170018" + "0003000c"
                        + "000000010000000000000000");
    }

    private static byte[] udp6(int fromPort, int toPort, String to, String payload) {
        byte[] content = HexFormat.of().parseHex(payload);
        ByteBuffer udp = ByteBuffer.allocate(8 + content.length)
                .putShort((short) fromPort)
                .putShort((short) toPort)
                .putShort((short) (8 + content.length))
                .putShort((short) 0)
                .put(content);
        return ip6(17, to, udp.array(), 6);
    }

    /** The checksum, over what RFC 8200 §8.1 says, goes to {@code checksumAt} of the payload. */
    private static byte[] ip6(int next, String to, byte[] payload, int checksumAt) {
        byte[] addresses = HexFormat.of().parseHex(LINK_LOCAL + to);
        byte[] pseudo = ByteBuffer.allocate(40 + payload.length)
                .put(addresses)
                .putInt(payload.length)
                .putInt(next)
                .put(payload)
                .array();
        ByteBuffer frame = ByteBuffer.allocate(54 + payload.length);
        frame.put(HexFormat.of().parseHex("3333ffffffff" + GUEST_MAC + "86dd60000000"))
                .putShort((short) payload.length)
                .put((byte) next)
                .put((byte) 255)
                .put(addresses)
                .put(payload)
                .putShort(54 + checksumAt, sum(pseudo));
        return frame.array();
    }

    private static byte[] ip(int protocol, byte[] from, byte[] to, byte[] payload) {
        ByteBuffer header =
                ByteBuffer.allocate(20).put((byte) 0x45).put((byte) 0).putShort((short) (20 + payload.length));
        header.putInt(0)
                .put((byte) 64)
                .put((byte) protocol)
                .putShort((short) 0)
                .put(from)
                .put(to);
        header.putShort(10, sum(header.array()));
        ByteBuffer frame = ByteBuffer.allocate(34 + payload.length);
        frame.put(HexFormat.of().parseHex("ffffffffffff" + GUEST_MAC + "0800"))
                .put(header.array())
                .put(payload);
        return frame.array();
    }

    private static short sum(byte[] bytes) {
        int sum = 0;
        for (int i = 0; i < bytes.length; i += 2) {
            sum += (bytes[i] & 0xff) << 8 | (i + 1 < bytes.length ? bytes[i + 1] & 0xff : 0);
        }
        while (sum >>> 16 != 0) {
            sum = (sum & 0xffff) + (sum >>> 16);
        }
        return (short) ~sum;
    }
}
