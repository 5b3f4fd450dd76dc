import java.io.EOFException;
import java.io.IOException;
import java.net.DatagramPacket;
import java.net.DatagramSocket;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.net.SocketException;
import java.net.StandardProtocolFamily;
import java.net.UnixDomainSocketAddress;
import java.nio.ByteBuffer;
import java.nio.channels.SocketChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import java.util.function.Predicate;

/**
 * A training run: starts the passt that the arguments name ({@code Train DIRECTORY COMMAND...}), in a network that is the same everywhere, and
 * is its guest. It walks the ways that a real guest's first minute walks, so that their classes and profiles are in the ahead-of-time cache:
 * ARP, DHCP, NDP and DHCPv6, echoes, datagrams both ways, in fragments too, and errors; connections both ways, and refused ones.
 *
 * <p>ARP and DHCP have to be answered. The rest depends on the machine, which may have no IPv6 and refuse ping sockets: what was missing is said.
 */
class Train {
    private static final String GUEST_MAC = "525400123456";
    private static final byte[] GUEST = {(byte) 192, 0, 2, 2};
    private static final String GUEST6 = "20010db8000000000000000000000002";
    private static final String LINK_LOCAL = "fe80000000000000505400fffe123456";

    // both are the host's loopback to the guest
    private static final byte[] GATEWAY = {(byte) 192, 0, 2, 1};
    private static final String GATEWAY6 = "20010db8000000000000000000000001";

    private static final int IP_SOURCE = 26;
    private static final int YIADDR = 58;
    static final int GUEST_PORT = 40_000;
    /** Discard, most likely closed on the host. */
    private static final int CLOSED_PORT = 9;

    private static final int ROUNDS = 50;
    private static final int PATIENCE_MS = 1_000;
    private static final int LONG = 3_000;
    private static final int LONGEST = 65_507;

    private static final int FIN = 1;
    private static final int SYN = 2;
    private static final int RST = 4;
    private static final int ACK = 16;
    private static final int TCP_BYTES = 1_400;

    private final SocketChannel link;
    private final BlockingQueue<byte[]> received = new LinkedBlockingQueue<>();
    private final Set<String> missing = new TreeSet<>();
    private final Thread receiver;

    Train(SocketChannel link) {
        this.link = link;
        receiver = Thread.ofPlatform().daemon().start(this::receive);
    }

    /** Whoever closes a link with frames in it that nobody read resets it, which happens in some runs and not in others: so all is read first. */
    void leave() throws IOException, InterruptedException {
        link.shutdownOutput();
        receiver.join();
    }

    public static void main(String[] args) throws Exception {
        Thread.ofPlatform().daemon().start(() -> endLate());
        Path socket = Path.of(args[0], "train.socket");
        int forwarded = freePort();
        List<String> command = new ArrayList<>(List.of(args).subList(1, args.length));
        command.addAll(List.of("-f", "-q", "--one-off", "-s", socket.toString()));
        if ("root".equals(System.getProperty("user.name"))) {
            command.addAll(List.of("--runas", "0")); // nobody could not write the cache
        }
        command.addAll(List.of("-l", args[0] + "/train.log", "-P", args[0] + "/train.pid"));
        command.addAll(List.of("-a", "192.0.2.2/24", "-g", "192.0.2.1", "-a", "2001:db8::2", "-g", "2001:db8::1"));
        command.addAll(List.of("-D", "192.0.2.3", "-D", "2001:db8::3", "-S", "example.org", "-H", "train"));
        int forwardedTcp = freeTcpPort();
        command.addAll(List.of("-u", forwarded + ":" + GUEST_PORT, "-t", forwardedTcp + ":" + GUEST_PORT));
        Process passt = new ProcessBuilder(command).inheritIO().start();
        Runtime.getRuntime().addShutdownHook(new Thread(passt::destroyForcibly));
        try (SocketChannel link = connect(socket, passt)) {
            Train guest = new Train(link);
            guest.walk(forwarded, forwardedTcp);
            guest.leave();
        }
        System.exit(passt.waitFor());
    }

    /** An answer that never comes must not hang a build. */
    static void endLate() {
        try {
            Thread.sleep(60_000);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
        System.err.println("Train: not done within 60 s");
        System.exit(1);
    }

    /** Free in both families, where there are two: that is what the JDK's socket takes. */
    static int freePort() throws IOException {
        try (DatagramSocket probe = new DatagramSocket(0)) {
            return probe.getLocalPort();
        }
    }

    static int freeTcpPort() throws IOException {
        try (ServerSocket probe = new ServerSocket(0)) {
            return probe.getLocalPort();
        }
    }

    static SocketChannel connect(Path path, Process passt) throws Exception {
        while (passt.isAlive()) {
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

    private void walk(int forwarded, int forwardedTcp) throws Exception {
        resolve();
        lease();
        configure6();
        try {
            talk("127.0.0.1", forwarded);
            converse("127.0.0.1", forwardedTcp);
            talk("::1", forwarded);
            converse("::1", forwardedTcp);
        } catch (SocketException e) {
            missing.add("IPv6 on the loopback interface");
        }
        sayMissing();
    }

    private void sayMissing() {
        if (!missing.isEmpty()) {
            System.err.println("Train: trained without " + String.join(", ", missing));
        }
    }

    private void resolve() throws Exception {
        for (int i = 0; i < ROUNDS; i++) {
            send(arp());
            require("ARP reply", frame -> frame[12] == 8 && frame[13] == 6 && frame[21] == 2);
        }
    }

    /** The address, RFC 2131 §2. */
    private byte[] lease() throws Exception {
        byte[] reply = new byte[0];
        for (byte type : new byte[] {1, 3}) {
            send(dhcp(type));
            reply = require("DHCP reply", frame -> isUdp(frame, false, 68));
        }
        return Arrays.copyOfRange(reply, YIADDR, YIADDR + 4);
    }

    /** In a pod, whose own addresses are closed to its guest: only what others begin can be trained. IPv4 alone: its way is the same. */
    void walkInPod(int forwarded, int forwardedTcp) throws Exception {
        resolve();
        System.arraycopy(lease(), 0, GUEST, 0, GUEST.length);
        InetAddress loopback = InetAddress.getByName("127.0.0.1");
        try (DatagramSocket client = new DatagramSocket(0, loopback)) {
            for (int i = 0; i < ROUNDS; i++) {
                send(icmp6(LINK_LOCAL, "ff020000000000000000000000000002", "8500000000000000"));
                await("router advertisements", frame -> isIcmp(frame, true, 134));
                client.send(new DatagramPacket(new byte[64], 64, loopback, forwarded));
                byte[] datagram = await("forwarding", frame -> isUdp(frame, false, GUEST_PORT));
                if (datagram != null) {
                    System.arraycopy(datagram, IP_SOURCE, GATEWAY, 0, GATEWAY.length);
                    send(udp(false, ByteBuffer.wrap(datagram).getShort(34), new byte[64]));
                }
                converseOnce("connections", false, loopback, forwardedTcp);
            }
        }
        sayMissing();
    }

    private void configure6() throws Exception {
        for (int i = 0; i < ROUNDS; i++) {
            send(icmp6(LINK_LOCAL, "ff020000000000000000000000000002", "8500000000000000"));
            await("router advertisements", frame -> isIcmp(frame, true, 134));
            send(icmp6(LINK_LOCAL, GATEWAY6, "8700000000000000" + GATEWAY6 + "0101" + GUEST_MAC));
            await("neighbour advertisements", frame -> isIcmp(frame, true, 136));
            send(dhcp6("01", ""));
            byte[] advertise = await("DHCPv6", frame -> isUdp(frame, true, 546));
            if (advertise != null) {
                send(dhcp6("03", HexFormat.of().formatHex(serverIdentifier(advertise))));
                await("DHCPv6", frame -> isUdp(frame, true, 546));
            }
        }
    }

    /** With this loopback address of the host, either side beginning. The first rounds have what is rare. */
    private void talk(String loopback, int forwarded) throws Exception {
        InetAddress address = InetAddress.getByName(loopback);
        boolean ip6 = address.getAddress().length == 16;
        String family = ip6 ? "IPv6 " : "IPv4 ";
        try (DatagramSocket server = new DatagramSocket(0, address);
                DatagramSocket client = new DatagramSocket(0, address)) {
            Thread.ofPlatform().daemon().start(() -> answer(server));
            for (int i = 0; i < ROUNDS; i++) {
                send(ip6 ? icmp6(GUEST6, GATEWAY6, "80000000004d0000" + "00".repeat(56)) : echo());
                await(family + "echoes", frame -> isIcmp(frame, ip6, ip6 ? 129 : 0));
                send(udp(ip6, CLOSED_PORT, new byte[64]));
                await(family + "errors", frame -> isIcmp(frame, ip6, ip6 ? 1 : 3));
                if (i == 0) {
                    for (byte[] fragment : fragments(ip6, server.getLocalPort())) {
                        send(fragment);
                    }
                    await(family + "fragments", frame -> isIp(frame, ip6, ip6 ? 44 : 17) && frame.length > LONG);
                }
                send(udp(ip6, server.getLocalPort(), new byte[64]));
                await(family + "datagrams", frame -> isUdp(frame, ip6, GUEST_PORT));
                client.send(new DatagramPacket(new byte[64], 64, address, forwarded));
                byte[] frame = await(family + "forwarding", f -> isUdp(f, ip6, GUEST_PORT));
                if (frame != null) {
                    send(udp(ip6, ByteBuffer.wrap(frame).getShort(ip6 ? 54 : 34), new byte[64]));
                }
            }
        }
    }

    /** Connections with this loopback address of the host: refused, of the guest's, and of the host's. */
    private void converse(String loopback, int forwarded) throws Exception {
        InetAddress address = InetAddress.getByName(loopback);
        boolean ip6 = address.getAddress().length == 16;
        String what = (ip6 ? "IPv6" : "IPv4") + " connections";
        try (ServerSocket server = new ServerSocket(0, 16, address)) {
            Thread.ofPlatform().daemon().start(() -> echo(server));
            for (int i = 0; i < ROUNDS; i++) {
                send(tcp(ip6, GUEST_PORT + i, CLOSED_PORT, 100, 0, SYN, 0));
                await(what, frame -> isTcp(frame, ip6, RST));
                send(tcp(ip6, GUEST_PORT + i, server.getLocalPort(), 100, 0, SYN, 0));
                exchange(what, ip6, await(what, frame -> isTcp(frame, ip6, SYN)), 101);
                converseOnce(what, ip6, address, forwarded);
            }
        }
    }

    /** One that the host begins. */
    private void converseOnce(String what, boolean ip6, InetAddress address, int forwarded) throws Exception {
        try (Socket client = new Socket(address, forwarded)) {
            byte[] syn = await(what, frame -> isTcp(frame, ip6, SYN));
            if (syn == null) {
                return;
            }
            if (!ip6) {
                System.arraycopy(syn, IP_SOURCE, GATEWAY, 0, GATEWAY.length);
            }
            send(tcp(ip6, GUEST_PORT, fromPort(syn, ip6), 100, number(syn, ip6, 4) + 1, SYN | ACK, 0));
            client.getOutputStream().write(new byte[TCP_BYTES]);
            client.shutdownOutput();
            exchange(what, ip6, syn, 101);
        }
    }

    /** Acknowledges {@code syn} and what follows, says something, and ends. */
    private void exchange(String what, boolean ip6, byte[] syn, int seq) throws Exception {
        if (syn == null) {
            return;
        }
        int to = fromPort(syn, ip6);
        int own = ByteBuffer.wrap(syn).getShort((ip6 ? 54 : 34) + 2) & 0xffff;
        int ack = number(syn, ip6, 4) + 1;
        send(tcp(ip6, own, to, seq, ack, ACK, TCP_BYTES));
        send(tcp(ip6, own, to, seq + TCP_BYTES, ack, ACK | FIN, 0));
        byte[] frame;
        do {
            frame = await(what, f -> isTcp(f, ip6, ACK));
            if (frame == null) {
                return;
            }
            int end = number(frame, ip6, 4) + payload(frame, ip6) + (isTcp(frame, ip6, FIN) ? 1 : 0);
            if (end - ack > 0) {
                ack = end;
                send(tcp(ip6, own, to, seq + TCP_BYTES + 1, ack, ACK, 0));
            }
        } while (!isTcp(frame, ip6, FIN) && !isTcp(frame, ip6, RST));
    }

    /** Sends back what comes. */
    private static void echo(ServerSocket server) {
        try {
            while (true) {
                try (Socket one = server.accept()) {
                    one.getInputStream().transferTo(one.getOutputStream());
                }
            }
        } catch (IOException closed) {
            // the end
        }
    }

    /** Sends back what comes, and more for what is long: then it needs fragments. */
    private static void answer(DatagramSocket server) {
        byte[] content = new byte[LONGEST];
        try {
            while (true) {
                DatagramPacket packet = new DatagramPacket(content, content.length);
                server.receive(packet);
                packet.setLength(packet.getLength() < LONG ? packet.getLength() : LONGEST);
                server.send(packet);
            }
        } catch (IOException closed) {
            // the end
        }
    }

    private void send(byte[] frame) throws IOException {
        ByteBuffer out = ByteBuffer.allocate(4 + frame.length)
                .putInt(frame.length)
                .put(frame)
                .flip();
        while (out.hasRemaining()) {
            link.write(out);
        }
    }

    private void receive() {
        try {
            while (true) {
                received.add(read(ByteBuffer.wrap(read(4)).getInt()));
            }
        } catch (IOException closed) {
            // the end
        }
    }

    private byte[] read(int length) throws IOException {
        ByteBuffer in = ByteBuffer.allocate(length);
        while (in.hasRemaining()) {
            if (link.read(in) < 0) {
                throw new EOFException();
            }
        }
        return in.array();
    }

    private byte[] require(String what, Predicate<byte[]> wanted) throws Exception {
        byte[] frame = await(what, wanted);
        if (frame == null) {
            throw new IOException("no " + what);
        }
        return frame;
    }

    /** The next frame that is wanted, or null. What was missing once is not waited for again. */
    private byte[] await(String what, Predicate<byte[]> wanted) throws InterruptedException {
        if (missing.contains(what)) {
            return null;
        }
        long end = System.nanoTime() + TimeUnit.MILLISECONDS.toNanos(PATIENCE_MS);
        byte[] frame = received.poll(PATIENCE_MS, TimeUnit.MILLISECONDS);
        while (frame != null && !wanted.test(frame)) {
            frame = received.poll(end - System.nanoTime(), TimeUnit.NANOSECONDS);
        }
        if (frame == null) {
            missing.add(what);
        }
        return frame;
    }

    private static boolean isIp(byte[] frame, boolean ip6, int protocol) {
        int type = ByteBuffer.wrap(frame).getShort(12) & 0xffff;
        return type == (ip6 ? 0x86dd : 0x0800) && frame[ip6 ? 20 : 23] == protocol;
    }

    private static boolean isIcmp(byte[] frame, boolean ip6, int type) {
        return isIp(frame, ip6, ip6 ? 58 : 1) && (frame[ip6 ? 54 : 34] & 0xff) == type;
    }

    private static boolean isUdp(byte[] frame, boolean ip6, int toPort) {
        return isIp(frame, ip6, 17) && (ByteBuffer.wrap(frame).getShort(ip6 ? 56 : 36) & 0xffff) == toPort;
    }

    private static boolean isTcp(byte[] frame, boolean ip6, int flag) {
        return isIp(frame, ip6, 6) && (frame[(ip6 ? 54 : 34) + 13] & flag) != 0;
    }

    private static int fromPort(byte[] frame, boolean ip6) {
        return ByteBuffer.wrap(frame).getShort(ip6 ? 54 : 34) & 0xffff;
    }

    private static int number(byte[] frame, boolean ip6, int offset) {
        return ByteBuffer.wrap(frame).getInt((ip6 ? 54 : 34) + offset);
    }

    private static int payload(byte[] frame, boolean ip6) {
        int header = (frame[(ip6 ? 54 : 34) + 12] & 0xf0) >> 2;
        ByteBuffer in = ByteBuffer.wrap(frame);
        return (ip6 ? in.getShort(18) & 0xffff : (in.getShort(16) & 0xffff) - 20) - header;
    }

    /** The option with code 2, RFC 8415 §21.3, whole. */
    private static byte[] serverIdentifier(byte[] advertise) {
        ByteBuffer in = ByteBuffer.wrap(advertise);
        int at = 66;
        while (in.getShort(at) != 2) {
            at += 4 + in.getShort(at + 2);
        }
        return Arrays.copyOfRange(advertise, at, at + 4 + in.getShort(at + 2));
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
        return ip(17, 0, new byte[4], HexFormat.of().parseHex("ffffffff"), udpHeader(68, 67, dhcp.array()));
    }

    private static byte[] echo() {
        ByteBuffer icmp = ByteBuffer.allocate(64).putLong(0x0800_0000_004d_0000L);
        icmp.putShort(2, sum(icmp.array()));
        return ip(1, 0, GUEST, GATEWAY, icmp.array());
    }

    private static byte[] icmp6(String from, String to, String message) {
        return ip6(58, from, to, summed(58, from, to, HexFormat.of().parseHex(message), 2));
    }

    /** DHCPv6 with a client identifier, an option request and an IA_NA, RFC 8415. */
    private static byte[] dhcp6(String type, String server) {
        String message = type + "123456" + "0001000a00030001" + GUEST_MAC + server + "0006000400170018" + "0003000c"
                + "000000010000000000000000";
        String to = "ff020000000000000000000000010002";
        byte[] content = HexFormat.of().parseHex(message);
        return ip6(17, LINK_LOCAL, to, summed(17, LINK_LOCAL, to, udpHeader(546, 547, content), 6));
    }

    private static byte[] udp(boolean ip6, int toPort, byte[] content) {
        byte[] udp = udpHeader(GUEST_PORT, toPort, content);
        return ip6
                ? ip6(17, GUEST6, GATEWAY6, summed(17, GUEST6, GATEWAY6, udp, 6))
                : ip(17, 0, GUEST, GATEWAY, udp); // IPv4 does without a checksum
    }

    private static List<byte[]> fragments(boolean ip6, int toPort) {
        byte[] udp = udpHeader(GUEST_PORT, toPort, new byte[LONG]);
        byte[] whole = ip6 ? summed(17, GUEST6, GATEWAY6, udp, 6) : udp;
        List<byte[]> fragments = new ArrayList<>();
        int piece = 1_400;
        for (int at = 0; at < whole.length; at += piece) {
            byte[] part = Arrays.copyOfRange(whole, at, Math.min(at + piece, whole.length));
            int more = at + piece < whole.length ? 1 : 0;
            byte[] header = HexFormat.of().parseHex("1100%04x00000001".formatted(at | more));
            fragments.add(
                    ip6
                            ? ip6(44, GUEST6, GATEWAY6, join(header, part))
                            : ip(17, at / 8 | more << 13, GUEST, GATEWAY, part));
        }
        return fragments;
    }

    private static byte[] tcp(boolean ip6, int fromPort, int toPort, int seq, int ack, int flags, int payload) {
        byte[] options = (flags & SYN) != 0 ? new byte[] {2, 4, 5, (byte) 180, 1, 3, 3, 7} : new byte[0];
        byte[] tcp = ByteBuffer.allocate(20 + options.length + payload)
                .putShort((short) fromPort)
                .putShort((short) toPort)
                .putInt(seq)
                .putInt(ack)
                .put((byte) (20 + options.length << 2))
                .put((byte) flags)
                .putShort((short) 60_000)
                .putInt(0)
                .put(options)
                .array();
        if (ip6) {
            return ip6(6, GUEST6, GATEWAY6, summed(6, GUEST6, GATEWAY6, tcp, 16));
        }
        byte[] pseudo = ByteBuffer.allocate(12)
                .put(GUEST)
                .put(GATEWAY)
                .putShort((short) 6)
                .putShort((short) tcp.length)
                .array();
        return ip(
                6,
                0,
                GUEST,
                GATEWAY,
                ByteBuffer.wrap(tcp).putShort(16, sum(join(pseudo, tcp))).array());
    }

    private static byte[] udpHeader(int fromPort, int toPort, byte[] content) {
        return ByteBuffer.allocate(8 + content.length)
                .putShort((short) fromPort)
                .putShort((short) toPort)
                .putShort((short) (8 + content.length))
                .putShort((short) 0)
                .put(content)
                .array();
    }

    /** The checksum, over what RFC 8200 §8.1 says, goes to {@code checksumAt} of the payload. */
    private static byte[] summed(int next, String from, String to, byte[] payload, int checksumAt) {
        byte[] pseudo = ByteBuffer.allocate(40)
                .put(HexFormat.of().parseHex(from + to))
                .putInt(payload.length)
                .putInt(next)
                .array();
        short sum = sum(join(pseudo, payload));
        return ByteBuffer.wrap(payload).putShort(checksumAt, sum).array();
    }

    private static byte[] ip6(int next, String from, String to, byte[] payload) {
        String header =
                "%s%s86dd60000000%04x%02xff%s%s".formatted("3333ffffffff", GUEST_MAC, payload.length, next, from, to);
        return join(HexFormat.of().parseHex(header), payload);
    }

    private static byte[] ip(int protocol, int fragment, byte[] from, byte[] to, byte[] payload) {
        ByteBuffer header = ByteBuffer.allocate(20)
                .putShort((short) 0x4500)
                .putShort((short) (20 + payload.length))
                .putShort((short) 1)
                .putShort((short) fragment)
                .put((byte) 64)
                .put((byte) protocol)
                .putShort((short) 0)
                .put(from)
                .put(to);
        header.putShort(10, sum(header.array()));
        byte[] ethernet = HexFormat.of().parseHex("ffffffffffff" + GUEST_MAC + "0800");
        return join(join(ethernet, header.array()), payload);
    }

    private static byte[] join(byte[] one, byte[] other) {
        return ByteBuffer.allocate(one.length + other.length)
                .put(one)
                .put(other)
                .array();
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
