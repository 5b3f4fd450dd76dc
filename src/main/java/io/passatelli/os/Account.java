package io.passatelli.os;

import org.jspecify.annotations.Nullable;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;

import static java.lang.foreign.ValueLayout.JAVA_INT;

/**
 * getpwnam(3), getgrnam(3), geteuid(2), setresuid(2) and their like. Users and groups are unsigned numbers of 32 bits. Results are ≥ 0 or
 * {@code -errno}; start-up only.
 */
@Syscalls({"geteuid", "getegid", "setgroups", "setresgid", "setresuid"})
public final class Account {
    /** {@code struct passwd}, pwd.h: two pointers, then pw_uid and pw_gid. */
    private static final int PW_UID = 16;

    private static final int PW_GID = 20;
    private static final int PASSWD_BYTES = 24;

    /** {@code struct group}, grp.h: two pointers, then gr_gid. */
    private static final int GR_GID = 16;

    private static final int GROUP_BYTES = 20;

    private static final MemorySegment GETEUID = LibC.function("geteuid");
    private static final MemorySegment GETEGID = LibC.function("getegid");
    private static final MemorySegment GETPWNAM = LibC.function("getpwnam");
    private static final MemorySegment GETGRNAM = LibC.function("getgrnam");
    private static final MemorySegment SETGROUPS = LibC.function("setgroups");
    private static final MemorySegment SETRESGID = LibC.function("setresgid");
    private static final MemorySegment SETRESUID = LibC.function("setresuid");

    private Account() {}

    /** A user and its group. */
    public record User(long user, long group) {}

    static long user() {
        return Integer.toUnsignedLong((int) LibC.callLong(GETEUID, 0, 0, 0, 0, 0, 0));
    }

    static long group() {
        return Integer.toUnsignedLong((int) LibC.callLong(GETEGID, 0, 0, 0, 0, 0, 0));
    }

    static @Nullable User user(String name) {
        MemorySegment entry = find(GETPWNAM, name, PASSWD_BYTES);
        return entry == null
                ? null
                : new User(
                        Integer.toUnsignedLong(entry.get(JAVA_INT, PW_UID)),
                        Integer.toUnsignedLong(entry.get(JAVA_INT, PW_GID)));
    }

    static long group(String name) {
        MemorySegment entry = find(GETGRNAM, name, GROUP_BYTES);
        return entry == null ? -1 : Integer.toUnsignedLong(entry.get(JAVA_INT, GR_GID));
    }

    static int become(long user, long group) {
        int rc = LibC.callInt(SETGROUPS, 0, 0, 0, 0, 0, 0);
        if (rc >= 0) {
            rc = LibC.callInt(SETRESGID, group, group, group, 0, 0, 0);
        }
        if (rc >= 0) {
            rc = LibC.callInt(SETRESUID, user, user, user, 0, 0, 0);
        }
        return rc;
    }

    /** The C library's own memory, good until the next such call. */
    @SuppressWarnings("restricted")
    private static @Nullable MemorySegment find(MemorySegment function, String name, int bytes) {
        try (Arena arena = Arena.ofConfined()) {
            long found = LibC.callLong(function, arena.allocateFrom(name).address(), 0, 0, 0, 0, 0);
            return found <= 0 ? null : MemorySegment.ofAddress(found).reinterpret(bytes);
        }
    }
}
