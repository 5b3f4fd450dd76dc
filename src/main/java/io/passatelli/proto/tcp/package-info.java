/** TCP between the guest and host sockets, both ways. Loop thread only. May import: base, config, wire, os, loop, flow, link, forward, guest. */
@NullMarked
package io.passatelli.proto.tcp;

import org.jspecify.annotations.NullMarked;
