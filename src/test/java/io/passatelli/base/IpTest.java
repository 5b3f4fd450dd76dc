package io.passatelli.base;

import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

import java.net.Inet4Address;
import java.net.Inet6Address;
import java.net.InetAddress;
import java.net.UnknownHostException;
import java.nio.ByteBuffer;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

class IpTest {
    /** RFC 5952 §4 and §5, RFC 4291 §2.2; left: as read, right: as written. */
    @ParameterizedTest
    @CsvSource({
        "0.0.0.0, 0.0.0.0",
        "255.255.255.255, 255.255.255.255",
        "192.0.2.1, 192.0.2.1",
        "::, ::",
        "::1, ::1",
        "1::, 1::",
        "2001:0db8::0001, 2001:db8::1",
        "2001:DB8:0:0:0:0:2:1, 2001:db8::2:1",
        "2001:db8:0:1:1:1:1:1, 2001:db8:0:1:1:1:1:1",
        "2001:0:0:1:0:0:0:1, 2001:0:0:1::1",
        "2001:db8:0:0:1:0:0:1, 2001:db8::1:0:0:1",
        "0:0:0:0:0:0:0:1, ::1",
        "1:0:0:0:0:0:0:0, 1::",
        "1:2:3:4:5:6:7::, 1:2:3:4:5:6:7:0",
        "::2:3:4:5:6:7:8, 0:2:3:4:5:6:7:8",
        "fe80::1:2:3:4, fe80::1:2:3:4",
        "::ffff:192.0.2.1, 192.0.2.1",
        "::FFFF:c000:0201, 192.0.2.1",
        "64:ff9b::192.0.2.33, 64:ff9b::c000:221",
        "::13.1.68.3, ::d01:4403",
    })
    void addressesAreReadAndWrittenAsTheRfcsSay(String read, String written) {
        assertThat(Ip.parse(read)).hasToString(written);
        assertThat(Ip.parse(written)).isEqualTo(Ip.parse(read));
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "",
                " ",
                "1.2.3",
                "1.2.3.4.5",
                "1.2.3.256",
                "1.2.3.-4",
                "1.2.3.+4",
                "1..3.4",
                "1.2.3.4 ",
                "0x1.2.3.4",
                "1.2.3.0004",
                "٣.2.3.4",
                ":",
                ":::",
                "1:::2",
                "1::2::3",
                "1:2:3:4:5:6:7",
                "1:2:3:4:5:6:7:8:9",
                "1:2:3:4:5:6:7:8::",
                "::1:2:3:4:5:6:7:8",
                "12345::",
                "g::",
                "1:2:3:4:5:6:7:",
                ":1:2:3:4:5:6:7",
                "::1.2.3",
                "1.2.3.4::",
                "1:2:3:4:5:6:7:1.2.3.4",
                "fe80::1%eth0",
                "localhost",
            })
    void otherTextIsRefusedWithAReason(String text) {
        assertThatThrownBy(() -> Ip.parse(text))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageStartingWith("'" + text + "' is not an IP address: ");
    }

    @Property
    void whatIsWrittenIsReadBack(@ForAll long high, @ForAll long low) {
        var ip = new Ip(high, low);
        assertThat(Ip.parse(ip.toString())).isEqualTo(ip);
    }

    @Property
    void zeroGroupsAreReadBack(@ForAll byte present, @ForAll long high, @ForAll long low) {
        long keepHigh = 0;
        long keepLow = 0;
        for (int i = 0; i < 4; i++) {
            keepHigh |= (present >> i & 1L) * 0xffffL << i * 16;
            keepLow |= (present >> i + 4 & 1L) * 0xffffL << i * 16;
        }
        var ip = new Ip(high & keepHigh, low & keepLow);
        assertThat(Ip.parse(ip.toString())).isEqualTo(ip);
    }

    /** {@link InetAddress} reads numeric text without a resolver: an oracle for values, not for the form. */
    @Property
    void theJdkReadsWhatWeWriteAsTheSameAddress(@ForAll long high, @ForAll long low) throws UnknownHostException {
        var ip = new Ip(high, low);
        byte[] octets = InetAddress.getByName(ip.toString()).getAddress();
        assertThat(octets).isEqualTo(octetsOf(ip));
    }

    @Property
    void theJdkReadsWhatWeWriteAsTheSameIp4Address(@ForAll int bits) throws UnknownHostException {
        var ip = Ip.v4(bits);
        assertThat(InetAddress.getByName(ip.toString())).isInstanceOf(Inet4Address.class);
        assertThat(InetAddress.getByName(ip.toString()).getAddress()).isEqualTo(octetsOf(ip));
        assertThat(ip.v4()).isEqualTo(bits);
    }

    private static byte[] octetsOf(Ip ip) {
        return ip.isV4()
                ? ByteBuffer.allocate(4).putInt(ip.v4()).array()
                : ByteBuffer.allocate(16).putLong(ip.high()).putLong(ip.low()).array();
    }

    /** l: loopback, m: multicast, u: unspecified, k: link-local, b: broadcast, h: may be a host's own. */
    @ParameterizedTest
    @CsvSource({
        "127.0.0.1, lh",
        "127.255.255.254, lh",
        "126.255.255.255, h",
        "128.0.0.0, h",
        "::1, lh",
        "::2, h",
        "223.255.255.255, h",
        "224.0.0.0, m",
        "239.255.255.255, m",
        "240.0.0.0, h",
        "ff02::1, m",
        "feff::, h",
        "0.0.0.0, u",
        "::, u",
        "169.254.0.0, kh",
        "169.253.255.255, h",
        "169.255.0.0, h",
        "fe80::1, kh",
        "febf:ffff::, kh",
        "fec0::, h",
        "255.255.255.255, b",
        "255.255.255.254, h",
        "::ffff:0:0, u",
        "1::ffff:7f00:1, h",
    })
    void addressesHaveTheirKinds(String text, String kinds) {
        Ip ip = Ip.parse(text);
        assertThat(ip.isLoopback()).as("loopback").isEqualTo(kinds.contains("l"));
        assertThat(ip.isMulticast()).as("multicast").isEqualTo(kinds.contains("m"));
        assertThat(ip.isUnspecified()).as("unspecified").isEqualTo(kinds.contains("u"));
        assertThat(ip.isLinkLocal()).as("link-local").isEqualTo(kinds.contains("k"));
        assertThat(Ip.isBroadcast(ip.high(), ip.low())).as("broadcast").isEqualTo(kinds.contains("b"));
        assertThat(ip.isUnicast()).as("unicast").isEqualTo(kinds.contains("h"));
    }

    @Property
    void kindsAreThoseOfTheJdk(@ForAll long high, @ForAll long low) throws UnknownHostException {
        var ip = new Ip(high, low);
        InetAddress jdk = InetAddress.getByAddress(octetsOf(ip));
        assertThat(jdk instanceof Inet6Address).isEqualTo(!ip.isV4());
        assertKinds(ip, jdk);
    }

    @Property
    void kindsOfIp4AreThoseOfTheJdk(@ForAll int bits) throws UnknownHostException {
        var ip = Ip.v4(bits);
        assertKinds(ip, InetAddress.getByAddress(octetsOf(ip)));
    }

    private static void assertKinds(Ip ip, InetAddress jdk) {
        assertThat(ip.isLoopback()).isEqualTo(jdk.isLoopbackAddress());
        assertThat(ip.isMulticast()).isEqualTo(jdk.isMulticastAddress());
        assertThat(ip.isUnspecified()).isEqualTo(jdk.isAnyLocalAddress());
        assertThat(ip.isLinkLocal()).isEqualTo(jdk.isLinkLocalAddress());
    }

    @Test
    void addressesSortByTheirBitsWithoutSign() {
        assertThat(Ip.parse("ffff::")).isGreaterThan(Ip.parse("1::"));
        assertThat(Ip.parse("1::8000:0:0:0")).isGreaterThan(Ip.parse("1::1"));
        assertThat(Ip.parse("10.0.0.1")).isLessThan(Ip.parse("200.0.0.1"));
        assertThat(Ip.parse("::1")).isEqualByComparingTo(Ip.LOOPBACK6);
    }
}
