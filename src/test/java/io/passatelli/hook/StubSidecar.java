package io.passatelli.hook;

import io.grpc.Server;
import io.grpc.Status;
import io.grpc.netty.NettyServerBuilder;
import io.grpc.stub.StreamObserver;
import io.netty.channel.nio.NioEventLoopGroup;
import io.netty.channel.socket.nio.NioServerDomainSocketChannel;
import io.passatelli.hook.proto.info.HookPoint;
import io.passatelli.hook.proto.info.InfoGrpc;
import io.passatelli.hook.proto.info.InfoParams;
import io.passatelli.hook.proto.info.InfoResult;
import io.passatelli.hook.proto.v1alpha3.CallbacksGrpc;
import io.passatelli.hook.proto.v1alpha3.OnDefineDomainParams;
import io.passatelli.hook.proto.v1alpha3.OnDefineDomainResult;
import io.passatelli.hook.proto.v1alpha3.ShutdownParams;
import io.passatelli.hook.proto.v1alpha3.ShutdownResult;

import java.io.IOException;
import java.net.UnixDomainSocketAddress;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;

/** Somebody else's hook sidecar: it returns what it gets, and counts. */
final class StubSidecar implements AutoCloseable {
    private final NioEventLoopGroup loop = new NioEventLoopGroup(1);
    private final Server server;
    volatile long infoAfterMs;
    volatile boolean refuses;
    final AtomicInteger defined = new AtomicInteger();
    final AtomicInteger shutDown = new AtomicInteger();

    StubSidecar(Path socket, String version) throws IOException {
        Files.createDirectories(socket.resolveSibling(""));
        server = NettyServerBuilder.forAddress(UnixDomainSocketAddress.of(socket))
                .channelType(NioServerDomainSocketChannel.class)
                .bossEventLoopGroup(loop)
                .workerEventLoopGroup(loop)
                .addService(new Info(version))
                .addService(new Callbacks())
                .build()
                .start();
    }

    private final class Info extends InfoGrpc.InfoImplBase {
        private final String version;

        Info(String version) {
            this.version = version;
        }

        @Override
        public void info(InfoParams asked, StreamObserver<InfoResult> caller) {
            try {
                Thread.sleep(infoAfterMs);
            } catch (InterruptedException e) {
                Thread.currentThread().interrupt();
            }
            caller.onNext(InfoResult.newBuilder()
                    .setName("other")
                    .addAllHookPoints(List.of(
                            HookPoint.newBuilder().setName("OnDefineDomain").build(),
                            HookPoint.newBuilder().setName("Shutdown").build()))
                    .addVersions(version)
                    .build());
            caller.onCompleted();
        }
    }

    private final class Callbacks extends CallbacksGrpc.CallbacksImplBase {
        @Override
        public void onDefineDomain(OnDefineDomainParams asked, StreamObserver<OnDefineDomainResult> caller) {
            defined.incrementAndGet();
            if (refuses) {
                caller.onError(Status.UNKNOWN.withDescription("not now").asException());
                return;
            }
            caller.onNext(OnDefineDomainResult.newBuilder()
                    .setDomainXML(asked.getDomainXML())
                    .build());
            caller.onCompleted();
        }

        @Override
        public void shutdown(ShutdownParams asked, StreamObserver<ShutdownResult> caller) {
            shutDown.incrementAndGet();
            if (refuses) {
                caller.onError(Status.UNKNOWN.withDescription("not now").asException());
                return;
            }
            caller.onNext(ShutdownResult.getDefaultInstance());
            caller.onCompleted();
        }
    }

    @Override
    public void close() {
        server.shutdownNow();
        loop.shutdownGracefully(0, 1, TimeUnit.SECONDS).awaitUninterruptibly(1_000);
    }
}
