package io.passatelli.host;

import io.passatelli.base.Ip;
import io.passatelli.base.Limits;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Stream;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

class ResolvConfTest {
    private static List<Ip> ips(String... texts) {
        return Stream.of(texts).map(Ip::parse).toList();
    }

    @Test
    void anOrdinaryFileIsRead() {
        var conf = ResolvConf.parse("""
                # made by hand
                ; so is this
                nameserver 192.0.2.1
                nameserver\t2001:db8::53   # trailing words do not matter
                nameserver fe80::1%eth0
                options edns0 trust-ad
                search example.test lab.example.test.
                """);

        assertThat(conf.resolvers4()).isEqualTo(ips("192.0.2.1"));
        assertThat(conf.resolvers6()).isEqualTo(ips("2001:db8::53", "fe80::1"));
        assertThat(conf.search()).containsExactly("example.test", "lab.example.test");
    }

    @Test
    void systemdResolvedsStubIsRead() {
        var conf = ResolvConf.parse("nameserver 127.0.0.53\noptions edns0 trust-ad\nsearch .\n");

        assertThat(conf).isEqualTo(new ResolvConf(ips("127.0.0.53"), List.of(), List.of()));
    }

    @Test
    void theLastOfSearchAndDomainCounts() {
        assertThat(ResolvConf.parse("search a.test b.test\ndomain c.test d.test\n")
                        .search())
                .containsExactly("c.test");
        assertThat(ResolvConf.parse("domain c.test\nsearch a.test b.test").search())
                .containsExactly("a.test", "b.test");
        assertThat(ResolvConf.parse("search a.test\nsearch\n").search()).containsExactly("a.test");
    }

    @Test
    void threeResolversOfAFamilyAndSixDomainsAreKept() {
        var text = new StringBuilder("search");
        for (int i = 1; i <= 8; i++) {
            text.append(" d").append(i).append(".test");
        }
        for (int i = 1; i <= 5; i++) {
            text.append("\nnameserver 192.0.2.")
                    .append(i)
                    .append("\nnameserver 2001:db8::")
                    .append(i);
        }
        var conf = ResolvConf.parse(text.toString());

        assertThat(conf.resolvers4()).isEqualTo(ips("192.0.2.1", "192.0.2.2", "192.0.2.3"));
        assertThat(conf.resolvers6()).isEqualTo(ips("2001:db8::1", "2001:db8::2", "2001:db8::3"));
        assertThat(conf.search()).containsExactly("d1.test", "d2.test", "d3.test", "d4.test", "d5.test", "d6.test");
    }

    @Test
    void whatIsNotUnderstoodIsAsIfAbsent() {
        assertThat(ResolvConf.parse("""
                        nameserver
                        nameserver   \s
                        nameserver not.an.address
                        nameserver 300.1.1.1
                        nameserver %eth0
                         nameserver 192.0.2.9
                        nameservers 192.0.2.9
                        NAMESERVER 192.0.2.9
                        #nameserver 192.0.2.9
                        search bad..name -x.test "quoted" # comment.test
                        \0\0\u00ff
                        """)).isEqualTo(ResolvConf.EMPTY);
    }

    @Test
    void aResolverNamedTwiceIsKeptOnce() {
        assertThat(ResolvConf.parse("nameserver 192.0.2.1\r\nnameserver 192.0.2.1\r\nnameserver ::ffff:192.0.2.1")
                        .resolvers4())
                .isEqualTo(ips("192.0.2.1"));
    }

    @Property(tries = 500)
    void anyTextIsRead(@ForAll String text) {
        assertThat(ResolvConf.parse("nameserver 192.0.2.1\n" + text).resolvers4())
                .first()
                .isEqualTo(Ip.parse("192.0.2.1"));
    }

    @Test
    void onlyTheFirstPartOfALargeFileIsRead(@TempDir Path directory) throws IOException {
        Path file = directory.resolve("resolv.conf");
        String line = "nameserver 192.0.2.11\n";
        String head = "nameserver 192.0.2.1\n" + "#".repeat(Limits.RESOLV_CONF_BYTES - 21 - line.length());
        Files.writeString(file, head + "\n" + line); // one byte too long

        assertThat(ResolvConf.read(file).resolvers4()).isEqualTo(ips("192.0.2.1"));
        Files.writeString(file, head.substring(0, head.length() - 1) + "\n" + line);
        assertThat(ResolvConf.read(file).resolvers4()).isEqualTo(ips("192.0.2.1", "192.0.2.11"));
    }

    @Test
    void aMissingFileSaysNothingAndAnUnreadableOneIsAnError(@TempDir Path directory) throws IOException {
        assertThat(ResolvConf.read(directory.resolve("resolv.conf"))).isEqualTo(ResolvConf.EMPTY);
        assertThatThrownBy(() -> ResolvConf.read(directory))
                .isInstanceOf(IOException.class)
                .hasMessageStartingWith("cannot read " + directory);
    }
}
