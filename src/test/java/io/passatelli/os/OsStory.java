package io.passatelli.os;

import io.passatelli.base.Ip;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.Parameter;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

import static org.assertj.core.api.Assertions.assertThat;

/** What contract stories share: one kernel, descriptors that are closed at the end, connected pairs. */
abstract class OsStory {
    static final Ip LOCAL = Ip.LOOPBACK4;

    /** One end of a connection each. */
    record Pair(int connected, int accepted) {}

    @Parameter
    World world = World.LINUX;

    @TempDir
    static @Nullable Path directory;

    Calls calls = new Calls(new LinuxOs());
    Os os = calls.os;
    private final List<Integer> open = new ArrayList<>();
    private int names;

    @BeforeEach
    void boot() {
        os = world.os();
        calls = new Calls(os);
    }

    @AfterEach
    void closeAll() {
        for (int fd : open) {
            os.close(fd);
        }
        os.close();
    }

    /** A descriptor, and it is closed at the end. */
    int own(int fd) {
        assertThat(fd).as("descriptor or -errno").isNotNegative();
        open.add(fd);
        return fd;
    }

    /** Closes a descriptor now. */
    void close(int fd) {
        open.remove((Integer) fd);
        assertThat(os.close(fd)).isZero();
    }

    int epoll() {
        return own(os.epollCreate());
    }

    String newPath() {
        return directory + "/" + world + "-" + System.identityHashCode(this) + "-" + names++;
    }

    int unixListener(String path, int backlog) {
        int fd = own(calls.unixSocket());
        assertThat(calls.bindPath(fd, path)).isZero();
        assertThat(os.listen(fd, backlog)).isZero();
        return fd;
    }

    Pair unixPair() {
        String path = newPath();
        int listener = unixListener(path, 1);
        int connected = own(calls.unixSocket());
        assertThat(calls.connectPath(connected, path)).isZero();
        int accepted = own(calls.accept(listener));
        close(listener);
        return new Pair(connected, accepted);
    }

    int tcpListener() {
        int fd = own(calls.tcpSocket());
        assertThat(calls.bind(fd, LOCAL, 0)).isZero();
        assertThat(os.listen(fd, 16)).isZero();
        return fd;
    }

    Pair tcpPair() {
        int listener = tcpListener();
        int connected = own(calls.tcpSocket());
        assertThat(calls.connect(connected, LOCAL, calls.port(listener))).isEqualTo(-Errno.EINPROGRESS);
        assertThat(calls.await(connected, Epoll.OUT)).isEqualTo(Epoll.OUT);
        assertThat(calls.await(listener, Epoll.IN)).isEqualTo(Epoll.IN);
        int accepted = own(calls.accept(listener));
        close(listener);
        return new Pair(connected, accepted);
    }

    /** Sends all of {@code text} and waits until all of it is there to be read. */
    void transfer(int from, int to, String text) {
        int sent = 0;
        while (sent < text.length()) {
            long n = calls.send(from, text.substring(sent));
            assertThat(n).isPositive();
            sent += (int) n;
        }
        StringBuilder read = new StringBuilder();
        while (read.length() < text.length()) {
            assertThat(calls.await(to, Epoll.IN) & Epoll.IN).isEqualTo(Epoll.IN);
            long n = calls.receive(to, text.length() - read.length());
            assertThat(n).isPositive();
            read.append(calls.text(n));
        }
        assertThat(read).hasToString(text);
    }
}
