package io.passatelli.os;

import io.passatelli.base.Ip;
import io.passatelli.lab.Namespace;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.TestInstance;

import java.io.IOException;

import static org.assertj.core.api.Assertions.assertThat;

@Tag("netns")
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
class LinuxPingStoryTest extends PingStory {
    private final Namespace namespace;

    LinuxPingStoryTest() throws IOException, InterruptedException {
        namespace = Namespace.make("ping");
        namespace.run("sysctl", "-qw", "net.ipv4.ping_group_range=0 65535");
    }

    @BeforeAll
    void bootLinux() {
        world = World.LINUX;
    }

    @AfterAll
    void remove() {
        namespace.close();
    }

    @Override
    int pingSocket(int family, int protocol) {
        return ((LinuxOs) os).within(namespace.path(), () -> os.socket(family, Socket.SOCK_DGRAM, protocol));
    }

    @Override
    void arrives(Ip from, byte[] message) {
        int raw = own(((LinuxOs) os)
                .within(namespace.path(), () -> os.socket(Socket.AF_INET, Socket.SOCK_RAW, Socket.IPPROTO_ICMP)));
        assertThat(calls.bind(raw, from, 0)).isZero();
        assertThat(calls.connect(raw, LOCAL, 0)).isZero();
        assertThat(calls.send(raw, message)).isEqualTo(message.length);
    }
}
