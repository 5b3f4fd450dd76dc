package io.passatelli.hook;

import com.google.protobuf.ByteString;
import io.grpc.ManagedChannel;
import io.grpc.Status;
import io.grpc.StatusRuntimeException;
import io.netty.channel.nio.NioEventLoopGroup;
import io.passatelli.base.HookLimits;
import io.passatelli.base.Log;
import io.passatelli.hook.proto.info.HookPoint;
import io.passatelli.hook.proto.info.InfoGrpc;
import io.passatelli.hook.proto.info.InfoParams;
import io.passatelli.hook.proto.info.InfoResult;
import io.passatelli.hook.proto.v1alpha3.CallbacksGrpc;
import io.passatelli.hook.proto.v1alpha3.OnDefineDomainParams;
import io.passatelli.hook.proto.v1alpha3.PreCloudInitIsoParams;
import io.passatelli.hook.proto.v1alpha3.PreCloudInitIsoResult;
import io.passatelli.hook.proto.v1alpha3.ShutdownParams;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
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
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.stream.Stream;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.catchThrowableOfType;

@Timeout(60)
class HookServerTest {
    private static final ByteString XML = ByteString.copyFromUtf8("<domain/>");

    @TempDir
    private Path directory = Path.of("");

    private final StubCalls calls = new StubCalls();
    private final StubCalls rehearsal = new StubCalls();
    private final List<String> lines = Collections.synchronizedList(new ArrayList<>());
    private final Log log = new Log(Log.Level.INFO, (level, line) -> lines.add(level + " " + line));
    private final NioEventLoopGroup loop = new NioEventLoopGroup(1);
    private final List<AutoCloseable> open = new ArrayList<>();

    private HookServer server(HookCalls called) throws IOException {
        HookServer server = HookServer.start(directory, "hook-sidecar-0", called, rehearsal, log);
        open.add(server);
        return server;
    }

    private Path socket() {
        return directory.resolve("passatelli-hook-sidecar-0.sock");
    }

    private ManagedChannel channel() {
        ManagedChannel channel = LauncherDouble.channel(socket(), loop);
        open.add(channel::shutdownNow);
        return channel;
    }

    private CallbacksGrpc.CallbacksBlockingStub callbacks() {
        return CallbacksGrpc.newBlockingStub(channel()).withDeadlineAfter(20, TimeUnit.SECONDS);
    }

    private static OnDefineDomainParams define(ByteString xml) {
        return OnDefineDomainParams.newBuilder()
                .setDomainXML(xml)
                .setVmi(ByteString.copyFromUtf8("{}"))
                .build();
    }

    @BeforeEach
    void noLines() {
        lines.clear();
    }

    @AfterEach
    void close() throws Exception {
        Collections.reverse(open);
        for (AutoCloseable one : open) {
            one.close();
        }
        loop.shutdownGracefully(0, 1, TimeUnit.SECONDS).awaitUninterruptibly(1_000);
    }

    private List<String> files() throws IOException {
        try (Stream<Path> all = Files.list(directory)) {
            return all.filter(file -> !Files.isDirectory(file))
                    .map(file -> String.valueOf(file.getFileName()))
                    .toList();
        }
    }

    @Test
    void isSeenOnceItIsPublishedAndNothingElseEverIs() throws Exception {
        HookServer server = server(calls);
        assertThat(files()).isEmpty();
        server.publish();
        assertThat(files()).containsExactly("passatelli-hook-sidecar-0.sock");
        assertThat(PosixFilePermissions.toString(Files.getPosixFilePermissions(socket())))
                .isEqualTo("rw-rw----");
        server.close();
        assertThat(files()).isEmpty();
        assertThat(directory).isEmptyDirectory();
        assertThat(lines).isEmpty();
    }

    @Test
    void rehearsesAndAllOfItWentWell() throws Exception {
        HookServer server = server(calls);
        assertThat(rehearsal.defined.get()).isPositive();
        assertThat(calls.defined.get()).isZero();
        server.publish();
        int rehearsed = rehearsal.defined.get();
        assertThat(callbacks().onDefineDomain(define(XML)).getDomainXML().toStringUtf8())
                .isEqualTo("<domain/><!-- seen -->");
        assertThat(calls.defined.get()).isEqualTo(1);
        assertThat(rehearsal.defined.get()).isEqualTo(rehearsed);
        assertThat(lines).isEmpty();
    }

    @Test
    void aRehearsalThatGoesWrongIsSaidAndTheSocketComesAllTheSame() throws Exception {
        HookCalls broken = new StubCalls() {
            @Override
            public byte[] onDefineDomain(byte[] domainXml, byte[] vmiJson) throws HookRefusal {
                throw new HookRefusal("no");
            }
        };
        HookServer server = HookServer.start(directory, "hook-sidecar-0", calls, broken, log);
        open.add(server);
        server.publish();
        assertThat(lines).anyMatch(line -> line.startsWith("WARNING the first hook calls may be slow: "));
        assertThat(callbacks().onDefineDomain(define(XML)).getDomainXML().isEmpty())
                .isFalse();
    }

    @Test
    void saysWhoItIs() throws Exception {
        server(calls).publish();
        InfoResult info = InfoGrpc.newBlockingStub(channel())
                .withDeadlineAfter(20, TimeUnit.SECONDS)
                .info(InfoParams.getDefaultInstance());
        assertThat(info.getName()).isEqualTo("passatelli");
        assertThat(info.getHookPointsList())
                .extracting(HookPoint::getName)
                .containsExactly("OnDefineDomain", "Shutdown");
        assertThat(info.getVersionsList()).containsExactlyInAnyOrder("v1alpha1", "v1alpha2", "v1alpha3");
    }

    @Test
    void infoIsTimedFromItsCallToItsAnswer() throws Exception {
        AtomicInteger asked = new AtomicInteger();
        CountDownLatch answered = new CountDownLatch(1);
        server(new StubCalls() {
                    @Override
                    public Runnable onInfo() {
                        asked.incrementAndGet();
                        return answered::countDown;
                    }
                })
                .publish();
        assertThat(asked).as("what we ask ourselves does not count").hasValue(0);
        assertThat(callbacks().onDefineDomain(define(XML)).getDomainXML().isEmpty())
                .isFalse();
        assertThat(asked).hasValue(0);
        InfoGrpc.newBlockingStub(channel())
                .withDeadlineAfter(20, TimeUnit.SECONDS)
                .info(InfoParams.getDefaultInstance());
        assertThat(asked).hasValue(1);
        assertThat(answered.await(20, TimeUnit.SECONDS)).isTrue();
    }

    @Test
    void answersInEachVersion() throws Exception {
        server(calls).publish();
        assertThat(io.passatelli.hook.proto.v1alpha1.CallbacksGrpc.newBlockingStub(channel())
                        .withDeadlineAfter(20, TimeUnit.SECONDS)
                        .onDefineDomain(io.passatelli.hook.proto.v1alpha1.OnDefineDomainParams.newBuilder()
                                .setDomainXML(XML)
                                .build())
                        .getDomainXML()
                        .toStringUtf8())
                .isEqualTo("<domain/><!-- seen -->");
        assertThat(io.passatelli.hook.proto.v1alpha2.CallbacksGrpc.newBlockingStub(channel())
                        .withDeadlineAfter(20, TimeUnit.SECONDS)
                        .onDefineDomain(io.passatelli.hook.proto.v1alpha2.OnDefineDomainParams.newBuilder()
                                .setDomainXML(XML)
                                .build())
                        .getDomainXML()
                        .toStringUtf8())
                .isEqualTo("<domain/><!-- seen -->");
        assertThat(callbacks().onDefineDomain(define(XML)).getDomainXML().toStringUtf8())
                .isEqualTo("<domain/><!-- seen -->");
    }

    @Test
    void aCloudInitImageComesBackAsItWas() throws Exception {
        server(calls).publish();
        ByteString source = ByteString.copyFromUtf8("source");
        ByteString data = ByteString.copyFromUtf8("data");
        PreCloudInitIsoResult result = callbacks()
                .preCloudInitIso(PreCloudInitIsoParams.newBuilder()
                        .setCloudInitNoCloudSource(source)
                        .setCloudInitData(data)
                        .build());
        assertThat(result.getCloudInitNoCloudSource()).isEqualTo(source);
        assertThat(result.getCloudInitData()).isEqualTo(data);
    }

    @Test
    void aRefusalIsItsSentence() throws Exception {
        server(new StubCalls() {
                    @Override
                    public byte[] onDefineDomain(byte[] domainXml, byte[] vmiJson) throws HookRefusal {
                        throw new HookRefusal("passatelli.io/forward: 'tpc' in column 1 is no protocol");
                    }
                })
                .publish();
        Status status = refusal(define(XML));
        assertThat(status.getCode()).isEqualTo(Status.Code.INVALID_ARGUMENT);
        assertThat(status.getDescription()).isEqualTo("passatelli.io/forward: 'tpc' in column 1 is no protocol");
        assertThat(lines)
                .containsExactly(
                        "WARNING OnDefineDomain refused: passatelli.io/forward: 'tpc' in column 1 is no protocol");
    }

    @Test
    void aBugIsOneSentenceForTheUserAndTheRestForTheLog() throws Exception {
        server(new StubCalls() {
                    @Override
                    public byte[] onDefineDomain(byte[] domainXml, byte[] vmiJson) {
                        throw new IllegalStateException("of all things");
                    }
                })
                .publish();
        Status status = refusal(define(XML));
        assertThat(status.getCode()).isEqualTo(Status.Code.INTERNAL);
        assertThat(status.getDescription()).startsWith("Passatelli failed").doesNotContain("of all things");
        assertThat(lines.getFirst())
                .isEqualTo("ERROR bug: OnDefineDomain failed: java.lang.IllegalStateException: of all things");
        assertThat(refusal(define(XML)).getCode()).as("it lives on").isEqualTo(Status.Code.INTERNAL);
    }

    private Status refusal(OnDefineDomainParams params) {
        return catchThrowableOfType(
                        StatusRuntimeException.class, () -> callbacks().onDefineDomain(params))
                .getStatus();
    }

    @Test
    void aMegabyteOfXmlIsWelcome() throws Exception {
        server(calls).publish();
        ByteString xml = ByteString.copyFrom(new byte[1 << 20]);
        assertThat(callbacks().onDefineDomain(define(xml)).getDomainXML().size())
                .isGreaterThan(1 << 20);
    }

    @Test
    void whatIsTooLongIsRefusedWithTheBound() throws Exception {
        server(calls).publish();
        Status status = refusal(define(ByteString.copyFrom(new byte[HookLimits.MESSAGE_BYTES])));
        assertThat(status.getCode()).isEqualTo(Status.Code.RESOURCE_EXHAUSTED);
        assertThat(status.getDescription()).contains("exceeds maximum size " + HookLimits.MESSAGE_BYTES);
        assertThat(callbacks().onDefineDomain(define(XML)).getDomainXML().isEmpty())
                .isFalse();
    }

    @Test
    void shutdownIsAnsweredEvenWhenItEndsTheServer() throws Exception {
        List<HookServer> made = new ArrayList<>();
        StubCalls ending = new StubCalls() {
            @Override
            public void onShutdown() {
                super.onShutdown();
                Thread.ofPlatform().start(() -> made.getFirst().close());
            }
        };
        made.add(server(ending));
        made.getFirst().publish();
        callbacks().shutdown(ShutdownParams.getDefaultInstance());
        assertThat(ending.shutDown.get()).isEqualTo(1);
        while (Files.exists(socket())) {
            Thread.sleep(10);
        }
    }

    @Test
    void aSocketThatAnEarlierLifeLeftIsReplaced() throws Exception {
        try (ServerSocketChannel stale = ServerSocketChannel.open(StandardProtocolFamily.UNIX)) {
            stale.bind(UnixDomainSocketAddress.of(socket()));
        }
        Files.createDirectory(directory.resolve("boot"));
        try (ServerSocketChannel stale = ServerSocketChannel.open(StandardProtocolFamily.UNIX)) {
            stale.bind(UnixDomainSocketAddress.of(directory.resolve("boot/hook.sock")));
        }
        server(calls).publish();
        assertThat(callbacks().onDefineDomain(define(XML)).getDomainXML().isEmpty())
                .isFalse();
    }

    @Test
    void anotherSocketInItsPlaceIsNotRemoved() throws Exception {
        HookServer server = server(calls);
        server.publish();
        Files.delete(socket());
        try (ServerSocketChannel other = ServerSocketChannel.open(StandardProtocolFamily.UNIX)) {
            other.bind(UnixDomainSocketAddress.of(socket()));
            server.close();
            assertThat(socket()).exists();
        }
    }

    @Test
    void whereItCannotListenIsOneSentence() throws IOException {
        Path deep = Files.createDirectory(directory.resolve("d".repeat(100)));
        assertThatThrownBy(() -> HookServer.start(directory.resolve("no"), "c", calls, rehearsal, log))
                .isInstanceOf(IOException.class)
                .hasMessage("cannot listen for hook calls in '" + directory.resolve("no")
                        + "': there is no such directory");
        assertThatThrownBy(() -> HookServer.start(deep, "c", calls, rehearsal, log))
                .isInstanceOf(IOException.class)
                .hasMessageContaining("too long: a socket's path has at most 107 bytes");
        assertThatThrownBy(() -> HookServer.start(directory, "a/b", calls, rehearsal, log))
                .isInstanceOf(IOException.class)
                .hasMessageContaining("'a/b' is no container's name");
    }
}
