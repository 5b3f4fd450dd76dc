package io.passatelli.os;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedClass;
import org.junit.jupiter.params.provider.EnumSource;

import java.util.HashMap;
import java.util.Map;

import static org.assertj.core.api.Assertions.assertThat;

/** epoll(7), epoll_ctl(2), epoll_wait(2) and eventfd(2), on every kernel. */
@ParameterizedClass
@EnumSource(value = World.class, mode = EnumSource.Mode.EXCLUDE, names = "LINUX_REPLAYED")
class EpollStoryTest extends OsStory {
    private static final int ET_IN = Epoll.IN | Epoll.ET;

    @Test
    void levelIsShownAgainAndAgainAnEdgeOnce() {
        int level = epoll();
        int edge = epoll();
        int fd = own(os.eventfd());
        assertThat(calls.add(level, fd, Epoll.IN)).isZero();
        assertThat(calls.add(edge, fd, ET_IN)).isZero();
        calls.addToEventfd(fd, 1);
        for (int i = 0; i < 3; i++) {
            assertThat(calls.eventsOf(level, fd)).isEqualTo(Epoll.IN);
        }
        assertThat(calls.eventsOf(edge, fd)).isEqualTo(Epoll.IN);
        assertThat(calls.events(edge)).isEmpty();
    }

    @Test
    void everyWriteOfAnEventfdIsAnEdgeEvenWhenItWasReadable() {
        int epoll = epoll();
        int fd = own(os.eventfd());
        calls.add(epoll, fd, ET_IN);
        calls.addToEventfd(fd, 1);
        assertThat(calls.eventsOf(epoll, fd)).isEqualTo(Epoll.IN);
        calls.addToEventfd(fd, 1);
        assertThat(calls.eventsOf(epoll, fd)).isEqualTo(Epoll.IN);
        assertThat(calls.readEventfd(fd)).isEqualTo(2);
    }

    @Test
    void edgeThatWentBeforeItWasShownIsNotShown() {
        int epoll = epoll();
        int fd = own(os.eventfd());
        calls.add(epoll, fd, ET_IN);
        calls.addToEventfd(fd, 1);
        calls.readEventfd(fd);
        assertThat(calls.events(epoll)).isEmpty();
    }

    @Test
    void addReportsWhatIsReadyAlready() {
        int epoll = epoll();
        int fd = own(os.eventfd());
        calls.addToEventfd(fd, 1);
        calls.add(epoll, fd, ET_IN | Epoll.OUT);
        assertThat(calls.eventsOf(epoll, fd)).isEqualTo(Epoll.IN | Epoll.OUT);
        assertThat(calls.events(epoll)).isEmpty();
    }

    @Test
    void modArmsAnEdgeAgain() {
        int epoll = epoll();
        int fd = own(os.eventfd());
        calls.add(epoll, fd, ET_IN);
        calls.addToEventfd(fd, 1);
        assertThat(calls.eventsOf(epoll, fd)).isEqualTo(Epoll.IN);
        assertThat(calls.events(epoll)).isEmpty();
        assertThat(calls.modify(epoll, fd, ET_IN)).isZero();
        assertThat(calls.eventsOf(epoll, fd)).isEqualTo(Epoll.IN);
        assertThat(calls.events(epoll)).isEmpty();
    }

    @Test
    void modChangesTheReference() {
        int epoll = epoll();
        int fd = own(os.eventfd());
        calls.add(epoll, fd, Epoll.IN);
        calls.addToEventfd(fd, 1);
        assertThat(os.epollCtl(epoll, Epoll.MOD, fd, Epoll.IN, -2L)).isZero();
        assertThat(calls.events(epoll)).isEqualTo(Map.of(-2L, Epoll.IN));
    }

    @Test
    void modToNoEventsSilencesAllButErrorAndHangUp() {
        int epoll = epoll();
        int fd = own(os.eventfd());
        calls.add(epoll, fd, Epoll.IN);
        calls.addToEventfd(fd, 1);
        calls.modify(epoll, fd, 0);
        assertThat(calls.events(epoll)).isEmpty();
        Pair pair = unixPair();
        calls.add(epoll, pair.accepted(), 0);
        close(pair.connected());
        assertThat(calls.eventsOf(epoll, pair.accepted())).isEqualTo(Epoll.HUP);
    }

    @Test
    void controlMistakesHaveTheirErrors() {
        int epoll = epoll();
        int fd = own(os.eventfd());
        assertThat(calls.modify(epoll, fd, Epoll.IN)).isEqualTo(-Errno.ENOENT);
        assertThat(calls.remove(epoll, fd)).isEqualTo(-Errno.ENOENT);
        assertThat(calls.add(epoll, fd, Epoll.IN)).isZero();
        assertThat(calls.add(epoll, fd, Epoll.IN)).isEqualTo(-Errno.EEXIST);
        assertThat(os.epollCtl(epoll, 99, fd, 0, 0)).isEqualTo(-Errno.EINVAL);
        assertThat(calls.add(fd, epoll, Epoll.IN)).isEqualTo(-Errno.EINVAL);
        assertThat(calls.add(epoll, epoll, Epoll.IN)).isEqualTo(-Errno.EINVAL);
        assertThat(calls.add(epoll, -1, Epoll.IN)).isEqualTo(-Errno.EBADF);
        assertThat(calls.add(-1, fd, Epoll.IN)).isEqualTo(-Errno.EBADF);
        assertThat(os.epollWait(fd, new EpollEvents(1), 0)).isEqualTo(-Errno.EINVAL);
        assertThat(os.epollWait(-1, new EpollEvents(1), 0)).isEqualTo(-Errno.EBADF);
        assertThat(calls.remove(epoll, fd)).isZero();
        assertThat(calls.remove(epoll, fd)).isEqualTo(-Errno.ENOENT);
    }

    @Test
    void closeTakesTheDescriptorOutOfEveryInterestList() {
        int first = epoll();
        int second = epoll();
        int fd = own(os.eventfd());
        calls.add(first, fd, Epoll.IN);
        calls.add(second, fd, ET_IN);
        calls.addToEventfd(fd, 1);
        close(fd);
        assertThat(calls.events(first)).isEmpty();
        assertThat(calls.events(second)).isEmpty();
    }

    @Test
    void eventsCollectedBeforeACloseAreStale() {
        int epoll = epoll();
        int one = own(os.eventfd());
        int two = own(os.eventfd());
        calls.add(epoll, one, Epoll.IN);
        calls.add(epoll, two, Epoll.IN);
        calls.addToEventfd(one, 1);
        calls.addToEventfd(two, 1);
        EpollEvents events = new EpollEvents(4);
        assertThat(os.epollWait(epoll, events, 0)).isEqualTo(2);
        close(one);
        close(two);
        assertThat(events.ref(0)).isEqualTo(one);
        assertThat(events.ref(1)).isEqualTo(two);
        assertThat(os.epollWait(epoll, events, 0)).isZero();
    }

    @Test
    void capacityBoundsACallAndNobodyStarves() {
        int epoll = epoll();
        for (int i = 0; i < 7; i++) {
            int fd = own(os.eventfd());
            calls.add(epoll, fd, Epoll.IN);
            calls.addToEventfd(fd, 1);
        }
        Map<Long, Integer> seen = new HashMap<>();
        for (int call = 0; call < 7; call++) {
            Map<Long, Integer> events = calls.events(epoll, 3, 0);
            assertThat(events).hasSize(3);
            events.keySet().forEach(ref -> seen.merge(ref, 1, Integer::sum));
        }
        assertThat(seen).hasSize(7);
        assertThat(seen.values()).containsOnly(3);
    }

    @Test
    void edgesBeyondTheCapacityAreShownByTheNextCall() {
        int epoll = epoll();
        for (int i = 0; i < 5; i++) {
            int fd = own(os.eventfd());
            calls.add(epoll, fd, ET_IN);
            calls.addToEventfd(fd, 1);
        }
        Map<Long, Integer> seen = new HashMap<>(calls.events(epoll, 3, 0));
        assertThat(seen).hasSize(3);
        seen.putAll(calls.events(epoll, 3, 0));
        assertThat(seen).hasSize(5);
        assertThat(calls.events(epoll)).isEmpty();
    }

    @Test
    void waitEndsAtItsTimeOut() {
        assertThat(calls.events(epoll(), 1, 1_000_000)).isEmpty();
    }

    @Test
    void eventfdCountsUpAndIsReadWhole() {
        int fd = own(os.eventfd());
        assertThat(calls.readEventfd(fd)).isEqualTo(-Errno.EAGAIN);
        assertThat(calls.addToEventfd(fd, 3)).isEqualTo(8);
        assertThat(calls.addToEventfd(fd, 4)).isEqualTo(8);
        assertThat(calls.readEventfd(fd)).isEqualTo(7);
        assertThat(calls.readEventfd(fd)).isEqualTo(-Errno.EAGAIN);
    }

    @Test
    void eventfdIsFullBeforeAllOnes() {
        int fd = own(os.eventfd());
        int epoll = epoll();
        assertThat(calls.addToEventfd(fd, -1)).isEqualTo(-Errno.EINVAL);
        assertThat(calls.addToEventfd(fd, -2)).isEqualTo(8);
        assertThat(calls.addToEventfd(fd, 1)).isEqualTo(-Errno.EAGAIN);
        calls.add(epoll, fd, Epoll.IN | Epoll.OUT);
        assertThat(calls.eventsOf(epoll, fd)).isEqualTo(Epoll.IN);
        assertThat(calls.readEventfd(fd)).isEqualTo(-2);
        assertThat(calls.eventsOf(epoll, fd)).isEqualTo(Epoll.OUT);
    }

    @Test
    void eventfdWantsEightBytes() {
        int fd = own(os.eventfd());
        calls.addToEventfd(fd, 1);
        assertThat(calls.read(fd, 7)).isEqualTo(-Errno.EINVAL);
        assertThat(calls.write(fd, new byte[7])).isEqualTo(-Errno.EINVAL);
        assertThat(calls.read(fd, 64)).isEqualTo(8);
    }

    @Test
    void readingAnEventfdIsAnEdgeForItsWriter() {
        int fd = own(os.eventfd());
        int epoll = epoll();
        calls.add(epoll, fd, Epoll.OUT | Epoll.ET);
        assertThat(calls.eventsOf(epoll, fd)).isEqualTo(Epoll.OUT);
        calls.addToEventfd(fd, 1);
        assertThat(calls.events(epoll)).isEmpty();
        calls.readEventfd(fd);
        assertThat(calls.eventsOf(epoll, fd)).isEqualTo(Epoll.OUT);
    }

    @Test
    void socketCallsOnOtherDescriptorsAreRefused() {
        int fd = own(os.eventfd());
        assertThat(calls.receive(fd, 8)).isEqualTo(-Errno.ENOTSOCK);
        assertThat(calls.send(fd, "12345678")).isEqualTo(-Errno.ENOTSOCK);
        assertThat(calls.accept(fd)).isEqualTo(-Errno.ENOTSOCK);
        assertThat(os.listen(fd, 1)).isEqualTo(-Errno.ENOTSOCK);
        assertThat(os.shutdown(fd, Socket.SHUT_WR)).isEqualTo(-Errno.ENOTSOCK);
        assertThat(calls.error(fd)).isEqualTo(-Errno.ENOTSOCK);
        assertThat(os.peerPid(fd)).isEqualTo(-Errno.ENOTSOCK);
        assertThat(calls.read(epoll(), 8)).isEqualTo(-Errno.EINVAL);
    }

    @Test
    void nothingWorksOnADescriptorThatIsNotOpen() {
        assertThat(os.close(-1)).isEqualTo(-Errno.EBADF);
        assertThat(calls.receive(-1, 8)).isEqualTo(-Errno.EBADF);
        assertThat(calls.send(-1, "x")).isEqualTo(-Errno.EBADF);
        assertThat(calls.read(-1, 8)).isEqualTo(-Errno.EBADF);
        assertThat(calls.write(-1, new byte[8])).isEqualTo(-Errno.EBADF);
        assertThat(calls.accept(-1)).isEqualTo(-Errno.EBADF);
        assertThat(os.listen(-1, 1)).isEqualTo(-Errno.EBADF);
        assertThat(os.shutdown(-1, Socket.SHUT_WR)).isEqualTo(-Errno.EBADF);
        assertThat(calls.error(-1)).isEqualTo(-Errno.EBADF);
        assertThat(calls.port(-1)).isEqualTo(-Errno.EBADF);
        assertThat(os.setOption(-1, Socket.SOL_SOCKET, Socket.SO_SNDBUF, 1)).isEqualTo(-Errno.EBADF);
        assertThat(os.peerPid(-1)).isEqualTo(-Errno.EBADF);
        assertThat(calls.bindPath(-1, "/nowhere")).isEqualTo(-Errno.EBADF);
        assertThat(calls.connectPath(-1, "/nowhere")).isEqualTo(-Errno.EBADF);
    }
}
