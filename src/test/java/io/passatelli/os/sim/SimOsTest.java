package io.passatelli.os.sim;

import io.passatelli.base.Ip;
import io.passatelli.os.Calls;
import io.passatelli.os.Epoll;
import io.passatelli.os.EpollEvents;
import io.passatelli.os.Errno;
import io.passatelli.os.Socket;
import org.junit.jupiter.api.Test;

import java.util.ArrayList;
import java.util.List;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

/** What SimOs adds to a kernel: virtual time, limits that can be set, remote ends that tests play, choices. */
class SimOsTest {
    private static final Ip FAR = Ip.parse("192.0.2.9");
    private static final long MS = 1_000_000;

    private final SimClock clock = new SimClock();
    private final SimOs os = new SimOs(clock, Chooser.largest());
    private final Calls calls = new Calls(os);

    private static int listenUnix(SimOs on, String path) {
        Calls c = new Calls(on);
        int fd = c.unixSocket();
        assertThat(c.bindPath(fd, path)).isZero();
        assertThat(on.listen(fd, 4)).isZero();
        return fd;
    }

    private static byte[] echo(int length) {
        byte[] request = new byte[length];
        request[0] = 8;
        return request;
    }

    @Test
    void waitMovesTheClockToItsTimeOut() {
        int epoll = os.epollCreate();
        long before = clock.nowNs();
        assertThat(calls.events(epoll, 1, 5 * MS)).isEmpty();
        assertThat(clock.nowNs()).isEqualTo(before + 5 * MS);
    }

    @Test
    void waitMovesTheClockToTheNextHappeningOnly() {
        int epoll = os.epollCreate();
        int event = os.eventfd();
        calls.add(epoll, event, Epoll.IN);
        long before = clock.nowNs();
        clock.in(3 * MS, () -> calls.addToEventfd(event, 1));
        clock.in(9 * MS, () -> calls.addToEventfd(event, 1));
        assertThat(calls.events(epoll, 1, -1)).containsOnlyKeys((long) event);
        assertThat(clock.nowNs()).isEqualTo(before + 3 * MS);
    }

    @Test
    void waitThatNothingCanEndFailsTheTestAndNamesTheSeed() {
        SimOs seeded = new SimOs(clock, Chooser.seeded(42));
        int epoll = seeded.epollCreate();
        assertThatThrownBy(() -> seeded.epollWait(epoll, new EpollEvents(1), -1))
                .isInstanceOf(NotAdmitted.class)
                .hasMessageContaining("seeded(42L)");
    }

    @Test
    void descriptorsAreTheLowestFreeAndBounded() {
        SimOs small = new SimOs(SimSettings.standard().withOpenFiles(6), clock, Chooser.largest());
        assertThat(small.eventfd()).isEqualTo(3);
        assertThat(small.eventfd()).isEqualTo(4);
        assertThat(small.eventfd()).isEqualTo(5);
        assertThat(small.eventfd()).isEqualTo(-Errno.EMFILE);
        assertThat(small.close(4)).isZero();
        assertThat(small.epollCreate()).isEqualTo(4);
        assertThat(small.openDescriptors()).isEqualTo(3);
    }

    @Test
    void acceptWithoutDescriptorsLeavesTheConnectionInTheQueue() {
        SimOs small = new SimOs(SimSettings.standard().withOpenFiles(5), clock, Chooser.largest());
        Calls c = new Calls(small);
        int listener = listenUnix(small, "/s");
        int other = small.eventfd();
        StreamPeer peer =
                small.connectUnix("/s", 77).sendAll("hi".getBytes(java.nio.charset.StandardCharsets.US_ASCII));
        assertThat(c.accept(listener)).isEqualTo(-Errno.EMFILE);
        small.close(other);
        int accepted = c.accept(listener);
        assertThat(c.text(c.receive(accepted, 10))).isEqualTo("hi");
        assertThat(small.peerPid(accepted)).isEqualTo(77);
        assertThat(peer.atEnd()).isFalse();
    }

    @Test
    void closedListenersPathCanBeUnlinkedAndBoundAgain() {
        os.close(listenUnix(os, "/s"));
        assertThat(os.unlink("/s")).isTrue();
        assertThat(os.unlink("/s")).isFalse();
        listenUnix(os, "/s");
    }

    @Test
    void staleEventNamesADescriptorThatIsSomebodyElsesNow() {
        int epoll = os.epollCreate();
        int first = os.eventfd();
        int second = os.eventfd();
        calls.add(epoll, first, Epoll.IN);
        calls.add(epoll, second, Epoll.IN);
        calls.addToEventfd(first, 1);
        calls.addToEventfd(second, 1);
        EpollEvents events = new EpollEvents(2);
        assertThat(os.epollWait(epoll, events, 0)).isEqualTo(2);
        os.close(second); // by the handler of the first event
        assertThat(calls.unixSocket()).isEqualTo(second);
        assertThat(events.ref(1)).isEqualTo(second);
        assertThat(calls.events(epoll)).containsOnlyKeys((long) first);
    }

    @Test
    void shortReadIsFollowedByAnEdgeForTheRest() {
        ScriptedChooser script = new ScriptedChooser().then(Choice.RECEIVE, 2);
        SimOs scripted = new SimOs(clock, script);
        Calls c = new Calls(scripted);
        int listener = listenUnix(scripted, "/s");
        StreamPeer peer = scripted.connectUnix("/s", 1);
        int fd = c.accept(listener);
        int epoll = scripted.epollCreate();
        c.add(epoll, fd, Epoll.IN | Epoll.ET);
        peer.sendAll(new byte[5]);
        assertThat(c.eventsOf(epoll, fd)).isEqualTo(Epoll.IN);
        assertThat(c.receive(fd, 100)).isEqualTo(2);
        assertThat(c.eventsOf(epoll, fd)).isEqualTo(Epoll.IN);
        assertThat(c.receive(fd, 100)).isEqualTo(3);
        assertThat(c.events(epoll)).isEmpty();
    }

    @Test
    void shortWriteIsFollowedByAnEdgeWhenThePeerReads() {
        SimOs scripted = new SimOs(clock, new ScriptedChooser().then(Choice.SEND, 7));
        Calls c = new Calls(scripted);
        int listener = listenUnix(scripted, "/s");
        StreamPeer peer = scripted.connectUnix("/s", 1);
        int fd = c.accept(listener);
        int epoll = scripted.epollCreate();
        c.add(epoll, fd, Epoll.OUT | Epoll.ET);
        c.events(epoll);
        assertThat(c.send(fd, new byte[100])).isEqualTo(7);
        assertThat(c.events(epoll)).isEmpty();
        assertThat(peer.receive()).hasSize(7);
        assertThat(c.eventsOf(epoll, fd)).isEqualTo(Epoll.OUT);
    }

    @Test
    void scriptThatAsksForTheImpossibleIsRefused() {
        SimOs scripted = new SimOs(clock, new ScriptedChooser().then(Choice.RECEIVE, 9));
        Calls c = new Calls(scripted);
        int listener = listenUnix(scripted, "/s");
        scripted.connectUnix("/s", 1).sendAll(new byte[5]);
        int fd = c.accept(listener);
        assertThatThrownBy(() -> c.receive(fd, 100)).isInstanceOf(NotAdmitted.class);
    }

    @Test
    void sameSeedGivesTheSameStory() {
        assertThat(randomStory(7)).isEqualTo(randomStory(7)).isNotEqualTo(randomStory(8));
    }

    private static List<Long> randomStory(long seed) {
        SimOs seeded = new SimOs(new SimClock(), Chooser.seeded(seed));
        Calls c = new Calls(seeded);
        int listener = listenUnix(seeded, "/s");
        StreamPeer peer = seeded.connectUnix("/s", 1);
        int fd = c.accept(listener);
        List<Long> results = new ArrayList<>();
        for (int i = 0; i < 20; i++) {
            peer.sendAll(new byte[100], 30);
            results.add(c.receive(fd, 1_000));
            results.add(c.send(fd, new byte[500]));
        }
        return results;
    }

    @Test
    void pingSocketsCanBeForbidden() {
        SimOs strict = new SimOs(SimSettings.standard().withPingAllowed(false), clock, Chooser.largest());
        assertThat(strict.socket(Socket.AF_INET, Socket.SOCK_DGRAM, Socket.IPPROTO_ICMP))
                .isEqualTo(-Errno.EACCES);
    }

    @Test
    void farHostAnswersEchoesAfterItsDelay() {
        FarHost host = os.host(FAR).answersEcho(20 * MS);
        int fd = os.socket(Socket.AF_INET, Socket.SOCK_DGRAM, Socket.IPPROTO_ICMP);
        int epoll = os.epollCreate();
        calls.add(epoll, fd, Epoll.IN | Epoll.ET);
        calls.connect(fd, FAR, 0);
        long before = clock.nowNs();
        assertThat(calls.send(fd, echo(16))).isEqualTo(16);
        assertThat(calls.receive(fd, 100)).isEqualTo(-Errno.EAGAIN);
        assertThat(calls.events(epoll, 1, -1)).containsOnlyKeys((long) fd);
        assertThat(clock.nowNs()).isEqualTo(before + 20 * MS);
        assertThat(calls.receive(fd, 100)).isEqualTo(16);
        assertThat(host.echoes()).hasSize(1);
    }

    @Test
    void silentHostNeverAnswers() {
        FarHost host = os.host(FAR);
        int fd = os.socket(Socket.AF_INET, Socket.SOCK_DGRAM, Socket.IPPROTO_ICMP);
        calls.connect(fd, FAR, 0);
        calls.send(fd, echo(8));
        clock.advance(1_000 * MS);
        assertThat(calls.receive(fd, 100)).isEqualTo(-Errno.EAGAIN);
        assertThat(host.echoes()).hasSize(1);
    }

    @Test
    void failingHostIsAnErrorToldOnce() {
        os.host(FAR).fails(Errno.ECONNREFUSED, MS);
        int fd = os.socket(Socket.AF_INET, Socket.SOCK_DGRAM, Socket.IPPROTO_ICMP);
        int epoll = os.epollCreate();
        calls.add(epoll, fd, Epoll.IN | Epoll.ET);
        calls.connect(fd, FAR, 0);
        calls.send(fd, echo(8));
        assertThat(calls.events(epoll, 1, -1)).containsEntry((long) fd, Epoll.ERR);
        assertThat(calls.error(fd)).isEqualTo(Errno.ECONNREFUSED);
        assertThat(calls.error(fd)).isZero();
    }

    @Test
    void tapQueueIsBoundedAndDropsSilently() {
        SimTap tap = os.tap("tap0");
        for (int i = 0; i < 600; i++) {
            tap.inject(new byte[60]);
        }
        assertThat(tap.dropped()).isEqualTo(100);
        int fd = os.openTap("tap0");
        assertThat(os.openTap("tap0")).isEqualTo(-Errno.EBUSY);
        assertThat(calls.write(fd, new byte[60])).isEqualTo(60);
        assertThat(tap.takeFrames()).hasSize(1);
        assertThat(tap.takeFrames()).isEmpty();
    }

    @Test
    void farListenerIsConnectedTo() {
        FarListener far = os.listenFar(FAR, 80);
        int fd = calls.tcpSocket();
        assertThat(calls.connect(fd, FAR, 80)).isEqualTo(-Errno.EINPROGRESS);
        assertThat(calls.await(fd, Epoll.OUT)).isEqualTo(Epoll.OUT);
        StreamPeer peer = java.util.Objects.requireNonNull(far.accept());
        peer.sendAll(new byte[10]);
        assertThat(calls.receive(fd, 100)).isEqualTo(10);
        peer.close();
        assertThat(calls.receive(fd, 100)).isZero();
        assertThat(calls.send(fd, "x")).isEqualTo(1);
        assertThat(calls.error(fd)).isEqualTo(Errno.EPIPE);
    }

    @Test
    void farConnectorReachesOurListener() {
        int listener = calls.tcpSocket();
        calls.bind(listener, Ip.v4(0), 8_080);
        os.listen(listener, 4);
        os.addAddress(FAR);
        StreamPeer peer = os.connectTcp(FAR, 8_080);
        int fd = calls.accept(listener);
        assertThat(fd).isPositive();
        calls.send(fd, "hello");
        assertThat(peer.receive()).hasSize(5);
    }

    @Test
    void connectToASilentHostStaysInProgressAndAFailingOneFails() {
        int silent = calls.tcpSocket();
        assertThat(calls.connect(silent, FAR, 80)).isEqualTo(-Errno.EINPROGRESS);
        clock.advance(1_000 * MS);
        assertThat(calls.connect(silent, FAR, 80)).isEqualTo(-Errno.EALREADY);
        os.host(FAR).fails(Errno.EHOSTUNREACH, MS);
        int failing = calls.tcpSocket();
        calls.connect(failing, FAR, 80);
        assertThat(calls.await(failing, Epoll.OUT) & Epoll.ERR).isEqualTo(Epoll.ERR);
        assertThat(calls.error(failing)).isEqualTo(Errno.EHOSTUNREACH);
    }

    @Test
    void tcpSendBufferGrowsOnlyAfterSomebodySawItFull() {
        FarListener far = os.listenFar(FAR, 80);
        int fd = calls.tcpSocket();
        calls.connect(fd, FAR, 80);
        StreamPeer peer = java.util.Objects.requireNonNull(far.accept());
        for (int i = 0; i < 50; i++) {
            assertThat(calls.send(fd, new byte[10_000])).isEqualTo(10_000);
            peer.receive();
        }
        assertThat(sendBuffer(fd)).isEqualTo(69_120);
        int epoll = os.epollCreate();
        calls.add(epoll, fd, Epoll.OUT | Epoll.ET);
        assertThat(calls.eventsOf(epoll, fd)).isEqualTo(Epoll.OUT);
        long sent = 0;
        for (long n = 1; n > 0; sent += Math.max(0, n)) {
            n = calls.send(fd, new byte[50_000]);
        }
        assertThat(sent).isGreaterThan(69_120);
        assertThat(calls.events(epoll)).isEmpty();
        for (long read = 0; read < sent; ) {
            read += peer.receive().length;
        }
        assertThat(calls.eventsOf(epoll, fd)).isEqualTo(Epoll.OUT);
        assertThat(sendBuffer(fd)).isGreaterThan(69_120);
    }

    private int sendBuffer(int fd) {
        return os.option(fd, Socket.SOL_SOCKET, Socket.SO_SNDBUF);
    }
}
