package io.passatelli.hook;

import com.google.protobuf.ByteString;
import io.grpc.ConnectivityState;
import io.grpc.ManagedChannel;
import io.grpc.Status;
import io.grpc.StatusRuntimeException;
import io.grpc.netty.NettyChannelBuilder;
import io.netty.channel.ChannelOption;
import io.netty.channel.nio.NioEventLoopGroup;
import io.netty.channel.socket.nio.NioDomainSocketChannel;
import io.passatelli.hook.proto.info.HookPoint;
import io.passatelli.hook.proto.info.InfoGrpc;
import io.passatelli.hook.proto.info.InfoParams;
import io.passatelli.hook.proto.info.InfoResult;
import io.passatelli.hook.proto.v1alpha3.CallbacksGrpc;
import io.passatelli.hook.proto.v1alpha3.ShutdownParams;
import org.jspecify.annotations.Nullable;

import java.io.IOException;
import java.net.UnixDomainSocketAddress;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/**
 * virt-launcher as hook sidecars see it: how it finds them, how long it waits, what it forgives, and what it makes of their answers before it calls
 * again. Where libvirt would say something in between, a {@link RecordedBoot} says it.
 */
public final class LauncherDouble implements AutoCloseable {
    private static final long SCAN_MS = 300;
    private static final long DIAL_MS = 2_000;
    private static final long INFO_MS = 1_000;
    private static final long CALL_MS = 60_000;
    /** virt-handler's, for all calls, libvirt's definition and QEMU's start. */
    private static final long SYNC_MS = 20_000;

    /** Best first. */
    private static final List<String> VERSIONS = List.of("v1alpha3", "v1alpha2", "v1alpha1");

    private final Path hooks;
    private final int requested;
    private final NioEventLoopGroup loop = new NioEventLoopGroup(1);
    private final Map<String, Sidecar> processed = new LinkedHashMap<>();
    private final List<Timing> timings = new ArrayList<>();
    private boolean defined;

    /** virt-launcher panics, and its VM has failed. */
    public static final class Panic extends Exception {
        private static final long serialVersionUID = 1;

        Panic(String why) {
            super(why);
        }
    }

    /** SyncVMI failed: the message is what the event says. It is tried again from the first call. */
    public static final class SyncFailed extends Exception {
        private static final long serialVersionUID = 1;

        SyncFailed(String why) {
            super(why);
        }
    }

    /** What a hook socket said of itself. */
    public record Sidecar(Path socket, String version, Set<String> hookPoints) {}

    /**
     * How long one call took.
     *
     * @param dialMs until the other side's SETTINGS
     * @param answerMs from then on
     */
    public record Timing(String call, Path socket, long dialMs, long answerMs) {}

    /**
     * For a VM that has so many sidecars.
     *
     * @param hooks the directory that holds one directory for each
     */
    public LauncherDouble(Path hooks, int requested) {
        this.hooks = hooks;
        this.requested = requested;
    }

    /** All calls so far that were answered, in their order. */
    public List<Timing> timings() {
        return List.copyOf(timings);
    }

    /** Looks for sockets until as many as there are sidecars have said who they are. */
    public List<Sidecar> collect(Duration timeout) throws Panic, IOException, InterruptedException {
        long end = System.nanoTime() + timeout.toNanos();
        while (processed.size() < requested) {
            for (Path directory : entries(hooks)) {
                if (!Files.isDirectory(directory, LinkOption.NOFOLLOW_LINKS)) {
                    continue;
                }
                for (Path file : entries(directory)) {
                    if (System.nanoTime() - end > 0) {
                        throw new Panic("Failed to collect all expected sidecar hook sockets within given timeout");
                    }
                    String name = String.valueOf(file.getFileName());
                    if (!Files.isDirectory(file, LinkOption.NOFOLLOW_LINKS) && !processed.containsKey(name)) {
                        Sidecar ready = process(file);
                        if (ready != null) {
                            processed.put(name, ready);
                        }
                    }
                }
            }
            Thread.sleep(SCAN_MS);
        }
        return List.copyOf(processed.values());
    }

    private static List<Path> entries(Path directory) throws IOException {
        try (Stream<Path> all = Files.list(directory)) {
            return all.sorted().toList();
        }
    }

    /** Null: not ready, whatever it is; it is tried again. */
    private @Nullable Sidecar process(Path socket) throws Panic, InterruptedException {
        long begin = System.nanoTime();
        ManagedChannel channel = dial(socket);
        if (channel == null) {
            return null;
        }
        try {
            long dialled = System.nanoTime();
            InfoResult info = InfoGrpc.newBlockingStub(channel)
                    .withDeadlineAfter(INFO_MS, TimeUnit.MILLISECONDS)
                    .info(InfoParams.getDefaultInstance());
            took("Info", socket, begin, dialled);
            String version = VERSIONS.stream()
                    .filter(info.getVersionsList()::contains)
                    .findFirst()
                    .orElseThrow(() -> new Panic("Hook sidecar does not expose a supported version"));
            Set<String> points =
                    info.getHookPointsList().stream().map(HookPoint::getName).collect(Collectors.toUnmodifiableSet());
            return new Sidecar(socket, version, points);
        } catch (StatusRuntimeException e) {
            throw new Panic("Info of " + socket + ": " + e.getStatus());
        } finally {
            channel.shutdownNow();
        }
    }

    private void took(String call, Path socket, long begin, long dialled) {
        timings.add(new Timing(
                call,
                socket,
                TimeUnit.NANOSECONDS.toMillis(dialled - begin),
                TimeUnit.NANOSECONDS.toMillis(System.nanoTime() - dialled)));
    }

    /** A connection whose other side speaks HTTP/2; null: there was none in time, refused or silent. */
    private @Nullable ManagedChannel dial(Path socket) throws InterruptedException {
        ManagedChannel channel = channel(socket, loop);
        long end = System.nanoTime() + TimeUnit.MILLISECONDS.toNanos(DIAL_MS);
        ConnectivityState state = channel.getState(true);
        while (state != ConnectivityState.READY) {
            CountDownLatch changed = new CountDownLatch(1);
            channel.notifyWhenStateChanged(state, changed::countDown);
            if (!changed.await(end - System.nanoTime(), TimeUnit.NANOSECONDS)) {
                channel.shutdownNow();
                return null;
            }
            state = channel.getState(true);
        }
        return channel;
    }

    /** Not connected yet. */
    static ManagedChannel channel(Path socket, NioEventLoopGroup loop) {
        return NettyChannelBuilder.forAddress(UnixDomainSocketAddress.of(socket))
                .channelType(NioDomainSocketChannel.class)
                .eventLoopGroup(loop)
                .withOption(ChannelOption.SO_KEEPALIVE, null) // gRPC sets it; a UNIX socket has none
                .usePlaintext()
                .overrideAuthority("localhost")
                .directExecutor()
                .build();
    }

    /** Starts the VM: all calls, each with what became of the answer before. Returns the XML that is defined at last. */
    public byte[] sync(RecordedBoot boot) throws SyncFailed, InterruptedException {
        long end = System.nanoTime() + TimeUnit.MILLISECONDS.toNanos(SYNC_MS);
        byte[] answer = onDefineDomain(boot.calls().getFirst(), boot.vmi(), end);
        int calls = boot.calls().size();
        for (int call = 1; call < calls; call++) {
            byte[] recorded = boot.calls().get(call);
            byte[] next;
            if (calls == 2) {
                next = Remarshalled.withDevicesOf(recorded, answer);
            } else {
                next = call == 1 ? recorded : Remarshalled.of(answer);
            }
            answer = onDefineDomain(next, boot.vmi(), end);
        }
        defined = true;
        return answer;
    }

    /** {@link #sync} as virt-handler does it: tried again, some times, after a while. */
    public byte[] syncAgain(RecordedBoot boot, int times) throws SyncFailed, InterruptedException {
        for (int left = times; ; left--) {
            try {
                return sync(boot);
            } catch (SyncFailed e) {
                if (left == 1) {
                    throw e;
                }
                Thread.sleep(SCAN_MS);
            }
        }
    }

    /** One call, whose answer nobody looks at. */
    public void prepareMigrationTarget(RecordedBoot boot) throws SyncFailed, InterruptedException {
        long end = System.nanoTime() + TimeUnit.MILLISECONDS.toNanos(SYNC_MS);
        onDefineDomain(boot.calls().getFirst(), boot.vmi(), end);
    }

    /** The VM has come by migration. */
    public void migrated() {
        defined = true;
    }

    /** Through all sidecars, in the order in which they were found. */
    private byte[] onDefineDomain(byte[] xml, byte[] vmi, long end) throws SyncFailed, InterruptedException {
        byte[] domain = xml;
        for (Sidecar sidecar : processed.values()) {
            if (sidecar.hookPoints().contains("OnDefineDomain")) {
                domain = onDefineDomain(sidecar, domain, vmi, end);
            }
        }
        return domain;
    }

    private byte[] onDefineDomain(Sidecar sidecar, byte[] xml, byte[] vmi, long end)
            throws SyncFailed, InterruptedException {
        long begin = System.nanoTime();
        ManagedChannel channel = dial(sidecar.socket());
        if (channel == null) {
            throw new SyncFailed("cannot dial " + sidecar.socket());
        }
        try {
            long dialled = System.nanoTime();
            long leftMs = Math.min(CALL_MS, TimeUnit.NANOSECONDS.toMillis(end - dialled));
            byte[] answer =
                    call(sidecar.version(), channel, leftMs, ByteString.copyFrom(xml), ByteString.copyFrom(vmi));
            took("OnDefineDomain", sidecar.socket(), begin, dialled);
            return answer;
        } catch (StatusRuntimeException e) {
            throw new SyncFailed(sentence(e.getStatus()));
        } finally {
            channel.shutdownNow();
        }
    }

    /** As Go prints it. */
    private static String sentence(Status status) {
        return "rpc error: code = " + status.getCode() + " desc = " + status.getDescription();
    }

    private static byte[] call(String version, ManagedChannel channel, long leftMs, ByteString xml, ByteString vmi) {
        ByteString answer =
                switch (version) {
                    case "v1alpha3" ->
                        CallbacksGrpc.newBlockingStub(channel)
                                .withDeadlineAfter(leftMs, TimeUnit.MILLISECONDS)
                                .onDefineDomain(io.passatelli.hook.proto.v1alpha3.OnDefineDomainParams.newBuilder()
                                        .setDomainXML(xml)
                                        .setVmi(vmi)
                                        .build())
                                .getDomainXML();
                    case "v1alpha2" ->
                        io.passatelli.hook.proto.v1alpha2.CallbacksGrpc.newBlockingStub(channel)
                                .withDeadlineAfter(leftMs, TimeUnit.MILLISECONDS)
                                .onDefineDomain(io.passatelli.hook.proto.v1alpha2.OnDefineDomainParams.newBuilder()
                                        .setDomainXML(xml)
                                        .setVmi(vmi)
                                        .build())
                                .getDomainXML();
                    default ->
                        io.passatelli.hook.proto.v1alpha1.CallbacksGrpc.newBlockingStub(channel)
                                .withDeadlineAfter(leftMs, TimeUnit.MILLISECONDS)
                                .onDefineDomain(io.passatelli.hook.proto.v1alpha1.OnDefineDomainParams.newBuilder()
                                        .setDomainXML(xml)
                                        .setVmi(vmi)
                                        .build())
                                .getDomainXML();
                };
        return answer.toByteArray();
    }

    /** QEMU has ended: sidecars that asked for it are told, until one does not answer; none is where there was no domain. */
    public void shutdown() throws InterruptedException {
        if (!defined) {
            return;
        }
        for (Sidecar sidecar : processed.values()) {
            if (!sidecar.hookPoints().contains("Shutdown") || !sidecar.version().equals("v1alpha3")) {
                continue;
            }
            long begin = System.nanoTime();
            ManagedChannel channel = dial(sidecar.socket());
            if (channel == null) {
                return;
            }
            try {
                long dialled = System.nanoTime();
                CallbacksGrpc.newBlockingStub(channel)
                        .withDeadlineAfter(CALL_MS, TimeUnit.MILLISECONDS)
                        .shutdown(ShutdownParams.getDefaultInstance());
                took("Shutdown", sidecar.socket(), begin, dialled);
            } catch (StatusRuntimeException e) {
                return;
            } finally {
                channel.shutdownNow();
            }
        }
    }

    @Override
    public void close() {
        loop.shutdownGracefully(0, SCAN_MS, TimeUnit.MILLISECONDS).awaitUninterruptibly(1_000);
    }
}
