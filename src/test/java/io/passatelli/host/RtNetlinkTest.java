package io.passatelli.host;

import io.passatelli.base.Ip;
import io.passatelli.base.Mac;
import io.passatelli.config.Cidr;
import io.passatelli.host.HostNetwork.Address;
import io.passatelli.host.HostNetwork.Interface;
import io.passatelli.host.HostNetwork.Route;
import io.passatelli.host.RtNetlink.Outcome;
import io.passatelli.host.RtNetlink.Outcome.Progress;
import io.passatelli.wire.message.HexDump;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.List;

import static org.assertj.core.api.Assertions.assertThat;

/** On dumps recorded in a namespace of a little-endian machine. */
class RtNetlinkTest {
    private static final int DUMP = 1;

    private final RtNetlink netlink = new RtNetlink();

    static Cidr cidr(String text) {
        String[] parts = text.split("/", 2);
        return new Cidr(Ip.parse(parts[0]), Integer.parseInt(parts[1]));
    }

    /** All dumps of one namespace. */
    static HostNetwork recorded() {
        var netlink = new RtNetlink();
        for (String name : List.of("links", "addresses4", "addresses6", "routes4", "routes6")) {
            assertThat(feedAll(netlink, name)).isEqualTo(Progress.DONE);
        }
        return netlink.network();
    }

    private static Outcome feedAll(RtNetlink netlink, String name) {
        netlink.request(RtNetlink.RTM_GETLINK, 0, DUMP);
        Outcome outcome = Progress.MORE;
        for (byte[] datagram : HexDump.all("/rtnetlink/" + name + ".txt")) {
            assertThat(outcome).isEqualTo(Progress.MORE);
            outcome = netlink.feed(ByteBuffer.wrap(datagram));
        }
        return outcome;
    }

    @Test
    void interfacesAreFound() {
        assertThat(recorded().interfaces())
                .contains(
                        new Interface(1, "lo", true, true, 65536, new Mac(0)),
                        new Interface(2, "up0", true, false, 1500, Mac.parse("52:54:00:aa:00:01")),
                        new Interface(3, "up1", true, false, 9000, Mac.parse("52:54:00:aa:00:02")));
    }

    @Test
    void addressesAreFoundWithTheirStanding() {
        assertThat(recorded().addresses())
                .contains(
                        new Address(2, cidr("169.254.7.7/16"), false, false, false, false),
                        new Address(2, cidr("10.77.0.2/24"), true, false, false, false),
                        new Address(2, cidr("10.77.0.9/24"), true, true, false, false),
                        new Address(3, cidr("10.88.0.2/24"), true, false, true, false),
                        new Address(3, cidr("10.88.1.2/32"), true, false, false, false), // not its peer 10.88.1.1
                        new Address(1, cidr("127.0.0.1/8"), false, false, false, false),
                        new Address(2, cidr("fd77::2/64"), true, false, false, false),
                        new Address(2, cidr("fe80::5054:ff:feaa:1/64"), false, false, false, false));
    }

    @Test
    void routesOfTheMainTableAreFoundLegByLeg() {
        assertThat(recorded().routes().stream()
                        .filter(r -> r.destination().address().isV4()))
                .containsExactly(
                        new Route(cidr("0.0.0.0/0"), 2, Ip.parse("10.77.0.1"), 100),
                        new Route(cidr("0.0.0.0/0"), 3, Ip.parse("10.88.1.1"), 100),
                        new Route(cidr("0.0.0.0/0"), 3, Ip.parse("10.88.1.1"), 200),
                        new Route(cidr("10.77.0.0/24"), 2, null, 0),
                        new Route(cidr("10.88.0.0/24"), 3, null, 0),
                        new Route(cidr("10.88.1.1/32"), 3, null, 0),
                        new Route(cidr("169.254.0.0/16"), 2, null, 0),
                        new Route(cidr("198.51.100.0/24"), 2, null, 0)); // by an IPv6 gateway, which we leave
        assertThat(recorded().routes()).contains(new Route(cidr("::/0"), 2, Ip.parse("fd77::1"), 1024));
    }

    @Test
    void whatTheKernelTakesForItsOwnIsFound() {
        assertThat(recorded().local())
                .contains(
                        cidr("127.0.0.0/8"),
                        cidr("127.0.0.1/32"),
                        cidr("10.77.0.2/32"),
                        cidr("10.77.0.255/32"),
                        cidr("10.88.1.2/32"),
                        cidr("::1/128"),
                        cidr("fd77::2/128"),
                        cidr("fe80::5054:ff:feaa:1/128"))
                .doesNotContain(cidr("0.0.0.0/0"), cidr("10.77.0.0/24"), cidr("ff00::/8"));
    }

    @Test
    void requestsHaveTheirKernelShape() {
        byte[] request = netlink.request(RtNetlink.RTM_GETROUTE, 2, 7);
        ByteBuffer in = ByteBuffer.wrap(request).order(ByteOrder.nativeOrder());

        assertThat(request).hasSize(16 + 12);
        assertThat(in.getInt(0)).isEqualTo(28);
        assertThat(in.getShort(4)).isEqualTo((short) 26);
        assertThat(in.getShort(6)).isEqualTo((short) 0x301);
        assertThat(in.getInt(8)).isEqualTo(7);
        assertThat(request[16]).isEqualTo((byte) 2);
        assertThat(netlink.request(RtNetlink.RTM_GETLINK, 0, 7)).hasSize(16 + 16);
        assertThat(netlink.request(RtNetlink.RTM_GETADDR, 0, 7)).hasSize(16 + 8);
    }

    @Test
    void answersToAnotherRequestAreNotLookedAt() {
        netlink.request(RtNetlink.RTM_GETLINK, 0, 2);
        for (byte[] datagram : HexDump.all("/rtnetlink/links.txt")) {
            assertThat(netlink.feed(ByteBuffer.wrap(datagram))).isEqualTo(Progress.MORE);
        }
        assertThat(netlink.network()).isEqualTo(HostNetwork.EMPTY);
    }

    @Test
    void anInterruptedDumpSaysSoAtItsEnd() {
        netlink.request(RtNetlink.RTM_GETADDR, 2, DUMP);
        List<byte[]> datagrams = HexDump.all("/rtnetlink/addresses4.txt");
        ByteBuffer.wrap(datagrams.getFirst()).order(ByteOrder.nativeOrder()).putShort(6, (short) 0x12);
        Outcome outcome = Progress.MORE;
        for (byte[] datagram : datagrams) {
            outcome = netlink.feed(ByteBuffer.wrap(datagram));
        }
        assertThat(outcome).isEqualTo(Progress.INTERRUPTED);
        netlink.clear();
        assertThat(feedAll(netlink, "addresses4")).isEqualTo(Progress.DONE);
    }

    /** A message without more than a number, as NLMSG_ERROR and NLMSG_DONE are. */
    static byte[] end(int type, int sequence, int error) {
        return ByteBuffer.allocate(20)
                .order(ByteOrder.nativeOrder())
                .putInt(20)
                .putShort((short) type)
                .putShort((short) 0)
                .putInt(sequence)
                .putInt(0)
                .putInt(error)
                .array();
    }

    @Test
    void refusalsCarryTheirErrorNumber() {
        netlink.request(RtNetlink.RTM_GETLINK, 0, DUMP);

        assertThat(netlink.feed(ByteBuffer.wrap(end(2, DUMP, -13))))
                .isEqualTo(new Outcome.Failed("the kernel refused", 13));
        assertThat(netlink.feed(ByteBuffer.wrap(end(3, DUMP, -90))))
                .isEqualTo(new Outcome.Failed("the kernel refused", 90));
        assertThat(netlink.feed(ByteBuffer.wrap(end(4, DUMP, 0))))
                .isEqualTo(new Outcome.Failed("messages were lost", 0));
        assertThat(netlink.feed(ByteBuffer.wrap(end(3, DUMP, 0)))).isEqualTo(Progress.DONE);
    }

    @ParameterizedTest
    @ValueSource(strings = {"links", "addresses4", "addresses6", "routes4", "routes6"})
    void everyTruncationEndsOrFails(String name) {
        byte[] datagram = HexDump.all("/rtnetlink/" + name + ".txt").getFirst();
        netlink.request(RtNetlink.RTM_GETLINK, 0, DUMP);
        for (int length = 0; length < datagram.length; length++) {
            Outcome outcome = netlink.feed(ByteBuffer.wrap(datagram, 0, length));
            assertThat(outcome).isNotEqualTo(Progress.DONE);
        }
    }

    @ParameterizedTest
    @ValueSource(strings = {"links", "addresses4", "routes4"})
    void everyValueOfEveryByteIsReadOrRefused(String name) {
        byte[] datagram = HexDump.all("/rtnetlink/" + name + ".txt").getFirst();
        netlink.request(RtNetlink.RTM_GETLINK, 0, DUMP);
        for (int at = 0; at < Math.min(datagram.length, 512); at++) {
            byte right = datagram[at];
            for (int value = 0; value < 256; value += 3) {
                datagram[at] = (byte) value;
                assertThat(netlink.feed(ByteBuffer.wrap(datagram)))
                        .isInstanceOfAny(Progress.class, Outcome.Failed.class);
                netlink.clear();
            }
            datagram[at] = right;
        }
    }

    @Property(tries = 1000)
    void anyBytesAreReadOrRefused(@ForAll byte[] bytes, @ForAll boolean route) {
        var parser = new RtNetlink();
        parser.request(RtNetlink.RTM_GETLINK, 0, DUMP);
        byte[] message = ByteBuffer.allocate(16 + bytes.length)
                .order(ByteOrder.nativeOrder())
                .putInt(16 + bytes.length)
                .putShort((short) (route ? RtNetlink.RTM_NEWROUTE : RtNetlink.RTM_NEWADDR))
                .putShort((short) 0)
                .putInt(DUMP)
                .putInt(0)
                .put(bytes)
                .array();

        assertThat(parser.feed(ByteBuffer.wrap(message))).isInstanceOfAny(Progress.class, Outcome.Failed.class);
    }
}
