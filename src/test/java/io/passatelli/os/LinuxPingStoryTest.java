package io.passatelli.os;

import io.passatelli.lab.Namespace;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.TestInstance;

import java.io.IOException;

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
}
