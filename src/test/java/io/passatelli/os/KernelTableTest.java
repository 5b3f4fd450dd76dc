package io.passatelli.os;

import io.passatelli.base.Ip;
import jnr.constants.Constant;
import jnr.constants.platform.AddressFamily;
import jnr.constants.platform.Shutdown;
import jnr.constants.platform.Sock;
import jnr.constants.platform.SocketLevel;
import jnr.constants.platform.SocketOption;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

import java.io.InputStream;
import java.lang.foreign.Arena;
import java.lang.foreign.Linker;
import java.lang.foreign.MemoryLayout.PathElement;
import java.lang.foreign.MemorySegment;
import java.lang.reflect.Field;
import java.lang.reflect.Modifier;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.TreeMap;
import java.util.stream.Stream;

import static java.lang.foreign.ValueLayout.JAVA_BYTE;
import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_INT_UNALIGNED;
import static java.lang.foreign.ValueLayout.JAVA_LONG;
import static java.lang.foreign.ValueLayout.JAVA_LONG_UNALIGNED;
import static java.lang.foreign.ValueLayout.JAVA_SHORT_UNALIGNED;
import static org.assertj.core.api.Assertions.assertThat;

/** Struct layouts and constants against what a C compiler makes of the system's headers. */
class KernelTableTest {
    private static final String SOURCE = "kernel-table.c";
    private static final String TABLE = "kernel-table-x86_64.txt";

    /** x86-64 packs epoll_event, the one row in which machines differ. */
    private static final boolean X86 = System.getProperty("os.arch").equals("amd64");

    /** Classes whose int constants carry C's names. */
    private static final List<Class<?>> NAMED_AS_IN_C = List.of(
            Socket.class,
            Errno.class,
            Sockets.class,
            SockOpts.class,
            Files.class,
            EventFd.class,
            Tun.class,
            Netns.class,
            Processes.class);

    /** Ours: offsets and sizes, compared with the structs below. */
    private static final Set<String> LAYOUT_NAMES = Set.of(
            "UDP_MAX_SEGMENTS", // of no header that programs see
            "LINGER_SIZE",
            "UCRED_SIZE",
            "UCRED_PID",
            "VALUE",
            "IFREQ_SIZE",
            "IFR_NAME",
            "IFR_FLAGS",
            "RLIMIT_SIZE",
            "RLIM_CUR",
            "RLIM_MAX");

    private final KernelTable table = new KernelTable(lines(TABLE));

    @Test
    void constantsAreThoseOfTheHeaders() {
        checkConstants(table);
    }

    @Test
    void epollConstantsAreThoseOfTheHeaders() {
        checkEpollConstants(table);
    }

    @Test
    void scratchStructsLieAsCompiled() {
        checkScratchStructs(table);
    }

    @Test
    void socketMemoryLiesAsTheKernelCountsIt() {
        checkMemInfo(table);
    }

    @Test
    void errorsAreNamedAndSaidAsTheCLibraryDoes() {
        table.errors().forEach((number, error) -> {
            assertThat(Errno.name(number)).isEqualTo(error.name());
            assertThat(Errno.text(number)).isEqualTo(error.text());
        });
        assertThat(Errno.name(4095)).isEqualTo("errno 4095");
        assertThat(Errno.text(4095)).isEqualTo("Unknown error 4095");
    }

    @Test
    void internetAddressesLieAsCompiled() {
        SockAddr address = new SockAddr();
        address.set(0, Ip.parse("192.0.2.1").low(), 0x1234, 0);
        assertThat((long) address.length()).isEqualTo(table.sizeOf("sockaddr_in"));
        assertThat(u16(address, "sockaddr_in.sin_family")).isEqualTo((short) Socket.AF_INET);
        assertThat(bytes(address, "sockaddr_in.sin_port", 2)).containsExactly(0x12, 0x34);
        assertThat(bytes(address, "sockaddr_in.sin_addr", 4)).containsExactly(192, 0, 2, 1);

        Ip ip = Ip.parse("2001:db8::102");
        address.set(ip.high(), ip.low(), 0x1234, 9);
        assertThat((long) address.length()).isEqualTo(table.sizeOf("sockaddr_in6"));
        assertThat(u16(address, "sockaddr_in6.sin6_family")).isEqualTo((short) Socket.AF_INET6);
        assertThat(bytes(address, "sockaddr_in6.sin6_port", 2)).containsExactly(0x12, 0x34);
        assertThat(u32(address, "sockaddr_in6.sin6_flowinfo")).isZero();
        assertThat(bytes(address, "sockaddr_in6.sin6_addr", 16))
                .containsExactly(0x20, 0x01, 0x0d, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 2);
        assertThat(u32(address, "sockaddr_in6.sin6_scope_id")).isEqualTo(9);
    }

    @Test
    void unixAndNetlinkAddressesLieAsCompiled() {
        SockAddr address = new SockAddr();
        String longest = "p".repeat((int) (table.sizeOf("sockaddr_un") - table.offsetOf("sockaddr_un.sun_path")) - 1);
        address.setPath(longest);
        assertThat((long) address.length()).isEqualTo(table.sizeOf("sockaddr_un"));
        assertThat(u16(address, "sockaddr_un.sun_family")).isEqualTo((short) Socket.AF_UNIX);
        assertThat(address.segment.getString(table.offsetOf("sockaddr_un.sun_path")))
                .isEqualTo(longest);

        address.setNetlink(0x50);
        assertThat((long) address.length()).isEqualTo(table.sizeOf("sockaddr_nl"));
        assertThat(u16(address, "sockaddr_nl.nl_family")).isEqualTo((short) Socket.AF_NETLINK);
        assertThat(u32(address, "sockaddr_nl.nl_pid")).isZero();
        assertThat(u32(address, "sockaddr_nl.nl_groups")).isEqualTo(0x50);
        assertThat(SockAddr.CAPACITY).isEqualTo((int) table.sizeOf("sockaddr_storage"));
    }

    @Test
    void iovecsLieAsCompiled() {
        MemorySegment memory = Arena.global().allocate(100);
        IoVec vector = new IoVec(3);
        vector.add(memory, 0, 10);
        vector.add(memory, 20, 30);
        vector.consume(4);
        MemorySegment array = raw(vector.address(), 2 * table.sizeOf("iovec"));
        long base = table.offsetOf("iovec.iov_base");
        long length = table.offsetOf("iovec.iov_len");
        long size = table.sizeOf("iovec");
        assertThat(array.get(JAVA_LONG, base)).isEqualTo(memory.address() + 4);
        assertThat(array.get(JAVA_LONG, length)).isEqualTo(6);
        assertThat(array.get(JAVA_LONG, size + base)).isEqualTo(memory.address() + 20);
        assertThat(array.get(JAVA_LONG, size + length)).isEqualTo(30);
    }

    @Test
    void jnrKnowsTheSameErrors() {
        Map<Integer, String> theirs = new TreeMap<>();
        for (jnr.constants.platform.Errno e : jnr.constants.platform.Errno.values()) {
            if (e.defined() && !isAlias(e.name())) {
                theirs.put(e.intValue(), e.name());
            }
        }
        assertThat(theirs).hasSizeGreaterThan(80);
        theirs.forEach((number, name) -> assertThat(Errno.name(number)).isEqualTo(name));
    }

    @Test
    void jnrKnowsTheSameSocketConstants() {
        Map<String, Integer> ours = new TreeMap<>();
        constantsOf(Socket.class).forEach((name, value) -> ours.put(name, Math.toIntExact(value)));
        long compared = Stream.<Constant[]>of(
                        AddressFamily.values(),
                        Sock.values(),
                        SocketLevel.values(),
                        SocketOption.values(),
                        Shutdown.values())
                .flatMap(Arrays::stream)
                .filter(c -> c.defined() && ours.containsKey(c.name()))
                .peek(c -> assertThat(ours).containsEntry(c.name(), c.intValue()))
                .count();
        assertThat(compared).isGreaterThan(10);
    }

    @Test
    @Tag("netns") // needs a C compiler
    void theTableIsWhatTheCompilerSays(@TempDir Path directory) throws Exception {
        Path source = directory.resolve(SOURCE);
        java.nio.file.Files.write(source, lines(SOURCE), StandardCharsets.UTF_8);
        Path program = directory.resolve("kernel-table");
        run("cc", "-Wall", "-Werror", "-o", program.toString(), source.toString());
        List<String> compiled = run(program.toString());
        if (X86) {
            assertThat(compiled).isEqualTo(lines(TABLE));
        }
        KernelTable fresh = new KernelTable(compiled);
        checkConstants(fresh);
        checkEpollConstants(fresh);
        checkScratchStructs(fresh);
        checkMemInfo(fresh);
        checkEpollEvent(fresh);
    }

    private static void checkConstants(KernelTable table) {
        for (Class<?> type : NAMED_AS_IN_C) {
            constantsOf(type).forEach((name, value) -> {
                if (!LAYOUT_NAMES.contains(name)) {
                    assertThat(value).as(name).isEqualTo(table.constant(name));
                }
            });
        }
    }

    private static void checkEpollConstants(KernelTable table) {
        constantsOf(Epoll.class).forEach((name, value) -> {
            String inC = table.hasConstant("EPOLL_CTL_" + name) ? "EPOLL_CTL_" + name : "EPOLL" + name;
            assertThat(value).as(inC).isEqualTo(table.constant(inC));
        });
        assertThat(Epolls.EPOLL_CLOEXEC).isEqualTo((int) table.constant("EPOLL_CLOEXEC"));
        assertThat(Epolls.SYS_EPOLL_PWAIT2).isEqualTo((int) table.constant("SYS_epoll_pwait2"));
        if (X86) {
            checkEpollEvent(table);
        }
    }

    private static void checkEpollEvent(KernelTable table) {
        assertThat((long) EpollEvents.SIZE).isEqualTo(table.sizeOf("epoll_event"));
        assertThat((long) EpollEvents.DATA).isEqualTo(table.offsetOf("epoll_event.data"));
        EpollEvents events = new EpollEvents(2);
        events.set(1, 0x12345678, 0x1122334455667788L);
        long at = table.sizeOf("epoll_event");
        assertThat(events.segment.get(JAVA_INT_UNALIGNED, at + table.offsetOf("epoll_event.events")))
                .isEqualTo(0x12345678);
        assertThat(events.segment.get(JAVA_LONG_UNALIGNED, at + table.offsetOf("epoll_event.data")))
                .isEqualTo(0x1122334455667788L);
    }

    private static void checkScratchStructs(KernelTable table) {
        assertThat((long) Msg.SIZE).isEqualTo(table.sizeOf("msghdr")).isLessThanOrEqualTo(CallState.SCRATCH_BYTES);
        assertThat((long) Msg.MSG_NAME).isEqualTo(table.offsetOf("msghdr.msg_name"));
        assertThat((long) Msg.MSG_NAMELEN).isEqualTo(table.offsetOf("msghdr.msg_namelen"));
        assertThat((long) Msg.MSG_IOV).isEqualTo(table.offsetOf("msghdr.msg_iov"));
        assertThat((long) Msg.MSG_IOVLEN).isEqualTo(table.offsetOf("msghdr.msg_iovlen"));
        assertThat((long) Msg.MSG_CONTROL).isEqualTo(table.offsetOf("msghdr.msg_control"));
        assertThat((long) Msg.MSG_CONTROLLEN).isEqualTo(table.offsetOf("msghdr.msg_controllen"));
        assertThat((long) Msg.MSG_FLAGS).isEqualTo(table.offsetOf("msghdr.msg_flags"));
        checkDatagrams(table);
        assertThat((long) Epolls.TIMESPEC_SIZE).isEqualTo(table.sizeOf("timespec"));
        assertThat((long) Epolls.TV_SEC).isEqualTo(table.offsetOf("timespec.tv_sec"));
        assertThat((long) Epolls.TV_NSEC).isEqualTo(table.offsetOf("timespec.tv_nsec"));
        assertThat((long) SockOpts.UCRED_SIZE).isEqualTo(table.sizeOf("ucred"));
        assertThat((long) SockOpts.UCRED_PID).isEqualTo(table.offsetOf("ucred.pid"));
        assertThat((long) SockOpts.LINGER_SIZE).isEqualTo(table.sizeOf("linger"));
        assertThat(table.offsetOf("linger.l_onoff")).isZero();
        assertThat(table.offsetOf("linger.l_linger")).isEqualTo(Integer.BYTES);
        assertThat((long) Tun.IFREQ_SIZE).isEqualTo(table.sizeOf("ifreq"));
        assertThat((long) Tun.IFR_NAME).isEqualTo(table.offsetOf("ifreq.ifr_name"));
        assertThat((long) Tun.IFR_FLAGS).isEqualTo(table.offsetOf("ifreq.ifr_flags"));
        checkVnetHeader(table);
        assertThat((long) Processes.RLIMIT_SIZE).isEqualTo(table.sizeOf("rlimit"));
        assertThat((long) Processes.RLIM_CUR).isEqualTo(table.offsetOf("rlimit.rlim_cur"));
        assertThat((long) Processes.RLIM_MAX).isEqualTo(table.offsetOf("rlimit.rlim_max"));
        assertThat(table.sizeOf("socklen_t")).isEqualTo(Integer.BYTES);
        assertThat(Linker.Option.captureStateLayout()
                        .select(PathElement.groupElement("errno"))
                        .byteSize())
                .isEqualTo(Integer.BYTES);
    }

    private static void checkMemInfo(KernelTable table) {
        assertThat((long) MemInfo.SIZE).isGreaterThanOrEqualTo(table.constant("SK_MEMINFO_VARS") * Integer.BYTES);
        MemInfo info = new MemInfo();
        info.set(0x01020304, 0x05060708);
        assertThat(info.segment.getAtIndex(JAVA_INT, table.constant("SK_MEMINFO_SNDBUF")))
                .isEqualTo(0x01020304)
                .isEqualTo(info.sndbuf());
        assertThat(info.segment.getAtIndex(JAVA_INT, table.constant("SK_MEMINFO_WMEM_QUEUED")))
                .isEqualTo(0x05060708)
                .isEqualTo(info.wmemQueued());
    }

    private static void checkVnetHeader(KernelTable table) {
        assertThat((long) VnetHeader.LENGTH).isEqualTo(table.sizeOf("virtio_net_hdr"));
        assertThat(VnetHeader.FLAGS).isEqualTo(table.offsetOf("virtio_net_hdr.flags"));
        assertThat(VnetHeader.GSO_TYPE).isEqualTo(table.offsetOf("virtio_net_hdr.gso_type"));
        assertThat(VnetHeader.HDR_LEN).isEqualTo(table.offsetOf("virtio_net_hdr.hdr_len"));
        assertThat(VnetHeader.GSO_SIZE).isEqualTo(table.offsetOf("virtio_net_hdr.gso_size"));
        assertThat(VnetHeader.CSUM_START).isEqualTo(table.offsetOf("virtio_net_hdr.csum_start"));
        assertThat(VnetHeader.CSUM_OFFSET).isEqualTo(table.offsetOf("virtio_net_hdr.csum_offset"));
    }

    private static void checkDatagrams(KernelTable table) {
        assertThat((long) Datagrams.SIZE).isEqualTo(table.sizeOf("mmsghdr"));
        assertThat(table.offsetOf("mmsghdr.msg_hdr")).isZero();
        assertThat((long) Datagrams.MSG_LEN).isEqualTo(table.offsetOf("mmsghdr.msg_len"));
        assertThat((long) Datagrams.CMSG_LEN).isEqualTo(table.offsetOf("cmsghdr.cmsg_len"));
        assertThat((long) Datagrams.CMSG_LEVEL).isEqualTo(table.offsetOf("cmsghdr.cmsg_level"));
        assertThat((long) Datagrams.CMSG_TYPE).isEqualTo(table.offsetOf("cmsghdr.cmsg_type"));
        assertThat((long) Datagrams.CMSG_DATA).isEqualTo(table.sizeOf("cmsghdr"));
        assertThat(table.offsetOf("in_pktinfo.ipi_ifindex")).isZero();
        assertThat(table.offsetOf("in_pktinfo.ipi_addr")).isEqualTo(8);
        assertThat(table.offsetOf("in6_pktinfo.ipi6_addr")).isZero();
        assertThat(table.offsetOf("in6_pktinfo.ipi6_ifindex")).isEqualTo(16);
        assertThat((long) SocketError.EE_SIZE).isEqualTo(table.sizeOf("sock_extended_err"));
        assertThat((long) SocketError.EE_ERRNO).isEqualTo(table.offsetOf("sock_extended_err.ee_errno"));
        assertThat((long) SocketError.EE_ORIGIN).isEqualTo(table.offsetOf("sock_extended_err.ee_origin"));
        assertThat((long) SocketError.EE_TYPE).isEqualTo(table.offsetOf("sock_extended_err.ee_type"));
        assertThat((long) SocketError.EE_CODE).isEqualTo(table.offsetOf("sock_extended_err.ee_code"));
        assertThat((long) SocketError.EE_INFO).isEqualTo(table.offsetOf("sock_extended_err.ee_info"));
        assertThat(SocketError.ORIGIN_LOCAL).isEqualTo((int) table.constant("SO_EE_ORIGIN_LOCAL"));
        assertThat(SocketError.ORIGIN_ICMP).isEqualTo((int) table.constant("SO_EE_ORIGIN_ICMP"));
        assertThat(SocketError.ORIGIN_ICMP6).isEqualTo((int) table.constant("SO_EE_ORIGIN_ICMP6"));
    }

    /** EWOULDBLOCK and its like: other names of the same number. */
    private static boolean isAlias(String name) {
        return Set.of("EWOULDBLOCK", "EDEADLOCK", "ENOTSUP").contains(name);
    }

    private static Map<String, Long> constantsOf(Class<?> type) {
        Map<String, Long> found = new TreeMap<>();
        for (Field field : type.getDeclaredFields()) {
            if (field.getType() == int.class && Modifier.isStatic(field.getModifiers())) {
                try {
                    field.setAccessible(true);
                    found.put(field.getName(), (long) field.getInt(null));
                } catch (IllegalAccessException e) {
                    throw new AssertionError(e);
                }
            }
        }
        assertThat(found).as(type.getName()).isNotEmpty();
        return found;
    }

    private short u16(SockAddr address, String field) {
        return address.segment.get(JAVA_SHORT_UNALIGNED, table.offsetOf(field));
    }

    private int u32(SockAddr address, String field) {
        return address.segment.get(JAVA_INT_UNALIGNED, table.offsetOf(field));
    }

    private byte[] bytes(SockAddr address, String field, int count) {
        return address.segment.asSlice(table.offsetOf(field), count).toArray(JAVA_BYTE);
    }

    @SuppressWarnings("restricted")
    private static MemorySegment raw(long address, long size) {
        return MemorySegment.ofAddress(address).reinterpret(size);
    }

    private static List<String> lines(String resource) {
        try (InputStream in = Objects.requireNonNull(KernelTableTest.class.getResourceAsStream(resource), resource)) {
            return new String(in.readAllBytes(), StandardCharsets.UTF_8).lines().toList();
        } catch (java.io.IOException e) {
            throw new AssertionError(e);
        }
    }

    private static List<String> run(String... command) throws Exception {
        ProcessBuilder builder = new ProcessBuilder(command).redirectErrorStream(true);
        builder.environment().put("LC_ALL", "C");
        Process process = builder.start();
        String output = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
        assertThat(process.waitFor()).as(output).isZero();
        return output.lines().toList();
    }
}
