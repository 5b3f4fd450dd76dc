package io.passatelli.control.server;

import io.passatelli.base.Clock;
import io.passatelli.base.Log;
import io.passatelli.control.api.ControlException;
import io.passatelli.control.api.DropsAnswer;
import io.passatelli.control.api.FlowsAnswer;
import io.passatelli.control.api.Request;
import io.passatelli.control.api.StatusAnswer;
import io.passatelli.control.client.ControlClient;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

import java.io.IOException;
import java.net.StandardProtocolFamily;
import java.net.UnixDomainSocketAddress;
import java.nio.channels.ServerSocketChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.Executor;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicReference;
import java.util.function.Function;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

/** A server on a real socket, and clients who mean well. */
@Timeout(30)
class ControlServerTest {
    @TempDir
    private Path directory = Path.of("");

    private final List<String> logged = Collections.synchronizedList(new ArrayList<>());
    private final List<ControlServer> servers = new ArrayList<>();

    @AfterEach
    void close() {
        servers.forEach(ControlServer::close);
    }

    private Path path() {
        return directory.resolve("control");
    }

    private ControlServer start(Function<Executor, ControlTarget> target) throws IOException {
        Log log = new Log(Log.Level.WARNING, (level, line) -> logged.add(line));
        ControlServer server = ControlServer.start(path(), Clock.system(), log, target);
        servers.add(server);
        return server;
    }

    private ControlServer start() throws IOException {
        return start(here -> new KnownTarget());
    }

    private ControlClient client() throws IOException {
        return ControlClient.connect(path(), Clock.system());
    }

    @Test
    void clientGetsWhatTheTargetAnswers() throws Exception {
        start();
        try (ControlClient client = client()) {
            assertThat(client.ask(new Request.Status(), StatusAnswer.class))
                    .isEqualTo(new KnownTarget().status().join());
            assertThat(client.ask(new Request.Flows(2), FlowsAnswer.class).flows())
                    .containsExactly(KnownTarget.TCP, KnownTarget.PING);
            assertThat(client.ask(new Request.Flows(null), FlowsAnswer.class).flows())
                    .hasSize(1_000);
            assertThat(client.ask(new Request.Drops(), DropsAnswer.class).handled())
                    .isEqualTo(1_000);
            assertThat(client.line(new Request.Version()))
                    .isEqualTo("{\"answer\":{\"version\":\"passatelli 0.1.0\",\"api\":1}}");
            assertThat(client.line(new Request.SetForwards(List.of()))).isEqualTo("{\"answer\":{\"forwards\":[]}}");
        }
    }

    @Test
    void whatTheTargetRefusesIsSaidWithItsCode() throws Exception {
        start();
        try (ControlClient client = client()) {
            assertThatThrownBy(() -> client.ask(new Request.StopCapture(), StatusAnswer.class))
                    .isInstanceOfSatisfying(
                            ControlException.class, e -> assertThat(e.code()).isEqualTo(ControlException.REFUSED))
                    .hasMessage("there is no capture to stop");
        }
    }

    @Test
    void linesAreAnsweredInOrderWithTheirIds() throws Exception {
        start();
        try (RawClient client = new RawClient(path())) {
            client.say("""
                    {"request":"version","id":1}
                    {"request":"nonsense","id":"two"}

                    nonsense
                    {"request":"version","id":3}
                    {"id":4}
                    """);
            assertThat(client.line()).startsWith("{\"id\":1,\"answer\":");
            assertThat(client.line()).startsWith("{\"id\":\"two\",\"error\":{\"code\":\"unknown-request\"");
            assertThat(client.line()).startsWith("{\"error\":{\"code\":\"bad-request\"");
            assertThat(client.line()).startsWith("{\"error\":{\"code\":\"bad-request\"");
            assertThat(client.line()).startsWith("{\"id\":3,\"answer\":");
            assertThat(client.line()).startsWith("{\"id\":4,\"error\":{\"code\":\"bad-request\"");
            client.channel.shutdownOutput();
            assertThat(client.line()).isNull();
        }
    }

    @Test
    void answersOfTheTargetMayComeFromAnyThreadAndLater() throws Exception {
        AtomicReference<Thread> asked = new AtomicReference<>();
        AtomicReference<Thread> mapped = new AtomicReference<>();
        start(here -> new KnownTarget() {
            @Override
            public CompletableFuture<DropsAnswer> drops() {
                asked.set(Thread.currentThread());
                return CompletableFuture.supplyAsync(
                                () -> new DropsAnswer(1, List.of()),
                                CompletableFuture.delayedExecutor(20, TimeUnit.MILLISECONDS))
                        .thenApplyAsync(
                                answer -> {
                                    mapped.set(Thread.currentThread());
                                    return answer;
                                },
                                here);
            }
        });
        try (ControlClient client = client()) {
            assertThat(client.ask(new Request.Drops(), DropsAnswer.class).handled())
                    .isEqualTo(1);
        }
        assertThat(asked.get()).isEqualTo(mapped.get());
        assertThat(asked.get().getName()).isEqualTo("control");
    }

    @Test
    void bugOfTheTargetIsSaidAndLoggedAndTheServerGoesOn() throws Exception {
        start(here -> new KnownTarget() {
            @Override
            public CompletableFuture<DropsAnswer> drops() {
                throw new ArithmeticException("by zero");
            }

            @Override
            public CompletableFuture<StatusAnswer> status() {
                return CompletableFuture.failedFuture(new IllegalStateException("the plane has too much to do"));
            }
        });
        try (RawClient client = new RawClient(path())) {
            client.say("""
                    {"request":"drops"}
                    {"request":"status"}
                    {"request":"version"}
                    """);
            assertThat(client.line()).contains("\"internal\"").doesNotContain("zero");
            assertThat(client.line()).contains("\"refused\"").contains("the plane has too much to do");
            assertThat(client.line()).contains("\"answer\"");
        }
        assertThat(logged).singleElement().asString().contains("ArithmeticException: by zero");
    }

    @Test
    void socketIsOfItsOwnerAloneAndGoesWithTheServer() throws Exception {
        ControlServer server = start();
        assertThat(Files.getPosixFilePermissions(path())).isEqualTo(PosixFilePermissions.fromString("rw-------"));
        try (RawClient client = new RawClient(path())) {
            assertThat(client.say("{\"request\":\"version\"}\n").line()).contains("\"answer\"");
            server.close();
            assertThat(client.line()).isNull();
        }
        assertThat(path()).doesNotExist();
    }

    @Test
    void socketOfSomebodyElseStays() throws Exception {
        ControlServer server = start();
        Files.delete(path());
        try (ServerSocketChannel other = ServerSocketChannel.open(StandardProtocolFamily.UNIX)) {
            other.bind(UnixDomainSocketAddress.of(path()));
            server.close();
            assertThat(path()).exists();
        }
    }

    @Test
    void socketThatNobodyListensAtIsTaken() throws Exception {
        try (ServerSocketChannel dead = ServerSocketChannel.open(StandardProtocolFamily.UNIX)) {
            dead.bind(UnixDomainSocketAddress.of(path()));
        }
        assertThat(path()).exists();
        start();
        try (ControlClient client = client()) {
            assertThat(client.line(new Request.Version())).contains("answer");
        }
    }

    @Test
    void whatCannotBeListenedAtIsOneSentence() throws Exception {
        start();
        assertThatThrownBy(this::start).hasMessage("cannot listen on '%s': the socket is in use", path());
        assertThat(path()).exists();
        Path file = Files.writeString(directory.resolve("file"), "precious");
        refusal(file, "a file that is no socket is there");
        assertThat(file).hasContent("precious");
        Path link = Files.createSymbolicLink(directory.resolve("link"), path());
        refusal(link, "a file that is no socket is there");
        refusal(directory.resolve("no/such"), "there is no directory '" + directory.resolve("no") + "'");
        refusal(directory.resolve("x".repeat(108)), "at most 107 bytes");
    }

    private static void refusal(Path path, String why) {
        assertThatThrownBy(() -> ControlServer.start(path, Clock.system(), Log.silent(), here -> new KnownTarget()))
                .isInstanceOf(IOException.class)
                .hasMessageStartingWith("cannot listen on '" + path + "': ")
                .hasMessageContaining(why);
    }

    @Test
    void clientSaysInOneSentenceThatNobodyIsThere() throws Exception {
        assertThatThrownBy(this::client)
                .isInstanceOf(IOException.class)
                .hasMessageStartingWith("no passatelli answers at '" + path() + "': ");
        try (ServerSocketChannel dead = ServerSocketChannel.open(StandardProtocolFamily.UNIX)) {
            dead.bind(UnixDomainSocketAddress.of(path()));
        }
        assertThatThrownBy(this::client).hasMessageContaining("Connection refused");
    }
}
