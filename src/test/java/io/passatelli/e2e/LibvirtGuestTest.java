package io.passatelli.e2e;

import io.passatelli.lab.Command;
import io.passatelli.lab.Lab;
import io.passatelli.lab.LibvirtGuest;
import io.passatelli.lab.LibvirtLab;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

import java.util.List;
import java.util.concurrent.TimeUnit;

import static io.passatelli.e2e.LauncherWorld.CONTAINER;
import static io.passatelli.e2e.LauncherWorld.GUESTS_PAGE;
import static io.passatelli.e2e.LauncherWorld.LIMIT;
import static io.passatelli.e2e.LauncherWorld.SHELL;
import static io.passatelli.e2e.LauncherWorld.SOCKET;
import static org.assertj.core.api.Assertions.assertThat;

/**
 * What the stream transport rests on, without any hook: a domain as KubeVirt sent it for the last time, with our interface inserted as
 * recorded, is taken by a real libvirt, and QEMU connects once and for all.
 */
@Tag("guest")
class LibvirtGuestTest {
    @Test
    void recordedDomainBootsRebootsAndGoesOffOnPlainPasst() throws Exception {
        try (LibvirtLab lab = LibvirtLab.up(LibvirtLab.Mode.SESSION)) {
            LauncherWorld.servePage(lab.network());
            String passt = Command.ROOT.resolve("target/passatelli/bin/passt").toString();
            String start = "mkdir -p ${2%/*} && exec $1 -f -1 -s $2 -t 80 -t " + SHELL + ":22";
            Process sidecar = lab.startSidecar(CONTAINER, "sh", "-c", start, "sh", passt, SOCKET);
            lab.transcript(CONTAINER).await("listening on " + SOCKET, 1, LIMIT);

            LibvirtGuest guest = lab.start(LauncherWorld.recorded("call3.returned.xml"), LauncherWorld.GUEST);
            String first = guest.said("ready");
            assertThat(guest.console())
                    .contains(LauncherWorld.SEEN_BY_THE_GUEST)
                    .contains("mac=02:00:00:00:00:11");
            assertThat(LauncherWorld.page(lab, Lab.PEER, 80).out()).isEqualTo(GUESTS_PAGE);
            List<String> connection = guest.connections(SOCKET);
            assertThat(connection).hasSize(1);

            assertThat(guest.tell(SHELL, "echo $((6 * 7))")).isEqualTo("42\n");
            guest.order(SHELL, "reboot -f");
            assertThat(guest.said("ready", 2)).isNotEqualTo(first);
            assertThat(guest.connections(SOCKET)).isEqualTo(connection);
            assertThat(LauncherWorld.page(lab, Lab.PEER, 80).out()).isEqualTo(GUESTS_PAGE);

            guest.order(SHELL, "poweroff -f");
            guest.awaitOff();
            assertThat(sidecar.waitFor(LIMIT.toSeconds(), TimeUnit.SECONDS)).isTrue(); // one-off: it saw the end
            assertThat(sidecar.exitValue()).isZero();
        }
    }
}
