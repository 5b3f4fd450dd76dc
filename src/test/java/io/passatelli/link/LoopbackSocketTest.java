package io.passatelli.link;

import io.passatelli.base.Counters;
import io.passatelli.base.Log;
import io.passatelli.loop.EventLoop;
import io.passatelli.os.LinuxOs;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

import java.io.IOException;
import java.net.ConnectException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.ServerSocket;
import java.net.StandardProtocolFamily;
import java.net.UnixDomainSocketAddress;
import java.nio.ByteBuffer;
import java.nio.channels.SocketChannel;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.function.BooleanSupplier;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

/** A stream link with two doors, on the real kernel. */
@Timeout(30)
class LoopbackSocketTest {
    private final LinuxOs os = new LinuxOs();
    private final List<String> lines = new ArrayList<>();

    /** A link with its loop, and who listens to it. */
    private final class Scene implements AutoCloseable {
        final Path path;
        final LoopbackSocket loopback;
        final EventLoop loop = new EventLoop(os, System::nanoTime, Log.silent());
        final LinkEar ear = new LinkEar();
        final StreamLink link;

        Scene(Path directory) throws IOException {
            path = directory.resolve("0.sock");
            loopback = LoopbackSocket.make(os);
            Log log = new Log(Log.Level.INFO, (level, line) -> lines.add(line));
            link = StreamLink.listening(os, StreamSocket.listen(os, path), loopback, new Counters(), log);
            ear.link = link;
            link.bind(loop, ear);
            turns(5);
        }

        void turns(int count) {
            for (int i = 0; i < count; i++) {
                loop.turn(1_000_000);
            }
        }

        void until(BooleanSupplier holds) {
            while (!holds.getAsBoolean()) {
                loop.turn(1_000_000);
            }
        }

        @Override
        public void close() {
            link.close();
            loop.close();
        }
    }

    private static int freePort() throws IOException {
        try (ServerSocket any = new ServerSocket(0, 1, InetAddress.getLoopbackAddress())) {
            return any.getLocalPort();
        }
    }

    private static SocketChannel connect(int port) throws IOException {
        return SocketChannel.open(new InetSocketAddress(InetAddress.getLoopbackAddress(), port));
    }

    @Test
    void nobodyComesByADoorThatIsClosed(@TempDir Path directory) throws Exception {
        int port = freePort();
        try (Scene scene = new Scene(directory)) {
            assertThatThrownBy(() -> connect(port)).isInstanceOf(ConnectException.class);
            try (SocketChannel guest = SocketChannel.open(StandardProtocolFamily.UNIX)) {
                guest.connect(UnixDomainSocketAddress.of(scene.path));
                scene.until(() -> scene.link.up);
            }
            assertThat(lines).noneMatch(line -> line.contains("cannot"));
        }
    }

    @Test
    void doorThatWasOpenedByAnotherThreadLetsOneIn(@TempDir Path directory) throws Exception {
        int port = freePort();
        try (Scene scene = new Scene(directory)) {
            Thread opener = Thread.ofPlatform().start(() -> {
                try {
                    scene.loopback.listen(port);
                    scene.loopback.listen(port); // it does
                } catch (IOException e) {
                    lines.add(e.toString());
                }
            });
            opener.join();
            try (SocketChannel guest = connect(port)) {
                scene.until(() -> scene.link.up);
                ByteBuffer frame = ByteBuffer.allocate(4 + 60).putInt(60).position(0);
                guest.write(frame);
                scene.until(() -> scene.ear.frames.size() == 1);
                try (SocketChannel second = connect(port)) {
                    scene.turns(5);
                    assertThat(second.read(ByteBuffer.allocate(1))).isEqualTo(-1);
                }
                try (SocketChannel third = SocketChannel.open(StandardProtocolFamily.UNIX)) {
                    third.connect(UnixDomainSocketAddress.of(scene.path));
                    scene.turns(5);
                    assertThat(third.read(ByteBuffer.allocate(1))).isEqualTo(-1);
                }
                assertThat(scene.link.up).isTrue();
            }
            scene.until(() -> !scene.link.up);
            try (SocketChannel next = connect(port)) {
                scene.until(() -> scene.link.up);
                assertThat(next.isConnected()).isTrue();
            }
        }
        assertThat(lines).anyMatch(line -> line.contains("guest connected: a process that is hidden from us"));
        assertThatThrownBy(() -> connect(port)).isInstanceOf(ConnectException.class);
    }

    @Test
    void doorIsClosedAndOpenedAgain(@TempDir Path directory) throws Exception {
        int port = freePort();
        try (Scene scene = new Scene(directory)) {
            scene.loopback.listen(port);
            try (SocketChannel first = connect(port)) {
                scene.until(() -> scene.link.up);
                try (SocketChannel waiting = connect(port)) {
                    scene.loopback.stopListening();
                    scene.loopback.stopListening(); // it does not
                    scene.turns(5);
                    assertThatThrownBy(() -> waiting.read(ByteBuffer.allocate(1)))
                            .isInstanceOf(IOException.class);
                }
                assertThatThrownBy(() -> connect(port)).isInstanceOf(ConnectException.class);
                assertThat(scene.link.up).isTrue();
                ByteBuffer frame = ByteBuffer.allocate(4 + 60).putInt(60).position(0);
                first.write(frame);
                scene.until(() -> scene.ear.frames.size() == 1);
            }
            scene.until(() -> !scene.link.up);
            try (ServerSocket other = new ServerSocket(port, 1, InetAddress.getLoopbackAddress())) {
                assertThatThrownBy(() -> scene.loopback.listen(other.getLocalPort()))
                        .hasMessageEndingWith(": Address already in use");
            }
            scene.loopback.listen(port);
            try (SocketChannel next = connect(port)) {
                scene.until(() -> scene.link.up);
                assertThat(next.isConnected()).isTrue();
            }
        }
        assertThat(lines).noneMatch(line -> line.contains("cannot"));
    }

    @Test
    void portThatIsTakenIsOneSentence() throws Exception {
        try (ServerSocket taken = new ServerSocket(0, 1, InetAddress.getLoopbackAddress());
                LoopbackSocket socket = LoopbackSocket.make(os)) {
            assertThatThrownBy(() -> socket.listen(taken.getLocalPort()))
                    .isInstanceOf(IOException.class)
                    .hasMessage("cannot listen at 127.0.0.1 port " + taken.getLocalPort() + ": Address already in use");
            int free = freePort();
            socket.listen(free);
            assertThat(connect(free).isConnected()).isTrue();
        }
    }
}
