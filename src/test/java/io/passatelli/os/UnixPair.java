package io.passatelli.os;

import java.nio.file.Path;

import static org.assertj.core.api.Assertions.assertThat;

/** Two connected UNIX stream sockets. */
record UnixPair(int here, int there) {
    static UnixPair connect(Os os, Path path) {
        SockAddr address = new SockAddr();
        address.setPath(path.toString());
        int listener = os.socket(Socket.AF_UNIX, Socket.SOCK_STREAM, 0);
        assertThat(os.bind(listener, address)).isZero();
        assertThat(os.listen(listener, 1)).isZero();
        int here = os.socket(Socket.AF_UNIX, Socket.SOCK_STREAM, 0);
        assertThat(os.connect(here, address)).isZero();
        int there = os.accept(listener, new SockAddr());
        assertThat(there).isPositive();
        assertThat(os.close(listener)).isZero();
        return new UnixPair(here, there);
    }

    void close(Os os) {
        assertThat(os.close(here)).isZero();
        assertThat(os.close(there)).isZero();
    }
}
