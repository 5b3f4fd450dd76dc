package io.passatelli.os;

import io.passatelli.base.HotPath;

import java.lang.foreign.Arena;
import java.lang.foreign.Linker;
import java.lang.foreign.MemoryLayout.PathElement;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.StructLayout;

import static java.lang.foreign.ValueLayout.JAVA_INT;

/**
 * What one thread needs to make a call: the place where the linker captures errno(3), and scratch memory for small in and out structs. One
 * per thread, not per {@link LinuxOs}: a mailbox writes its eventfd from other threads, and must not overwrite the loop's errno.
 */
final class CallState {
    /** Enough for the largest struct that one call passes: {@code struct msghdr}. */
    static final int SCRATCH_BYTES = 64;

    private static final StructLayout LAYOUT = Linker.Option.captureStateLayout();
    private static final long ERRNO = LAYOUT.byteOffset(PathElement.groupElement("errno"));
    private static final ThreadLocal<CallState> CURRENT = new PerThread();

    /** Passed to each downcall. */
    final MemorySegment captured;

    /** In and out structs of the call under way; what a call leaves there means nothing to the next one. */
    final MemorySegment scratch;

    private CallState() {
        Arena arena = Arena.ofAuto(); // goes with its thread
        captured = arena.allocate(LAYOUT);
        scratch = arena.allocate(SCRATCH_BYTES, 8);
    }

    /** The calling thread's own. */
    @HotPath
    static CallState current() {
        return CURRENT.get();
    }

    /** {@code rc} where it is a result, {@code -errno} where it says that the call failed. */
    @HotPath
    int fold(int rc) {
        return rc >= 0 ? rc : -captured.get(JAVA_INT, ERRNO);
    }

    /** {@code rc} where it is a result, {@code -errno} where it says that the call failed. */
    @HotPath
    long fold(long rc) {
        return rc >= 0 ? rc : -captured.get(JAVA_INT, ERRNO);
    }

    /** A class of its own rather than {@code withInitial}: a lambda costs milliseconds at start. */
    private static final class PerThread extends ThreadLocal<CallState> {
        @Override
        protected CallState initialValue() {
            return new CallState();
        }
    }
}
