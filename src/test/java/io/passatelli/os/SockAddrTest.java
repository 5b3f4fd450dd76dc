package io.passatelli.os;

import io.passatelli.base.Ip;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.constraints.IntRange;
import org.junit.jupiter.api.Test;

import static java.lang.foreign.ValueLayout.JAVA_BYTE;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

class SockAddrTest {
    @Property
    void whatIsSetIsRead(@ForAll long high, @ForAll long low, @ForAll @IntRange(max = 65_535) int port) {
        SockAddr address = new SockAddr();
        address.set(high, low, port, 0);
        assertThat(address.high()).isEqualTo(high);
        assertThat(address.low()).isEqualTo(low);
        assertThat(address.port()).isEqualTo(port);
    }

    @Property
    void mappedAddressesTravelAsIpv4(@ForAll int bits, @ForAll @IntRange(max = 65_535) int port) {
        SockAddr address = new SockAddr();
        address.set(1, 2, 3, 4);
        address.set(0, Ip.low(bits), port, 0);
        assertThat(address.family()).isEqualTo(Socket.AF_INET);
        assertThat(address.high()).isZero();
        assertThat(address.low()).isEqualTo(Ip.low(bits));
        assertThat(address.port()).isEqualTo(port);
    }

    @Test
    void aPathMustFit() {
        SockAddr address = new SockAddr();
        address.setPath("p".repeat(107));
        assertThat(address.path()).hasSize(107);
        assertThatThrownBy(() -> address.setPath("p".repeat(108)))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining("1 to 107 bytes");
        assertThatThrownBy(() -> address.setPath("ü".repeat(54))).isInstanceOf(IllegalArgumentException.class);
        assertThatThrownBy(() -> address.setPath("")).isInstanceOf(IllegalArgumentException.class);
    }

    @Test
    void aPathThatTheKernelDidNotEndIsEnded() {
        SockAddr address = new SockAddr();
        address.segment.fill((byte) 'x');
        address.length(110);
        assertThat(address.path()).hasSize(108);
        address.length(2); // unnamed
        assertThat(address.path()).isEmpty();
        address.segment.set(JAVA_BYTE, 2, (byte) 0); // abstract
        address.length(10);
        assertThat(address.path()).isEmpty();
    }
}
