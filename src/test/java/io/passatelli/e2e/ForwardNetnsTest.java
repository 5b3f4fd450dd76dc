package io.passatelli.e2e;

import io.passatelli.lab.Lab;
import io.passatelli.lab.TcpEnd;
import io.passatelli.lab.TcpService;
import io.passatelli.lab.UdpEnd;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;

import static io.passatelli.e2e.NetnsGuest.GUEST6;
import static io.passatelli.e2e.NetnsGuest.PEER6;
import static org.assertj.core.api.Assertions.assertThat;

/** Forwards to another address of the guest, and an address that stands for the guest's own at the host, on real sockets. */
@Tag("netns")
class ForwardNetnsTest {
    private static final int FORWARDED = 7_200;
    private static final int OF_GUEST = 7_201;
    private static final int OF_POD = 7_300;
    private static final byte[] ASKED = {1, 2, 3};
    private static final byte[] ANSWERED = {4, 5};

    @SuppressWarnings("NullAway.Init") // by up()
    private static NetnsGuest world;

    private enum Family {
        IP4(Lab.POD, Lab.PEER, "10.77.0.20", "10.77.0.9"),
        IP6(GUEST6, PEER6, "fd77::20", "fd77::9");

        /** The guest's, and the pod's. */
        final String guest;

        final String peer;
        /** Another one of the guest's. */
        final String target;
        /** What --map-guest-addr says. */
        final String mapped;

        Family(String guest, String peer, String target, String mapped) {
            this.guest = guest;
            this.peer = peer;
            this.target = target;
            this.mapped = mapped;
        }
    }

    @BeforeAll
    static void up() throws Exception {
        String to4 = "0.0.0.0/7200:10.77.0.20/7201";
        String to6 = "::%eth0/7200:[fd77::20]/7201,~1-7199";
        String own = "7203:7201";
        world = NetnsGuest.start(
                "-m",
                "1500",
                "-t",
                to4,
                "-t",
                to6,
                "-t",
                own,
                "-u",
                to4,
                "-u",
                to6,
                "-u",
                own,
                "--map-guest-addr",
                Family.IP4.mapped,
                "--map-guest-addr",
                Family.IP6.mapped);
        world.configured(1_500);
        world.guest("""
                ip address add 10.77.0.20/32 dev tap0
                ip address add fd77::20/128 dev tap0 nodad preferred_lft 0
                """);
    }

    @AfterAll
    static void down() throws IOException {
        world.close();
    }

    private static InetAddress ip(String address) throws IOException {
        return InetAddress.getByName(address);
    }

    private static InetSocketAddress remote(TcpEnd end) throws IOException {
        return (InetSocketAddress) end.channel().getRemoteAddress();
    }

    /** Where no rule says otherwise the guest is spoken to at the address that it last sent from. */
    private static void speakFromOwnAddress(Family family) throws IOException {
        try (UdpEnd guest = UdpEnd.bound(world.guest(), family.guest, 0);
                UdpEnd peer = UdpEnd.bound(world.lab().peer(), family.peer, OF_POD)) {
            guest.connect(family.peer, OF_POD);
            guest.send(ASKED);
            assertThat(peer.receive()).isEqualTo(ASKED);
        }
    }

    private static void converse(TcpEnd asking, TcpEnd answering) throws IOException {
        asking.send(ASKED);
        assertThat(answering.receive(ASKED.length)).isEqualTo(ASKED);
        answering.send(ANSWERED);
        assertThat(asking.receive(ANSWERED.length)).isEqualTo(ANSWERED);
    }

    @ParameterizedTest
    @EnumSource(Family.class)
    void connectionGoesToTheAddressThatItsRuleSays(Family family) throws Exception {
        try (TcpService service = TcpService.at(world.guest(), family.target, OF_GUEST);
                TcpEnd peer = TcpEnd.connect(world.lab().peer(), family.guest, FORWARDED);
                TcpEnd guest = service.accept()) {
            converse(peer, guest);
        }
    }

    @ParameterizedTest
    @EnumSource(Family.class)
    void datagramsGoToTheAddressThatTheirRuleSays(Family family) throws Exception {
        try (UdpEnd guest = UdpEnd.bound(world.guest(), family.target, OF_GUEST);
                UdpEnd peer = UdpEnd.bound(world.lab().peer(), family.peer, 0)) {
            peer.connect(family.guest, FORWARDED);
            peer.send(ASKED);
            assertThat(guest.receive()).isEqualTo(ASKED);
            assertThat(guest.from().getAddress()).isEqualTo(ip(family.peer));
            guest.answer(ANSWERED);
            assertThat(peer.receive()).isEqualTo(ANSWERED);
        }
    }

    @ParameterizedTest
    @EnumSource(Family.class)
    void mappedAddressIsThePodAtTheGuestsOwn(Family family) throws Exception {
        try (TcpService service = TcpService.at(world.lab().pod(), family.guest, OF_POD);
                TcpEnd guest = TcpEnd.connect(world.guest(), family.mapped, OF_POD);
                TcpEnd pod = service.accept()) {
            converse(guest, pod);
        }
        try (UdpEnd pod = UdpEnd.bound(world.lab().pod(), family.guest, OF_POD);
                UdpEnd guest = UdpEnd.bound(world.guest(), family.guest, 0)) {
            guest.connect(family.mapped, OF_POD);
            guest.send(ASKED);
            assertThat(pod.receive()).isEqualTo(ASKED);
            pod.answer(ANSWERED);
            assertThat(guest.receive()).isEqualTo(ANSWERED);
        }
    }

    @ParameterizedTest
    @EnumSource(Family.class)
    void podThatSpeaksFromTheGuestsAddressIsSeenAtTheMappedOne(Family family) throws Exception {
        speakFromOwnAddress(family);
        try (TcpService service = TcpService.at(world.guest(), family.guest, OF_GUEST);
                TcpEnd pod = TcpEnd.connect(world.lab().pod(), family.guest, family.guest, 7_203);
                TcpEnd guest = service.accept()) {
            assertThat(remote(guest).getAddress()).isEqualTo(ip(family.mapped));
            converse(pod, guest);
        }
        try (UdpEnd guest = UdpEnd.bound(world.guest(), family.guest, OF_GUEST);
                UdpEnd pod = UdpEnd.bound(world.lab().pod(), family.guest, 0)) {
            pod.connect(family.guest, 7_203);
            pod.send(ASKED);
            assertThat(guest.receive()).isEqualTo(ASKED);
            assertThat(guest.from().getAddress()).isEqualTo(ip(family.mapped));
            guest.answer(ANSWERED);
            assertThat(pod.receive()).isEqualTo(ANSWERED);
        }
    }
}
