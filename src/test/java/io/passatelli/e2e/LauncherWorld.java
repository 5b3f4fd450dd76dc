package io.passatelli.e2e;

import io.passatelli.lab.Command;
import io.passatelli.lab.Lab;
import io.passatelli.lab.LibvirtLab;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;

/** What the tests with libvirt have in common: a VM that was recorded, what its guest does, and a node that looks at it. */
final class LauncherWorld {
    static final String CONTAINER = "hook-sidecar-0";
    /** As a sidecar sees QEMU's socket. */
    static final String SOCKET = "/var/run/kubevirt-hooks/net/0.sock";
    /** Where the pod has the guest's shell. */
    static final int SHELL = 2222;

    static final String GUESTS_PAGE = "the guest's page\n";
    static final Duration LIMIT = Duration.ofSeconds(30);

    /** The VM, of the resources' kubevirt/domain. */
    static final String RECORDED = "stream/default-nonroot";

    /** Each boot is the same; what comes then is told by way of the shell at the guest's port 22. */
    static final String GUEST = """
            echo "driver.mtu=$(cat /sys/class/net/eth0/mtu)"
            echo "mac=$(cat /sys/class/net/eth0/address)"
            echo "card=$(basename "$(readlink -f /sys/class/net/eth0/device/..)")"
            lease || exit 1
            for address in 10.77.0.1 10.77.0.3; do
                echo "answers.$address=$(ping -c 2 -i 0.2 $address | grep -c 'bytes from')"
            done
            echo "fetched=$(wget -q -O - http://10.77.0.3:8000/)"
            mkdir /tmp/web
            echo "the guest's page" > /tmp/web/index.html
            httpd -p 80 -h /tmp/web
            nc -ll -p 22 -e sh &
            until grep -q ':0016 [0-9A-F]*:0000 0A' /proc/net/tcp /proc/net/tcp6; do
                sleep 0.1
            done
            echo "ready=$(cat /proc/sys/kernel/random/boot_id)"
            sleep 300
            """;

    /** What of it has to be so with any sidecar. */
    static final String[] SEEN_BY_THE_GUEST = {
        "driver.mtu=65520",
        "card=0000:01:00.0",
        "lease.ip=" + Lab.POD,
        "answers." + Lab.GATEWAY + "=2",
        "answers." + Lab.PEER + "=2",
        "fetched=the node's page"
    };

    private LauncherWorld() {}

    /** A file of the recorded VM's. */
    static byte[] recorded(String name) throws IOException {
        return Files.readAllBytes(Command.ROOT
                .resolve("src/test/resources/kubevirt/domain")
                .resolve(RECORDED)
                .resolve(name));
    }

    /**
     * The recorded VMI with port 80 in its spec, and an annotation that leads to its shell. It is a virt-launcher's of KubeVirt 1.7: the QEMU of this
     * machine knows no more than that one's.
     */
    static byte[] vmi() throws IOException {
        String interfaces = "\"interfaces\":[{\"name\":\"default\",";
        String recorded = new String(recorded("vmi.json"), StandardCharsets.UTF_8);
        return recorded.replaceFirst("(\"passatelli.io/forward\"):\"[^\"]*\"", "$1:\"tcp:" + SHELL + ":22\"")
                .replace(interfaces, interfaces + "\"ports\":[{\"name\":\"web\",\"port\":80,\"protocol\":\"TCP\"}],")
                .replace("virt-launcher:v1.9.0", "virt-launcher:v1.7.0")
                .getBytes(StandardCharsets.UTF_8);
    }

    /** The same, for another transport than the first choice. */
    static byte[] vmi(String transport) throws IOException {
        String annotation = "\"passatelli.io/transport\":\"" + transport + "\",";
        return new String(vmi(), StandardCharsets.UTF_8)
                .replaceFirst("\"annotations\":\\{", "$0" + annotation)
                .getBytes(StandardCharsets.UTF_8);
    }

    /** The same VMI as the target of its migration is told of it. */
    static byte[] migratingVmi() throws IOException {
        String vmi = new String(vmi(), StandardCharsets.UTF_8);
        return vmi.replace("\"status\":{", "\"status\":{\"migrationState\":{\"targetNode\":\"node02\"},")
                .getBytes(StandardCharsets.UTF_8);
    }

    /** A web server at the peer's port 8000. */
    static void servePage(Lab lab) throws IOException, InterruptedException {
        Path web = Files.createDirectory(lab.directory().resolve("web"));
        Files.writeString(web.resolve("index.html"), "the node's page\n");
        lab.in(lab.peer(), LIMIT, "busybox", "httpd", "-p", Lab.PEER + ":8000", "-h", web.toString())
                .succeeded();
    }

    /** Asks a port of the pod for a page, from an address of the node's. */
    static Command page(LibvirtLab lab, String from, int port) throws IOException, InterruptedException {
        Lab network = lab.network();
        return network.in(
                network.peer(),
                LIMIT,
                "curl",
                "-sS",
                "-m",
                "10",
                "--interface",
                from,
                "http://" + network.address() + ":" + port + "/");
    }

    /** The ends in the pod, in a state of ss(8)'s, of the transport stream-tcp. */
    static List<String> atDoor(LibvirtLab lab, String state) throws IOException, InterruptedException {
        Lab network = lab.network();
        String ports = "( sport = :15999 or dport = :15999 )";
        return network.in(network.pod(), LIMIT, "ss", "-tnH", "state", state, ports)
                .succeeded()
                .out()
                .lines()
                .toList();
    }
}
