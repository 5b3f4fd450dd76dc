/** Which ports of the host reach the guest, and the sockets that listen there. Loop thread only. May import: base, config, os, loop, flow. */
@NullMarked
package io.passatelli.forward;

import org.jspecify.annotations.NullMarked;
