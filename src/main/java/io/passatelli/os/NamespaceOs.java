package io.passatelli.os;

import java.util.function.IntSupplier;

/** Start-up only: work inside another network namespace, setns(2). */
public interface NamespaceOs {
    /**
     * Runs {@code work} on a platform thread of its own that has entered the network namespace at {@code path} (such as
     * {@code /run/netns/NAME}); gives its result, a descriptor for instance, or {@code -errno} if the namespace cannot be entered.
     */
    int within(String path, IntSupplier work);
}
