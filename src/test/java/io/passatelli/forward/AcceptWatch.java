package io.passatelli.forward;

import io.passatelli.os.Os;

import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Proxy;
import java.util.ArrayDeque;
import java.util.Deque;

/** A kernel whose accept(2) is counted, and may be made to fail. */
final class AcceptWatch {
    private final Os real;
    private final Deque<Integer> failures = new ArrayDeque<>();
    private int always;
    private int calls;

    AcceptWatch(Os real) {
        this.real = real;
    }

    /** The same kernel, watched. */
    Os os() {
        return (Os)
                Proxy.newProxyInstance(Os.class.getClassLoader(), new Class<?>[] {Os.class}, (proxy, method, args) -> {
                    if (method.getName().equals("accept")) {
                        calls++;
                        if (always != 0) {
                            return -always;
                        }
                        if (!failures.isEmpty()) {
                            return -failures.remove();
                        }
                    }
                    try {
                        return method.invoke(real, args);
                    } catch (InvocationTargetException e) {
                        throw e.getCause();
                    }
                });
    }

    /** The next calls fail so, and take nothing. */
    void fail(int... errnos) {
        for (int errno : errnos) {
            failures.add(errno);
        }
    }

    /** All calls fail so from now on, and take nothing; 0: none any more. */
    void failAlways(int errno) {
        always = errno;
    }

    /** How many calls since it was asked last. */
    int takeCalls() {
        int was = calls;
        calls = 0;
        return was;
    }
}
