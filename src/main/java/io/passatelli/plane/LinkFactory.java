package io.passatelli.plane;

import io.passatelli.base.Counters;
import io.passatelli.base.Log;
import io.passatelli.link.Link;
import io.passatelli.os.Os;

/** Makes the link of a plane, which owns it from then on. */
@FunctionalInterface
public interface LinkFactory {
    Link make(Os os, Counters counters, Log log);
}
