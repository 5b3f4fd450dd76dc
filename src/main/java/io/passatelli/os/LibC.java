package io.passatelli.os;

import io.passatelli.base.HotPath;

import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.SymbolLookup;
import java.lang.invoke.MethodHandle;
import java.util.Optional;

import static java.lang.foreign.ValueLayout.JAVA_LONG;

/**
 * The way into the C library. All functions are called through one handle of one shape, (long×6) → long: linking is what costs at start, and
 * each further shape costs about 10 ms. On Linux x86-64 and aarch64 integers and pointers travel in the same registers whatever their
 * width, in variadic functions too; the upper half of an int result is undefined, hence the cast in {@link #callInt}.
 *
 * <p>The JDK slices the capture segment at each call, an object of 40 bytes that only escape analysis removes, and not where {@link #call} was inlined
 * into a caller that is large already. So the JVM is told to compile it by itself (CompileCommand=dontinline).
 *
 * <p>Results are ≥ 0 or {@code -errno}. Never {@code critical}: these calls may block or take long.
 */
final class LibC {
    private static final Linker LINKER = Linker.nativeLinker();
    private static final SymbolLookup LOOKUP = LINKER.defaultLookup();
    private static final MethodHandle CALL = link();

    private LibC() {}

    /** The address of {@code name}; for the static fields of the binding classes. */
    static MemorySegment function(String name) {
        Optional<MemorySegment> address = LOOKUP.find(name);
        if (address.isEmpty()) { // rather than orElseThrow: a lambda costs milliseconds at start
            throw new UnsatisfiedLinkError(name + ": not in the C library");
        }
        return address.get();
    }

    /** Calls a function that returns int, again after EINTR. */
    @HotPath
    static int callInt(MemorySegment function, long a, long b, long c, long d, long e, long f) {
        int rc;
        do {
            rc = callIntOnce(function, a, b, c, d, e, f);
        } while (rc == -Errno.EINTR);
        return rc;
    }

    /** Calls a function that returns int; EINTR is the caller's. */
    @HotPath
    static int callIntOnce(MemorySegment function, long a, long b, long c, long d, long e, long f) {
        CallState state = CallState.current();
        return state.fold((int) call(function, state.captured, a, b, c, d, e, f));
    }

    /** Calls a function that returns ssize_t or long, again after EINTR. */
    @HotPath
    static long callLong(MemorySegment function, long a, long b, long c, long d, long e, long f) {
        CallState state = CallState.current();
        long rc;
        do {
            rc = state.fold(call(function, state.captured, a, b, c, d, e, f));
        } while (rc == -Errno.EINTR);
        return rc;
    }

    @HotPath
    private static long call(
            MemorySegment function, MemorySegment captured, long a, long b, long c, long d, long e, long f) {
        try {
            return (long) CALL.invokeExact(function, captured, a, b, c, d, e, f);
        } catch (Throwable t) {
            throw impossible(t);
        }
    }

    /** A downcall throws only if we linked it wrongly. */
    private static AssertionError impossible(Throwable t) {
        return new AssertionError("a call into the C library threw", t);
    }

    @SuppressWarnings("restricted")
    private static MethodHandle link() {
        return LINKER.downcallHandle(
                FunctionDescriptor.of(JAVA_LONG, JAVA_LONG, JAVA_LONG, JAVA_LONG, JAVA_LONG, JAVA_LONG, JAVA_LONG),
                Linker.Option.captureCallState("errno"));
    }
}
