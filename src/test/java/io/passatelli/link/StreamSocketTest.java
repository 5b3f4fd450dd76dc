package io.passatelli.link;

import io.passatelli.os.Errno;
import io.passatelli.os.LinuxOs;
import io.passatelli.os.Os;
import io.passatelli.os.SockAddr;
import io.passatelli.os.Socket;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

import java.io.IOException;
import java.lang.reflect.Proxy;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

class StreamSocketTest {
    private final Os os = new LinuxOs();

    private final Path directory;

    StreamSocketTest(@TempDir Path directory) {
        this.directory = directory;
    }

    @Test
    void theFileGoesWithTheSocket() throws IOException {
        Path path = directory.resolve("s");
        try (StreamSocket socket = StreamSocket.listen(os, path)) {
            assertThat(Files.exists(path)).isTrue();
            assertThat(connect(path)).isZero();
            assertThat(socket.path()).isEqualTo(path);
        }
        assertThat(Files.exists(path)).isFalse();
    }

    @Test
    void aPathInUseIsRefused() throws IOException {
        Path path = directory.resolve("s");
        try (StreamSocket first = StreamSocket.listen(os, path)) {
            assertThatThrownBy(() -> StreamSocket.listen(os, path))
                    .isInstanceOf(IOException.class)
                    .hasMessage("cannot listen at '" + path + "': the socket is in use");
            assertThat(connect(first.path())).isZero();
        }
    }

    @Test
    void anotherStartIsNoGuestOfASocketInUse() throws IOException {
        try (StreamSocket first = StreamSocket.listen(os, directory.resolve("s"))) {
            assertThatThrownBy(() -> StreamSocket.listen(os, first.path())).hasMessageContaining("in use");
            assertThat(os.accept(first.fd(), new SockAddr())).isEqualTo(-Errno.EAGAIN);
        }
    }

    @Test
    void aSocketThatDoesNotListenYetIsInUse() throws IOException {
        Path path = directory.resolve("s");
        int fd = bound(path);
        assertThatThrownBy(() -> StreamSocket.listen(os, path)).hasMessageContaining("the socket is in use");
        assertThat(os.listen(fd, 1)).isZero();
        assertThat(connect(path)).isZero();
        os.close(fd);
    }

    @Test
    void theFileIsGoneBeforeTheSocketIs() throws IOException {
        Path path = directory.resolve("s");
        List<Boolean> present = new ArrayList<>();
        Os watched = (Os) Proxy.newProxyInstance(
                StreamSocketTest.class.getClassLoader(), new Class<?>[] {Os.class}, (self, method, arguments) -> {
                    if (method.getName().equals("close")) {
                        present.add(Files.exists(path));
                    }
                    return method.invoke(os, arguments);
                });
        StreamSocket.listen(watched, path).close();
        assertThat(present).containsExactly(false);
    }

    @Test
    void aStaleSocketFileIsReplaced() throws IOException {
        Path path = directory.resolve("s");
        leaveStale(path);
        try (StreamSocket socket = StreamSocket.listen(os, path)) {
            assertThat(connect(socket.path())).isZero();
        }
    }

    @Test
    void aFileThatIsNoSocketStays() throws IOException {
        Path path = Files.writeString(directory.resolve("s"), "mine");
        assertThatThrownBy(() -> StreamSocket.listen(os, path))
                .hasMessage("cannot listen at '" + path + "': a file that is no socket is there");
        assertThat(path).hasContent("mine");
    }

    @Test
    void aLinkToASocketIsNotFollowed() throws IOException {
        Path target = directory.resolve("target");
        leaveStale(target);
        Path path = Files.createSymbolicLink(directory.resolve("s"), target);
        assertThatThrownBy(() -> StreamSocket.listen(os, path)).hasMessageContaining("no socket is there");
        assertThat(Files.exists(target)).isTrue();
    }

    @Test
    void whatCannotBeDoneIsSaid() {
        Path path = directory.resolve("nowhere/s");
        assertThatThrownBy(() -> StreamSocket.listen(os, path))
                .hasMessage("cannot listen at '" + path + "': there is no directory '" + path.getParent() + "'");
        Path longPath = directory.resolve("x".repeat(108));
        assertThatThrownBy(() -> StreamSocket.listen(os, longPath)).hasMessageContaining("1 to 107 bytes");
    }

    @Test
    void probingTakesTheFirstPathThatIsFree() throws IOException {
        leaveStale(directory.resolve("passt_3.socket"));
        Files.writeString(directory.resolve("passt_2.socket"), "mine");
        try (StreamSocket first = StreamSocket.probe(os, directory);
                StreamSocket second = StreamSocket.probe(os, directory);
                StreamSocket third = StreamSocket.probe(os, directory)) {
            assertThat(first.path()).isEqualTo(directory.resolve("passt_1.socket"));
            assertThat(second.path()).isEqualTo(directory.resolve("passt_3.socket"));
            assertThat(third.path()).isEqualTo(directory.resolve("passt_4.socket"));
        }
    }

    @Test
    void probingEndsAt64() throws IOException {
        for (int i = 1; i <= 64; i++) {
            Files.writeString(directory.resolve("passt_" + i + ".socket"), "mine");
        }
        assertThatThrownBy(() -> StreamSocket.probe(os, directory))
                .isInstanceOf(IOException.class)
                .hasMessageContaining("passt_1.socket' to 'passt_64.socket'");
    }

    @Test
    void aFileThatIsSomebodyElsesByNowStays() throws IOException {
        Path path = directory.resolve("s");
        StreamSocket first = StreamSocket.listen(os, path);
        Files.move(path, directory.resolve("moved"));
        try (StreamSocket second = StreamSocket.listen(os, path)) {
            first.close();
            assertThat(Files.exists(path)).isTrue();
            assertThat(connect(second.path())).isZero();
        }
    }

    private void leaveStale(Path path) {
        os.close(bound(path));
    }

    private int bound(Path path) {
        int fd = os.socket(Socket.AF_UNIX, Socket.SOCK_STREAM, 0);
        SockAddr address = new SockAddr();
        address.setPath(path.toString());
        assertThat(os.bind(fd, address)).isZero();
        return fd;
    }

    private int connect(Path path) {
        int fd = os.socket(Socket.AF_UNIX, Socket.SOCK_STREAM, 0);
        SockAddr address = new SockAddr();
        address.setPath(path.toString());
        int rc = os.connect(fd, address);
        os.close(fd);
        return rc;
    }
}
