import com.google.protobuf.ByteString;
import io.grpc.ManagedChannel;
import io.grpc.netty.NettyChannelBuilder;
import io.netty.channel.nio.NioEventLoopGroup;
import io.netty.channel.socket.nio.NioDomainSocketChannel;
import io.passatelli.hook.proto.v1alpha3.CallbacksGrpc;
import io.passatelli.hook.proto.v1alpha3.OnDefineDomainParams;
import io.passatelli.hook.proto.v1alpha3.ShutdownParams;

import java.io.IOException;
import java.net.UnixDomainSocketAddress;
import java.nio.channels.SocketChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/**
 * A training run of the sidecar: starts the passatelli that the arguments name ({@code TrainSidecar DIRECTORY COMMAND...}), is its virt-launcher and
 * then its guest, and ends it as virt-launcher does. What can be trained of the network is what others begin, in whatever network the build runs in.
 */
class TrainSidecar {
    private static final int CALLS = 3;

    private static final String XML =
            "<domain type='kvm'><name>train</name><os><type arch='x86_64' machine='q35'>hvm</type></os><devices/></domain>";

    private static final String VMI = """
            {"metadata": {"name": "train", "namespace": "train", "uid": "0",
              "annotations": {"passatelli.io/forward": "none, udp:%d:%d, tcp:%d:%d"}},
             "spec": {"domain": {"devices": {"interfaces": [{"name": "default", "binding": {"name": "passatelli"}}]}},
              "networks": [{"name": "default", "pod": {}}]},
             "status": {"interfaces": [{"name": "default", "podInterfaceName": "eth0"}]}}
            """;

    public static void main(String[] args) throws Exception {
        Thread.ofPlatform().daemon().start(Train::endLate);
        Path hooks = Files.createDirectories(Path.of(args[0], "hooks"));
        List<String> command = new ArrayList<>(List.of(args).subList(1, args.length));
        command.addAll(List.of("sidecar", "--hook-directory", hooks.toString()));
        ProcessBuilder builder = new ProcessBuilder(command).inheritIO();
        builder.environment().put("CONTAINER_NAME", "train");
        Process sidecar = builder.start();
        Runtime.getRuntime().addShutdownHook(new Thread(sidecar::destroyForcibly));
        int udp = Train.freePort();
        int tcp = Train.freeTcpPort();
        CallbacksGrpc.CallbacksBlockingStub calls =
                CallbacksGrpc.newBlockingStub(channel(hooks.resolve("passatelli-train.sock"), sidecar));
        OnDefineDomainParams define = OnDefineDomainParams.newBuilder()
                .setDomainXML(ByteString.copyFromUtf8(XML))
                .setVmi(ByteString.copyFromUtf8(VMI.formatted(udp, Train.GUEST_PORT, tcp, Train.GUEST_PORT)))
                .build();
        for (int i = 0; i < CALLS; i++) {
            calls.onDefineDomain(define);
        }
        try (SocketChannel link = Train.connect(hooks.resolve("net/0.sock"), sidecar)) {
            Train guest = new Train(link);
            guest.walkInPod(udp, tcp);
            guest.leave();
        }
        calls.shutdown(ShutdownParams.getDefaultInstance());
        System.exit(sidecar.waitFor());
    }

    private static ManagedChannel channel(Path socket, Process sidecar) throws IOException, InterruptedException {
        while (!Files.exists(socket)) {
            if (!sidecar.isAlive()) {
                throw new IOException("the sidecar has ended");
            }
            Thread.sleep(10);
        }
        return NettyChannelBuilder.forAddress(UnixDomainSocketAddress.of(socket))
                .channelType(NioDomainSocketChannel.class)
                .eventLoopGroup(new NioEventLoopGroup(1))
                .usePlaintext()
                .overrideAuthority("localhost")
                .build();
    }
}
