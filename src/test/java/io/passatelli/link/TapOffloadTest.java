package io.passatelli.link;

import io.passatelli.base.Clock;
import io.passatelli.base.Counters;
import io.passatelli.base.Drop;
import io.passatelli.base.Ip;
import io.passatelli.base.Limits;
import io.passatelli.base.Log;
import io.passatelli.lab.Namespace;
import io.passatelli.loop.EventLoop;
import io.passatelli.os.Errno;
import io.passatelli.os.IoVec;
import io.passatelli.os.LinuxOs;
import io.passatelli.os.SockAddr;
import io.passatelli.os.Socket;
import io.passatelli.os.Tap;
import io.passatelli.wire.Checksum;
import io.passatelli.wire.Ethernet;
import io.passatelli.wire.Frame;
import io.passatelli.wire.Ip4;
import io.passatelli.wire.Ip6;
import io.passatelli.wire.Offload;
import io.passatelli.wire.Tcp;
import io.passatelli.wire.Udp;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

import java.io.ByteArrayOutputStream;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.ArrayDeque;
import java.util.Arrays;
import java.util.function.Predicate;

import static java.lang.foreign.ValueLayout.JAVA_BYTE;
import static org.assertj.core.api.Assertions.assertThat;

/** A tap with offloads: what a real Linux stack leaves to us, and what it takes of what we leave to it. */
@Tag("netns")
class TapOffloadTest {
    private static final long OUR_MAC = 0x02_00_00_00_00_02L;
    private static final int MSS = 1_428;
    private static final int PORT = 80;
    private static final int ISN = 0x7fff_ff00;
    private static final long WAIT_MS = 20_000;
    private static final int FLAGS = Socket.MSG_DONTWAIT | Socket.MSG_NOSIGNAL;

    private final LinuxOs os = new LinuxOs();
    private final Counters counters = new Counters();
    private final EventLoop loop = new EventLoop(os, Clock.system(), Log.silent());
    private final TxBatch batch = new TxBatch(Limits.TX_BATCH_FRAMES);
    private final MemorySegment memory = Arena.ofAuto().allocate(1 << 17);
    private final Ear ear = new Ear();
    private final Namespace namespace;
    private final TapLink link;

    private Ip guest = Ip.v4(0x0a620001);
    private Ip ours = Ip.v4(0x0a620002);
    private int nextToGuest = ISN;
    private int nextFromGuest;
    private int guestPort;
    private long guestMac;

    /** A frame of the guest's, out of the link's memory. */
    private record Got(Frame frame, Offload offload) {}

    /** Keeps frames, each parsed. */
    private static final class Ear extends LinkEar {
        final ArrayDeque<Got> got = new ArrayDeque<>();

        @Override
        public void onReadable(int queue, long nowNs) {
            super.onReadable(queue, nowNs);
            for (int i = 0; i < batch.count(); i++) {
                Offload offload = new Offload();
                offload.set(batch.frame(i).offload());
                byte[] bytes = Frames.bytes(batch, i);
                Frame frame = new Frame();
                frame.set(Frames.inMemory(bytes), 0, bytes.length);
                frame.offload().set(offload);
                if (frame.parse() == Drop.NONE) {
                    got.add(new Got(frame, offload));
                }
            }
        }
    }

    TapOffloadTest() throws Exception {
        namespace = Namespace.make("tapoff");
        Tap tap = Tap.open(os, namespace.path(), "tap0");
        assertThat(tap.fd()).isNotNegative();
        assertThat(tap.offloads()).isTrue();
        link = new TapLink(os, tap, counters);
        namespace.run("ip", "address", "add", "10.98.0.1/24", "dev", "tap0");
        namespace.run("ip", "address", "add", "fd98::1/64", "dev", "tap0", "nodad");
        namespace.run("ip", "link", "set", "tap0", "up");
        namespace.run("ip", "neighbour", "add", "10.98.0.2", "lladdr", "02:00:00:00:00:02", "dev", "tap0");
        namespace.run("ip", "neighbour", "add", "fd98::2", "lladdr", "02:00:00:00:00:02", "dev", "tap0");
    }

    @BeforeEach
    void bind() {
        ear.link = link;
        link.bind(loop, ear);
        loop.onTurnEnd(now -> link.flush(0));
        loop.turn(0);
        assertThat(ear.log).containsExactly("up");
    }

    @AfterEach
    void removeNamespace() {
        link.close();
        loop.close();
        namespace.close();
    }

    @ParameterizedTest
    @ValueSource(booleans = {false, true})
    void theGuestsSegmentsComeUncutWithTheirChecksumsOpen(boolean six) {
        int connection = connect(six);
        byte[] data = Frames.frame(200_000, 3);
        var heard = new ByteArrayOutputStream();
        int sent = 0;
        int longest = 0;
        while (heard.size() < data.length) {
            sent += (int) Math.max(0, send(connection, Arrays.copyOfRange(data, sent, data.length)));
            Got got = await(g -> isTcp(g) && g.frame.payloadLength() > 0 && seq(g) == nextFromGuest);
            Frame f = got.frame;
            int length = f.payloadLength();
            heard.writeBytes(f.bytes().asSlice(f.payload(), length).toArray(JAVA_BYTE));
            nextFromGuest += length;
            assertThat(got.offload.flags).isEqualTo(Offload.NEEDS_CSUM);
            assertThat(got.offload.csumStart).isEqualTo((int) f.l4());
            assertThat(got.offload.csumOffset).isEqualTo(Tcp.CHECKSUM);
            assertThat(Tcp.checksum(f.bytes(), f.l4())).isEqualTo(pseudo(guest, ours, Ip4.TCP, f.l4Length()));
            if (length > MSS) {
                assertThat(got.offload.gsoType).isEqualTo(six ? Offload.GSO_TCPV6 : Offload.GSO_TCPV4);
                assertThat(got.offload.gsoSize).isEqualTo(MSS);
            } else {
                assertThat(got.offload.gsoType).isEqualTo(Offload.GSO_NONE);
            }
            longest = Math.max(longest, length);
            acknowledge();
        }
        assertThat(heard.toByteArray()).isEqualTo(data);
        assertThat(longest).isGreaterThan(2 * MSS);
        os.close(connection);
    }

    @ParameterizedTest
    @ValueSource(booleans = {false, true})
    void theGuestsSocketTakesOurSegmentsUncut(boolean six) {
        int connection = connect(six);
        byte[] data = Frames.frame(20 * MSS, 5);
        for (boolean borrowed : new boolean[] {false, true}) {
            assertThat(sendSegments(data, MSS, borrowed)).isEqualTo(1);
            nextToGuest += data.length;
            assertThat(heard(connection, data.length)).isEqualTo(data);
        }
        assertThat(sendSegments(data, 0, false)).isEqualTo(1); // lost: no size
        assertThat(counters.of(Drop.LINK_BAD_OFFLOAD)).isEqualTo(1);
        byte[] one = Frames.frame(MSS, 6);
        assertThat(sendSegments(one, MSS, false)).isEqualTo(1); // a single one
        nextToGuest += one.length;
        assertThat(heard(connection, one.length)).isEqualTo(one);
        os.close(connection);
    }

    @Test
    void aTunnelsPayloadComesWithItsChecksumDone() throws Exception {
        namespace.run("ip", "link", "add", "vx0", "type", "vxlan", "id", "7", "remote", "10.98.0.2", "dstport", "4789");
        namespace.run("ip", "address", "add", "10.97.0.1/24", "dev", "vx0");
        namespace.run("ip", "link", "set", "vx0", "up");
        namespace.run("ip", "neighbour", "add", "10.97.0.2", "lladdr", "02:00:00:00:00:03", "dev", "vx0");
        int inner = guestSocket(Socket.SOCK_DGRAM, Ip.v4(0x0a610002));
        assertThat(send(inner, Frames.frame(333, 1))).isEqualTo(333);
        int vxlan = 8;
        int length = vxlan + Ethernet.LENGTH + Ip4.LENGTH + Udp.LENGTH + 333;
        Got got = await(g -> g.frame.protocol() == Ip4.UDP && g.frame.payloadLength() == length);
        assertThat(got.offload.flags & Offload.NEEDS_CSUM).isZero();
        long udp = got.frame.payload() + length - 333 - Udp.LENGTH;
        int sum = Checksum.pseudo4(0x0a610001, 0x0a610002, Ip4.UDP, Udp.LENGTH + 333);
        assertThat(Checksum.add(sum, 0, got.frame.bytes(), udp, Udp.LENGTH + 333))
                .isEqualTo(Checksum.GOOD);
        os.close(inner);
    }

    @Test
    void aDatagramWhoseChecksumWeLeaveOpenIsTaken() {
        int connection = guestSocket(Socket.SOCK_DGRAM, ours);
        send(connection, new byte[1]);
        Frame f = await(g -> g.frame.protocol() == Ip4.UDP).frame;
        guestMac = Ethernet.src(f.bytes(), 0);
        byte[] data = Frames.frame(700, 2);
        int header = ip(Ip4.UDP, Udp.LENGTH + data.length);
        Udp.srcPort(memory, header, PORT);
        Udp.dstPort(memory, header, Udp.srcPort(f.bytes(), f.l4()));
        Udp.totalLength(memory, header, Udp.LENGTH + data.length);
        Udp.checksum(memory, header, pseudo(ours, guest, Ip4.UDP, Udp.LENGTH + data.length));
        MemorySegment.copy(data, 0, memory, JAVA_BYTE, header + Udp.LENGTH, data.length);
        assertThat(link.control(0, memory, 0, header + Udp.LENGTH + data.length, open(header, Udp.CHECKSUM)))
                .isTrue();
        assertThat(heard(connection, data.length)).isEqualTo(data);
        os.close(connection);
    }

    /** Connects a socket of the guest's with us. */
    private int connect(boolean six) {
        if (six) {
            guest = Ip.parse("fd98::1");
            ours = Ip.parse("fd98::2");
        }
        int connection = guestSocket(Socket.SOCK_STREAM, ours);
        Got syn = await(TapOffloadTest::isTcp);
        Frame f = syn.frame;
        assertThat(Tcp.flags(f.bytes(), f.l4()) & Tcp.SYN).isNotZero();
        assertThat(syn.offload.flags).isEqualTo(Offload.NEEDS_CSUM);
        guestMac = Ethernet.src(f.bytes(), 0);
        guestPort = Tcp.srcPort(f.bytes(), f.l4());
        nextFromGuest = seq(syn) + 1;
        int tcp = ip(Ip4.TCP, Tcp.LENGTH + 4);
        tcp(tcp, Tcp.LENGTH + 4, Tcp.SYN | Tcp.ACK, 0);
        memory.set(JAVA_BYTE, tcp + Tcp.LENGTH, (byte) 2); // maximum segment size
        memory.set(JAVA_BYTE, tcp + Tcp.LENGTH + 1, (byte) 4);
        memory.set(JAVA_BYTE, tcp + Tcp.LENGTH + 2, (byte) (MSS >>> 8));
        memory.set(JAVA_BYTE, tcp + Tcp.LENGTH + 3, (byte) MSS);
        assertThat(link.control(0, memory, 0, tcp + Tcp.LENGTH + 4, open(tcp, Tcp.CHECKSUM)))
                .isTrue();
        nextToGuest++;
        await(g -> isTcp(g) && Tcp.ack(g.frame.bytes(), g.frame.l4()) == nextToGuest);
        return connection;
    }

    private int guestSocket(int type, Ip to) {
        int family = to.isV4() ? Socket.AF_INET : Socket.AF_INET6;
        int made = os.within(namespace.path(), () -> os.socket(family, type, 0));
        SockAddr address = new SockAddr();
        address.set(to.high(), to.low(), PORT, 0);
        assertThat(os.connect(made, address)).isIn(0, -Errno.EINPROGRESS);
        return made;
    }

    private void acknowledge() {
        int tcp = ip(Ip4.TCP, Tcp.LENGTH);
        tcp(tcp, Tcp.LENGTH, Tcp.ACK, 0);
        assertThat(link.control(0, memory, 0, tcp + Tcp.LENGTH, open(tcp, Tcp.CHECKSUM)))
                .isTrue();
    }

    private int sendSegments(byte[] data, int size, boolean borrowed) {
        int tcp = ip(Ip4.TCP, Tcp.LENGTH + data.length);
        tcp(tcp, Tcp.LENGTH, Tcp.ACK | Tcp.PSH, data.length);
        int header = tcp + Tcp.LENGTH;
        MemorySegment.copy(data, 0, memory, JAVA_BYTE, header, data.length);
        assertThat(link.reserve(0, batch, 1, header, data.length)).isEqualTo(1);
        if (borrowed) {
            MemorySegment.copy(memory, 0, batch.header(0), batch.headerAt(0), header);
            batch.borrow(0, memory, header, data.length);
        } else {
            Frames.fill(batch, 0, memory.asSlice(0, header + data.length).toArray(JAVA_BYTE));
        }
        Offload o = batch.offload(0);
        o.set(open(tcp, Tcp.CHECKSUM));
        o.gsoType = ours.isV4() ? Offload.GSO_TCPV4 : Offload.GSO_TCPV6;
        o.gsoSize = size;
        o.hdrLen = header;
        return link.commit(0, batch, 1);
    }

    private static Offload open(int start, int offset) {
        Offload o = new Offload();
        o.flags = Offload.NEEDS_CSUM;
        o.csumStart = start;
        o.csumOffset = offset;
        return o;
    }

    /** Writes Ethernet and IP headers to the guest; where the next one begins. */
    private int ip(int protocol, int length) {
        Ethernet.dst(memory, 0, guestMac);
        Ethernet.src(memory, 0, OUR_MAC);
        int at = Ethernet.LENGTH;
        if (ours.isV4()) {
            Ethernet.type(memory, 0, Ethernet.IP4);
            Ip4.start(memory, at, Ip4.LENGTH + length);
            Ip4.ttl(memory, at, 64);
            Ip4.protocol(memory, at, protocol);
            Ip4.checksum(memory, at, 0);
            Ip4.src(memory, at, (int) ours.low());
            Ip4.dst(memory, at, (int) guest.low());
            Ip4.checksum(memory, at, Checksum.of(Checksum.sum(memory, at, Ip4.LENGTH)));
            return at + Ip4.LENGTH;
        }
        Ethernet.type(memory, 0, Ethernet.IP6);
        Ip6.start(memory, at, length);
        Ip6.nextHeader(memory, at, protocol);
        Ip6.hopLimit(memory, at, 64);
        Ip6.src(memory, at, ours.high(), ours.low());
        Ip6.dst(memory, at, guest.high(), guest.low());
        return at + Ip6.LENGTH;
    }

    private void tcp(int at, int headerLength, int flags, int payload) {
        Tcp.start(memory, at, PORT, guestPort, headerLength);
        Tcp.seq(memory, at, nextToGuest);
        Tcp.ack(memory, at, nextFromGuest);
        Tcp.flags(memory, at, flags);
        Tcp.window(memory, at, Tcp.WINDOW_MAX);
        Tcp.checksum(memory, at, pseudo(ours, guest, Ip4.TCP, headerLength + payload));
    }

    private static int pseudo(Ip from, Ip to, int protocol, int length) {
        return Checksum.pseudo(from.high(), from.low(), to.high(), to.low(), protocol, length);
    }

    private static boolean isTcp(Got got) {
        return got.frame.protocol() == Ip4.TCP;
    }

    private static int seq(Got got) {
        return Tcp.seq(got.frame.bytes(), got.frame.l4());
    }

    /** The next frame that is wanted; others are forgotten. */
    private Got await(Predicate<Got> wanted) {
        long deadline = System.currentTimeMillis() + WAIT_MS;
        while (true) {
            while (!ear.got.isEmpty()) {
                Got got = ear.got.remove();
                if (wanted.test(got)) {
                    return got;
                }
            }
            assertThat(System.currentTimeMillis()).isLessThan(deadline);
            loop.turn(20_000_000);
        }
    }

    private long send(int from, byte[] data) {
        if (data.length == 0) {
            return 0;
        }
        IoVec out = new IoVec(1);
        MemorySegment bytes = Frames.inMemory(data);
        out.add(bytes, 0, data.length);
        return os.sendmsg(from, out, FLAGS);
    }

    /** The next {@code length} bytes that the guest's socket has. */
    private byte[] heard(int at, int length) {
        MemorySegment bytes = Arena.ofAuto().allocate(length);
        int done = 0;
        long deadline = System.currentTimeMillis() + WAIT_MS;
        while (done < length) {
            IoVec in = new IoVec(1);
            in.add(bytes, done, length - done);
            long n = os.recvmsg(at, in, Socket.MSG_DONTWAIT);
            if (n == -Errno.EAGAIN) {
                assertThat(System.currentTimeMillis()).isLessThan(deadline);
                loop.turn(1_000_000);
                continue;
            }
            assertThat(n).isPositive();
            done += (int) n;
        }
        return bytes.toArray(JAVA_BYTE);
    }
}
