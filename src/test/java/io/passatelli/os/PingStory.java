package io.passatelli.os;

import io.passatelli.base.Ip;
import org.junit.jupiter.api.Test;

import static org.assertj.core.api.Assertions.assertThat;

/** Ping sockets, icmp(7), where net.ipv4.ping_group_range lets us have them. */
abstract class PingStory extends OsStory {
    static final Ip UNROUTED = Ip.v4(0xc6336401); // 198.51.100.1, TEST-NET-2
    private static final Ip STRANGER = Ip.v4(0x7f000002);

    private static final int ECHO_REPLY = 0;
    private static final int ECHO = 8;
    private static final int ECHO6 = 128;
    private static final int ECHO_REPLY6 = 129;

    /** socket(2) where ping sockets are allowed. */
    abstract int pingSocket(int family, int protocol);

    /** A host at {@code from}, one of the loopback's, sends {@code message} to {@link #LOCAL}. */
    abstract void arrives(Ip from, byte[] message);

    private int ping4() {
        return own(pingSocket(Socket.AF_INET, Socket.IPPROTO_ICMP));
    }

    private int ping6() {
        return own(pingSocket(Socket.AF_INET6, Socket.IPPROTO_ICMPV6));
    }

    private static byte[] echo(int type, int length) {
        byte[] message = new byte[length];
        message[0] = (byte) type;
        if (length > 7) {
            message[7] = 9; // sequence
        }
        for (int i = 8; i < length; i++) {
            message[i] = (byte) i;
        }
        return message;
    }

    private byte[] answer(int fd) {
        assertThat(calls.await(fd, Epoll.IN)).isEqualTo(Epoll.IN);
        long n = calls.receive(fd, 1_000);
        assertThat(n).isPositive();
        return calls.bytes(n);
    }

    @Test
    void requestIsAnsweredUnderTheBoundIdentifier() {
        int fd = ping4();
        assertThat(calls.bind(fd, Ip.v4(0), 4_711)).isZero();
        assertThat(calls.connect(fd, LOCAL, 0)).isZero();
        assertThat(calls.port(fd)).isEqualTo(4_711);
        assertThat(calls.send(fd, echo(ECHO, 40))).isEqualTo(40);
        byte[] reply = answer(fd);
        byte[] expected = echo(ECHO_REPLY, 40);
        expected[2] = reply[2]; // checksum
        expected[3] = reply[3];
        expected[4] = 4_711 >>> 8;
        expected[5] = (byte) 4_711;
        assertThat(reply).isEqualTo(expected);
        assertThat(sum(reply)).isEqualTo(0xffff);
        assertThat(calls.receive(fd, 100)).isEqualTo(-Errno.EAGAIN);
    }

    /** Over an even number of bytes, RFC 1071. */
    private static int sum(byte[] message) {
        int sum = 0;
        for (int i = 0; i < message.length; i += 2) {
            sum += (message[i] & 0xff) << 8 | message[i + 1] & 0xff;
        }
        return (sum & 0xffff) + (sum >>> 16);
    }

    @Test
    void repliesComeFromAnybodyAndTheirSenderIsSaid() {
        int fd = ping4();
        calls.bind(fd, Ip.v4(0), 4_716);
        calls.connect(fd, LOCAL, 0);
        byte[] forged = echo(ECHO_REPLY, 12);
        forged[4] = 4_716 >>> 8;
        forged[5] = (byte) 4_716;
        int checksum = ~sum(forged);
        forged[2] = (byte) (checksum >>> 8);
        forged[3] = (byte) checksum;
        arrives(STRANGER, forged);
        assertThat(calls.await(fd, Epoll.IN)).isEqualTo(Epoll.IN);
        assertThat(calls.receiveFrom(fd, 100)).isEqualTo(12);
        assertThat(calls.bytes(12)).isEqualTo(forged);
        assertThat(new Ip(calls.address().high(), calls.address().low())).isEqualTo(STRANGER);
        assertThat(calls.send(fd, echo(ECHO, 8))).isEqualTo(8);
        assertThat(calls.await(fd, Epoll.IN)).isEqualTo(Epoll.IN);
        assertThat(calls.receiveFrom(fd, 100)).isEqualTo(8);
        assertThat(new Ip(calls.address().high(), calls.address().low())).isEqualTo(LOCAL);
        assertThat(calls.address().port()).isZero();
        assertThat(calls.receiveFrom(fd, 100)).isEqualTo(-Errno.EAGAIN);
    }

    @Test
    void senderOfIpv6IsSaidToo() {
        int fd = ping6();
        calls.connect(fd, Ip.LOOPBACK6, 0);
        assertThat(calls.send(fd, echo(ECHO6, 8))).isEqualTo(8);
        assertThat(calls.await(fd, Epoll.IN)).isEqualTo(Epoll.IN);
        assertThat(calls.receiveFrom(fd, 100)).isEqualTo(8);
        assertThat(new Ip(calls.address().high(), calls.address().low())).isEqualTo(Ip.LOOPBACK6);
    }

    @Test
    void requestOfIpv6IsAnsweredToo() {
        int fd = ping6();
        assertThat(calls.connect(fd, Ip.LOOPBACK6, 0)).isZero();
        assertThat(calls.send(fd, echo(ECHO6, 8))).isEqualTo(8);
        byte[] reply = answer(fd);
        assertThat(reply).hasSize(8);
        assertThat(reply[0] & 0xff).isEqualTo(ECHO_REPLY6);
        assertThat((reply[4] & 0xff) << 8 | reply[5] & 0xff).isEqualTo(calls.port(fd));
        assertThat(reply[7]).isEqualTo((byte) 9);
    }

    @Test
    void identifierIsGivenWhereNoneWasAskedFor() {
        int fd = ping4();
        assertThat(calls.port(fd)).isZero();
        calls.connect(fd, LOCAL, 0);
        assertThat(calls.port(fd)).isPositive();
        int bound = ping4();
        assertThat(calls.bind(bound, Ip.v4(0), 0)).isZero();
        assertThat(calls.port(bound)).isPositive().isNotEqualTo(calls.port(fd));
    }

    @Test
    void identifierIsSharedUnlessSomebodyIsAgainstIt() {
        int fd = ping4();
        assertThat(os.option(fd, Socket.SOL_SOCKET, Socket.SO_REUSEADDR)).isEqualTo(1);
        assertThat(calls.bind(fd, Ip.v4(0), 4_712)).isZero();
        assertThat(calls.bind(ping4(), Ip.v4(0), 4_712)).isZero();
        int alone = ping4();
        assertThat(os.setOption(alone, Socket.SOL_SOCKET, Socket.SO_REUSEADDR, 0))
                .isZero();
        assertThat(calls.bind(alone, Ip.v4(0), 4_712)).isEqualTo(-Errno.EADDRINUSE);
        assertThat(calls.bind(alone, Ip.v4(0), 4_713)).isZero();
        assertThat(calls.bind(ping4(), Ip.v4(0), 4_713)).isEqualTo(-Errno.EADDRINUSE);
        assertThat(calls.bind(ping6(), Ip.UNSPECIFIED6, 4_713)).isEqualTo(-Errno.EADDRINUSE);
        assertThat(calls.bind(alone, Ip.v4(0), 4_714)).isEqualTo(-Errno.EINVAL);
        close(alone);
        assertThat(calls.bind(ping4(), Ip.v4(0), 4_713)).isZero();
    }

    @Test
    void lastToTakeAnIdentifierGetsTheRepliesOfAll() {
        int first = ping4();
        int second = ping4();
        calls.bind(first, Ip.v4(0), 4_715);
        calls.bind(second, Ip.v4(0), 4_715);
        calls.connect(first, LOCAL, 0);
        calls.connect(second, LOCAL, 0);
        assertThat(calls.send(first, echo(ECHO, 20))).isEqualTo(20);
        assertThat(answer(second)).hasSize(20);
        assertThat(calls.receive(first, 100)).isEqualTo(-Errno.EAGAIN);
    }

    @Test
    void onlyEchoRequestsGoOut() {
        int fd = ping4();
        calls.connect(fd, LOCAL, 0);
        assertThat(calls.send(fd, echo(ECHO, 7))).isEqualTo(-Errno.EINVAL);
        assertThat(calls.send(fd, echo(ECHO_REPLY, 8))).isEqualTo(-Errno.EINVAL);
        assertThat(calls.send(fd, echo(ECHO6, 8))).isEqualTo(-Errno.EINVAL);
        byte[] code = echo(ECHO, 8);
        code[1] = 1;
        assertThat(calls.send(fd, code)).isEqualTo(-Errno.EINVAL);
        assertThat(calls.send(fd, echo(ECHO, 65_536))).isEqualTo(-Errno.EMSGSIZE);
    }

    @Test
    void sendingNeedsAPeer() {
        assertThat(calls.send(ping4(), echo(ECHO, 8))).isEqualTo(-Errno.EDESTADDRREQ);
        assertThat(os.shutdown(ping4(), Socket.SHUT_WR)).isEqualTo(-Errno.ENOTCONN);
    }

    @Test
    void replyThatDoesNotFitIsCut() {
        int fd = ping4();
        calls.connect(fd, LOCAL, 0);
        calls.send(fd, echo(ECHO, 100));
        calls.await(fd, Epoll.IN);
        assertThat(calls.receive(fd, 10)).isEqualTo(10);
        assertThat(calls.receive(fd, 100)).isEqualTo(-Errno.EAGAIN);
    }

    @Test
    void everyReplyIsAnEdgeAndAReadOfItsOwn() {
        int fd = ping4();
        calls.connect(fd, LOCAL, 0);
        int epoll = epoll();
        calls.add(epoll, fd, Epoll.IN | Epoll.OUT | Epoll.ET);
        assertThat(calls.eventsOf(epoll, fd)).isEqualTo(Epoll.OUT);
        for (int i = 0; i < 2; i++) {
            calls.send(fd, echo(ECHO, 8 + i));
            calls.await(fd, Epoll.IN);
            assertThat(calls.eventsOf(epoll, fd) & Epoll.IN).isEqualTo(Epoll.IN);
        }
        assertThat(calls.receive(fd, 100)).isEqualTo(8);
        assertThat(calls.receive(fd, 100)).isEqualTo(9);
        assertThat(calls.receive(fd, 100)).isEqualTo(-Errno.EAGAIN);
    }

    @Test
    void connectWithoutRouteIsRefused() {
        assertThat(calls.connect(ping4(), UNROUTED, 0)).isEqualTo(-Errno.ENETUNREACH);
    }

    @Test
    void familiesDoNotMix() {
        assertThat(calls.connect(ping4(), Ip.LOOPBACK6, 0)).isEqualTo(-Errno.EAFNOSUPPORT);
        assertThat(calls.bind(ping4(), Ip.LOOPBACK6, 0)).isEqualTo(-Errno.EAFNOSUPPORT);
        assertThat(calls.bind(ping6(), Ip.LOOPBACK4, 0)).isEqualTo(-Errno.EINVAL);
        assertThat(calls.bind(ping4(), UNROUTED, 0)).isEqualTo(-Errno.EADDRNOTAVAIL);
    }
}
