/** What we know of the guest, and the headers of every frame we send it. Loop thread only. May import: base, config, wire, link, flow. */
@NullMarked
package io.passatelli.guest;

import org.jspecify.annotations.NullMarked;
